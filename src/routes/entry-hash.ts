/**
 * 64 bits that stand for one entry of a map, and 12 that say in which bucket its key lies: HalfSipHash-1-3 with the long output, over
 * the key's UTF-16 units, its length and the value. Both ends of a map must use one hash key; given one that clients don't know, they
 * can't choose keys that fall together.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and the 32-bit variant of its reference code.
 */
import { plainHashKey, type HashKey } from '../topics/keyed-hash.ts'

const BUCKET_BITS = 12
export const bucketCount = 2 ** BUCKET_BITS

/** In place of results: a hash of two numbers would be an object each time. */
export class EntryHash {
  /** Of the last key, 32 bits, signed: its bucket and more. */
  key = 0
  /** Of the last entry, 32 bits each, signed. */
  lo = 0
  hi = 0
  readonly #hashKey: HashKey
  readonly #afterKey = new Int32Array(4)
  readonly #work = new Int32Array(4)
  #words = new Int32Array(256)

  constructor(hashKey: HashKey = plainHashKey) {
    this.#hashKey = hashKey
  }

  /** The bucket of a key. `addValue` goes on from here. */
  bucketOf(key: string): number {
    const { length } = key
    const wordCount = (length + 1) >> 1
    if (this.#words.length < wordCount + 3) this.#words = new Int32Array(2 * wordCount + 3)
    const words = this.#words
    for (let i = 0; i < wordCount; i += 1) {
      const at = 2 * i
      words[i] = key.charCodeAt(at) | (at + 1 < length ? key.charCodeAt(at + 1) << 16 : 0)
    }
    words[wordCount] = length
    // Two rounds more, so that the last units of the key have their say in the bucket.
    words[wordCount + 1] = 0
    words[wordCount + 2] = 0
    const state = this.#afterKey
    state[0] = this.#hashKey[0]
    state[1] = this.#hashKey[1] ^ 0xee
    state[2] = this.#hashKey[0] ^ 0x6c796765
    state[3] = this.#hashKey[1] ^ 0x74656462
    rounds(state, words, wordCount + 3)
    this.key = outcome(state)
    return this.key & (bucketCount - 1)
  }

  /** Sets `lo` and `hi` to the hash of the last key together with this value, a safe integer. */
  addValue(value: number): void {
    const state = this.#work
    for (let i = 0; i < 4; i += 1) state[i] = this.#afterKey[i]!
    const words = this.#words
    words[0] = value | 0
    words[1] = Math.floor(value / 2 ** 32)
    rounds(state, words, 2)
    state[2]! ^= 0xee
    rounds(state, ZEROS, ZEROS.length)
    this.lo = outcome(state)
    state[1]! ^= 0xdd
    rounds(state, ZEROS, ZEROS.length)
    this.hi = outcome(state)
  }
}

const ZEROS = new Int32Array(3)

function outcome(state: Int32Array): number {
  return (state[1] ?? 0) ^ (state[3] ?? 0)
}

/** One round a word. */
function rounds(state: Int32Array, words: Int32Array, count: number): void {
  let v0 = state[0]!
  let v1 = state[1]!
  let v2 = state[2]!
  let v3 = state[3]!
  for (let i = 0; i < count; i += 1) {
    const word = words[i]!
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  state[0] = v0
  state[1] = v1
  state[2] = v2
  state[3] = v3
}
