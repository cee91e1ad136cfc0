/** A map from filters without wildcards to values: one search for all of the topic's bytes, whatever its levels. */
import { BytesTable } from './bytes-table.ts'
import type { HashKey } from './keyed-hash.ts'
import { PackedKey } from './packed-key.ts'
import { TopicScratch } from './topic-bytes.ts'
import { ValueNumbers } from './value-numbers.ts'

/** `V` has no `undefined`. */
export class ExactFilters<V> {
  readonly #table: BytesTable
  /** By the number that the table has for a filter. */
  readonly #values = new ValueNumbers<V>()
  readonly #key = new PackedKey()
  readonly #scratch = new TopicScratch()

  constructor(hashKey: HashKey) {
    this.#table = new BytesTable(hashKey)
  }

  get size(): number {
    return this.#table.size
  }

  get(topic: string): V | undefined {
    return this.#pack(topic) ? this.getPacked(this.#key) : undefined
  }

  /** By the topic's bytes. */
  getPacked(topic: PackedKey): V | undefined {
    return this.#values.value(this.#table.numberOf(topic))
  }

  set(topic: string, value: V): void {
    this.#pack(topic)
    const known = this.#table.find(this.#key)
    const entry = known === -1 ? this.#table.add(this.#key) : known
    const before = this.#table.number(entry)
    this.#table.setNumber(entry, this.#values.acquire(value))
    this.#values.release(before)
  }

  /** False if the filter was not there. */
  delete(topic: string): boolean {
    const entry = this.#pack(topic) ? this.#table.find(this.#key) : -1
    if (entry === -1) return false
    this.#values.release(this.#table.number(entry))
    this.#table.remove(entry)
    return true
  }

  *filters(): IterableIterator<string> {
    for (const entry of this.#table.entries()) {
      const bytes = this.#scratch.sized(this.#table.byteLength(entry))
      yield bytes.toString('utf8', 0, this.#table.copyText(entry, bytes, 0))
    }
  }

  /** False if the string is no UTF-8. */
  #pack(topic: string): boolean {
    const length = this.#scratch.write(topic)
    if (length !== -1) this.#key.pack(this.#scratch.bytes, 0, length)
    return length !== -1
  }
}
