/** A map from filters without wildcards to values: one search for all of the topic's bytes, whatever its levels. */
import { BytesTable } from './bytes-table.ts'
import type { HashKey } from './keyed-hash.ts'
import { PackedKey } from './packed-key.ts'
import { TopicScratch } from './topic-bytes.ts'

/** `V` has no `undefined`. */
export class ExactFilters<V> {
  readonly #table: BytesTable
  /** By entry; `undefined` for those that are free. */
  readonly #values: (V | undefined)[] = []
  readonly #key = new PackedKey()
  readonly #scratch = new TopicScratch()

  constructor(hashKey: HashKey) {
    this.#table = new BytesTable(hashKey)
  }

  get size(): number {
    return this.#table.size
  }

  get(topic: string): V | undefined {
    return this.#values[this.#find(topic)]
  }

  /** By the topic's bytes. */
  getPacked(topic: PackedKey): V | undefined {
    return this.#values[this.#table.find(topic)]
  }

  set(topic: string, value: V): void {
    const known = this.#find(topic)
    // Entries are given one after the other, so that the array never gets holes.
    this.#values[known === -1 ? this.#table.add(this.#key) : known] = value
  }

  delete(topic: string): void {
    const entry = this.#find(topic)
    if (entry === -1) return
    this.#table.remove(entry)
    this.#values[entry] = undefined
  }

  *filters(): IterableIterator<string> {
    for (let entry = 0; entry < this.#values.length; entry += 1) {
      if (this.#values[entry] === undefined) continue
      const bytes = this.#scratch.sized(this.#table.byteLength(entry))
      yield bytes.toString('utf8', 0, this.#table.copyText(entry, bytes, 0))
    }
  }

  #find(topic: string): number {
    const length = this.#scratch.write(topic)
    if (length === -1) return -1
    this.#key.pack(this.#scratch.bytes, 0, length)
    return this.#table.find(this.#key)
  }
}
