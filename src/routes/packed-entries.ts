/**
 * A small table of text to safe integer in a few flat arrays: its keys as UTF-8 end to end, and a slot for each, in the order of their
 * hashes as far as there is room, with the hash and where the key begins. A Map takes as much again as the text for each entry, and has
 * the garbage collector walk all of them.
 */

/** Below this nothing is tidied up. */
const garbageBytesMin = 512
/** The last bits of a hash are the same for all that comes to one table. */
const bitsUsed = 12

const noBytes = Buffer.alloc(0)
const noWords = new Int32Array(0)
/** The key at hand, its length before it, and how many bytes that takes. */
let scratch = Buffer.allocUnsafeSlow(1_024)
let scratchBytes = 0

export class PackedEntries {
  size = 0
  /** Linear probing, from a place in proportion to the hash. */
  #hashes = noWords
  /** 1 + where the key begins, or 0 for an empty slot. */
  #starts = noWords
  /** Each key after its length, which is a variable byte integer. */
  #bytes = noBytes
  #bytesEnd = 0
  #garbageBytes = 0
  #isAscii = true
  /** Of all entries, as long as there is but one value. */
  #common = 0
  #values: Float64Array | undefined

  /** The value of a key with this hash. */
  get(hash: number, key: string): number | undefined {
    const slot = this.#find(hash, key)
    return slot < 0 ? undefined : this.#valueAt(slot)
  }

  /** Returns the value that was there before. */
  set(hash: number, key: string, value: number): number | undefined {
    const slot = this.#find(hash, key)
    const before = slot < 0 ? undefined : this.#valueAt(slot)
    if (before !== value) this.#setValue(slot < 0 ? this.#add(hash, key.length) : slot, value)
    return before
  }

