/**
 * A receiver's end of a shared map: a copy of its content that finds out what it lacks, and asks for that alone.
 *
 *     in sync --- gap, other digest, other life ---> behind --- digests ---> repairing ---> sweeping ---> in sync
 *        ^------------- the changes that it missed ----'
 *
 * Make before break: while it repairs itself, and whoever speaks, nothing is taken away; what the owner turns out not to have any
 * more goes when everything that the owner has is here. Only an owner that takes leave itself has all of it go.
 */
import type { HashKey } from '../topics/keyed-hash.ts'
import { BucketRepair } from './bucket-repair.ts'
import { sameDigest } from './digest.ts'
import { bucketCount } from './entry-hash.ts'
import { MapContent } from './map-content.ts'
import {
  compareClaims,
  type Claim,
  type MapChange,
  type MapDelta,
  type MapDigests,
  type MapHeartbeat,
  type MapPiece,
  type MapQuestion,
  type MapStatement,
} from './map-protocol.ts'

export type MapCopyOptions = {
  readonly entriesMax: number
  /** After so long without an answer a question is asked again, milliseconds. */
  readonly answerMs: number
  /** Pieces on their way at a time; 1 by default. */
  readonly pullsMax?: number
  readonly hashKey?: HashKey | undefined
  /** To go on from; it is the copy's from now on. */
  readonly content?: MapContent | undefined
}

export type CopyState =
  | 'in_sync'
  /** It lacks something, or does not know yet. */
  | 'behind'
  | 'repairing'
  /** What the owner has not any more is on its way out. */
  | 'sweeping'
  /** The owner has more entries than a copy may have. */
  | 'too_large'
  /** Its owner took leave: all that is left is on its way out. */
  | 'ended'

/** What is asked for next, and of whom. */
type Need = { readonly type: 'since' | 'pull'; readonly of: Claim }

/** Some of the buckets that differ, and since when a piece of them is on its way. */
type Pull = { readonly repair: BucketRepair; askedMs: number | undefined }

/** After so many questions without an answer the owner has to speak before it is asked again. */
const unansweredMax = 5

export class MapCopy {
  readonly content: MapContent
  readonly #entriesMax: number
  readonly #answerMs: number
  readonly #pullsMax: number
  readonly #hashKey: HashKey | undefined
  #claim: Claim | undefined
  #seq = 0
  /** The highest claim that was heard, by whom what is behind can be asked. */
  #heard: Claim | undefined
  #isBehind = false
  /** The content differs though no change is missing. */
  #differs = false
  #pulls: readonly Pull[] = []
  /** Pieces showed the owner's content as it was at this change, or before. */
  #pieceSeq = 0
  /** What goes at the end of the repair, or is on its way out after it. */
  readonly #leaving = new Set<string>()
  #isTooLarge = false
  /** When changes or digests were asked for that have not come. */
  #askedMs: number | undefined
  #unanswered = 0
  #isEnded = false
  /** Of the buckets of an owner that took leave, the first one that may have something. */
  #endedBucket = 0

  constructor({ entriesMax, answerMs, pullsMax = 1, hashKey, content }: MapCopyOptions) {
    this.#entriesMax = entriesMax
    this.#answerMs = answerMs
    this.#pullsMax = pullsMax
    this.#hashKey = hashKey
    this.content = content ?? new MapContent(hashKey)
  }

  /** Whose content it has; `undefined` before the first. */
  get claim(): Claim | undefined {
    return this.#claim
  }

  /** The last change that it has. */
  get seq(): number {
    return this.#seq
  }

