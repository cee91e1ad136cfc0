/**
 * The entries of a map, text to safe integer, in the buckets by which two ends compare and repair them. Many small tables instead
 * of a large one also means that none ever grows so much at once that the event loop would feel it.
 */
import type { HashKey } from '../topics/keyed-hash.ts'
import { emptyDigest, RunningDigest, type Digest } from './digest.ts'
import { EntryHash } from './entry-hash.ts'
import { PackedEntries } from './packed-entries.ts'
import type { TouchedBuckets } from './touched-buckets.ts'

class Bucket {
  readonly entries = new PackedEntries()
  readonly digest = new RunningDigest()
}

export class MapContent {
  readonly #buckets: (Bucket | undefined)[] = []
  readonly #total = new RunningDigest()
  /** Is told which buckets change. */
  touched: TouchedBuckets | undefined
  readonly #hash: EntryHash

  constructor(hashKey?: HashKey) {
    this.#hash = new EntryHash(hashKey)
  }

  get size(): number {
    return this.#total.size
  }

  digest(): Digest {
    return this.#total.value()
  }

  bucketOf(key: string): number {
    return this.#hash.bucketOf(key)
  }

  bucketDigest(bucket: number): Digest {
    return this.#buckets[bucket]?.digest ?? emptyDigest
  }

  /** All of a bucket but the first ones, so many, in an order that stays as long as the bucket does. Not to be changed meanwhile. */
  bucketEntries(bucket: number, from = 0): Iterable<readonly [string, number]> {
    return this.#buckets[bucket]?.entries.entries(from) ?? []
  }

  bucketKeys(bucket: number): readonly string[] {
    return this.#buckets[bucket]?.entries.keys() ?? []
  }

  get(key: string): number | undefined {
    return this.#buckets[this.#hash.bucketOf(key)]?.entries.get(this.#hash.key, key)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  /** Returns whether that changed anything. */
  set(key: string, value: number): boolean {
    const at = this.#hash.bucketOf(key)
    const bucket = (this.#buckets[at] ??= new Bucket())
    const before = bucket.entries.set(this.#hash.key, key, value)
    if (before === value) return false
    this.touched?.touch(at)
    if (before !== undefined) this.#uncount(bucket, before)
    this.#hash.addValue(value)
    bucket.digest.add(this.#hash)
    this.#total.add(this.#hash)
    return true
  }

  /** Returns whether it was there. */
  delete(key: string): boolean {
    const at = this.#hash.bucketOf(key)
    const bucket = this.#buckets[at]
    const before = bucket?.entries.delete(this.#hash.key, key)
    if (bucket === undefined || before === undefined) return false
    this.touched?.touch(at)
    this.#uncount(bucket, before)
    if (bucket.entries.size === 0) this.#buckets[at] = undefined
    return true
  }

  /** Goes on through changes made meanwhile: what is there throughout comes once, what came or went may come or not. */
  *entries(): Generator<readonly [string, number]> {
    // There are as many buckets as in a large one, and walks through empty and small ones are frequent.
    if (this.size === 0) return
    for (const at of Object.keys(this.#buckets)) {
      const bucket = this.#buckets[Number(at)]
      if (bucket !== undefined) yield* Array.from(bucket.entries.entries(0))
    }
  }

  /** Of the key that was hashed last. */
  #uncount(bucket: Bucket, value: number): void {
    this.#hash.addValue(value)
    bucket.digest.remove(this.#hash)
    this.#total.remove(this.#hash)
  }
}
