/** The metrics of links: where every message stands, what waits, how long it takes, and how the link is. */
import type { InboundLedgerSnapshot } from '../../lanes/inbound-ledger.ts'
import type { HistogramSnapshot } from '../../lanes/latency-histogram.ts'
import type { DropReason, LedgerSnapshot } from '../../lanes/ledger.ts'
import type { LinkState } from '../../link/status.ts'
import { counter, type Family, gauge, histogram, type WriteSeries } from './family.ts'

/** A link as it is at a scrape. */
export type LinkReading = {
  readonly link: string
  readonly state: LinkState
  readonly ledger: LedgerSnapshot
  readonly inbound: InboundLedgerSnapshot | undefined
  readonly bytes: { readonly out: number; readonly in: number }
  readonly routes: { readonly ours: number; readonly peers: number }
  readonly outbox: {
    readonly messages: number
    readonly bytes: number
    /** Since when the oldest message has waited, milliseconds; 0 if none waits. */
    readonly oldestMs: number
    readonly fill: number
    readonly isAboveMark: boolean
  }
  /** Connections that carry messages: those that are up, and those that are wanted. */
  readonly connections: { readonly up: number; readonly wanted: number }
  /** Connections that were made after one of the same name had been there before. */
  readonly reconnects: number
  readonly ack: HistogramSnapshot | undefined
  readonly probe: ProbeReading | undefined
}

export type ProbeReading = {
  readonly sent: number
  readonly answered: number
  readonly lost: number
  readonly roundTrip: HistogramSnapshot
  readonly oneWay: HistogramSnapshot
  /** Milliseconds since 1970. */
  readonly lastCrossedAtMs: number | undefined
  readonly isMute: boolean
  /** Times that the link was restarted because nothing crossed. */
  readonly muteRestarts: number
}

const states: readonly LinkState[] = ['running', 'connecting', 'bootstrapping', 'degraded', 'stopped', 'failed']
/** So that the first message that is given up is seen as a change. */
const dropReasons: readonly DropReason[] = ['queue_full', 'expired', 'too_large', 'link_removed', 'shed_qos0', 'purged']
const refusals = ['duplicate', 'not_in_topics', 'link_disabled', 'malformed'] as const

