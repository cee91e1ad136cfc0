/** How a link does: now, in the last hour, on each node. */
import type { Link } from '../../api/link.ts'
import type { Metrics } from '../../api/link-metrics.ts'
import { Reading } from '../../controls/empty.tsx'
import { Stat } from '../../controls/stat.tsx'
import { ago, bytes, compact, count, duration } from '../../format/number.ts'
import { HourCharts } from './hour-charts.tsx'
import { InLedgerBar, OutLedgerBar } from './ledgers.tsx'
import { NodeTable } from './node-table.tsx'
import { useLinkMetrics, type Rates } from './use-link-metrics.ts'

export function Overview({ link }: { readonly link: Link }) {
  const { all, rates, atMs, fault, reload } = useLinkMetrics(link.name)
  if (all === undefined) return <Reading fault={fault} onRetry={reload} />
  const { metrics } = all
  return (
    <div class="overview">
      <Numbers metrics={metrics} rates={rates} nowMs={atMs} />
      <div class="halves">
        <OutLedgerBar ledger={metrics.ledger} />
        <InLedgerBar ledger={metrics.inbound} />
      </div>
      <HourCharts name={link.name} metrics={metrics} rates={rates} atMs={atMs} />
      <NodeTable link={link} nodes={all.node_metrics} />
    </div>
  )
}

type NumbersProps = { readonly metrics: Metrics; readonly rates: Rates | undefined; readonly nowMs: number }

function Numbers({ metrics, rates, nowMs }: NumbersProps) {
  const { outbox, routes, latency, probe } = metrics
  return (
    <div class="stats">
      <Stat title="Out" value={rateOf(rates?.out)} unit="/s" tone="out">
        {rates === undefined ? '' : `${bytes(rates.bytesOut)}/s`}
      </Stat>
      <Stat title="In" value={rateOf(rates?.in)} unit="/s" tone="in">
        {rates === undefined ? '' : `${bytes(rates.bytesIn)}/s`}
      </Stat>
      <Stat title="Outbox" value={compact(outbox.messages)} warn={outbox.above_mark}>
        {outbox.messages === 0
          ? 'nothing waits'
          : `${bytes(outbox.bytes)}${outbox.oldest_ms === null ? '' : `, since ${duration(outbox.oldest_ms)}`}`}
      </Stat>
      <Stat title="Acknowledged in" value={latency.ack === null ? '–' : duration(latency.ack.p50_ms)}>
        {latency.ack === null
          ? 'nothing crossed lately'
          : `p90 ${duration(latency.ack.p90_ms)}, p99 ${duration(latency.ack.p99_ms)}`}
      </Stat>
      <Stat title="Probe, there and back" value={roundTrip(probe)} warn={typeof probe?.mute_since === 'string'}>
        {probeWords(probe, nowMs)}
      </Stat>
      <Stat title="Routes" value={count(routes.peers)}>
        the peer wants; we want {count(routes.ours)}
      </Stat>
    </div>
  )
}

function rateOf(rate: number | undefined): string {
  return rate === undefined ? '–' : compact(rate)
}

function roundTrip(probe: Metrics['probe']): string {
  const ms = probe?.last_round_trip_ms ?? probe?.round_trip?.p50_ms
  return ms === undefined || ms === null ? '–' : duration(ms)
}

function probeWords(probe: Metrics['probe'], nowMs: number): string {
  if (probe === undefined) return 'none yet'
  if (probe.mute_since !== null) return `mute since ${ago(probe.mute_since, nowMs)}`
  const crossed = probe.last_crossed_at === null ? 'never crossed' : `crossed ${ago(probe.last_crossed_at, nowMs)}`
  const lost = probe.lost === 0 ? '' : `, ${count(probe.lost)} of ${count(probe.sent)} lost`
  return `${crossed}${lost}${probe.note === undefined ? '' : `; ${probe.note}`}`
}
