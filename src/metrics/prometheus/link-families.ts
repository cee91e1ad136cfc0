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
      for (const one of states) write(one === state ? 1 : 0, link, one)
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
    ({ link, ledger }, write) => {
      write(ledger.queued, link, 'queued')
      write(ledger.inflight, link, 'inflight')
    },
  ),
  counter(
    'isthmus_link_messages_retried_total',
    ['link'],
    'Times that a message went back into the queue because its connection was lost.',
    ({ link, ledger }, write) => write(ledger.retried, link),
  ),
  counter(
    'isthmus_link_messages_maybe_duplicate_total',
    ['link'],
    'Of the messages received, those that may have come before to a node that could not be asked.',
    ({ link, inbound }, write) => write(inbound?.maybe_duplicate ?? 0, link),
  ),
  counter(
    'isthmus_link_bytes_total',
    ['link', 'direction'],
    'Payloads of the packets that carry messages: those sent to the peer (out), and those that came from it (in).',
    ({ link, bytes }, write) => {
      write(bytes.out, link, 'out')
      write(bytes.in, link, 'in')
    },
  ),
  gauge(
    'isthmus_link_routes',
    ['link', 'side'],
    'Routes that we told the peer (ours), and those that the peer told us (peers).',
    ({ link, routes }, write) => {
      write(routes.ours, link, 'ours')
      write(routes.peers, link, 'peers')
    },
  ),
  gauge(
    'isthmus_link_outbox_messages',
    ['link'],
    'Messages in the outbox: those that wait and those in flight.',
    ({ link, outbox }, write) => write(outbox.messages, link),
  ),
  gauge('isthmus_link_outbox_bytes', ['link'], 'Memory of the outbox in use.', ({ link, outbox }, write) =>
    write(outbox.bytes, link),
  ),
  gauge(
    'isthmus_link_outbox_oldest_seconds',
    ['link'],
    'How long the oldest message of the outbox has waited; 0 if none does.',
    ({ link, outbox }, write) => write(outbox.oldestMs / 1000, link),
  ),
  gauge(
    'isthmus_link_outbox_fill_ratio',
    ['link'],
    'How full the outbox is by the limit that is nearest: 1 is full.',
    ({ link, outbox }, write) => write(outbox.fill, link),
  ),
  gauge(
    'isthmus_link_outbox_above_mark',
    ['link'],
    '1 while the outbox is above its high-water mark.',
    ({ link, outbox }, write) => write(Number(outbox.isAboveMark), link),
  ),
  gauge(
    'isthmus_link_connections',
    ['link', 'state'],
    'Connections that carry messages to the peer: those that are up, and those that are wanted.',
    ({ link, connections }, write) => {
      write(connections.up, link, 'up')
      write(connections.wanted, link, 'wanted')
    },
  ),
  counter(
    'isthmus_link_reconnects_total',
    ['link'],
    'Connections that carry messages to the peer and were made anew after one was lost.',
    ({ link, reconnects }, write) => write(reconnects, link),
  ),
  histogram(
    'isthmus_link_ack_seconds',
    ['link'],
    'From a packet with messages to the acknowledgement of the peer.',
    ({ link, ack }, write) => {
      if (ack !== undefined) write(ack, link)
    },
  ),
  histogram(
    'isthmus_link_probe_round_trip_seconds',
    ['link'],
    'From here to the peer and back, along the way that messages take.',
    ({ link, probe }, write) => {
      if (probe !== undefined) write(probe.roundTrip, link)
    },
  ),
  histogram(
    'isthmus_link_probe_one_way_seconds',
    ['link'],
    'From here to the peer; of peers that speak the native dialect.',
    ({ link, probe }, write) => {
      if (probe !== undefined) write(probe.oneWay, link)
    },
  ),
  counter(
    'isthmus_link_probes_total',
    ['link', 'result'],
    'Probes by what became of them: sent, and of those answered or lost.',
    ({ link, probe }, write) => {
      if (probe === undefined) return
      write(probe.sent, link, 'sent')
      write(probe.answered, link, 'answered')
      write(probe.lost, link, 'lost')
    },
  ),
  gauge(
    'isthmus_link_last_crossed_timestamp_seconds',
    ['link'],
    'When it was last known that something crossed, as a Unix time; 0 if that was never.',
    ({ link, probe }, write) => {
      if (probe !== undefined) write((probe.lastCrossedAtMs ?? 0) / 1000, link)
    },
  ),
  gauge(
    'isthmus_link_mute',
    ['link'],
    '1 while the link is connected and passes nothing.',
    ({ link, probe }, write) => {
      if (probe !== undefined) write(Number(probe.isMute), link)
    },
  ),
  counter(
    'isthmus_link_mute_restarts_total',
    ['link'],
    'Times that the link was restarted because it was connected and passed nothing.',
    ({ link, probe }, write) => {
      if (probe !== undefined) write(probe.muteRestarts, link)
    },
  ),
]

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
