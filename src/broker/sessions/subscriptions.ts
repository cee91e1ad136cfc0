/** What clients subscribe to: what of it is granted, what is told at once, and how it goes again. */
import type { QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import { parseSubscription } from '../../topics/subscription.ts'
import { hasWildcard } from '../../topics/topic-filter.ts'
import type { ClientAccess } from '../access/authorizer.ts'
import type { Clock } from '../clock.ts'
import type { Journal } from '../durable/journal.ts'
import type { Limits } from '../limits/limits.ts'
import type { Logger } from '../logger.ts'
import type { RetainedMessages } from '../retained/retained-messages.ts'
import { systemPublication, type SystemTopics } from '../system-port.ts'
import type { Session } from './session.ts'
import { reservedNamespace, type Subscription, type SubscriptionOptions } from './subscription.ts'
import type { SubscriptionTable } from './subscription-table.ts'

export type SubscriptionPorts = {
  readonly table: SubscriptionTable
  readonly retained: RetainedMessages
  readonly journal: Journal
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Logger
  /** What is told under `$SYS/`; `undefined` while that is switched off. */
  readonly systemTopics: () => SystemTopics | undefined
}

/** How many subscriptions of a session that is over go in one turn of the event loop. */
const UNSUBSCRIBED_PER_TURN = 500

export class Subscriptions {
  readonly #ports: SubscriptionPorts

  constructor(ports: SubscriptionPorts) {
    this.#ports = ports
  }

  /**
   * Adds or replaces one subscription. Retained messages are queued for it; the caller drains the session when its SUBACK
   * is on its way. Returns the reason code: the granted QoS, or an error.
   */
  add(session: Session, name: string, options: SubscriptionOptions): number {
    const { table, journal, limits } = this.#ports
    const { mqtt } = limits
    const parsed = parseSubscription(name)
    if (parsed.type === 'invalid') return reasonCode.topicFilterInvalid
    const { topicFilter } = parsed
    const isShared = parsed.type === 'shared'
    if (isShared && !mqtt.shared_subscription) return reasonCode.sharedSubscriptionsNotSupported
    if (hasWildcard(topicFilter) && !mqtt.wildcard_subscription) return reasonCode.wildcardSubscriptionsNotSupported
    if (topicFilter.split('/').length > mqtt.max_topic_levels) return reasonCode.topicFilterInvalid
    // `$LINK/#` never comes here but for a share of it.
    if (reservedNamespace(topicFilter) === 'link') return reasonCode.notAuthorized
    const qos = Math.min(options.qos, mqtt.max_qos_allowed) as 0 | 1 | 2
    const before = session.subscriptions.get(name)
    const isNew = before === undefined
    if (isNew && session.subscriptions.size >= mqtt.max_subscriptions) return reasonCode.quotaExceeded
    // Many clients subscribe anew to all they have whenever they connect.
    const isSame = before !== undefined && isAlike(before, options, qos)
    const subscription = isSame ? before : table.put(session, name, parsed, { ...options, qos })
    if (!isSame && session.stored !== undefined) journal.subscriptionChanged(session.stored, name)
    if (!isShared && (options.retainHandling === 0 || (options.retainHandling === 1 && isNew)))
      this.#queueRetained(subscription)
    return qos
  }

  #queueRetained(subscription: Subscription): void {
    const { topicFilter, session } = subscription
    const { retained, clock } = this.#ports
    const nowMs = clock.nowMs()
    for (const publication of retained.under(topicFilter)) session.queueRetained(publication, subscription)
    const systemTopics = this.#ports.systemTopics()
    if (systemTopics === undefined || reservedNamespace(topicFilter) !== 'sys') return
    for (const { topic, payload } of systemTopics.under(topicFilter))
      session.queueRetained(systemPublication(topic, payload, true, nowMs), subscription)
  }

  /** Returns whether there was such a subscription. */
  remove(session: Session, name: string): boolean {
    const subscription = session.subscriptions.get(name)
    if (subscription === undefined) return false
    this.#ports.table.remove(subscription)
    if (session.stored !== undefined) this.#ports.journal.subscriptionChanged(session.stored, name)
    return true
  }

  /**
   * A session may have hundreds of thousands of subscriptions, and nobody else is to wait for them to go: what they still match
   * meanwhile is dropped. Shares go at once, for others are to have their messages, and so does what is on disk.
   */
  removeAll(session: Session): void {
    let left = UNSUBSCRIBED_PER_TURN
    for (const [name, { group }] of session.subscriptions)
      if (group !== undefined || session.stored !== undefined || left-- > 0) this.remove(session, name)
    if (session.subscriptions.size > 0) this.#ports.clock.after(0, () => this.removeAll(session))
  }

  /** Those go that the client may not have any more. */
  withdraw(session: Session, access: ClientAccess): void {
    for (const { name, topicFilter, qos } of session.subscriptions.values()) {
      if (access.maySubscribe(topicFilter, qos)) continue
      this.remove(session, name)
      this.#ports.log.info({ clientid: session.clientId, topic_filter: name }, 'subscription_withdrawn')
    }
  }
}

/** Whether a subscription would be the same with these options, but for what they ask at the time of SUBSCRIBE alone. */
function isAlike(
  before: Subscription,
  { noLocal, retainAsPublished, identifier }: SubscriptionOptions,
  qos: QoS,
): boolean {
  return (
    before.qos === qos &&
    before.noLocal === noLocal &&
    before.retainAsPublished === retainAsPublished &&
    before.identifier === identifier
  )
}
