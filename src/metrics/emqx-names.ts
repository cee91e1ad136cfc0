/**
 * What the broker counts under EMQX's names: its `metrics`, which only grow, and its `stats`, of which there are so many now.
 * Source: EMQX `emqx_metrics.erl` and `emqx_stats.erl`. Names of theirs for what is not counted here are left out, not zero.
 */
import { packetType } from '../broker/connection/packet-rules.ts'
import type { Counters, Gauge } from '../broker/counters.ts'
import type { NodeFacts } from './node-facts.ts'

export type Metric = { readonly name: string; readonly read: (counters: Counters) => number }
export type Stat = { readonly name: string; readonly read: (facts: NodeFacts) => Gauge }

const { publish: _, ...receivedTypes } = packetType
const { puback, pubrec, pubrel, pubcomp, disconnect, auth } = packetType
/** Those that a client is sent. */
const sentTypes = {
  connack: 2,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
  disconnect,
  auth,
}
const missable = { puback, pubrec, pubrel, pubcomp }

export const emqxMetrics: readonly Metric[] = [
  metric('bytes.received', (counters) => counters.bytesReceived),
  metric('bytes.sent', (counters) => counters.bytesSent),
  metric('packets.received', (counters) => counters.allPacketsReceived),
  metric('packets.sent', (counters) => counters.allPacketsSent),
  metric('packets.publish.received', (counters) => counters.received),
  metric('packets.publish.sent', (counters) => counters.sent),
  ...byType(receivedTypes, 'received', (counters) => counters.packetsReceived),
  ...byType(sentTypes, 'sent', (counters) => counters.packetsSent),
  ...byType(missable, 'missed', (counters) => counters.acknowledgementsMissed),
  metric('packets.connack.error', (counters) => counters.connectsRefused),
  metric('packets.connack.auth_error', (counters) => counters.authenticationFailures),
  metric('messages.received', (counters) => counters.received),
  metric('messages.sent', (counters) => counters.sent),
  ...([0, 1, 2] as const).flatMap((qos) => [
    metric(`messages.qos${qos}.received`, (counters) => counters.publishesReceived[qos]!),
    metric(`messages.qos${qos}.sent`, (counters) => counters.publishesSent[qos]!),
  ]),
  metric('messages.publish', (counters) => counters.published),
  metric('messages.delivered', (counters) => counters.sent),
  metric('messages.acked', acknowledged),
  metric('messages.dropped', (counters) => counters.withoutReceivers + counters.droppedByHook),
  metric('messages.dropped.no_subscribers', (counters) => counters.withoutReceivers),
  metric('delivery.dropped', (counters) => counters.lost),
  metric('delivery.dropped.queue_full', (counters) => counters.droppedQueueFull),
  metric('delivery.dropped.expired', (counters) => counters.droppedExpired),
  metric('delivery.dropped.too_large', (counters) => counters.droppedTooLarge),
  metric('delivery.dropped.qos0_msg', (counters) => counters.shedQos0),
  metric('client.connect', (counters) => counters.packetsReceived[receivedTypes.connect]!),
  metric('client.connack', (counters) => counters.packetsSent[sentTypes.connack]!),
  metric('client.connected', (counters) => counters.clientsConnected),
  metric('client.disconnected', (counters) => counters.clientsDisconnected),
  metric('client.subscribe', (counters) => counters.packetsReceived[receivedTypes.subscribe]!),
  metric('client.unsubscribe', (counters) => counters.packetsReceived[receivedTypes.unsubscribe]!),
  metric('session.created', (counters) => counters.sessionsCreated),
  metric('session.resumed', (counters) => counters.sessionsResumed),
  metric('session.takenover', (counters) => counters.sessionsTakenOver),
  metric('session.discarded', (counters) => counters.sessionsDiscarded),
  metric('session.terminated', (counters) => counters.sessionsTerminated),
  metric('authorization.deny', (counters) => counters.denied),
  metric('authentication.failure', (counters) => counters.authenticationFailures),
]

/** In EMQX a connection, a channel and a session are each of the clients that there are, connected or awaited. */
export const emqxStats: readonly Stat[] = [
  { name: 'connections', read: ({ broker }) => broker.counters.sessions },
  { name: 'channels', read: ({ broker }) => broker.counters.sessions },
  { name: 'sessions', read: ({ broker }) => broker.counters.sessions },
  { name: 'live_connections', read: ({ broker }) => broker.counters.connected },
  { name: 'topics', read: ({ topics }) => topics },
  { name: 'routes', read: ({ topics }) => topics },
  { name: 'suboptions', read: ({ broker }) => broker.counters.subscriptions },
  { name: 'subscribers', read: ({ broker }) => broker.counters.subscriptions },
  { name: 'subscriptions', read: ({ broker }) => broker.counters.subscriptions },
  { name: 'subscriptions.shared', read: ({ broker }) => broker.counters.sharedSubscriptions },
  { name: 'retained', read: ({ retained }) => retained },
]

/** Deliveries of QoS 1 and 2 that their client has completed. */
function acknowledged({ packetsReceived, acknowledgementsMissed }: Counters): number {
  return [missable.puback, missable.pubcomp].reduce(
    (total, type) => total + packetsReceived[type]! - acknowledgementsMissed[type]!,
    0,
  )
}

function metric(name: string, read: Metric['read']): Metric {
  return { name, read }
}

function byType(
  types: Readonly<Record<string, number>>,
  what: 'received' | 'sent' | 'missed',
  counts: (counters: Counters) => Float64Array,
): Metric[] {
  return Object.entries(types).map(([word, type]) =>
    metric(`packets.${word}.${what}`, (counters) => counts(counters)[type]!),
  )
}