export const linkFamilies: readonly Family<LinkReading>[] = [
  gauge(
    'isthmus_link_state',
    ['link', 'state'],
    'How the link is: 1 for the state that it is in, 0 for the others.',
    ({ link, state }, write) => {
      for (const known of states) write(known === state ? 1 : 0, link, known)
    },
  ),
  counter(
    'isthmus_link_messages_total',
    ['link', 'direction', 'bucket', 'reason'],
    'The ledger. Out: matched = delivered + dropped + failed + what is pending. In: received = accepted + refused.',
    ({ link, ledger, inbound }, write) => {
      outgoing(link, ledger, write)
      if (inbound !== undefined) incoming(link, inbound, write)
    },
  ),
  gauge(
    'isthmus_link_messages_pending',
    ['link', 'bucket'],
    'The rest of the ledger: messages that wait to be sent (queued), and those not acknowledged yet (inflight).',
    each(({ ledger: { queued, inflight } }) => ({ queued, inflight })),
  ),
  counter(
    'isthmus_link_messages_retried_total',
    ['link'],
    'Times that a message went back into the queue because its connection was lost.',
    one(({ ledger }) => ledger.retried),
  ),
  counter(
    'isthmus_link_messages_maybe_duplicate_total',
    ['link'],
    'Of the messages received, those that may have come before to a node that could not be asked.',
    one(({ inbound }) => inbound?.maybe_duplicate ?? 0),
  ),
  counter(
    'isthmus_link_bytes_total',
    ['link', 'direction'],
    'Payloads of the packets that carry messages: those sent to the peer (out), and those that came from it (in).',
    each(({ bytes }) => ({ out: bytes.out, in: bytes.in })),
  ),
  gauge(
    'isthmus_link_routes',
    ['link', 'side'],
    'Routes that we told the peer (ours), and those that the peer told us (peers).',
    each(({ routes: { ours, peers } }) => ({ ours, peers })),
  ),
  gauge(
    'isthmus_link_outbox_messages',
    ['link'],
    'Messages in the outbox: those that wait and those in flight.',
    one(({ outbox }) => outbox.messages),
  ),
  gauge(
    'isthmus_link_outbox_bytes',
    ['link'],
    'Memory of the outbox in use.',
    one(({ outbox }) => outbox.bytes),
  ),
  gauge(
    'isthmus_link_outbox_oldest_seconds',
    ['link'],
    'How long the oldest message of the outbox has waited; 0 if none does.',
    one(({ outbox }) => outbox.oldestMs / 1000),
  ),
  gauge(
    'isthmus_link_outbox_fill_ratio',
    ['link'],
    'How full the outbox is by the limit that is nearest: 1 is full.',
    one(({ outbox }) => outbox.fill),
  ),
  gauge(
    'isthmus_link_outbox_above_mark',
    ['link'],
    '1 while the outbox is above its high-water mark.',
    one(({ outbox }) => Number(outbox.isAboveMark)),
  ),
  gauge(
    'isthmus_link_connections',
    ['link', 'state'],
    'Connections that carry messages to the peer: those that are up, and those that are wanted.',
    each(({ connections: { up, wanted } }) => ({ up, wanted })),
  ),
  counter(
    'isthmus_link_reconnects_total',
    ['link'],
    'Connections that carry messages to the peer and were made anew after one was lost.',
    one(({ reconnects }) => reconnects),
  ),
  histogram(
    'isthmus_link_ack_seconds',
    ['link'],
    'From a packet with messages to the acknowledgement of the peer.',
    one(({ ack }) => ack),
  ),
  histogram(
    'isthmus_link_probe_round_trip_seconds',
    ['link'],
    'From here to the peer and back, along the way that messages take.',
    one(({ probe }) => probe?.roundTrip),
  ),
  histogram(
    'isthmus_link_probe_one_way_seconds',
    ['link'],
    'From here to the peer; of peers that speak the native dialect.',
    one(({ probe }) => probe?.oneWay),
  ),
  counter(
    'isthmus_link_probes_total',
    ['link', 'result'],
    'Probes by what became of them: sent, and of those answered or lost.',
    each(({ probe }) => probe && { sent: probe.sent, answered: probe.answered, lost: probe.lost }),
  ),
  gauge(
    'isthmus_link_last_crossed_timestamp_seconds',
    ['link'],
    'When it was last known that something crossed, as a Unix time; 0 if that was never.',
    one(({ probe }) => probe && (probe.lastCrossedAtMs ?? 0) / 1000),
  ),
  gauge(
    'isthmus_link_mute',
    ['link'],
    '1 while the link is connected and passes nothing.',
    one(({ probe }) => probe && Number(probe.isMute)),
  ),
  counter(
    'isthmus_link_mute_restarts_total',
    ['link'],
    'Times that the link was restarted because it was connected and passed nothing.',
    one(({ probe }) => probe?.muteRestarts),
  ),
]

type Read = Family<LinkReading>['read']

/** One series a link; none where there is no value. */
function one(valueOf: (reading: LinkReading) => number | HistogramSnapshot | undefined): Read {
  return (reading, write) => {
    const value = valueOf(reading)
    if (value !== undefined) write(value, reading.link)
  }
}

/** A series for each value, by the second label. */
function each(valuesOf: (reading: LinkReading) => Readonly<Record<string, number>> | undefined): Read {
  return (reading, write) => {
    for (const [label, value] of Object.entries(valuesOf(reading) ?? {})) write(value, reading.link, label)
  }
}

function outgoing(link: string, { matched, delivered, dropped, failed }: LedgerSnapshot, write: WriteSeries): void {
  write(matched, link, 'out', 'matched', '')
  write(delivered, link, 'out', 'delivered', '')
  const reasons: Readonly<Partial<Record<string, number>>> = dropped
  for (const reason of new Set([...dropReasons, ...Object.keys(reasons)]))
    write(reasons[reason] ?? 0, link, 'out', 'dropped', reason)
  for (const [reason, count] of Object.entries(failed)) write(count ?? 0, link, 'out', 'failed', reason)
}

function incoming(link: string, inbound: InboundLedgerSnapshot, write: WriteSeries): void {
  write(inbound.received, link, 'in', 'received', '')
  write(inbound.accepted, link, 'in', 'accepted', '')
  for (const reason of refusals) write(inbound[reason], link, 'in', 'refused', reason)
}
