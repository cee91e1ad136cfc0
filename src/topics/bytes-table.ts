/**
 * A map from byte strings to numbers, which also gives each string a small number of its own, its entry. The strings lie end to end
 * in one array, each with its number, and are found through slots of two words: a search in a million of them waits for memory
 * twice, where a Map of strings waits about five times, and the garbage collector has nothing to walk.
 */
import { keyedHash, type HashKey } from './keyed-hash.ts'
import type { PackedKey } from './packed-key.ts'

/** Words before the text of a string in the pool. */
const entryWord = 0
const numberWord = 1
const lengthWord = 2
const headerWords = 3

export class BytesTable {
  readonly #hashKey: HashKey
  /** Pairs of a hash and 1 + where the string begins in the pool; 0 is empty. Linear probing; a power of two of pairs. */
  #slots = new Int32Array(16 * 2)
  #pool = new Int32Array(64)
  #poolEnd = 0
  #poolGarbage = 0
  /** By entry: where its string begins in the pool, or -1 for an entry that is free. */
  #starts = new Int32Array(8)
  #entriesEnd = 0
  readonly #freeEntries: number[] = []
  #size = 0

  constructor(hashKey: HashKey) {
    this.#hashKey = hashKey
  }

  get size(): number {
    return this.#size
  }