  /** Returns the value that was there. */
  delete(hash: number, key: string): number | undefined {
    const slot = this.#find(hash, key)
    if (slot < 0) return undefined
    const before = this.#valueAt(slot)
    this.#garbageBytes += this.#bytesAt(this.#starts[slot]! - 1)
    this.#vacate(slot)
    this.size -= 1
    if (this.#garbageBytes > garbageBytesMin && 2 * this.#garbageBytes > this.#bytesEnd) this.#tidy()
    return before
  }

  /**
   * Keys and values but for the first ones, so many, in an order that stays as long as nothing changes. Not to be changed meanwhile.
   */
  *entries(from: number): Generator<readonly [string, number]> {
    let left = from
    for (let slot = 0; slot < this.#starts.length; slot += 1) {
      const start = this.#starts[slot]! - 1
      if (start < 0) continue
      if (left > 0) left -= 1
      else yield [this.#keyAt(start), this.#valueAt(slot)]
    }
  }

  keys(): string[] {
    const keys: string[] = []
    for (const start of this.#starts) if (start > 0) keys.push(this.#keyAt(start - 1))
    return keys
  }

  #valueAt(slot: number): number {
    return this.#values === undefined ? this.#common : this.#values[slot]!
  }

  #setValue(slot: number, value: number): void {
    if (this.#values === undefined) {
      if (this.size === 1) this.#common = value
      if (value === this.#common) return
      this.#values = new Float64Array(this.#hashes.length).fill(this.#common)
    }
    this.#values[slot] = value
  }

  /** Leaves the key in `scratch`. Returns its slot, or less than 0. */
  #find(hash: number, key: string): number {
    writeKey(key)
    const hashes = this.#hashes
    const starts = this.#starts
    if (starts.length === 0) return -1
    for (let slot = homeOf(hash, starts.length); ; slot = slot + 1 === starts.length ? 0 : slot + 1) {
      const start = starts[slot]! - 1
      if (start < 0) return -1
      if (hashes[slot] === hash && this.#isScratch(start)) return slot
    }
  }

  /** No key is the beginning of another one: its length goes before it. */
  #isScratch(start: number): boolean {
    if (start + scratchBytes > this.#bytesEnd) return false
    for (let at = 0; at < scratchBytes; at += 1) if (this.#bytes[start + at] !== scratch[at]) return false
    return true
  }

  /** Adds the key that is in `scratch`, of so many UTF-16 units. Returns its slot; its value is still to be set. */
  #add(hash: number, units: number): number {
    this.#reserve(scratchBytes)
    const slot = freeSlot(this.#starts, hash)
    // A loop: for so few bytes a copy by the runtime takes longer.
    for (let at = 0; at < scratchBytes; at += 1) this.#bytes[this.#bytesEnd + at] = scratch[at]!
    this.#hashes[slot] = hash
    this.#starts[slot] = this.#bytesEnd + 1
    this.#bytesEnd += scratchBytes
    this.#isAscii &&= scratchBytes - lengthBytes(units) === units
    this.size += 1
    return slot
  }

  /** Makes room for one key more, of so many bytes. */
  #reserve(bytes: number): void {
    if (this.#bytesEnd + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(grown(this.#bytes.length, this.#bytesEnd + bytes, 4_096))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    if (8 * (this.size + 1) > 7 * this.#starts.length) this.#move(grown(this.#starts.length, this.size + 2, 256))
  }

  /** To so many slots. */
  #move(slots: number): void {
    const hashes = new Int32Array(slots)
    const starts = new Int32Array(slots)
    const values = this.#values === undefined ? undefined : new Float64Array(slots)
    for (let from = 0; from < this.#starts.length; from += 1) {
      const start = this.#starts[from]!
      if (start === 0) continue
      const hash = this.#hashes[from]!
      const to = freeSlot(starts, hash)
      hashes[to] = hash
      starts[to] = start
      if (values !== undefined) values[to] = this.#values![from]!
    }
    this.#hashes = hashes
    this.#starts = starts
    this.#values = values
  }

  /** Empties a slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(emptied: number): void {
    const hashes = this.#hashes
    const starts = this.#starts
    const { length } = starts
    let hole = emptied
    for (let slot = (hole + 1) % length; starts[slot] !== 0; slot = (slot + 1) % length) {
      const home = homeOf(hashes[slot]!, length)
      if ((slot - home + length) % length < (slot - hole + length) % length) continue
      hashes[hole] = hashes[slot]!
      starts[hole] = starts[slot]!
      if (this.#values !== undefined) this.#values[hole] = this.#values[slot]!
      hole = slot
    }
    starts[hole] = 0
  }

  /** Moves all keys together. */
  #tidy(): void {
    const kept = Buffer.allocUnsafeSlow(grown(0, this.#bytesEnd - this.#garbageBytes, 0))
    let to = 0
    for (const [slot, begin] of this.#starts.entries()) {
      if (begin === 0) continue
      const from = begin - 1
      this.#starts[slot] = to + 1
      to += this.#bytes.copy(kept, to, from, from + this.#bytesAt(from))
    }
    this.#bytes = kept
    this.#bytesEnd = to
    this.#garbageBytes = 0
  }

  /** Of a key and its length. */
  #bytesAt(start: number): number {
    const length = readLength(this.#bytes, start)
    return lengthBytes(length) + length
  }

  #keyAt(start: number): string {
    const length = readLength(this.#bytes, start)
    const from = start + lengthBytes(length)
    return this.#isAscii
      ? this.#bytes.toString('latin1', from, from + length)
      : this.#bytes.toString('utf8', from, from + length)
  }
}

function homeOf(hash: number, slots: number): number {
  return Math.floor(((hash >>> bitsUsed) / 2 ** (32 - bitsUsed)) * slots)
}

function freeSlot(starts: Int32Array, hash: number): number {
  let slot = homeOf(hash, starts.length)
  while (starts[slot] !== 0) slot = slot + 1 === starts.length ? 0 : slot + 1
  return slot
}

/** Grows to the double, and by an eighth once there is enough: there are many of these tables. */
function grown(present: number, needed: number, enough: number): number {
  return Math.max(needed, present < enough ? 2 * present : present + (present >> 3), 8)
}

function writeKey(key: string): void {
  const { length } = key
  if (scratch.length < 3 * length + 5) scratch = Buffer.allocUnsafeSlow(6 * length + 5)
  const head = lengthBytes(length)
  // Nearly always all of it is ASCII: a loop is faster than a call of the runtime.
  for (let at = 0; at < length; at += 1) {
    const unit = key.charCodeAt(at)
    if (unit > 0x7f) return writeSlowly(key)
    scratch[head + at] = unit
  }
  writeLength(length, head)
}

function writeSlowly(key: string): void {
  const length = Buffer.byteLength(key)
  const head = lengthBytes(length)
  scratch.write(key, head)
  writeLength(length, head)
}

function writeLength(length: number, head: number): void {
  for (let at = 0, rest = length; at < head; at += 1, rest >>>= 7) {
    scratch[at] = at === head - 1 ? rest : (rest & 0x7f) | 0x80
  }
  scratchBytes = head + length
}

function lengthBytes(length: number): number {
  if (length < 1 << 7) return 1
  if (length < 1 << 14) return 2
  return length < 1 << 21 ? 3 : 4
}

function readLength(bytes: Buffer, at: number): number {
  let length = 0
  for (let shift = 0; ; shift += 7, at += 1) {
    const byte = bytes[at]!
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) return length
  }
}
