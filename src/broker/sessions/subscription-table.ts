/** All subscriptions of all sessions: who gets a topic, and which members share a filter. */
import type { Subscription as ParsedSubscription } from '../../topics/subscription.ts'
import { TopicIndex } from '../../topics/topic-index.ts'
import type { Counters } from '../counters.ts'
import type { LocalInterest } from '../members/local-interest.ts'
import type { Interest } from './interest.ts'
import type { Session } from './session.ts'
import {
  type Delivery,
  type Destination,
  planDelivery,
  ShareGroup,
  type Subscription,
  type SubscriptionOptions,
  targetAlone,
} from './subscription.ts'

export class SubscriptionTable {
  readonly index: TopicIndex<Destination, Delivery>
  readonly #counters: Counters
  readonly #interest: Interest
  readonly #localInterest: LocalInterest
  readonly #groups = new Map<string, ShareGroup>()

  /** @param hashKey that nobody can guess, so that nobody can choose topics that all fall into one slot */
  constructor(
    hashKey: readonly [number, number],
    counters: Counters,
    interest: Interest,
    localInterest: LocalInterest,
  ) {
    this.index = new TopicIndex({ plan: planDelivery, hashKey })
    this.#counters = counters
    this.#interest = interest
    this.#localInterest = localInterest
  }

  /** All subscriptions of this node. */
  *all(): Iterable<Subscription> {
    for (const topicFilter of this.index.filters())
      for (const destination of this.index.destinations(topicFilter)) {
        if (destination.kind === 'subscription') yield destination
        else if (destination.kind === 'group') yield* destination.members
      }
  }

  /** The shared subscription of this key, if it has members. */
  group(key: string): ShareGroup | undefined {
    return this.#groups.get(key)
  }

  /** Adds a subscription, or puts it in the place of the one that the session has by this name. */
  put(
    session: Session,
    name: string,
    parsed: Exclude<ParsedSubscription, { type: 'invalid' }>,
    granted: SubscriptionOptions,
  ): Subscription {
    const { topicFilter } = parsed
    const before = session.subscriptions.get(name)
    const group = parsed.type === 'shared' ? this.#groupOf(parsed.group, topicFilter) : undefined
    const alone = targetAlone(session, granted)
    const { qos, noLocal, retainAsPublished, retainHandling, identifier } = granted
    // No spread: all subscriptions are to share one shape, or each costs one of its own.
    const subscription: Subscription = {
      kind: 'subscription',
      qos,
      noLocal,
      retainAsPublished,
      retainHandling,
      identifier,
      session,
      name,
      topicFilter,
      group,
      alone,
    }
    if (before !== undefined) this.#detach(before)
    this.#attach(subscription)
    if (before === undefined) {
      this.#counters.countSubscription(1, group !== undefined)
      this.#interest.add(topicFilter)
      this.#localInterest.add(subscription)
    }
    session.subscriptions.set(name, subscription)
    return subscription
  }

  /** Takes off one that its session has. */
  remove(subscription: Subscription): void {
    subscription.session.subscriptions.delete(subscription.name)
    this.#detach(subscription)
    this.#counters.countSubscription(-1, subscription.group !== undefined)
    this.#interest.remove(subscription.topicFilter)
    this.#localInterest.remove(subscription)
  }

  /** Another node has members of this group. Returns whether that is new. */
  addGroupNode(node: string, shareName: string, topicFilter: string, isReady: boolean): boolean {
    const group = this.#groupOf(shareName, topicFilter)
    if (group.isEmpty) this.#found(group)
    return group.addNode(node, isReady)
  }

  /** It has none any more. Returns whether it had. */
  removeGroupNode(node: string, shareName: string, topicFilter: string): boolean {
    const group = this.#groups.get(`${shareName}/${topicFilter}`)
    if (group === undefined || !group.removeNode(node)) return false
    if (group.isEmpty) this.#dissolve(group)
    return true
  }

  #attach(subscription: Subscription): void {
    const { group } = subscription
    if (group === undefined) this.index.add(subscription.topicFilter, subscription)
    else {
      if (group.isEmpty) this.#found(group)
      group.add(subscription)
    }
  }

  #found(group: ShareGroup): void {
    this.#groups.set(group.key, group)
    this.index.add(group.topicFilter, group)
  }

  #dissolve(group: ShareGroup): void {
    this.#groups.delete(group.key)
    this.index.remove(group.topicFilter, group)
  }

  #detach(subscription: Subscription): void {
    const { group } = subscription
    if (group === undefined) this.index.remove(subscription.topicFilter, subscription)
    else {
      group.remove(subscription)
      if (group.isEmpty) this.#dissolve(group)
    }
  }

  #groupOf(shareName: string, topicFilter: string): ShareGroup {
    return this.#groups.get(`${shareName}/${topicFilter}`) ?? new ShareGroup(shareName, topicFilter)
  }
}
