/**
 * What the owner of a shared map and those who hold a copy of it say to each other (DESIGN section 4).
 *
 *     owner -> all    heartbeat (each second), delta (changes as they come)
 *     copy  -> owner  since, pull
 *     owner -> copy   delta (the changes that it missed), or digests; then a piece for each pull
 *
 * Of all that, any message may be lost, come twice or late.
 */
import type { Digest } from './digest.ts'
import type { MapOps } from './journal.ts'

/** Under what right somebody says what is in a map; of two claims the higher one is believed. */
export type Claim = {
  /** A higher one replaces a lower one, whoever its owner is. */
  readonly life: number
  /** A node, or a cluster. */
  readonly owner: string
  /** A process of the owner. */
  readonly boot: string
}

/** Negative if the second one is believed. Equal lives are told apart by their owners, alike everywhere. */
export function compareClaims(a: Claim, b: Claim): number {
  if (a.life !== b.life) return a.life - b.life
  if (a.owner !== b.owner) return a.owner < b.owner ? -1 : 1
  if (a.boot !== b.boot) return a.boot < b.boot ? -1 : 1
  return 0
}

/** From the owner to all, each second: nobody who lacks something goes without knowing for longer. */
export type MapHeartbeat = {
  readonly type: 'heartbeat'
  readonly claim: Claim
  /** Number of the last change. */
  readonly seq: number
  readonly digest: Digest
}

/** Changes in order, from the owner to all, or to one who asked for them. */
export type MapDelta = MapOps & {
  readonly type: 'delta'
  readonly claim: Claim
  /** Number of the first one. */
  readonly from: number
  /** To everybody; or to one who asked, with more to ask for, or not. */
  readonly answer: 'none' | 'more' | 'last'
}

/** Digests of all buckets, for one who asked for changes that the owner does not have any more. */
export type MapDigests = {
  readonly type: 'digests'
  readonly claim: Claim
  readonly seq: number
  /** Those that are not empty. */
  readonly buckets: readonly number[]
  /** `lo` and `hi` for each of them. */
  readonly hashes: readonly number[]
  readonly sizes: readonly number[]
}

/** Whole buckets, or part of one, for one who pulls. */
export type MapPiece = MapOps & {
  readonly type: 'piece'
  readonly claim: Claim
  readonly seq: number
  /** In the order in which they were asked for. */
  readonly buckets: readonly number[]
  /** How many of the entries here are of each of them, and what is the digest of all it has. */
  readonly lengths: readonly number[]
  readonly hashes: readonly number[]
  /** So many entries of the first bucket were passed over. */
  readonly offset: number
  /** All of the last bucket is here. */
  readonly isWhole: boolean
}

export type MapStatement = MapHeartbeat | MapDelta | MapDigests | MapPiece

/** From a copy that lacks something, or that hears somebody speak who has been replaced. */
export type MapSince = {
  readonly type: 'since'
  /** Whose content the copy has; `undefined` if it has none. */
  readonly claim: Claim | undefined
  readonly seq: number
  /** Its content differs though it has every change. */
  readonly digests: boolean
}

/** From a copy that repairs itself: buckets that differ. The owner answers with as much as fits one message. */
export type MapPull = {
  readonly type: 'pull'
  readonly life: number
  readonly buckets: readonly number[]
  /** Entries of the first one that it has. */
  readonly offset: number
}

export type MapQuestion = MapSince | MapPull

export type MapChange = {
  readonly key: string
  /** `undefined` once it is gone. */
  readonly value: number | undefined
}
