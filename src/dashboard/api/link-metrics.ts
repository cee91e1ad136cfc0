/** What a link did and does, over all nodes or on one. */

export type Percentiles = {
  readonly count: number
  readonly p50_ms: number
  readonly p90_ms: number
  readonly p99_ms: number
  readonly max_ms: number
}

export type Probe = {
  readonly sent: number
  readonly answered: number
  readonly lost: number
  readonly round_trip: Percentiles | null
  readonly one_way: Percentiles | null
  readonly clock_offset_ms: number | null
  readonly last_round_trip_ms: number | null
  readonly last_one_way_ms: number | null
  readonly last_crossed_at: string | null
  readonly mute_since: string | null
  readonly kind: 'native' | 'emqx'
  readonly note?: string
}

/** `matched = delivered + inflight + queued + dropped + failed` */
export type OutLedger = {
  readonly matched: number
  readonly delivered: number
  readonly inflight: number
  readonly queued: number
  readonly dropped: Readonly<Record<string, number>>
  readonly failed: Readonly<Record<string, number>>
  readonly retried: number
}

/** `received = accepted + duplicate + not_in_topics + link_disabled + malformed` */
export type InLedger = {
  readonly received: number
  readonly accepted: number
  readonly duplicate: number
  readonly not_in_topics: number
  readonly link_disabled: number
  readonly malformed: number
  readonly maybe_duplicate: number
}

export type OutboxDepth = {
  readonly messages: number
  readonly bytes: number
  readonly oldest_ms: number | null
  /** `null` for no limit. */
  readonly max_messages: number | null
  readonly max_bytes: number
  readonly above_mark: boolean
}

export type Metrics = {
  readonly forwarding: { readonly rate: number; readonly rate_last5m: number; readonly rate_max: number }
  readonly ledger: OutLedger
  readonly inbound: InLedger
  readonly outbox: OutboxDepth
  readonly bytes: { readonly out: number; readonly in: number }
  readonly routes: { readonly ours: number; readonly peers: number }
  readonly probe?: Probe
  readonly latency: { readonly ack: Percentiles | null }
}

export type NodeMetrics =
  | { readonly node: string; readonly metrics: Metrics }
  | { readonly node: string; readonly error: string }

export type LinkMetrics = { readonly metrics: Metrics; readonly node_metrics: readonly NodeMetrics[] }

/** The last hour: what is not known is null. */
export type History = {
  readonly interval_ms: number
  readonly series: Readonly<Record<HistorySeries, readonly (number | null)[]>>
}
export type HistorySeries = 'at' | 'out' | 'in' | 'bytes_out' | 'bytes_in' | 'outbox' | 'p50_ms' | 'p99_ms'
