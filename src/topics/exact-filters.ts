/**
 * A map from filters without wildcards to values. A filter is kept as the numbers of its levels, all in one slot of 32 bytes that
 * does not lie across two cache lines: to find one among a million means to wait for memory once. A Map of strings waits about five
 * times.
 */
import type { HashKey } from './keyed-hash.ts'
import type { LevelId, LevelNames } from './level-names.ts'
import { ValueNumbers } from './value-numbers.ts'

/** Filters of more levels are not for this map. */
export const exactLevelsMax = 6

/**
 * Words of a slot: the number of the value, 0 for an empty slot; then the levels, and zeros, which are no literal level; and one that
 * means nothing.
 */
const valueWord = 0
const firstLevel = 1
const idleWord = 7
const slotWords = 8

/** `V` has no `undefined`. */
export class ExactFilters<V> {
  readonly #names: LevelNames
  readonly #hashSeed: number
  readonly #values = new ValueNumbers<V>()
  /** Linear probing, from a place in proportion to the hash: the number of slots need be no power of two. */
  #slots = new Int32Array(16 * slotWords)
  #size = 0

  constructor(names: LevelNames, hashKey: HashKey) {
    this.#names = names
    this.#hashSeed = hashKey[0]
  }

  get size(): number {
    return this.#size
  }

  get(topicFilter: string): V | undefined {
    return this.getRead(this.#names.readText(topicFilter))
  }

  /**
   * Says that the filter whose levels, so many, the names have just read is about to be asked for. Memory is slow, and a processor that
   * waits to load a word soon has to wait with everything else; a word that it stores is fetched meanwhile.
   */
  expectRead(count: number): void {
    if (count <= exactLevelsMax) this.#slots[this.#homeOf(this.#names.path, 0, count) + idleWord] = 0
  }

  /** The value of the filter whose levels, so many, the names have just read. */
  getRead(count: number): V | undefined {
    if (count > exactLevelsMax) return undefined
    return this.#values.value(this.#slots[this.#slotOf(this.#names.path, 0, count) + valueWord]!)
  }

  set(topicFilter: string, value: V): void {
    const count = this.#names.readText(topicFilter)
    const at = this.#slotOf(this.#names.path, 0, count)
    const before = this.#slots[at + valueWord]!
    const number = this.#values.acquire(value)
    if (before === 0) this.#add(this.#names.acquireRead(count), number)
    else this.#slots[at + valueWord] = number
    this.#values.release(before)
  }

  /** False if the filter was not there. */
  delete(topicFilter: string): boolean {
    const count = this.#names.readText(topicFilter)
    const at = this.#slotOf(this.#names.path, 0, count)
    const before = this.#slots[at + valueWord]!
    if (before === 0) return false
    this.#values.release(before)
    for (const id of this.#levelsAt(at)) this.#names.release(id)
    this.#vacate(at)
    this.#size -= 1
    return true
  }

  *filters(): IterableIterator<string> {
    for (let at = 0; at < this.#slots.length; at += slotWords) {
      if (this.#slots[at + valueWord] !== 0) yield this.#names.spell(this.#levelsAt(at))
    }
  }

  /** Places in which a filter may stand. */
  get placeCount(): number {
    return this.#slots.length / slotWords
  }

  /** The filter in this place, if there is one. When the map changes, filters may move. */
  filterAt(place: number): string | undefined {
    const at = place * slotWords
    return this.#slots[at + valueWord] === 0 ? undefined : this.#names.spell(this.#levelsAt(at))
  }

  #levelsAt(at: number): LevelId[] {
    const first = at + firstLevel
    return Array.from(this.#slots.subarray(first, first + levelCountAt(this.#slots, at)))
  }

  #add(levels: readonly LevelId[], number: number): void {
    if ((this.#size + 1) * slotWords * 4 > this.#slots.length * 3) this.#grow()
    const at = this.#slotOf(levels, 0, levels.length)
    this.#slots[at + valueWord] = number
    this.#slots.set(levels, at + firstLevel)
    this.#size += 1
  }

  /** Where the slot begins that holds these levels, or the empty one where they would go. No slot holds `unknownLevel`. */
  #slotOf(levels: ArrayLike<LevelId>, start: number, count: number): number {
    const slots = this.#slots
    let at = this.#homeOf(levels, start, count)
    while (slots[at + valueWord] !== 0 && !this.#equals(at, levels, start, count)) at = this.#after(at)
    return at
  }

  #after(at: number): number {
    return at + slotWords === this.#slots.length ? 0 : at + slotWords
  }

  #equals(at: number, levels: ArrayLike<LevelId>, start: number, count: number): boolean {
    const slots = this.#slots
    const first = at + firstLevel
    for (let i = 0; i < count; i += 1) if (slots[first + i] !== levels[start + i]) return false
    return count === exactLevelsMax || slots[first + count] === 0
  }

  #homeOf(levels: ArrayLike<LevelId>, start: number, count: number): number {
    let hash = this.#hashSeed ^ count
    for (let i = start; i < start + count; i += 1) {
      hash = Math.imul(hash ^ levels[i]!, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    hash = Math.imul(hash, 0x85ebca6b)
    hash ^= hash >>> 13
    return Math.floor(((hash >>> 0) / 0x1_0000_0000) * (this.#slots.length / slotWords)) * slotWords
  }

  /** Empties a slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(hole: number): void {
    const slots = this.#slots
    const distance = (from: number, to: number): number => (to >= from ? to - from : to - from + slots.length)
    for (let at = this.#after(hole); slots[at + valueWord] !== 0; at = this.#after(at)) {
      const home = this.#homeOf(slots, at + firstLevel, levelCountAt(slots, at))
      if (distance(home, at) < distance(hole, at)) continue
      slots.copyWithin(hole, at, at + slotWords)
      hole = at
    }
    slots.fill(0, hole, hole + slotWords)
  }

  /** By half rather than to the double: at a million routes the unused part counts. The old table is read and the new one written in order. */
  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(Math.ceil((old.length / slotWords) * 1.5) * slotWords)
    for (let from = 0; from < old.length; from += slotWords) {
      if (old[from + valueWord] === 0) continue
      const at = this.#slotOf(old, from + firstLevel, levelCountAt(old, from))
      for (let i = 0; i < slotWords; i += 1) this.#slots[at + i] = old[from + i]!
    }
  }
}

function levelCountAt(slots: Int32Array, at: number): number {
  let count = 0
  while (count < exactLevelsMax && slots[at + firstLevel + count] !== 0) count += 1
  return count
}
