/** Buckets of a map that changed since somebody wrote them down, each once, in the order in which they changed first. */
import { bucketCount } from './entry-hash.ts'

export class TouchedBuckets {
  readonly #isTouched = new Uint8Array(bucketCount)
  /** A ring: each bucket is in it once at most. */
  readonly #ring = new Uint16Array(bucketCount)
  #first = 0
  #count = 0
  readonly #begun: () => void

  /** @param begun called when a bucket is touched after there was none */
  constructor(begun: () => void) {
    this.#begun = begun
  }

  get count(): number {
    return this.#count
  }

  touch(bucket: number): void {
    if (this.#isTouched[bucket] === 1) return
    this.#isTouched[bucket] = 1
    this.#ring[(this.#first + this.#count) % bucketCount] = bucket
    this.#count += 1
    if (this.#count === 1) this.#begun()
  }

  /** The one that was touched first. From now on it counts as untouched. */
  take(): number | undefined {
    if (this.#count === 0) return undefined
    const bucket = this.#ring[this.#first]!
    this.#isTouched[bucket] = 0
    this.#first = (this.#first + 1) % bucketCount
    this.#count -= 1
    return bucket
  }

  clear(): void {
    this.#isTouched.fill(0)
    this.#count = 0
  }
}