  get state(): CopyState {
    if (this.#isEnded) return 'ended'
    if (this.#isTooLarge) return 'too_large'
    if (this.#isBehind || this.#differs || this.#claim === undefined) return 'behind'
    if (this.#pulls.length > 0) return 'repairing'
    return this.#leaving.size > 0 ? 'sweeping' : 'in_sync'
  }

  /** What it would ask for, if it did not wait for an answer. */
  get need(): Need | undefined {
    if (this.#isEnded || this.#isTooLarge || this.#heard === undefined) return undefined
    if (this.#isBehind || this.#differs) return { type: 'since', of: this.#heard }
    if (this.#pulls.length > 0 && this.#claim !== undefined) return { type: 'pull', of: this.#claim }
    return undefined
  }

  /** Questions are on their way, as many as may be, and none of their answers overdue. */
  isWaiting(nowMs: number): boolean {
    const type = this.need?.type
    if (type === 'pull') return this.#pulls.every(({ askedMs }) => this.#isRecent(askedMs, nowMs))
    return type === 'since' && this.#isRecent(this.#askedMs, nowMs)
  }

  #isRecent(askedMs: number | undefined, nowMs: number): boolean {
    return askedMs !== undefined && nowMs - askedMs < this.#answerMs
  }

  /** What to ask now, and whom; `undefined`: nothing is needed, or answers are on their way. To be called until then. */
  ask(nowMs: number): { readonly question: MapQuestion; readonly of: Claim } | undefined {
    const { need } = this
    if (need === undefined) return undefined
    if (need.type === 'since') {
      if (this.#isRecent(this.#askedMs, nowMs) || !this.#mayAsk(this.#askedMs !== undefined)) return undefined
      this.#askedMs = nowMs
      return { question: this.position(), of: need.of }
    }
    const pull = this.#pulls.find(({ askedMs }) => !this.#isRecent(askedMs, nowMs))
    if (pull === undefined || !this.#mayAsk(pull.askedMs !== undefined)) return undefined
    pull.askedMs = nowMs
    return { question: { type: 'pull', life: need.of.life, ...pull.repair.next() }, of: need.of }
  }

  #mayAsk(isAgain: boolean): boolean {
    if (isAgain) this.#unanswered += 1
    if (this.#unanswered < unansweredMax * Math.max(1, this.#pulls.length)) return true
    // Whoever speaks next is asked, also one with a lower claim: the other one may be gone for good.
    this.#heard = undefined
    this.forgetQuestion()
    return false
  }

  /** What it has; told to somebody who was replaced, it says by whom. */
  position(): MapQuestion {
    return { type: 'since', claim: this.#claim, seq: this.#seq, digests: this.#differs }
  }

  /** The connection was lost: no answer will come. */
  forgetQuestion(): void {
    this.#askedMs = undefined
    for (const pull of this.#pulls) pull.askedMs = undefined
    this.#unanswered = 0
  }

  /** Returns what changed, or `outdated`: somebody with a higher claim has spoken before. */
  take(statement: MapStatement): readonly MapChange[] | 'outdated' {
    const order = this.#claim === undefined ? 1 : compareClaims(statement.claim, this.#claim)
    // Nobody comes back under a claim that took leave.
    if (order < 0 || (order === 0 && this.#isEnded)) return 'outdated'
    this.#isEnded = false
    this.#listenTo(statement.claim)
    if (statement.type === 'heartbeat') return this.#hear(statement, order > 0)
    if (statement.type === 'delta') return this.#apply(statement, order > 0)
    if (statement.type === 'digests') return this.#compare(statement, order > 0)
    return this.#fill(statement, order > 0)
  }

  /** The owner takes leave: nothing of what it said holds any more, and `work` takes it away. Returns whether it may say so. */
  end(claim: Claim): boolean {
    if (this.#claim !== undefined && compareClaims(claim, this.#claim) < 0) return false
    this.#listenTo(claim)
    this.#settle(claim, 0)
    this.#isTooLarge = false
    this.#isEnded = true
    this.#endedBucket = 0
    return true
  }

  /** Nobody asks whoever has been replaced, or waits for an answer of theirs. */
  #listenTo(claim: Claim): void {
    const order = this.#heard === undefined ? 1 : compareClaims(claim, this.#heard)
    if (order < 0) return
    if (order > 0) this.#askedMs = undefined
    this.#heard = claim
    this.#unanswered = 0
  }

  /** Work is left that waits for nobody. */
  get isBusy(): boolean {
    if (this.#isEnded) return this.content.size > 0
    return this.#leaving.size > 0 && !this.#isBehind && !this.#lacksSome
  }

  /** Takes away at most so many of the entries that the owner has not any more. Returns what changed. */
  work(changesMax: number): readonly MapChange[] {
    const changes: MapChange[] = []
    if (!this.isBusy) return changes
    if (this.#isEnded) return this.#clear(changesMax, changes)
    for (const key of this.#leaving) {
      if (changes.length >= changesMax) break
      this.#leaving.delete(key)
      this.#delete(key, changes)
    }
    return changes
  }

  #clear(changesMax: number, changes: MapChange[]): readonly MapChange[] {
    for (; this.#endedBucket < bucketCount; this.#endedBucket += 1) {
      for (const key of this.content.bucketKeys(this.#endedBucket)) {
        if (changes.length >= changesMax) return changes
        this.#delete(key, changes)
      }
    }
    return changes
  }

  /** Something that the owner has may not be here: parts of its content have not come, or the changes since its oldest part. */
  get #lacksSome(): boolean {
    return this.#pulls.length > 0 || this.#seq < this.#pieceSeq
  }

  #hear({ claim, seq, digest }: MapHeartbeat, isOther: boolean): readonly MapChange[] {
    if (!isOther && seq < this.#seq) return []
    this.#isTooLarge = digest.size > this.#entriesMax
    if (sameDigest(digest, this.content.digest())) this.#settle(claim, seq)
    else if (isOther || seq > this.#seq) this.#isBehind = true
    // While it repairs itself, or something is on its way out, it differs and knows why.
    else if (this.#pulls.length === 0 && this.#leaving.size === 0) this.#differs = true
    return []
  }

  /** The content is that of the claim, at this change. */
  #settle(claim: Claim, seq: number): void {
    this.#claim = claim
    this.#seq = seq
    this.#isBehind = false
    this.#differs = false
    this.#pulls = []
    this.#pieceSeq = 0
    this.#leaving.clear()
    this.#askedMs = undefined
  }

  #apply(delta: MapDelta, isOther: boolean): readonly MapChange[] {
    const changes: MapChange[] = []
    if (isOther || delta.from > this.#seq + 1) {
      this.#isBehind = true
      return changes
    }
    for (let i = this.#seq + 1 - delta.from; i < delta.keys.length; i += 1) {
      const key = delta.keys[i]!
      const value = delta.values[i] ?? undefined
      if (value !== undefined) this.#set(key, value, changes)
      // What stands for it may not have come yet.
      else if (this.#lacksSome) this.#leave(key)
      else this.#delete(key, changes)
    }
    this.#seq = Math.max(this.#seq, delta.from + delta.keys.length - 1)
    if (delta.answer !== 'none' && this.#askedMs !== undefined) {
      this.#askedMs = undefined
      this.#isBehind = delta.answer === 'more'
    }
    return changes
  }

  #compare(digests: MapDigests, isOther: boolean): readonly MapChange[] {
    const isWanted = this.#isBehind || this.#differs
    if (!isWanted || (!isOther && digests.seq < this.#seq)) return []
    const differing = this.#differing(digests)
    this.#settle(digests.claim, digests.seq)
    // So many at a time, each its own part of them: a link with a long way would be idle most of the time.
    const share = Math.max(1, Math.ceil(differing.length / this.#pullsMax))
    const pulls: Pull[] = []
    for (let at = 0; at < differing.length; at += share) {
      const repair = new BucketRepair(differing.slice(at, at + share), this.#hashKey)
      pulls.push({ repair, askedMs: undefined })
    }
    this.#pulls = pulls
    return []
  }

  #differing({ buckets, hashes, sizes }: MapDigests): number[] {
    const theirs = new Map(buckets.map((bucket, index) => [bucket, index]))
    const differing: number[] = []
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      const index = theirs.get(bucket) ?? -1
      const digest = { size: sizes[index] ?? 0, lo: hashes[2 * index] ?? 0, hi: hashes[2 * index + 1] ?? 0 }
      if (!sameDigest(digest, this.content.bucketDigest(bucket))) differing.push(bucket)
    }
    return differing
  }

  #fill(piece: MapPiece, isOther: boolean): readonly MapChange[] {
    const changes: MapChange[] = []
    const pull = isOther ? undefined : this.#pulls.find(({ repair }) => repair.expects(piece))
    if (pull === undefined) return changes
    const { repair } = pull
    pull.askedMs = undefined
    // Older than what is here: it would undo changes.
    if (piece.seq < this.#seq) return changes
    this.#unanswered = 0
    this.#pieceSeq = Math.max(this.#pieceSeq, piece.seq)
    let end = 0
    for (const [index, length] of piece.lengths.entries()) {
      const begin = end
      end += length
      const isWhole = piece.isWhole || index < piece.lengths.length - 1
      if (!repair.begin(piece.hashes[2 * index]!, piece.hashes[2 * index + 1]!)) break
      for (let i = begin; i < end; i += 1) {
        const key = piece.keys[i]!
        const value = piece.values[i] ?? undefined
        if (value !== undefined && repair.takes(key, value)) this.#set(key, value, changes)
      }
      if (isWhole && repair.isComplete) this.#leaveUnless(repair.named, repair.bucket)
      if (isWhole) repair.advance()
    }
    if (repair.isDone) this.#pulls = this.#pulls.filter((other) => other !== pull)
    return changes
  }

  #leaveUnless(named: ReadonlySet<string>, bucket: number): void {
    // All that was named is here: nothing else can be.
    if (!this.#isTooLarge && this.content.bucketDigest(bucket).size === named.size) return
    for (const key of this.content.bucketKeys(bucket)) if (!named.has(key)) this.#leaving.add(key)
  }

  #leave(key: string): void {
    if (this.content.has(key)) this.#leaving.add(key)
  }

  #set(key: string, value: number, changes: MapChange[]): void {
    this.#leaving.delete(key)
    if (this.content.size >= this.#entriesMax && !this.content.has(key)) this.#isTooLarge = true
    else if (this.content.set(key, value)) changes.push({ key, value })
  }

  #delete(key: string, changes: MapChange[]): void {
    this.#leaving.delete(key)
    if (this.content.delete(key)) changes.push({ key, value: undefined })
  }
}
