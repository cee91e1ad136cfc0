/** The levels that the filters of a trie are made of, each kept once and known by a small number. */
import { BytesTable } from './bytes-table.ts'
import type { HashKey } from './keyed-hash.ts'
import { PackedKey } from './packed-key.ts'
import { TopicScratch } from './topic-bytes.ts'
import { dollar, hash, plus, slash } from './topic-filter.ts'

/** A number for a level's text. `+` and `#` have fixed ones, so that the trie can tell them without the text. */
export type LevelId = number
export const plusLevel: LevelId = 0
export const hashLevel: LevelId = 1
export const unknownLevel: LevelId = -1
const literalLevelMin = 2

export class LevelNames {
  readonly #table: BytesTable
  readonly #key = new PackedKey()
  /** The levels of the topic or filter last read. One that no filter has is `unknownLevel`. */
  path = new Int32Array(64)
  /** The bytes of the topic or filter last read from a string, and how many they are. */
  readonly #scratch = new TopicScratch()
  #length = 0
  readonly #spelling = new TopicScratch()

  constructor(hashKey: HashKey) {
    this.#table = new BytesTable(hashKey)
    for (const wildcard of [plus, hash]) this.#findOrAdd(Uint8Array.of(wildcard), 0, 1)
  }

  /** Reads the levels of the topic or filter in these bytes into `path`, and returns how many there are. */
  read(bytes: Uint8Array, start: number, end: number): number {
    if (end - start >= this.path.length) this.path = new Int32Array((end - start + 1) * 2)
    let count = 0
    for (let from = start; from <= end; count += 1) {
      const to = levelEnd(bytes, from, end)
      this.#key.pack(bytes, from, to)
      this.path[count] = this.#table.find(this.#key)
      from = to + 1
    }
    return count
  }

  /** The same of a string. */
  readText(topicOrFilter: string): number {
    this.#length = this.#scratch.write(topicOrFilter)
    return this.read(this.#scratch.bytes, 0, this.#length)
  }

  /** The levels, so many, of the filter that was just read as a string, each with one more use counted, which ends with `release`. */
  acquireRead(count: number): LevelId[] {
    const bytes = this.#scratch.bytes
    const levels: LevelId[] = []
    let from = 0
    for (let depth = 0; depth < count; depth += 1) {
      const to = levelEnd(bytes, from, this.#length)
      const known = this.path[depth]!
      const id = known === unknownLevel ? this.#findOrAdd(bytes, from, to) : known
      this.retain(id)
      levels.push(id)
      from = to + 1
    }
    return levels
  }

  release(id: LevelId): void {
    const uses = this.#table.uses(id) - 1
    this.#table.setUses(id, uses)
    if (uses === 0 && id >= literalLevelMin) this.#table.remove(id)
  }

  /** One more use of a level that is in use. */
  retain(id: LevelId): void {
    this.#table.setUses(id, this.#table.uses(id) + 1)
  }

  /** The topic or filter of these levels, of which there is at least one. */
  spell(levels: readonly LevelId[]): string {
    const bytes = this.#spelling.sized(levels.reduce((sum, id) => sum + this.#table.byteLength(id) + 1, 0))
    let to = 0
    for (const id of levels) {
      to = this.#table.copyText(id, bytes, to)
      bytes[to] = slash
      to += 1
    }
    return bytes.toString('utf8', 0, to - 1)
  }

  startsWithDollar(id: LevelId): boolean {
    return this.#table.firstByte(id) === dollar
  }

  isEmpty(id: LevelId): boolean {
    return this.#table.firstByte(id) === -1
  }

  /** A level that was unknown when its filter was read may have come since, if it stands in the filter twice. */
  #findOrAdd(bytes: Uint8Array, start: number, end: number): LevelId {
    this.#key.pack(bytes, start, end)
    const known = this.#table.find(this.#key)
    return known === unknownLevel ? this.#table.add(this.#key) : known
  }
}

/** Where the level ends that begins at `from`: at a slash or at `end`. */
export function levelEnd(bytes: Uint8Array, from: number, end: number): number {
  let to = from
  while (to < end && bytes[to] !== slash) to += 1
  return to
}
