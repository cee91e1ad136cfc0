/**
 * A map from filters without wildcards to values. A filter is kept as the numbers of its levels, all in one slot of 32 bytes that
 * does not lie across two cache lines: to find one among a million means to wait for memory once. A Map of strings waits about five
 * times. The filters are spread over many tables that grow one by one, so that no single filter waits until all of them have moved.
 */
import type { HashKey } from './keyed-hash.ts'
import type { LevelNames } from './level-names.ts'
import { exactLevelsMax, hashOfLevels, SlotTable } from './slot-table.ts'
import { ValueNumbers } from './value-numbers.ts'

/** The first bits of the hash say which table. At a million filters one of them grows in a fraction of a millisecond. */
const TABLE_BITS = 6
const tableCount = 2 ** TABLE_BITS

/** `V` has no `undefined`. */
export class ExactFilters<V> {
  readonly #names: LevelNames
  readonly #hashSeed: number
  readonly #values = new ValueNumbers<V>()
  readonly #tables: readonly SlotTable[]
  #size = 0
  /** Of the longest table. None ever becomes shorter. */
  #placesMax = 0
  /** What `get` was asked for last: how many levels, and the number of its value. */
  #count = 0
  #number = 0

  constructor(names: LevelNames, hashKey: HashKey) {
    this.#names = names
    this.#hashSeed = hashKey[0]
    this.#tables = Array.from({ length: tableCount }, () => new SlotTable(hashKey[0], TABLE_BITS))
  }

  get size(): number {
    return this.#size
  }

  /** `setRead` may follow. */
  get(topicFilter: string): V | undefined {
    const count = this.#names.readText(topicFilter)
    const hash = this.#hashOf(count)
    this.#count = count
    this.#number = count > exactLevelsMax ? 0 : this.#tableOf(hash).get(hash, this.#names.path, count)
    return this.#values.value(this.#number)
  }

  /**
   * Says that the filter whose levels, so many, the names have just read is about to be asked for. Memory is slow, and a processor that
   * waits to load a word soon has to wait with everything else; a word that it stores is fetched meanwhile.
   */
  expectRead(count: number): void {
    if (count > exactLevelsMax) return
    const hash = this.#hashOf(count)
    this.#tableOf(hash).expect(hash)
  }

  /** The value of the filter whose levels, so many, the names have just read. */
  getRead(count: number): V | undefined {
    if (count > exactLevelsMax) return undefined
    const hash = this.#hashOf(count)
    return this.#values.value(this.#tableOf(hash).get(hash, this.#names.path, count))
  }

  set(topicFilter: string, value: V): void {
    this.get(topicFilter)
    this.setRead(value)
  }

  /** `set` of the filter that `get` was asked for just now: nothing else was read meanwhile. */
  setRead(value: V): void {
    const count = this.#count
    const before = this.#number
    const number = this.#values.acquire(value)
    if (before === 0) this.#add(count, number)
    else {
      const hash = this.#hashOf(count)
      this.#tableOf(hash).replace(hash, this.#names.path, count, number)
    }
    this.#number = number
    this.#values.release(before)
  }

  /** False if the filter was not there. */
  delete(topicFilter: string): boolean {
    const count = this.#names.readText(topicFilter)
    const hash = this.#hashOf(count)
    const table = this.#tableOf(hash)
    const before = table.get(hash, this.#names.path, count)
    if (before === 0) return false
    this.#values.release(before)
    for (const id of table.delete(hash, this.#names.path, count)) this.#names.release(id)
    this.#size -= 1
    return true
  }

  *filters(): IterableIterator<string> {
    for (let place = 0; place < this.placeCount; place += 1) {
      const filter = this.filterAt(place)
      if (filter !== undefined) yield filter
    }
  }

  /** Places in which a filter may stand: the first one of each table, the second one of each, and so on. */
  get placeCount(): number {
    return this.#placesMax * tableCount
  }

  /** The filter in this place, if there is one. When the map changes, filters may move. */
  filterAt(place: number): string | undefined {
    const levels = this.#tables[place % tableCount]!.levelsAt(Math.floor(place / tableCount))
    return levels === undefined ? undefined : this.#names.spell(levels)
  }

  /** Levels that were unknown have got numbers by now. */
  #add(count: number, number: number): void {
    const levels = this.#names.acquireRead(count)
    const hash = hashOfLevels(this.#hashSeed, levels, count)
    const table = this.#tableOf(hash)
    table.add(hash, levels, number)
    this.#placesMax = Math.max(this.#placesMax, table.placeCount)
    this.#size += 1
  }

  #hashOf(count: number): number {
    return hashOfLevels(this.#hashSeed, this.#names.path, count)
  }

  #tableOf(hash: number): SlotTable {
    return this.#tables[hash >>> (32 - TABLE_BITS)]!
  }
}
