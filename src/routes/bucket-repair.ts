/** A copy's way through the buckets in which it differs from the owner: what to pull next, and whether all of a bucket came. */
import type { HashKey } from '../topics/keyed-hash.ts'
import { RunningDigest } from './digest.ts'
import { EntryHash } from './entry-hash.ts'
import type { MapPiece } from './map-protocol.ts'

/** In one question. Many are nearly empty. */
const bucketsMax = 512

/** A bucket that changes so often between its parts waits for the next comparison. */
const restartsMax = 3

export class BucketRepair {
  /** Keys of the present bucket that the owner has named. */
  readonly named = new Set<string>()
  readonly #buckets: readonly number[]
  readonly #hash: EntryHash
  readonly #came = new RunningDigest()
  #done = 0
  #offset = 0
  #lo = 0
  #hi = 0
  #restarts = 0
  #isWrong = false

  /** @param buckets one at least */
  constructor(buckets: readonly number[], hashKey: HashKey | undefined) {
    this.#buckets = buckets
    this.#hash = new EntryHash(hashKey)
  }

  get isDone(): boolean {
    return this.#done >= this.#buckets.length
  }

  /** The bucket whose entries come next. */
  get bucket(): number {
    return this.#buckets[this.#done] ?? -1
  }

  /** What to pull. */
  next(): { readonly buckets: readonly number[]; readonly offset: number } {
    return { buckets: this.#buckets.slice(this.#done, this.#done + bucketsMax), offset: this.#offset }
  }

  /** Whether the piece goes on from here, and is all of what was asked for. */
  expects({ buckets, offset, lengths, hashes, keys, values }: MapPiece): boolean {
    const entries = lengths.reduce((sum, length) => sum + length, 0)
    const isSound =
      lengths.length === buckets.length &&
      hashes.length === 2 * buckets.length &&
      keys.length === entries &&
      values.length === entries
    return isSound && offset === this.#offset && this.#startsWith(buckets)
  }

  #startsWith(buckets: readonly number[]): boolean {
    return buckets.length > 0 && buckets.every((bucket, index) => bucket === this.#buckets[this.#done + index])
  }

  /** More of the present bucket comes, all of which has this hash. False if it changed since its last part: it starts anew. */
  begin(lo: number, hi: number): boolean {
    const isSame = this.#offset === 0 || (lo === this.#lo && hi === this.#hi)
    this.#lo = lo
    this.#hi = hi
    if (isSame) return true
    this.#restarts += 1
    if (this.#restarts > restartsMax) this.advance()
    else this.#clear()
    return false
  }

  /** Returns whether the entry belongs here. */
  takes(key: string, value: number): boolean {
    if (this.#hash.bucketOf(key) !== this.bucket) {
      this.#isWrong = true
      return false
    }
    this.#hash.addValue(value)
    this.#came.add(this.#hash)
    this.named.add(key)
    this.#offset += 1
    return true
  }

  /** Nothing else is in this bucket at the owner's, and what was named is. */
  get isComplete(): boolean {
    return !this.#isWrong && this.#came.lo === this.#lo && this.#came.hi === this.#hi
  }

  /** On to the next bucket. */
  advance(): void {
    this.#done += 1
    this.#restarts = 0
    this.#clear()
  }

  #clear(): void {
    this.#offset = 0
    this.#isWrong = false
    this.#came.clear()
    this.named.clear()
  }
}
