/** The levels that the filters of a trie are made of, each kept once and known by a small number. */
import { BytesTable } from './bytes-table.ts'
import type { HashKey } from './keyed-hash.ts'
import { PackedKey } from './packed-key.ts'
import { dollar, hash, plus, slash } from './topic-filter.ts'

/** A number for a level's text. `+` and `#` have fixed ones, so that the trie can tell them without the text. */
export type LevelId = number
export const plusLevel: LevelId = 0
export const hashLevel: LevelId = 1
export const unknownLevel: LevelId = -1
const literalLevelMin = 2

export class LevelNames {
  /** The number of a level counts its uses. */
  readonly #table: BytesTable
  readonly #key = new PackedKey()

  constructor(hashKey: HashKey) {
    this.#table = new BytesTable(hashKey)
    for (const wildcard of [plus, hash]) this.acquire(Uint8Array.of(wildcard), 0, 1)
  }

  /**
   * Writes the levels of the topic or filter in these bytes to `path`, which has room for them (`end - start + 1` is always enough), and
   * returns how many there are. A level that no filter has is `unknownLevel`.
   */
  read(bytes: Uint8Array, start: number, end: number, path: Int32Array): number {
    let count = 0
    for (let from = start; from <= end; count += 1) {
      const to = levelEnd(bytes, from, end)
      this.#key.pack(bytes, from, to)
      path[count] = this.#table.find(this.#key)
      from = to + 1
    }
    return count
  }

  byteLength(id: LevelId): number {
    return this.#table.byteLength(id)
  }

  /** Writes the level's text to `target`; returns where it ends there. */
  copyName(id: LevelId, target: Uint8Array, at: number): number {
    return this.#table.copyText(id, target, at)
  }

  startsWithDollar(id: LevelId): boolean {
    return this.#table.firstByte(id) === dollar
  }

  isEmpty(id: LevelId): boolean {
    return this.#table.firstByte(id) === -1
  }

  /** Counts one more use of the level; ends with `release`. */
  acquire(bytes: Uint8Array, start: number, end: number): LevelId {
    this.#key.pack(bytes, start, end)
    const known = this.#table.find(this.#key)
    const id = known === unknownLevel ? this.#table.add(this.#key) : known
    this.#table.setNumber(id, this.#table.number(id) + 1)
    return id
  }

  release(id: LevelId): void {
    const uses = this.#table.number(id) - 1
    this.#table.setNumber(id, uses)
    if (uses === 0 && id >= literalLevelMin) this.#table.remove(id)
  }
}

/** Where the level ends that begins at `from`: at a slash or at `end`. */
export function levelEnd(bytes: Uint8Array, from: number, end: number): number {
  let to = from
  while (to < end && bytes[to] !== slash) to += 1
  return to
}
