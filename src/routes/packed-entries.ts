/**
 * A small table of text to safe integer in a few flat arrays: its keys as UTF-8 end to end, and for each its hash and where it begins.
 * A Map takes as much again as the text for each entry, and has the garbage collector walk all of them. To be kept small: it is
 * searched from one end to the other, though by hash alone.
 */

/** Below this nothing is tidied up. */
const garbageBytesMin = 512

const noBytes = Buffer.alloc(0)
const noWords = new Int32Array(0)
/** The key at hand, its length before it, and how many bytes that takes. */
let scratch = Buffer.allocUnsafeSlow(1_024)
let scratchBytes = 0

export class PackedEntries {
  size = 0
  #hashes = noWords
  /** Where its key begins. */
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
    const index = this.#find(hash, key)
    return index < 0 ? undefined : this.#valueAt(index)
  }

  /** Returns the value that was there before. */
  set(hash: number, key: string, value: number): number | undefined {
    const index = this.#find(hash, key)
    const before = index < 0 ? undefined : this.#valueAt(index)
    this.#setValue(index < 0 ? this.#add(hash, key.length) : index, value)
    return before
  }

  /** Returns the value that was there. */
  delete(hash: number, key: string): number | undefined {
    const index = this.#find(hash, key)
    if (index < 0) return undefined
    const before = this.#valueAt(index)
    const last = this.size - 1
    this.#garbageBytes += this.#bytesAt(index)
    this.#hashes[index] = this.#hashes[last]!
    this.#starts[index] = this.#starts[last]!
    if (this.#values !== undefined) this.#values[index] = this.#values[last]!
    this.size = last
    if (this.#garbageBytes > garbageBytesMin && 2 * this.#garbageBytes > this.#bytesEnd) this.#tidy()
    return before
  }

  /** Keys and values in an order that stays as long as nothing changes. Not to be changed meanwhile. */
  *entries(from: number): Generator<readonly [string, number]> {
    for (let index = from; index < this.size; index += 1) yield [this.#keyAt(index), this.#valueAt(index)]
  }

  keys(): string[] {
    return Array.from({ length: this.size }, (_, index) => this.#keyAt(index))
  }

  #valueAt(index: number): number {
    return this.#values === undefined ? this.#common : this.#values[index]!
  }

  #setValue(index: number, value: number): void {
    if (this.#values === undefined) {
      if (this.size === 1) this.#common = value
      if (value === this.#common) return
      this.#values = new Float64Array(this.#hashes.length).fill(this.#common)
    }
    this.#values[index] = value
  }

  /** Leaves the key in `scratch`. Returns its index, or less than 0. */
  #find(hash: number, key: string): number {
    writeKey(key)
    const hashes = this.#hashes
    let index = hashes.indexOf(hash)
    // What stands behind the last entry is left from former ones.
    while (index >= 0 && index < this.size && !this.#isScratch(this.#starts[index]!)) {
      index = hashes.indexOf(hash, index + 1)
    }
    return index < this.size ? index : -1
  }

  /** No key is the beginning of another one: its length goes before it. */
  #isScratch(start: number): boolean {
    if (start + scratchBytes > this.#bytesEnd) return false
    for (let at = 0; at < scratchBytes; at += 1) if (this.#bytes[start + at] !== scratch[at]) return false
    return true
  }

  /** Adds the key that is in `scratch`, of so many UTF-16 units. Returns its index; its value is still to be set. */
  #add(hash: number, units: number): number {
    this.#reserve(scratchBytes)
    const index = this.size
    scratch.copy(this.#bytes, this.#bytesEnd, 0, scratchBytes)
    this.#hashes[index] = hash
    this.#starts[index] = this.#bytesEnd
    this.#bytesEnd += scratchBytes
    this.#isAscii &&= scratchBytes - lengthBytes(units) === units
    this.size += 1
    return index
  }

  #reserve(bytes: number): void {
    if (this.#bytesEnd + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(grown(this.#bytes.length, this.#bytesEnd + bytes))
      this.#bytes.copy(larger, 0, 0, this.#bytesEnd)
      this.#bytes = larger
    }
    if (this.size < this.#hashes.length) return
    const entries = grown(this.size, this.size + 1)
    this.#hashes = copied(this.#hashes, new Int32Array(entries))
    this.#starts = copied(this.#starts, new Int32Array(entries))
    if (this.#values !== undefined) this.#values = copied(this.#values, new Float64Array(entries))
  }

  /** Moves all keys together. */
  #tidy(): void {
    const kept = Buffer.allocUnsafeSlow(grown(0, this.#bytesEnd - this.#garbageBytes))
    let to = 0
    for (let index = 0; index < this.size; index += 1) {
      const bytes = this.#bytesAt(index)
      const from = this.#starts[index]!
      this.#starts[index] = to
      to += this.#bytes.copy(kept, to, from, from + bytes)
    }
    this.#bytes = kept
    this.#bytesEnd = to
    this.#garbageBytes = 0
  }

  /** Of the key and its length. */
  #bytesAt(index: number): number {
    const start = this.#starts[index]!
    const length = readLength(this.#bytes, start)
    return lengthBytes(length) + length
  }

  #keyAt(index: number): string {
    const start = this.#starts[index]!
    const length = readLength(this.#bytes, start)
    const from = start + lengthBytes(length)
    return this.#bytes.toString(this.#isAscii ? 'latin1' : 'utf8', from, from + length)
  }
}

function copied<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** Grows to the double, and by a quarter once it is larger: there are many of these tables. */
function grown(present: number, needed: number): number {
  return Math.max(needed, present < 1_024 ? 2 * present : present + (present >> 2), 8)
}

function writeKey(key: string): void {
  if (scratch.length < 3 * key.length + 5) scratch = Buffer.allocUnsafeSlow(6 * key.length + 5)
  // Nearly always all of it is ASCII, and its length known before.
  let head = lengthBytes(key.length)
  let length = scratch.write(key, head)
  if (length !== key.length && lengthBytes(length) !== head) {
    head = lengthBytes(length)
    length = scratch.write(key, head)
  }
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
