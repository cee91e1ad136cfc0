/** What is known of how long a link takes, and whether anything crosses it. */
import type { Percentiles } from '../../lanes/latency-histogram.ts'

export type AnsweredOver = 'peers_link' | 'same_connection'

/** Of one node and link. Times of day are ISO 8601, durations milliseconds. */
export type Probe = {
  /** `emqx`: what EMQX's protocol allows, see `note`. */
  readonly kind: 'native' | 'emqx'
  /** `sent = answered + lost`, but for one that is on its way. */
  readonly sent: number
  readonly answered: number
  readonly lost: number
  /** There and back, waiting included; since the counters were reset. `null` before the first answer, as all below. */
  readonly round_trip: Percentiles | null
  readonly round_trip_last_5m: Percentiles | null
  /** Of probes, to the peer; the clocks are reckoned to each other by `clock_offset_ms`. */
  readonly one_way: Percentiles | null
  /** Of probes, from the peer to us. */
  readonly one_way_back: Percentiles | null
  /** Of the batches of messages that the peer sends us, from their sending to here. */
  readonly one_way_messages: Percentiles | null
  /** By how much the peer's clock is ahead of ours: an estimate, see `note`. */
  readonly clock_offset_ms: number | null
  readonly last_round_trip_ms: number | null
  readonly last_one_way_ms: number | null
  /** Which way the last answer came: over the link that the peer has to us, or over the connection that it was asked on. Not of pings. */
  readonly answered_over?: AnsweredOver
  /** When the peer last confirmed a message or a probe among them; a PINGRESP is no such thing. */
  readonly last_crossed_at: string | null
  /** When messages of the peer last came here. */
  readonly last_received_at: string | null
  readonly mute_since: string | null
  /** How often connections were opened anew because nothing crossed. */
  readonly mute_restarts: number
  /** What the probe does not prove. */
  readonly note?: string
}

/** What came of one probe. */
export type ProbeResult =
  | {
      readonly type: 'answered'
      readonly kind: Probe['kind']
      readonly round_trip_ms: number
      readonly one_way_ms: number | null
      /** `null` for a ping. */
      readonly answered_over: AnsweredOver | null
      readonly clock_offset_ms: number | null
    }
  /** `isAcknowledged`: the peer took it, and its answer did not come. */
  | {
      readonly type: 'unanswered'
      readonly kind: Probe['kind']
      readonly waited_ms: number
      readonly isAcknowledged: boolean
    }
  | { readonly type: 'not_connected' }
  /** There is no such link, or it is not probed. */
  | { readonly type: 'not_probed' }

/** How long messages take from their sending to their acknowledgement. */
export type LinkLatency = { readonly ack: Percentiles; readonly ack_last_5m: Percentiles }

export const probeNotes = {
  native:
    'one-way latencies and the offset of the clocks are estimates: they assume that the quickest probe took as long there as back',
  older:
    'the peer is an older version that knows no probes: it answers on each connection that carries messages, which proves the connections and not that messages are taken',
  emqx: 'the peer answers PINGREQ on each connection that carries messages, and acknowledges messages of QoS 1: that proves its connections and that it takes messages, not that they reach its subscribers; there is no one-way latency',
} as const
