/**
 * Gives each of many byte strings a small number, its entry, and counts its uses. A search waits for memory once: a short string
 * stands in the slot that its hash leads to, where a Map of strings would lead by way of several objects.
 */
import { keyedHash, type HashKey } from './keyed-hash.ts'
import type { PackedKey } from './packed-key.ts'

/** The last bits of the hash say which table of slots: many grow one by one, so that nobody waits until all of them have moved. */
const TABLE_BITS = 6
const tableCount = 1 << TABLE_BITS

/** Words of a slot: the hash; 1 + entry, or 0 for an empty slot; and what `textWord` says. */
const hashWord = 0
const entryWord = 1
const textWords = 2
const wordShift = 2

/** Words of a string in the pool, before its text. */
const usesWord = 0
const lengthWord = 1
const headerWords = 2

/** With the length in the last byte, two words hold a string of so many bytes. Beyond that they hold its length alone. */
const shortBytesMax = 7
const longMark = 0xff << 24

/** The pool is of pieces of so many words, each string in one of them: to make room for more is never to move all of them. */
const PIECE_BITS = 16
const pieceWords = 1 << PIECE_BITS
const pieceMask = pieceWords - 1
const firstPieceWords = 64

type Slots = Int32Array<ArrayBuffer>

export class BytesTable {
  readonly #hashKey: HashKey
  /** Linear probing in a power of two of slots each. */
  readonly #tables: Slots[] = Array.from({ length: tableCount }, () => new Int32Array(4 << wordShift))
  /** Entries of each table. */
  readonly #sizes = new Int32Array(tableCount)
  #pool = new Pool()
  #poolGarbage = 0
  /** By entry: where its string begins in the pool, or -1 for an entry that is free. */
  #starts = new Int32Array(8)
  #entriesEnd = 0
  readonly #freeEntries: number[] = []

  constructor(hashKey: HashKey) {
    this.#hashKey = hashKey
  }

