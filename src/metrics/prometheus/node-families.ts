/** The metrics of a node beside those of its links: clients and messages, listeners, its cluster, alarms. */
import { packetType } from '../../broker/connection/packet-rules.ts'
import type { Counters } from '../../broker/counters.ts'
import type { ListenerStatus } from '../../broker/server.ts'
import type { SpanCounts } from '../traces/span-queue.ts'
import { alarmKinds, type AlarmKind } from '../alarms/alarm.ts'
import type { CertificateOutlook, ClockOffset } from '../alarms/node-conditions.ts'
import { counter, type Family, gauge } from './family.ts'

/** A node as it is at a scrape. */
export type NodeReading = {
  readonly version: string
  readonly uptimeMs: number
  readonly isReady: boolean
  readonly isStoreFailing: boolean
  readonly counters: Counters
  readonly topics: number
  readonly retained: { readonly messages: number; readonly bytes: number }
  readonly listeners: readonly ListenerStatus[]
  readonly certificates: readonly CertificateOutlook[]
  readonly alarms: readonly { readonly kind: AlarmKind }[]
  readonly hooks: readonly HookReading[]
  /** `undefined` without traces. */
  readonly spans: SpanCounts | undefined
  readonly cluster: ClusterReading
}

export type HookReading = {
  readonly module: string
  readonly hook: string
  readonly calls: number
  readonly spentMs: number
  readonly problems: Readonly<Record<string, number>>
}

export type ClusterReading = {
  /** By their state; a node that is alone is its one member. */
  readonly members: Readonly<Record<string, number>>
  /** Rights of the cluster that this node holds. */
  readonly leasesHeld: number
  readonly isCoordinated: boolean
  readonly lanes: readonly LaneReading[]
  readonly clocks: readonly ClockOffset[]
}

export type LaneReading = {
  readonly member: string
  readonly sent: number
  readonly resent: number
  readonly waiting: number
  readonly waitingBytes: number
  readonly oldestAgeMs: number
  readonly dropped: Readonly<Partial<Record<string, number>>>
}

const typeNames = new Map<number, string>(
  Object.entries({ connack: 2, suback: 9, unsuback: 11, pingresp: 13, ...packetType }).map(([name, type]) => [
    type,
    name,
  ]),
)
const qualities = [0, 1, 2] as const

const plain = (read: (counters: Counters) => number): Family<NodeReading>['read'] => {
  return ({ counters }, write) => write(read(counters))
}

