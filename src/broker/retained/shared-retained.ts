/**
 * The retained messages that all nodes of a cluster have alike, and linked clusters as far as they hear of each other's: the last
 * writer wins, wherever, and in whatever order its message comes. A topic that was cleared leaves a tombstone for a while, so that
 * whoever was away does not bring back what it still has.
 */
import { encodeMessage, Publication } from '../../packets/publication.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Passing } from '../sessions/passing.ts'
import { Retained } from './retained.ts'
import { deletionVersion, isVersion, msOf, versionOf, winsTie } from './retained-version.ts'

export type RetainedVersion = {
  readonly topic: string
  /** Grows with each change of the topic; a safe integer. */
  readonly version: number
  /** Whether the topic was cleared. */
  readonly isDeleted: boolean
}

/** `forgotten`: the message has expired, or the tombstone is old; other nodes see the same by themselves. */
export type RetainedChange =
  | ({ readonly type: 'changed' } & RetainedVersion)
  | { readonly type: 'forgotten'; readonly topic: string }

/** A topic that was cleared, as a node tells it to another one. */
export type RetainedDeletion = {
  readonly topic: string
  readonly version: number
  /** Name of the cluster in which it was cleared, if it was not this one. */
  readonly origin?: string | undefined
}

const TOMBSTONES_MAX = 100_000
const TOMBSTONE_MS = 24 * 3_600_000
/** So many go at once when there are too many: to find the oldest one of a map that lost its first ones takes long. */
const EVICTED_AT_ONCE = 5_000
/** So many old ones go in one turn. */
const SWEPT_PER_TURN = 10_000

/** What is later than this by our clock comes from a clock that can't be right, and would keep everybody else from the topic. */
const AHEAD_MS_MAX = 24 * 3_600_000
/** Such clocks are told of once in so many milliseconds. */
const AHEAD_LOG_MS = 60_000

type Tombstone = { readonly version: number; readonly untilMs: number; readonly origin: string | undefined }

export type SharedRetainedOptions = {
  readonly clock: Pick<Clock, 'nowMs' | 'steadyMs'>
  readonly log: Logger
  /** Brings it to disk; a tombstone is a message without payload. `undefined`: nothing is left of the topic. */
  readonly record: (topic: string, publication: Publication | undefined) => void
}

export class SharedRetained {
  readonly store: Retained
  readonly #options: SharedRetainedOptions
  /** Of all messages; `undefined` while nobody asks for all of them: then each is found out when it is needed. */
  #versions: Map<string, number> | undefined
  #aheadLoggedAtMs = Number.NEGATIVE_INFINITY
  /** In the order of their making. */
  readonly #tombstones = new Map<string, Tombstone>()
  readonly #listeners = new Set<(change: RetainedChange) => void>()

