/** The owner's end of a shared map: its content, what changed lately, and the answers to those who hold copies. */
import type { HashKey } from '../topics/keyed-hash.ts'
import { bucketCount } from './entry-hash.ts'
import { bytesOf, Journal, type OpsLimits } from './journal.ts'
import { MapContent } from './map-content.ts'
import {
  compareClaims,
  type Claim,
  type MapDelta,
  type MapDigests,
  type MapHeartbeat,
  type MapPiece,
  type MapPull,
  type MapQuestion,
  type MapSince,
} from './map-protocol.ts'

export type MapSourceOptions = {
  readonly claim: Claim
  /** Of one message. */
  readonly message: OpsLimits
  readonly journal: OpsLimits
  readonly hashKey?: HashKey | undefined
  /** To go on from; it is the source's from now on. */
  readonly content?: MapContent | undefined
}

export class MapSource {
  readonly content: MapContent
  readonly #message: OpsLimits
  readonly #journal: Journal
  #claim: Claim
  #sentSeq = 0

  constructor({ claim, message, journal, hashKey, content }: MapSourceOptions) {
    this.#claim = claim
    this.#message = message
    this.#journal = new Journal(journal)
    this.content = content ?? new MapContent(hashKey)
  }

  get claim(): Claim {
    return this.#claim
  }

  /** There are changes that `takeUnsent` gives. */
  get hasUnsent(): boolean {
    return this.#sentSeq < this.#journal.last
  }

  /** Returns whether that changed anything. */
  set(key: string, value: number): boolean {
    if (!this.content.set(key, value)) return false
    this.#journal.append(key, value)
    return true
  }

  /** Returns whether it was there. */
  delete(key: string): boolean {
    if (!this.content.delete(key)) return false
    this.#journal.append(key, null)
    return true
  }

  /** The source goes on under a higher life: somebody holds what a former one said under the present one or a later one. */
  raise(life: number): void {
    this.#claim = { ...this.#claim, life }
  }

  heartbeat(): MapHeartbeat {
    return { type: 'heartbeat', claim: this.#claim, seq: this.#journal.last, digest: this.content.digest() }
  }

  /** The next changes for all. What waited for too long is left out: whoever lacks it finds out, and asks. */
  takeUnsent(): MapDelta | undefined {
    if (!this.hasUnsent) return undefined
    const after = Math.max(this.#sentSeq, this.#journal.oldest - 1)
    const delta = this.#delta(after, 'none')
    this.#sentSeq = after + delta.keys.length
    return delta
  }

  /** Nobody is there to be told what waits: whoever comes asks for what it lacks. */
  skipUnsent(): void {
    this.#sentSeq = this.#journal.last
  }

  /**
   * `undefined`: the question was for somebody else.
   * @param entriesMax of a piece, if they are to be fewer than a message may have
   */
  answer(question: MapQuestion, entriesMax = Number.POSITIVE_INFINITY): MapDelta | MapDigests | MapPiece | undefined {
    return question.type === 'since' ? this.#answerSince(question) : this.#answerPull(question, entriesMax)
  }

  #answerSince({ claim, seq, digests }: MapSince): MapDelta | MapDigests {
    const isOurs = claim !== undefined && compareClaims(claim, this.#claim) === 0
    if (digests || !isOurs || !this.#journal.reaches(seq)) return this.#digests()
    const delta = this.#delta(seq, 'last')
    return seq + delta.keys.length < this.#journal.last ? { ...delta, answer: 'more' } : delta
  }

  #delta(after: number, answer: MapDelta['answer']): MapDelta {
    const { keys, values } = this.#journal.after(after, this.#message)
    return { type: 'delta', claim: this.#claim, from: after + 1, keys, values, answer }
  }

  #digests(): MapDigests {
    const buckets: number[] = []
    const hashes: number[] = []
    const sizes: number[] = []
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      const { size, lo, hi } = this.content.bucketDigest(bucket)
      if (size === 0) continue
      buckets.push(bucket)
      hashes.push(lo, hi)
      sizes.push(size)
    }
    return { type: 'digests', claim: this.#claim, seq: this.#journal.last, buckets, hashes, sizes }
  }

  #answerPull({ life, buckets, offset }: MapPull, entriesMax: number): MapPiece | undefined {
    if (life !== this.#claim.life) return undefined
    const { opsMax, bytesMax } = this.#message
    const piece = new Piece({ opsMax: Math.min(opsMax, entriesMax), bytesMax })
    let isWhole = true
    for (const [index, bucket] of buckets.entries()) {
      if (piece.isFull) break
      const { lo, hi } = this.content.bucketDigest(bucket)
      isWhole = piece.add(bucket, [lo, hi], this.content.bucketEntries(bucket, index === 0 ? offset : 0))
    }
    const { keys, values, lengths, hashes } = piece
    const claim = this.#claim
    const seq = this.#journal.last
    return { type: 'piece', claim, seq, buckets: piece.buckets, lengths, hashes, offset, isWhole, keys, values }
  }
}

/** Entries of buckets up to the limits of one message; one at least. */
class Piece {
  readonly buckets: number[] = []
  readonly lengths: number[] = []
  readonly hashes: number[] = []
  readonly keys: string[] = []
  readonly values: number[] = []
  isFull = false
  readonly #limits: OpsLimits
  #bytes = 0

  constructor(limits: OpsLimits) {
    this.#limits = limits
  }

  /** Returns whether all the rest of the bucket is in. */
  add(bucket: number, hashes: readonly number[], entries: Iterable<readonly [string, number]>): boolean {
    this.buckets.push(bucket)
    this.hashes.push(...hashes)
    const before = this.keys.length
    for (const [key, value] of entries) {
      this.#bytes += bytesOf(key)
      const fits = this.keys.length < this.#limits.opsMax && this.#bytes <= this.#limits.bytesMax
      this.isFull = !fits && this.keys.length > 0
      if (this.isFull) break
      this.keys.push(key)
      this.values.push(value)
    }
    this.lengths.push(this.keys.length - before)
    return !this.isFull
  }
}