  /** Those that are here, in the order of their numbers. */
  *entries(): IterableIterator<number> {
    for (let entry = 0; entry < this.#entriesEnd; entry += 1) if (this.#starts[entry] !== -1) yield entry
  }

  /** The entry of the key, or -1. */
  find(key: PackedKey): number {
    const start = this.#startOf(key)
    return start === -1 ? -1 : this.#pool[start + entryWord]!
  }

  /** The number of the key, or 0 if it is not here. */
  numberOf(key: PackedKey): number {
    const start = this.#startOf(key)
    return start === -1 ? 0 : this.#pool[start + numberWord]!
  }

  number(entry: number): number {
    return this.#pool[this.#starts[entry]! + numberWord]!
  }

  setNumber(entry: number, number: number): void {
    this.#pool[this.#starts[entry]! + numberWord] = number
  }

  /** The entry of a key that is not here yet, with the number 0. Entries of removed keys are given again. */
  add(key: PackedKey): number {
    if ((this.#size + 1) * 8 > this.#slots.length * 3) this.#growSlots()
    const entry = this.#freeEntries.pop() ?? this.#newEntry()
    const start = this.#append(key, entry)
    this.#starts[entry] = start
    this.#occupy(keyedHash(this.#hashKey, key.words, 0, key.wordCount, key.byteLength), start)
    this.#size += 1
    return entry
  }

  remove(entry: number): void {
    const start = this.#starts[entry]!
    this.#vacate(this.#slotOf(start))
    this.#starts[entry] = -1
    this.#freeEntries.push(entry)
    this.#size -= 1
    this.#poolGarbage += headerWords + this.#wordCount(start)
    if (this.#poolGarbage * 2 > this.#poolEnd && this.#poolEnd > 1024) this.#compact()
  }

  /** Bytes of UTF-8 of an entry that is here. */
  byteLength(entry: number): number {
    return this.#pool[this.#starts[entry]! + lengthWord]!
  }

  /** Copies the string of an entry that is here to `target`; returns where it ends there. */
  copyText(entry: number, target: Uint8Array, at: number): number {
    const first = this.#starts[entry]! + headerWords
    const end = at + this.byteLength(entry)
    for (let i = at; i < end; i += 1) target[i] = this.#pool[first + ((i - at) >> 2)]! >>> (((i - at) & 3) << 3)
    return end
  }

  /** The first byte of an entry that is here, or -1 if it has none. */
  firstByte(entry: number): number {
    return this.byteLength(entry) === 0 ? -1 : this.#pool[this.#starts[entry]! + headerWords]! & 0xff
  }

  /** Where the key begins in the pool, or -1. */
  #startOf(key: PackedKey): number {
    const hash = keyedHash(this.#hashKey, key.words, 0, key.wordCount, key.byteLength)
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = (hash << 1) & mask; slots[slot + 1] !== 0; slot = (slot + 2) & mask) {
      const start = slots[slot + 1]! - 1
      if (slots[slot] === hash && this.#equals(start, key)) return start
    }
    return -1
  }

  #equals(start: number, key: PackedKey): boolean {
    const pool = this.#pool
    if (pool[start + lengthWord] !== key.byteLength) return false
    const words = key.words
    for (let i = 0, at = start + headerWords; i < key.wordCount; i += 1, at += 1)
      if (pool[at] !== words[i]) return false
    return true
  }

  #wordCount(start: number): number {
    return (this.#pool[start + lengthWord]! + 3) >> 2
  }

  #newEntry(): number {
    if (this.#entriesEnd === this.#starts.length) this.#starts = grown(this.#starts, this.#entriesEnd + 1)
    this.#entriesEnd += 1
    return this.#entriesEnd - 1
  }

  #append(key: PackedKey, entry: number): number {
    const start = this.#poolEnd
    const end = start + headerWords + key.wordCount
    if (end > this.#pool.length) this.#pool = grown(this.#pool, end)
    this.#pool[start + entryWord] = entry
    this.#pool[start + numberWord] = 0
    this.#pool[start + lengthWord] = key.byteLength
    for (let i = 0; i < key.wordCount; i += 1) this.#pool[start + headerWords + i] = key.words[i]!
    this.#poolEnd = end
    return start
  }

  #slotOf(start: number): number {
    const textStart = start + headerWords
    const hash = keyedHash(
      this.#hashKey,
      this.#pool,
      textStart,
      textStart + this.#wordCount(start),
      this.#pool[start + lengthWord]!,
    )
    const mask = this.#slots.length - 1
    let slot = (hash << 1) & mask
    while (this.#slots[slot + 1] !== start + 1) slot = (slot + 2) & mask
    return slot
  }

  #occupy(hash: number, start: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = (hash << 1) & mask
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask
    slots[slot] = hash
    slots[slot + 1] = start + 1
  }

  /** Empties a slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(hole: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = (hole + 2) & mask; slots[slot + 1] !== 0; slot = (slot + 2) & mask) {
      const home = (slots[slot]! << 1) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      slots[hole] = slots[slot]!
      slots[hole + 1] = slots[slot + 1]!
      hole = slot
    }
    slots[hole + 1] = 0
  }

  /** The hash stands in the slot, and its low bits choose it: the old table is read and the new one written in order. */
  #growSlots(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (let slot = 0; slot < old.length; slot += 2) {
      if (old[slot + 1] !== 0) this.#occupy(old[slot]!, old[slot + 1]! - 1)
    }
  }

  /** Moves the strings together. Half of the pool was garbage, so that this costs each removal a constant. */
  #compact(): void {
    const old = this.#pool
    const pool = new Int32Array(Math.max(64, this.#poolEnd - this.#poolGarbage))
    let end = 0
    for (let entry = 0; entry < this.#entriesEnd; entry += 1) {
      const start = this.#starts[entry]!
      if (start === -1) continue
      const next = start + headerWords + this.#wordCount(start)
      pool.set(old.subarray(start, next), end)
      this.#starts[entry] = end
      end += next - start
    }
    for (let slot = 1; slot < this.#slots.length; slot += 2) {
      if (this.#slots[slot] === 0) continue
      const entry = old[this.#slots[slot]! - 1 + entryWord]!
      this.#slots[slot] = this.#starts[entry]! + 1
    }
    this.#pool = pool
    this.#poolEnd = end
    this.#poolGarbage = 0
  }
}

/** By half rather than to the double: at a million routes the unused part counts. */
function grown(array: Int32Array, lengthMin: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(lengthMin, array.length + (array.length >> 1)))
  larger.set(array)
  return larger
}
