/** What crossed a link, waits for it and got lost, on one node and summed over all: in EMQX's shape, and all that the ledgers say. */
import * as z from 'zod'
import type { InboundLedgerSnapshot } from '../../lanes/inbound-ledger.ts'
import { type LedgerSnapshot, total } from '../../lanes/ledger.ts'
import type { Probe } from '../../link/probe/probe-view.ts'
import { greatest, mergedProbe, percentiles, type Percentiles, probe, slowest } from './probes.ts'

export type OutboxMetrics = {
  readonly messages: number
  readonly bytes: number
  /** How long the oldest has been waiting; `null` if nothing waits. */
  readonly oldest_ms: number | null
  /** `null` for no limit. */
  readonly max_messages: number | null
  readonly max_bytes: number
  readonly above_mark: boolean
}

export type Rates = { readonly rate: number; readonly rate_last5m: number; readonly rate_max: number }

/** What a node says of one of its links. */
export type LinkMetricsOnNode = {
  readonly ledger: LedgerSnapshot
  readonly inbound: InboundLedgerSnapshot
  /** Of messages that matched. */
  readonly rates: Rates
  readonly outbox: OutboxMetrics
  /** Of messages, since the process started. */
  readonly bytes: { readonly out: number; readonly in: number }
  readonly routes: { readonly ours: number; readonly peers: number }
  readonly latency: { readonly ack: Percentiles | null }
  readonly probe?: Probe
}

const count = z.number().int()
const rate = z.number().describe('messages a second')
export const linkMetrics = z.object({
  router: z.object({ routes: count }).describe("the peer's, as EMQX's API has it"),
  routers: z.object({ routes: count }).describe("the same, as EMQX's guide has it"),
  forwarding: z.object({
    matched: count,
    success: count,
    failed: count,
    dropped: count,
    retried: count,
    queuing: count,
    inflight: count,
    rate,
    rate_last5m: rate,
    rate_max: rate,
  }),
  ledger: z
    .object({
      matched: count,
      delivered: count,
      inflight: count,
      queued: count,
      dropped: z.record(z.string(), count),
      failed: z.record(z.string(), count),
      retried: count,
    })
    .describe('matched = delivered + inflight + queued + dropped + failed'),
  inbound: z
    .object({
      received: count,
      accepted: count,
      duplicate: count,
      not_in_topics: count,
      link_disabled: count,
      malformed: count,
      maybe_duplicate: count.describe('of those received, beside the sum'),
    })
    .describe('received = accepted + duplicate + not_in_topics + link_disabled + malformed'),
  outbox: z.object({
    messages: count,
    bytes: count,
    oldest_ms: z.number().nullable(),
    max_messages: count.nullable().describe('null for no limit'),
    max_bytes: count,
    above_mark: z.boolean(),
  }),
  bytes: z.object({ out: count, in: count }),
  routes: z.object({ ours: count.describe('those that we told the peer'), peers: count }),
  probe: probe.optional(),
  latency: z.object({ ack: percentiles.nullable() }).describe('from the sending of a message to its acknowledgement'),
})

export type LinkMetrics = z.infer<typeof linkMetrics>

export function metricsOf(node: LinkMetricsOnNode): LinkMetrics {
  const { ledger, inbound, rates, outbox, bytes, routes, latency, probe: probed } = node
  const { matched, delivered, inflight, queued, retried } = ledger
  return {
    router: { routes: routes.peers },
    routers: { routes: routes.peers },
    forwarding: {
      matched,
      success: delivered,
      failed: total(ledger.failed),
      dropped: total(ledger.dropped),
      retried,
      queuing: queued,
      inflight,
      ...rates,
    },
    ledger: { ...ledger, dropped: counts(ledger.dropped), failed: counts(ledger.failed) },
    inbound: { ...inbound },
    outbox: { ...outbox },
    bytes: { ...bytes },
    routes: { ...routes },
    ...(probed === undefined ? {} : { probe: probed }),
    latency: { ack: latency.ack },
  }
}

/** Over the nodes of a cluster: sums, but all have the same routes, and of what is slow the slowest is told. */
export function summedMetrics(nodes: readonly LinkMetricsOnNode[]): LinkMetrics {
  const sum = (value: (node: LinkMetricsOnNode) => number): number => nodes.reduce((all, node) => all + value(node), 0)
  const max = (value: (node: LinkMetricsOnNode) => number): number => Math.max(0, ...nodes.map(value))
  const countMax = nodes.map(({ outbox }) => outbox.max_messages)
  const merged = mergedProbe(nodes.flatMap((node) => node.probe ?? []))
  return metricsOf({
    ledger: {
      matched: sum(({ ledger }) => ledger.matched),
      delivered: sum(({ ledger }) => ledger.delivered),
      inflight: sum(({ ledger }) => ledger.inflight),
      queued: sum(({ ledger }) => ledger.queued),
      dropped: summedCounts(nodes.map(({ ledger }) => ledger.dropped)),
      failed: summedCounts(nodes.map(({ ledger }) => ledger.failed)),
      retried: sum(({ ledger }) => ledger.retried),
    },
    inbound: {
      received: sum(({ inbound }) => inbound.received),
      accepted: sum(({ inbound }) => inbound.accepted),
      duplicate: sum(({ inbound }) => inbound.duplicate),
      not_in_topics: sum(({ inbound }) => inbound.not_in_topics),
      link_disabled: sum(({ inbound }) => inbound.link_disabled),
      malformed: sum(({ inbound }) => inbound.malformed),
      maybe_duplicate: sum(({ inbound }) => inbound.maybe_duplicate),
    },
    rates: {
      rate: sum(({ rates }) => rates.rate),
      rate_last5m: sum(({ rates }) => rates.rate_last5m),
      rate_max: sum(({ rates }) => rates.rate_max),
    },
    outbox: {
      messages: sum(({ outbox }) => outbox.messages),
      bytes: sum(({ outbox }) => outbox.bytes),
      oldest_ms: greatest(nodes.map(({ outbox }) => outbox.oldest_ms)),
      max_messages: countMax.reduce((all, one) => (all === null || one === null ? null : all + one), 0),
      max_bytes: sum(({ outbox }) => outbox.max_bytes),
      above_mark: nodes.some(({ outbox }) => outbox.above_mark),
    },
    bytes: { out: sum(({ bytes }) => bytes.out), in: sum(({ bytes }) => bytes.in) },
    routes: { ours: max(({ routes }) => routes.ours), peers: max(({ routes }) => routes.peers) },
    ...(merged === undefined ? {} : { probe: merged }),
    latency: { ack: slowest(nodes.map(({ latency }) => latency.ack)) },
  })
}

function counts(some: Readonly<Partial<Record<string, number>>>): Record<string, number> {
  return Object.fromEntries(Object.entries(some).map(([reason, one]) => [reason, one ?? 0]))
}

function summedCounts(all: readonly Readonly<Partial<Record<string, number>>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const one of all)
    for (const [reason, some] of Object.entries(one)) sums[reason] = (sums[reason] ?? 0) + (some ?? 0)
  return sums
}
