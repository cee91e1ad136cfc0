/**
 * The retained messages that all nodes of a cluster have alike: the last writer wins, on whichever node and in whatever order its
 * message comes. A topic that was cleared leaves a tombstone for a while, so that a node that was away does not bring back
 * what it still has.
 */
import { encodeMessage, Publication } from '../../packets/publication.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Passing } from '../sessions/passing.ts'
import { Retained } from '../sessions/retained.ts'
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
export type RetainedDeletion = { readonly topic: string; readonly version: number }

const TOMBSTONES_MAX = 100_000
const TOMBSTONE_MS = 24 * 3_600_000
/** So many go at once when there are too many: to find the oldest one of a map that lost its first ones takes long. */
const EVICTED_AT_ONCE = 5_000
/** So many old ones go in one turn. */
const SWEPT_PER_TURN = 10_000

type Tombstone = { readonly version: number; readonly untilMs: number }

export type SharedRetainedOptions = {
  readonly clock: Pick<Clock, 'nowMs' | 'steadyMs'>
  readonly log: Logger
  /** Brings it to disk; a tombstone is a message without payload. `undefined`: nothing is left of the topic. */
  readonly record: (topic: string, publication: Publication | undefined) => void
}

export class SharedRetained {
  readonly store: Retained
  readonly #options: SharedRetainedOptions
  /** Of all messages; `undefined` while nobody asks: a node alone does without. */
  #versions: Map<string, number> | undefined
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
    return this.track().get(topic) ?? this.#tombstones.get(topic)?.version
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

  // ---- clearing

  /** Clears a topic, and remembers that. */
  bury(topic: string, version: number): void {
    this.store.take(topic)
    this.#versions?.delete(topic)
    this.#tombstones.delete(topic)
    this.#tombstones.set(topic, { version, untilMs: this.#options.clock.steadyMs() + TOMBSTONE_MS })
    this.#options.record(topic, deletionOf(topic, msOf(version)))
    this.#tell({ type: 'changed', topic, version, isDeleted: true })
    if (this.#tombstones.size > TOMBSTONES_MAX) this.#forget(EVICTED_AT_ONCE, Number.POSITIVE_INFINITY)
  }

  /** The same if that is later than what is known of the topic. Returns whether it was. */
  buryIfNewer({ topic, version }: RetainedDeletion): boolean {
    if (!isVersion(version)) return false
    const deletion = deletionVersion(msOf(version))
    const known = this.versionOf(topic)
    if (known !== undefined && known >= deletion) return false
    this.bury(topic, deletion)
    return true
  }

  /** Takes up what is on disk. */
  restore(publication: Publication): void {
    if (publication.payloadLength > 0) {
      this.#versions?.set(publication.topic, versionOf(publication))
      return this.store.restore(publication)
    }
    const version = deletionVersion(publication.receivedAtMs)
    this.#tombstones.set(publication.topic, { version, untilMs: this.#options.clock.steadyMs() + TOMBSTONE_MS })
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

/** A tombstone as it stands on disk. */
function deletionOf(topic: string, ms: number): Publication {
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
    origin: undefined,
  })
  return Publication.read(topic, bytes, { clientId: '', username: undefined, peerHost: undefined }, ms, undefined)
}
