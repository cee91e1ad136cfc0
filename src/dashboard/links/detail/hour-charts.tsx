/** The last hour, from the node's own memory, and on from there as it happens. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { LinkRow } from '../../api/link.ts'
import type { History, HistorySeries } from '../../api/link-metrics.ts'
import { Charts, type ChartProps } from '../../controls/chart.tsx'
import { Reading } from '../../controls/empty.tsx'
import { bytes, compact, duration } from '../../format/number.ts'
import { liveState } from '../../live/live-stream.ts'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

const HOUR_MS = 3_600_000

type Point = Readonly<Record<HistorySeries, number | null>> & { readonly at: number }
type Columns = { readonly [Name in HistorySeries]: readonly (number | null)[] }

export type HourChartsProps = { readonly name: string; readonly row: LinkRow | undefined }

export function HourCharts({ name, row }: HourChartsProps) {
  const { value, fault, reload } = useResource(
    (signal) => linkApi.read<History>(name, 'history?seconds=3600', signal),
    [name],
  )
  const points = usePoints(value, row)
  const columns = useMemo(() => joined(value, points), [value, points])
  const charts = useMemo(() => (columns === undefined ? [] : chartsOf(columns)), [columns])
  if (columns === undefined) return <Reading fault={fault} onRetry={reload} />
  return <Charts label="The last hour" charts={charts} />
}

function chartsOf(columns: Columns): readonly ChartProps[] {
  // Times are never unknown.
  const at = columns.at as readonly number[]
  const chart = (
    title: string,
    format: ChartProps['format'],
    ...lines: readonly (readonly [title: string, color: string, series: HistorySeries])[]
  ): ChartProps => ({
    title,
    at,
    format,
    lines: lines.map(([line, color, series]) => ({ title: line, color, values: columns[series] })),
  })
  return [
    chart('Messages per second', compact, ['out', '--flow-out', 'out'], ['in', '--flow-in', 'in']),
    {
      ...chart('Bytes per second', bytes, ['out', '--flow-out', 'bytes_out'], ['in', '--flow-in', 'bytes_in']),
      binary: true,
    },
    chart('Acknowledged in', duration, ['p99', '--warn', 'p99_ms'], ['p50', '--flow-out', 'p50_ms']),
    chart('Messages in the outbox', compact, ['waiting', '--wait', 'outbox']),
  ]
}

/** A point for each interval of the history that has passed since it was read. None while the node is away: there the line is broken. */
function usePoints(history: History | undefined, row: LinkRow | undefined): readonly Point[] {
  const [points, setPoints] = useState<readonly Point[]>([])
  const current = useRef(row)
  current.current = row
  useEffect(() => {
    setPoints([])
    if (history === undefined) return undefined
    const timer = setInterval(() => {
      if (current.current === undefined || liveState.value !== 'open') return
      const point = pointOf(current.current, Date.now())
      setPoints((points) => [...points.filter(({ at }) => at > point.at - HOUR_MS), point])
    }, history.interval_ms)
    return () => clearInterval(timer)
  }, [history])
  return points
}

function pointOf(row: LinkRow, at: number): Point {
  const { out_rate, in_rate, bytes_out_rate, bytes_in_rate, outbox, p50_ms, p99_ms } = row
  return { at, out: out_rate, in: in_rate, bytes_out: bytes_out_rate, bytes_in: bytes_in_rate, outbox, p50_ms, p99_ms }
}

function joined(history: History | undefined, points: readonly Point[]): Columns | undefined {
  if (history === undefined) return undefined
  const { series } = history
  const column = (name: HistorySeries): readonly (number | null)[] => [...series[name], ...points.map((it) => it[name])]
  return {
    at: column('at'),
    out: column('out'),
    in: column('in'),
    bytes_out: column('bytes_out'),
    bytes_in: column('bytes_in'),
    outbox: column('outbox'),
    p50_ms: column('p50_ms'),
    p99_ms: column('p99_ms'),
  }
}