  /** The entry of the key, or -1. */
  find(key: PackedKey): number {
    const hash = keyedHash(this.#hashKey, key.words, 0, key.wordCount, key.byteLength)
    const text0 = textWord(key, 0)
    const text1 = textWord(key, 1)
    const slots = this.#tables[hash & (tableCount - 1)]!
    const mask = slots.length - 1
    for (let at = homeOf(hash, mask); ; at = (at + (1 << wordShift)) & mask) {
      const entry = slots[at + entryWord]! - 1
      if (entry === -1) return -1
      if (slots[at + hashWord] !== hash) continue
      if (slots[at + textWords] !== text0 || slots[at + textWords + 1] !== text1) continue
      if (key.byteLength <= shortBytesMax || this.#equals(this.#starts[entry]!, key)) return entry
    }
  }

  /** The entry of a key that is not here yet, with no use. Entries of removed keys are given again. */
  add(key: PackedKey): number {
    const hash = keyedHash(this.#hashKey, key.words, 0, key.wordCount, key.byteLength)
    const slots = this.#slotsWithRoom(hash & (tableCount - 1))
    const entry = this.#freeEntries.pop() ?? this.#newEntry()
    this.#starts[entry] = this.#append(key)
    const at = emptySlot(slots, hash)
    slots[at + entryWord] = entry + 1
    slots[at + textWords] = textWord(key, 0)
    slots[at + textWords + 1] = textWord(key, 1)
    this.#sizes[hash & (tableCount - 1)]! += 1
    return entry
  }

  remove(entry: number): void {
    const start = this.#starts[entry]!
    const hash = this.#hashOf(entry)
    const slots = this.#tables[hash & (tableCount - 1)]!
    vacate(slots, slotOf(slots, hash, entry))
    this.#sizes[hash & (tableCount - 1)]! -= 1
    this.#starts[entry] = -1
    this.#freeEntries.push(entry)
    this.#poolGarbage += headerWords + this.#wordCount(start)
    if (this.#poolGarbage * 2 > this.#pool.end && this.#pool.end > 1024) this.#compact()
  }

  uses(entry: number): number {
    return this.#pool.word(this.#starts[entry]! + usesWord)
  }

  setUses(entry: number, uses: number): void {
    this.#pool.setWord(this.#starts[entry]! + usesWord, uses)
  }

  /** Bytes of an entry that is here. */
  byteLength(entry: number): number {
    return this.#pool.word(this.#starts[entry]! + lengthWord)
  }

  /** Copies the string of an entry that is here to `target`; returns where it ends there. */
  copyText(entry: number, target: Uint8Array, at: number): number {
    const start = this.#starts[entry]!
    const words = this.#pool.pieceOf(start)
    const first = (start & pieceMask) + headerWords
    const end = at + this.byteLength(entry)
    for (let i = at; i < end; i += 1) target[i] = words[first + ((i - at) >> 2)]! >>> (((i - at) & 3) << 3)
    return end
  }

  /** The first byte of an entry that is here, or -1 if it has none. */
  firstByte(entry: number): number {
    return this.byteLength(entry) === 0 ? -1 : this.#pool.word(this.#starts[entry]! + headerWords) & 0xff
  }

  #equals(start: number, key: PackedKey): boolean {
    const pool = this.#pool.pieceOf(start)
    const words = key.words
    for (let i = 0, at = (start & pieceMask) + headerWords; i < key.wordCount; i += 1, at += 1)
      if (pool[at] !== words[i]) return false
    return true
  }

  #wordCount(start: number): number {
    return (this.#pool.word(start + lengthWord) + 3) >> 2
  }

  #newEntry(): number {
    if (this.#entriesEnd === this.#starts.length) this.#starts = grown(this.#starts, this.#entriesEnd + 1)
    this.#entriesEnd += 1
    return this.#entriesEnd - 1
  }

  #append(key: PackedKey): number {
    const start = this.#pool.reserve(headerWords + key.wordCount)
    const words = this.#pool.pieceOf(start)
    const at = start & pieceMask
    words[at + usesWord] = 0
    words[at + lengthWord] = key.byteLength
    for (let i = 0; i < key.wordCount; i += 1) words[at + headerWords + i] = key.words[i]!
    return start
  }

  #hashOf(entry: number): number {
    const start = this.#starts[entry]!
    const text = (start & pieceMask) + headerWords
    const words = this.#pool.pieceOf(start)
    return keyedHash(this.#hashKey, words, text, text + this.#wordCount(start), this.byteLength(entry))
  }

  /** The table, with room for one entry more. */
  #slotsWithRoom(table: number): Slots {
    const old = this.#tables[table]!
    if ((this.#sizes[table]! + 1) * 4 <= (old.length >> wordShift) * 3) return old
    const slots = new Int32Array(old.length * 2)
    for (let from = 0; from < old.length; from += 1 << wordShift) {
      if (old[from + entryWord] === 0) continue
      const at = emptySlot(slots, old[from + hashWord]!)
      for (let i = entryWord; i < 1 << wordShift; i += 1) slots[at + i] = old[from + i]!
    }
    this.#tables[table] = slots
    return slots
  }

  /** Moves the strings together. Half of the pool was garbage, so that this costs each removal a constant. */
  #compact(): void {
    const old = this.#pool
    const pool = new Pool()
    for (let entry = 0; entry < this.#entriesEnd; entry += 1) {
      const start = this.#starts[entry]!
      if (start === -1) continue
      const count = headerWords + ((old.word(start + lengthWord) + 3) >> 2)
      const to = pool.reserve(count)
      const from = start & pieceMask
      pool.pieceOf(to).set(old.pieceOf(start).subarray(from, from + count), to & pieceMask)
      this.#starts[entry] = to
    }
    this.#pool = pool
    this.#poolGarbage = 0
  }
}

/** Words, in pieces of which only the first one ever moves. */
class Pool {
  readonly #pieces: Int32Array[] = [new Int32Array(firstPieceWords)]
  end = 0

  word(at: number): number {
    return this.#pieces[at >> PIECE_BITS]![at & pieceMask]!
  }

  setWord(at: number, word: number): void {
    this.#pieces[at >> PIECE_BITS]![at & pieceMask] = word
  }

  pieceOf(at: number): Int32Array {
    return this.#pieces[at >> PIECE_BITS]!
  }

  /** So many words in one piece; returns where they begin. They are fewer than a piece has. */
  reserve(count: number): number {
    const isSplit = (this.end & pieceMask) + count > pieceWords
    const start = isSplit ? (this.end | pieceMask) + 1 : this.end
    const piece = start >> PIECE_BITS
    const needed = (start & pieceMask) + count
    const words = this.#pieces[piece]
    if (words === undefined) this.#pieces.push(new Int32Array(pieceWords))
    else if (needed > words.length) this.#pieces[piece] = grown(words, needed, pieceWords)
    this.end = start + count
    return start
  }
}

/** Bits of the hash choose the slot: when a table grows, the old one is read and the new one written in order. */
function homeOf(hash: number, mask: number): number {
  return ((hash >>> TABLE_BITS) << wordShift) & mask
}

function slotOf(slots: Slots, hash: number, entry: number): number {
  const mask = slots.length - 1
  let at = homeOf(hash, mask)
  while (slots[at + entryWord] !== entry + 1) at = (at + (1 << wordShift)) & mask
  return at
}

/** Where a string with this hash goes; notes the hash there. */
function emptySlot(slots: Slots, hash: number): number {
  const mask = slots.length - 1
  let at = homeOf(hash, mask)
  while (slots[at + entryWord] !== 0) at = (at + (1 << wordShift)) & mask
  slots[at + hashWord] = hash
  return at
}

/** Empties a slot and moves up those behind it that would no longer be found across the gap. */
function vacate(slots: Slots, hole: number): void {
  const mask = slots.length - 1
  const words = 1 << wordShift
  for (let at = (hole + words) & mask; slots[at + entryWord] !== 0; at = (at + words) & mask) {
    const home = homeOf(slots[at + hashWord]!, mask)
    if (((at - home) & mask) < ((at - hole) & mask)) continue
    slots.copyWithin(hole, at, at + words)
    hole = at
  }
  slots[hole + entryWord] = 0
}

/** The two words by which a slot tells strings apart. */
function textWord(key: PackedKey, which: 0 | 1): number {
  if (key.byteLength > shortBytesMax) return which === 0 ? key.byteLength : longMark
  const text = which < key.wordCount ? key.words[which]! : 0
  return which === 0 ? text : text | (key.byteLength << 24)
}

/** By half rather than to the double, and by an eighth if it is long: at a million routes the unused part counts. */
function grown(array: Int32Array, lengthMin: number, lengthMax = Number.POSITIVE_INFINITY): Int32Array<ArrayBuffer> {
  const more = array.length >> (array.length < pieceWords ? 1 : 3)
  const length = Math.min(Math.max(lengthMin, array.length + more), lengthMax)
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}