  constructor(options: SharedRetainedOptions) {
    this.#options = options
    this.store = new Retained((topic, publication) => this.#stored(topic, publication))
  }

  // ---- versions

  get tombstoneCount(): number {
    return this.#tombstones.size
  }

  /** From now on versions are at hand. It goes through all that there is, so that it is best called while there is nothing. */
  track(): Map<string, number> {
    if (this.#versions !== undefined) return this.#versions
    this.#versions = new Map()
    for (const publication of this.store.all()) this.#versions.set(publication.topic, versionOf(publication))
    return this.#versions
  }

  /** Each topic once, with what is there or was cleared. May be gone through while things change. */
  *versions(): Iterable<RetainedVersion> {
    for (const [topic, version] of this.track()) yield { topic, version, isDeleted: false }
    for (const [topic, { version }] of this.#tombstones) yield { topic, version, isDeleted: true }
  }

  versionOf(topic: string): number | undefined {
    return this.#versionOfMessage(topic) ?? this.#tombstones.get(topic)?.version
  }

  #versionOfMessage(topic: string): number | undefined {
    if (this.#versions !== undefined) return this.#versions.get(topic)
    const stored = this.store.get(topic)
    return stored === undefined ? undefined : versionOf(stored)
  }

  /** Where the topic's message comes from, or what cleared it: the name of another cluster, or `undefined` for this one. */
  originOf(topic: string): string | undefined {
    const stored = this.store.get(topic)
    return stored === undefined ? this.#tombstones.get(topic)?.origin : stored.origin
  }

  /** Each topic whose message was published in this cluster, or that was cleared here. May be gone through while things change. */
  *own(): Iterable<{ readonly topic: string; readonly atMs: number; readonly isDeleted: boolean }> {
    for (const { topic, receivedAtMs, origin } of this.store.all())
      if (origin === undefined) yield { topic, atMs: receivedAtMs, isDeleted: false }
    for (const [topic, { version, origin }] of this.#tombstones)
      if (origin === undefined) yield { topic, atMs: msOf(version), isDeleted: true }
  }

  /** What this cluster has to tell of a topic: its message, one without payload if it was cleared here, or nothing. */
  ownOf(topic: string): Publication | undefined {
    const stored = this.store.get(topic)
    if (stored !== undefined) return stored.origin === undefined ? stored : undefined
    const tombstone = this.#tombstones.get(topic)
    if (tombstone === undefined || tombstone.origin !== undefined) return undefined
    return deletionOf(topic, msOf(tombstone.version), undefined)
  }

  /** Called after each change. Returns how to stop it. */
  onChange(listener: (change: RetainedChange) => void): () => void {
    this.track()
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Sees to it that what is published here now is later than what is known of its topic. */
  stamp(passing: Passing): void {
    const nowMs = Math.floor(passing.nowMs)
    const known = this.versionOf(passing.topic)
    passing.restamp(known === undefined ? nowMs : Math.max(nowMs, msOf(known) + 1))
  }

  /** Whether a message of another node is later than what is known of its topic. */
  isNewer(publication: Publication, isDeletion: boolean): boolean {
    const version = isDeletion ? deletionVersion(publication.receivedAtMs) : versionOf(publication)
    const known = this.versionOf(publication.topic)
    if (known === undefined || version !== known) return known === undefined || version > known
    const stored = this.store.get(publication.topic)
    return stored !== undefined && winsTie(publication, stored)
  }

  /** The same for a message of another cluster, whose clock nobody here has set. */
  isNewerFromFar(publication: Publication, isDeletion: boolean): boolean {
    const { clock, log } = this.#options
    const aheadMs = publication.receivedAtMs - clock.nowMs()
    if (aheadMs <= AHEAD_MS_MAX) return this.isNewer(publication, isDeletion)
    const steadyMs = clock.steadyMs()
    if (steadyMs - this.#aheadLoggedAtMs < AHEAD_LOG_MS) return false
    this.#aheadLoggedAtMs = steadyMs
    const { topic, origin } = publication
    log.warn({ topic, origin, ahead_ms: Math.round(aheadMs) }, 'retained_message_clock_ahead')
    return false
  }

  // ---- clearing

  /** Clears a topic, and remembers that. */
  bury(topic: string, version: number, origin: string | undefined): void {
    this.store.take(topic)
    this.#versions?.delete(topic)
    this.#tombstones.delete(topic)
    this.#tombstones.set(topic, { version, untilMs: this.#options.clock.steadyMs() + TOMBSTONE_MS, origin })
    this.#options.record(topic, deletionOf(topic, msOf(version), origin))
    this.#tell({ type: 'changed', topic, version, isDeleted: true })
    if (this.#tombstones.size > TOMBSTONES_MAX) this.#forget(EVICTED_AT_ONCE, Number.POSITIVE_INFINITY)
  }

  /** The same if that is later than what is known of the topic. Returns whether it was. */
  buryIfNewer({ topic, version, origin }: RetainedDeletion): boolean {
    if (!isVersion(version)) return false
    const deletion = deletionVersion(msOf(version))
    const known = this.versionOf(topic)
    if (known !== undefined && known >= deletion) return false
    this.bury(topic, deletion, origin)
    return true
  }

  /** Takes up what is on disk. */
  restore(publication: Publication): void {
    if (publication.payloadLength > 0) {
      this.#versions?.set(publication.topic, versionOf(publication))
      return this.store.restore(publication)
    }
    const { topic, receivedAtMs, origin } = publication
    const untilMs = this.#options.clock.steadyMs() + TOMBSTONE_MS
    this.#tombstones.set(topic, { version: deletionVersion(receivedAtMs), untilMs, origin })
  }

  /** Forgets tombstones that are old, a good many at a time. To be called about once a minute. */
  sweep(): void {
    this.#forget(SWEPT_PER_TURN, this.#options.clock.steadyMs())
  }

  /** The oldest ones, so many at most, and none that is to be kept for longer than until then. */
  #forget(countMax: number, steadyMs: number): void {
    let left = countMax
    for (const [topic, { untilMs }] of this.#tombstones) {
      if (untilMs > steadyMs || left-- === 0) return
      this.#tombstones.delete(topic)
      this.#options.record(topic, undefined)
      this.#tell({ type: 'forgotten', topic })
    }
  }

  // ---- telling

  #stored(topic: string, publication: Publication | undefined): void {
    if (publication !== undefined) this.#tombstones.delete(topic)
    this.#options.record(topic, publication)
    if (this.#versions === undefined) return
    if (publication === undefined) {
      this.#versions.delete(topic)
      return this.#tell({ type: 'forgotten', topic })
    }
    const version = versionOf(publication)
    this.#versions.set(topic, version)
    this.#tell({ type: 'changed', topic, version, isDeleted: false })
  }

  #tell(change: RetainedChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        // Whoever listens fails alone: the publisher has nothing to do with it.
        this.#options.log.error({ err: error, topic: change.topic }, 'retained_listener_crashed')
      }
    }
  }
}

/** A tombstone as it stands on disk, and as other clusters are told of it. */
function deletionOf(topic: string, ms: number, origin: string | undefined): Publication {
  const bytes = encodeMessage({
    topic,
    payload: Buffer.alloc(0),
    qos: 0,
    retain: true,
    properties: undefined,
    from: '',
    username: undefined,
    peerHost: undefined,
    timestampMs: ms,
    origin,
  })
  return Publication.read(topic, bytes, { clientId: '', username: undefined, peerHost: undefined }, ms, origin)
}
