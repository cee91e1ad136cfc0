/**
 * One of the tables of `ExactFilters`: slots of 32 bytes, each with the levels of a filter and the number of its value. Linear probing,
 * from a place in proportion to the hash: the number of slots need be no power of two.
 */
import type { LevelId } from './level-names.ts'

/** Filters of more levels are not for these tables. */
export const exactLevelsMax = 6

/**
 * Words of a slot: the number of the value, 0 for an empty slot; then the levels, and zeros, which are no literal level; and one that
 * means nothing.
 */
const valueWord = 0
const firstLevel = 1
const idleWord = 7
const slotWords = 8
const slotsMin = 4

/** The hash of the first `count` levels, 32 bits. */
export function hashOfLevels(seed: number, levels: ArrayLike<LevelId>, count: number, from = 0): number {
  let hash = seed ^ count
  for (let i = from; i < from + count; i += 1) {
    hash = Math.imul(hash ^ levels[i]!, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

export class SlotTable {
  readonly #hashSeed: number
  readonly #bitsUsed: number
  #slots = new Int32Array(slotsMin * slotWords)
  #size = 0

  /** @param bitsUsed first bits of the hash that are the same for all that comes here */
  constructor(hashSeed: number, bitsUsed: number) {
    this.#hashSeed = hashSeed
    this.#bitsUsed = bitsUsed
  }

  get placeCount(): number {
    return this.#slots.length / slotWords
  }

  /** Lets the processor fetch where the filter would stand. */
  expect(hash: number): void {
    this.#slots[this.#homeOf(hash) + idleWord] = 0
  }

  /** The number of the value, or 0. */
  get(hash: number, levels: ArrayLike<LevelId>, count: number): number {
    return this.#slots[this.#slotOf(hash, levels, count) + valueWord]!
  }

  /** Of a filter that is here. */
  replace(hash: number, levels: ArrayLike<LevelId>, count: number, number: number): void {
    this.#slots[this.#slotOf(hash, levels, count) + valueWord] = number
  }

  /** A filter that is not here. */
  add(hash: number, levels: readonly LevelId[], number: number): void {
    if ((this.#size + 1) * slotWords * 4 > this.#slots.length * 3) this.#grow()
    const at = this.#slotOf(hash, levels, levels.length)
    this.#slots[at + valueWord] = number
    this.#slots.set(levels, at + firstLevel)
    this.#size += 1
  }

  /** A filter that is here. Returns its levels. */
  delete(hash: number, levels: ArrayLike<LevelId>, count: number): readonly LevelId[] {
    const at = this.#slotOf(hash, levels, count)
    const kept = Array.from(this.#slots.subarray(at + firstLevel, at + firstLevel + count))
    this.#vacate(at)
    this.#size -= 1
    return kept
  }

  /** Of the filter in this place, if there is one. */
  levelsAt(place: number): readonly LevelId[] | undefined {
    const at = place * slotWords
    // Beyond the end there is nothing either.
    if ((this.#slots[at + valueWord] ?? 0) === 0) return undefined
    const first = at + firstLevel
    return Array.from(this.#slots.subarray(first, first + levelCountAt(this.#slots, at)))
  }

  /** Where the slot begins that holds these levels, or the empty one where they would go. No slot holds `unknownLevel`. */
  #slotOf(hash: number, levels: ArrayLike<LevelId>, count: number, from = 0): number {
    const slots = this.#slots
    let at = this.#homeOf(hash)
    while (slots[at + valueWord] !== 0 && !this.#equals(at, levels, count, from)) at = this.#after(at)
    return at
  }

  #after(at: number): number {
    return at + slotWords === this.#slots.length ? 0 : at + slotWords
  }

  #equals(at: number, levels: ArrayLike<LevelId>, count: number, from: number): boolean {
    const slots = this.#slots
    const first = at + firstLevel
    for (let i = 0; i < count; i += 1) if (slots[first + i] !== levels[from + i]) return false
    return count === exactLevelsMax || slots[first + count] === 0
  }

  #homeOf(hash: number): number {
    const share = ((hash << this.#bitsUsed) >>> 0) / 0x1_0000_0000
    return Math.floor(share * (this.#slots.length / slotWords)) * slotWords
  }

  /** Empties a slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(hole: number): void {
    const slots = this.#slots
    const distance = (from: number, to: number): number => (to >= from ? to - from : to - from + slots.length)
    for (let at = this.#after(hole); slots[at + valueWord] !== 0; at = this.#after(at)) {
      const home = this.#homeOf(this.#hashAt(slots, at))
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
      const at = this.#slotOf(this.#hashAt(old, from), old, levelCountAt(old, from), from + firstLevel)
      for (let i = 0; i < slotWords; i += 1) this.#slots[at + i] = old[from + i]!
    }
  }

  #hashAt(slots: Int32Array, at: number): number {
    return hashOfLevels(this.#hashSeed, slots, levelCountAt(slots, at), at + firstLevel)
  }
}

function levelCountAt(slots: Int32Array, at: number): number {
  let count = 0
  while (count < exactLevelsMax && slots[at + firstLevel + count] !== 0) count += 1
  return count
}
