/** How a link does: now, in the last hour, on each node. */
import type { Link, LinkRow } from '../../api/link.ts'
import type { Metrics } from '../../api/link-metrics.ts'
import { Reading } from '../../controls/empty.tsx'
import { Stat } from '../../controls/stat.tsx'
import { ago, bytes, compact, count, duration } from '../../format/number.ts'
import { useNow } from '../../live/use-now.ts'
import { HourCharts } from './hour-charts.tsx'
import { InLedgerBar, OutLedgerBar } from './ledgers.tsx'
import { NodeTable } from './node-table.tsx'
import { useLinkMetrics } from './use-link-metrics.ts'

type OverviewProps = {
  readonly link: Link
  /** As the live list has it: with rates. `undefined` until it was told. */
  readonly row: LinkRow | undefined
}

export function Overview({ link, row }: OverviewProps) {
  const { value, fault, reload } = useLinkMetrics(link.name)
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  const { metrics, node_metrics: nodes } = value
  return (
    <div class="overview">
      <Numbers metrics={metrics} row={row} />
      {metrics.probe?.note !== undefined && <p class="muted">The probe: {metrics.probe.note}.</p>}
      <div class="halves">
        <OutLedgerBar ledger={metrics.ledger} />
        <InLedgerBar ledger={metrics.inbound} />
      </div>
      <HourCharts name={link.name} row={row} />
      <NodeTable link={link} nodes={nodes} />
    </div>
  )
}

type NumbersProps = { readonly metrics: Metrics; readonly row: LinkRow | undefined }

function Numbers({ metrics, row }: NumbersProps) {
  const nowMs = useNow()
  const { outbox, routes, latency, probe } = metrics
  const ack = latency.ack === null || latency.ack.count === 0 ? undefined : latency.ack
  return (
    <div class="stats">
      <Stat title="Out" value={row === undefined ? '–' : compact(row.out_rate)} unit="/s" tone="out">
        {row === undefined ? '' : `${bytes(row.bytes_out_rate)}/s`}
      </Stat>
      <Stat title="In" value={row === undefined ? '–' : compact(row.in_rate)} unit="/s" tone="in">
        {row === undefined ? '' : `${bytes(row.bytes_in_rate)}/s`}
      </Stat>
      <Stat title="Outbox" value={compact(outbox.messages)} warn={outbox.above_mark}>
        {outbox.messages === 0
          ? 'nothing waits'
          : `${bytes(outbox.bytes)}${outbox.oldest_ms === null ? '' : `, since ${duration(outbox.oldest_ms)}`}`}
      </Stat>
      <Stat title="Acknowledged in" value={ack === undefined ? '–' : duration(ack.p50_ms)}>
        {ack === undefined ? 'nothing crossed yet' : `p90 ${duration(ack.p90_ms)}, p99 ${duration(ack.p99_ms)}`}
      </Stat>
      <Stat title="Probe, there and back" value={roundTrip(probe)} warn={isMute(probe)}>
        {probeWords(probe, nowMs)}
      </Stat>
      <Stat title="Routes" value={count(routes.peers)}>
        the peer wants; we want {count(routes.ours)}
      </Stat>
    </div>
  )
}

function isMute(probe: Metrics['probe']): boolean {
  return probe !== undefined && probe.mute_since !== null
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
  return `${crossed}${lost}`
}
