/**
 * What the sessions of this node alone subscribe to, for the other nodes of the cluster. Nothing is counted before somebody asks:
 * a node alone pays nothing for it.
 */
import { EvenMap } from '../../topics/even-map.ts'
import type { Logger } from '../logger.ts'
import type { Session } from '../sessions/session.ts'
import { reservedNamespace, type Subscription } from '../sessions/subscription.ts'

/** @property isKept whether one of the subscribing sessions outlives its connection: others keep messages for it while this node is away */
export type LocalInterestEntry =
  | { readonly kind: 'filter'; readonly topicFilter: string; readonly isKept: boolean }
  | { readonly kind: 'group'; readonly shareName: string; readonly topicFilter: string; readonly isKept: boolean }

export type LocalInterestChange = { readonly type: 'added' | 'changed' | 'removed'; readonly entry: LocalInterestEntry }

type Count = {
  readonly topicFilter: string
  /** Of a group. */
  readonly shareName: string | undefined
  sessions: number
  kept: number
}

export class LocalInterest {
  readonly #log: Logger
  readonly #subscriptions: () => Iterable<Subscription>
  #filters: EvenMap<Count> | undefined
  readonly #groups = new EvenMap<Count>()
  /** Sessions whose subscriptions are counted as kept. */
  readonly #kept = new WeakSet<Session>()
  readonly #listeners = new Set<(change: LocalInterestChange) => void>()

  /** @param subscriptions all that there are, for when somebody asks first */
  constructor(log: Logger, subscriptions: () => Iterable<Subscription>) {
    this.#log = log
    this.#subscriptions = subscriptions
  }

  /** Each filter and each group once. */
  *entries(): Iterable<LocalInterestEntry> {
    for (const count of this.#counted().values()) yield entryOf(count)
    for (const count of this.#groups.values()) yield entryOf(count)
  }

  /** Called after each change. Returns how to stop it. */
  onChange(listener: (change: LocalInterestChange) => void): () => void {
    this.#counted()
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The session does not have it yet. */
  add(subscription: Subscription): void {
    if (this.#filters === undefined) return
    this.sessionChanged(subscription.session)
    this.#count(subscription, this.#filters)
  }

  remove(subscription: Subscription): void {
    if (this.#filters === undefined || reservedNamespace(subscription.topicFilter) !== undefined) return
    const { group, topicFilter, session } = subscription
    const counts = group === undefined ? this.#filters : this.#groups
    const key = group === undefined ? topicFilter : group.key
    const count = counts.get(key)
    if (count === undefined) return
    const wasKept = count.kept > 0
    count.sessions--
    if (this.#kept.has(session)) count.kept--
    if (count.sessions === 0) {
      counts.delete(key)
      this.#tell('removed', count)
    } else if (wasKept && count.kept === 0) this.#tell('changed', count)
  }

  /** Whether the session outlives its connection may have changed. */
  sessionChanged(session: Session): void {
    const isKept = session.expiryIntervalMs > 0
    if (this.#filters === undefined || this.#kept.has(session) === isKept) return
    if (isKept) this.#kept.add(session)
    else this.#kept.delete(session)
    for (const { group, topicFilter } of session.subscriptions.values()) {
      const count = group === undefined ? this.#filters.get(topicFilter) : this.#groups.get(group.key)
      if (count === undefined) continue
      const wasKept = count.kept > 0
      count.kept += isKept ? 1 : -1
      if (wasKept !== count.kept > 0) this.#tell('changed', count)
    }
  }

  #counted(): EvenMap<Count> {
    if (this.#filters !== undefined) return this.#filters
    this.#filters = new EvenMap()
    for (const subscription of this.#subscriptions()) {
      if (subscription.session.expiryIntervalMs > 0) this.#kept.add(subscription.session)
      this.#count(subscription, this.#filters)
    }
    return this.#filters
  }

  #count(subscription: Subscription, filters: EvenMap<Count>): void {
    const { group, topicFilter, session } = subscription
    if (reservedNamespace(topicFilter) !== undefined) return
    const counts = group === undefined ? filters : this.#groups
    const key = group === undefined ? topicFilter : group.key
    let count = counts.get(key)
    const isNew = count === undefined
    if (count === undefined) {
      count = { topicFilter, shareName: group?.shareName, sessions: 0, kept: 0 }
      counts.set(key, count)
    }
    const wasKept = count.kept > 0
    count.sessions++
    if (this.#kept.has(session)) count.kept++
    if (isNew) this.#tell('added', count)
    else if (!wasKept && count.kept > 0) this.#tell('changed', count)
  }

  #tell(type: LocalInterestChange['type'], count: Count): void {
    if (this.#listeners.size === 0) return
    const entry = entryOf(count)
    for (const listener of this.#listeners) {
      try {
        listener({ type, entry })
      } catch (error) {
        // Whoever listens fails alone: the client whose SUBSCRIBE it was has nothing to do with it.
        this.#log.error({ err: error, topic_filter: entry.topicFilter }, 'local_interest_listener_crashed')
      }
    }
  }
}

function entryOf({ topicFilter, shareName, kept }: Count): LocalInterestEntry {
  const isKept = kept > 0
  return shareName === undefined
    ? { kind: 'filter', topicFilter, isKept }
    : { kind: 'group', shareName, topicFilter, isKept }
}
