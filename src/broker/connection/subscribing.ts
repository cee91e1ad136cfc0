/** What a client's SUBSCRIBE and UNSUBSCRIBE come to: done slice by slice, and answered when what they change is kept. */
import type { ISubscription } from 'mqtt-packet'
import { PacketFault, reasonCode } from '../../packets/reason-code.ts'
import { parseSubscription } from '../../topics/subscription.ts'
import type { Broker } from '../broker.ts'
import type { ClientTap } from '../hooks/client-tap.ts'
import type { PresentClient } from '../system-port.ts'
import type { ConnectionOutlet } from './connection-outlet.ts'
import { answerFilters, parseSubscribe, parseUnsubscribe } from './control-packets.ts'
import type { FilterSlice } from './filter-slices.ts'
import { type Inbox, work } from './inbox.ts'
import type { Admission } from './handshake.ts'
import type { ProtocolVersion } from './packet-rules.ts'
import type { Session } from '../sessions/session.ts'
import { reservedNamespace } from '../sessions/subscription.ts'

/** The client that subscribes. */
export interface Subscriber extends PresentClient {
  readonly broker: Broker
  readonly session: Session
  readonly admission: Pick<Admission, 'access'>
  readonly version: ProtocolVersion
  readonly isOpen: boolean
  readonly tap: ClientTap | undefined
  /** Whether a QoS 2 message awaits its PUBREL under this identifier. */
  isInUse(packetId: number): boolean
  /** A filter under `$LINK/`. Returns the reason code. */
  subscribeLink(topicFilter: string, qos: 0 | 1 | 2): number
  /** It has no right to. Returns the reason code. */
  deny(action: 'subscribe', topicFilter: string): number
  /** Answers at once, or, if something was recorded since, when that is on disk. */
  whenKept(changesBefore: number, answer: () => void): void
}

/** @param slices of the packet; between two of them others may have their turn */
export function* subscribe(
  client: Subscriber,
  outlet: ConnectionOutlet,
  inbox: Inbox,
  slices: Iterable<FilterSlice>,
): Generator<void, void> {
  const { broker, session, version } = client
  const changesBefore = broker.journal.changes
  const filters: string[] = []
  const granted: number[] = []
  let packetId = 0
  for (const { bytes, body } of slices) {
    if (filters.length > 0) yield
    const { messageId, properties, subscriptions } = parseSubscribe(bytes, body, version)
    const identifier = properties?.subscriptionIdentifier
    if (identifier === 0) throw new PacketFault(reasonCode.protocolError, 'Subscription Identifier 0')
    packetId = messageId!
    const isInUse = client.isInUse(packetId)
    for (const subscription of subscriptions) {
      filters.push(subscription.topic)
      granted.push(isInUse ? reasonCode.packetIdentifierInUse : subscribeOne(client, subscription, identifier ?? 0))
      inbox.spend(work.filter)
    }
    if (!client.isOpen) return
  }
  client.whenKept(changesBefore, () => {
    outlet.control(answerFilters('suback', packetId, filters, granted, version))
    session.drain(broker.clock.nowMs())
  })
}

/** Returns the reason code. */
function subscribeOne(
  client: Subscriber,
  { topic, qos, nl = false, rap = false, rh = 0 }: ISubscription,
  identifier: number,
): number {
  if (nl && /^\$(?:share|queue)\//.test(topic))
    throw new PacketFault(reasonCode.protocolError, 'No Local on a shared subscription') // [MQTT-3.8.3-4]
  if (reservedNamespace(topic) === 'link') return client.subscribeLink(topic, qos)
  if (!maySubscribe(client, topic, qos)) return client.deny('subscribe', topic)
  const { broker, session, terms } = client
  const isBridge = terms.version < 5 && terms.isBridge
  const retainHandling = rh as 0 | 1 | 2
  const options = { qos, noLocal: nl || isBridge, retainAsPublished: rap || isBridge, retainHandling, identifier }
  const isNew = !session.subscriptions.has(topic)
  const code = broker.subscriptions.add(session, topic, options)
  if (code >= 0x80) return code
  broker.systemTopics?.subscribed(client, topic, options, isNew)
  client.tap?.subscribed(topic, options)
  return code
}

function maySubscribe({ admission }: Subscriber, name: string, qos: 0 | 1 | 2): boolean {
  const parsed = parseSubscription(name)
  // What can't be subscribed anyway is told by its own reason.
  return parsed.type === 'invalid' || admission.access.maySubscribe(parsed.topicFilter, qos)
}

/** @param slices of the packet; between two of them others may have their turn */
export function* unsubscribe(
  client: Subscriber,
  outlet: ConnectionOutlet,
  inbox: Inbox,
  slices: Iterable<FilterSlice>,
): Generator<void, void> {
  const { broker, version } = client
  const changesBefore = broker.journal.changes
  const filters: string[] = []
  const granted: number[] = []
  let packetId = 0
  for (const { bytes, body } of slices) {
    if (filters.length > 0) yield
    const { messageId, unsubscriptions } = parseUnsubscribe(bytes, body, version)
    packetId = messageId!
    const isInUse = client.isInUse(packetId)
    for (const name of unsubscriptions) {
      filters.push(name)
      granted.push(isInUse ? reasonCode.packetIdentifierInUse : unsubscribeOne(client, name))
      inbox.spend(work.filter)
    }
  }
  client.whenKept(changesBefore, () => outlet.control(answerFilters('unsuback', packetId, filters, granted, version)))
}

function unsubscribeOne(client: Subscriber, name: string): number {
  const { broker, session } = client
  if (!broker.subscriptions.remove(session, name)) return reasonCode.noSubscriptionExisted
  broker.systemTopics?.unsubscribed(client, name)
  client.tap?.unsubscribed(name)
  return reasonCode.success
}