export const nodeFamilies: readonly Family<NodeReading>[] = [
  gauge('isthmus_node_info', ['version'], 'Always 1: the version that runs.', ({ version }, write) =>
    write(1, version),
  ),
  gauge('isthmus_node_uptime_seconds', [], 'For how long the node has run.', ({ uptimeMs }, write) =>
    write(uptimeMs / 1000),
  ),
  gauge('isthmus_node_ready', [], '1 while the node serves, as /readyz says.', ({ isReady }, write) =>
    write(Number(isReady)),
  ),
  gauge('isthmus_store_failing', [], '1 while the disk takes nothing.', ({ isStoreFailing }, write) =>
    write(Number(isStoreFailing)),
  ),

  gauge(
    'isthmus_clients_connected',
    [],
    'Clients that are connected.',
    plain(({ connected }) => connected.value),
  ),
  gauge(
    'isthmus_sessions',
    [],
    'Sessions, of clients that are connected or awaited.',
    plain(({ sessions }) => sessions.value),
  ),
  gauge(
    'isthmus_subscriptions',
    [],
    'Subscriptions of all sessions, shared ones included.',
    plain(({ subscriptions }) => subscriptions.value),
  ),
  gauge(
    'isthmus_shared_subscriptions',
    [],
    'Shared subscriptions of all sessions.',
    plain(({ sharedSubscriptions }) => sharedSubscriptions.value),
  ),
  gauge('isthmus_topics', [], 'Topic filters that somebody wants.', ({ topics }, write) => write(topics)),
  gauge('isthmus_retained_messages', [], 'Retained messages.', ({ retained }, write) => write(retained.messages)),
  gauge('isthmus_retained_bytes', [], 'Memory of retained messages.', ({ retained }, write) => write(retained.bytes)),

  counter('isthmus_messages_received_total', ['qos'], 'PUBLISH packets that clients sent.', ({ counters }, write) => {
    for (const qos of qualities) write(counters.publishesReceived[qos]!, String(qos))
  }),
  counter('isthmus_messages_sent_total', ['qos'], 'PUBLISH packets sent to clients.', ({ counters }, write) => {
    for (const qos of qualities) write(counters.publishesSent[qos]!, String(qos))
  }),
  counter(
    'isthmus_messages_published_total',
    [],
    'Messages taken in: from clients, wills and links.',
    plain(({ published }) => published),
  ),
  counter(
    'isthmus_messages_without_receivers_total',
    [],
    'Messages taken in that nobody wanted.',
    plain(({ withoutReceivers }) => withoutReceivers),
  ),
  counter(
    'isthmus_messages_dropped_total',
    ['reason'],
    'Messages for clients of the broker that were given up. Those of links stand in their ledger.',
    ({ counters }, write) => {
      for (const [reason, count] of Object.entries(counters.losses())) write(count, reason)
      write(counters.droppedByHook, 'hook')
    },
  ),
  counter(
    'isthmus_retained_refused_total',
    [],
    'Messages that were delivered and not retained, for lack of room.',
    plain(({ retainRefused }) => retainRefused),
  ),
  counter(
    'isthmus_payload_bytes_received_total',
    [],
    'Payloads of the PUBLISH packets that clients sent.',
    plain(({ payloadBytesReceived }) => payloadBytesReceived),
  ),
  counter(
    'isthmus_payload_bytes_sent_total',
    [],
    'Payloads of the PUBLISH packets sent to clients.',
    plain(({ payloadBytesSent }) => payloadBytesSent),
  ),
  counter(
    'isthmus_bytes_received_total',
    [],
    'Bytes of MQTT that came from clients, peers included.',
    plain(({ bytesReceived }) => bytesReceived),
  ),
  counter(
    'isthmus_bytes_sent_total',
    [],
    'Bytes of MQTT sent to clients, peers included.',
    plain(({ bytesSent }) => bytesSent),
  ),
  counter(
    'isthmus_packets_received_total',
    ['type'],
    'Packets that clients sent, but for PUBLISH.',
    ({ counters }, write) => byType(counters.packetsReceived, write),
  ),
  counter('isthmus_packets_sent_total', ['type'], 'Packets sent to clients, but for PUBLISH.', ({ counters }, write) =>
    byType(counters.packetsSent, write),
  ),

  counter(
    'isthmus_clients_total',
    ['event'],
    'Clients that connected and went, and those that were refused or closed.',
    ({ counters }, write) => {
      write(counters.clientsConnected, 'connected')
      write(counters.clientsDisconnected, 'disconnected')
      write(counters.connectsRefused, 'refused')
      write(counters.closedSlow, 'closed_slow')
    },
  ),
  counter(
    'isthmus_authentication_failures_total',
    [],
    'Clients that were refused for what they said they are.',
    plain(({ authenticationFailures }) => authenticationFailures),
  ),
  counter(
    'isthmus_authorization_denied_total',
    [],
    'Publishes and subscriptions that a client had no right to.',
    plain(({ denied }) => denied),
  ),
  counter('isthmus_sessions_total', ['event'], 'Sessions by what became of them.', ({ counters }, write) => {
    write(counters.sessionsCreated, 'created')
    write(counters.sessionsResumed, 'resumed')
    write(counters.sessionsTakenOver, 'taken_over')
    write(counters.sessionsDiscarded, 'discarded')
    write(counters.sessionsExpired, 'expired')
    write(counters.sessionsTerminated, 'terminated')
  }),
  gauge('isthmus_listener_connections', ['listener'], 'Sockets that are open.', ({ listeners }, write) => {
    for (const { id, connections } of listeners) write(connections, id)
  }),
  counter('isthmus_listener_accepted_total', ['listener'], 'Sockets let in.', ({ listeners }, write) => {
    for (const { id, accepted } of listeners) write(accepted, id)
  }),
  counter('isthmus_listener_refused_total', ['listener', 'reason'], 'Sockets turned away.', ({ listeners }, write) => {
    for (const { id, refused } of listeners)
      for (const [reason, count] of Object.entries(refused)) write(count, id, reason)
  }),
  gauge(
    'isthmus_certificate_expiry_timestamp_seconds',
    ['owner'],
    'When a certificate expires, as a Unix time: of listeners, and of peers that links connected to over TLS.',
    ({ certificates }, write) => {
      const soonest = new Map<string, number>()
      for (const { owner, notAfterMs } of certificates)
        soonest.set(owner, Math.min(notAfterMs, soonest.get(owner) ?? Number.POSITIVE_INFINITY))
      for (const [owner, notAfterMs] of soonest) write(notAfterMs / 1000, owner)
    },
  ),

  counter('isthmus_hook_calls_total', ['module', 'hook'], 'Calls of hooks.', ({ hooks }, write) => {
    for (const { module, hook, calls } of hooks) write(calls, module, hook)
  }),
  counter(
    'isthmus_hook_seconds_total',
    ['module', 'hook'],
    'Time that those calls took, their promises included.',
    ({ hooks }, write) => {
      for (const { module, hook, spentMs } of hooks) write(spentMs / 1000, module, hook)
    },
  ),
  counter(
    'isthmus_hook_problems_total',
    ['module', 'hook', 'problem'],
    'Calls of hooks that were slow or failed, and those left out because too many promises were open.',
    ({ hooks }, write) => {
      for (const { module, hook, problems } of hooks)
        for (const [problem, count] of Object.entries(problems)) write(count, module, hook, problem)
    },
  ),

  counter('isthmus_trace_spans_total', ['result'], 'Spans of traces by what became of them.', ({ spans }, write) => {
    for (const [result, count] of Object.entries(spans ?? {})) write(count, result)
  }),

  gauge(
    'isthmus_cluster_members',
    ['state'],
    'Nodes of the cluster as this one sees them, itself included.',
    ({ cluster }, write) => {
      for (const [state, count] of Object.entries(cluster.members)) write(count, state)
    },
  ),
  gauge(
    'isthmus_cluster_leases_held',
    [],
    'Rights of the cluster that this node holds, such as to speak to a peer.',
    ({ cluster }, write) => write(cluster.leasesHeld),
  ),
  gauge(
    'isthmus_cluster_coordination_up',
    [],
    '1 while what the nodes coordinate through answers, or while there is nothing to coordinate.',
    ({ cluster }, write) => write(Number(cluster.isCoordinated)),
  ),
  gauge(
    'isthmus_cluster_clock_offset_seconds',
    ['member'],
    'How far the wall clock of another node is ahead of ours.',
    ({ cluster }, write) => {
      for (const { node, offsetMs } of cluster.clocks) write(offsetMs / 1000, node)
    },
  ),
  counter(
    'isthmus_cluster_messages_total',
    ['direction'],
    'Copies of messages handed to other nodes (out), and messages that came from them (in).',
    ({ counters }, write) => {
      write(counters.sentToMembers, 'out')
      write(counters.receivedFromMembers, 'in')
    },
  ),
  counter(
    'isthmus_cluster_lane_sent_total',
    ['member'],
    'Messages of QoS 1 and 2 sent to another node.',
    ({ cluster }, write) => {
      for (const { member, sent } of cluster.lanes) write(sent, member)
    },
  ),
  counter('isthmus_cluster_lane_resent_total', ['member'], 'Those that were sent again.', ({ cluster }, write) => {
    for (const { member, resent } of cluster.lanes) write(resent, member)
  }),
  gauge(
    'isthmus_cluster_lane_waiting_messages',
    ['member'],
    'Messages that wait for another node, or for its acknowledgement.',
    ({ cluster }, write) => {
      for (const { member, waiting } of cluster.lanes) write(waiting, member)
    },
  ),
  gauge('isthmus_cluster_lane_waiting_bytes', ['member'], 'Memory of those messages.', ({ cluster }, write) => {
    for (const { member, waitingBytes } of cluster.lanes) write(waitingBytes, member)
  }),
  gauge(
    'isthmus_cluster_lane_oldest_seconds',
    ['member'],
    'How long the oldest of them has waited.',
    ({ cluster }, write) => {
      for (const { member, oldestAgeMs } of cluster.lanes) write(oldestAgeMs / 1000, member)
    },
  ),
  counter(
    'isthmus_cluster_lane_dropped_total',
    ['member', 'reason'],
    'Messages for another node that were given up.',
    ({ cluster }, write) => {
      for (const { member, dropped } of cluster.lanes)
        for (const [reason, count] of Object.entries(dropped)) write(count ?? 0, member, reason)
    },
  ),

  gauge('isthmus_alarms_active', ['kind'], 'Alarms that are active, by kind.', ({ alarms }, write) => {
    for (const kind of alarmKinds) write(alarms.filter((alarm) => alarm.kind === kind).length, kind)
  }),
]

function byType(counts: Float64Array, write: (value: number, type: string) => void): void {
  for (const [type, name] of typeNames) if (name !== 'publish') write(counts[type] ?? 0, name)
}
