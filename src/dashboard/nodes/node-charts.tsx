/** The last hour of a node, or of all together. */
import { useMemo } from 'preact/hooks'
import type { NodeSeries } from '../api/cluster-node.ts'
import { Charts, type ChartProps } from '../controls/chart.tsx'
import { bytes, compact, duration } from '../format/number.ts'

export function NodeCharts({ series }: { readonly series: NodeSeries }) {
  const charts = useMemo(() => chartsOf(series), [series])
  return <Charts label="The last hour" charts={charts} />
}

const percent = (value: number): string => `${compact(value)} %`

function chartsOf(series: NodeSeries): readonly ChartProps[] {
  // Times are never unknown.
  const at = series.at as readonly number[]
  const one = (title: string, line: string, color: string, values: NodeSeries['at'], format: ChartProps['format']) => ({
    title,
    at,
    format,
    lines: [{ title: line, color, values }],
  })
  return [
    {
      title: 'Messages per second',
      at,
      format: compact,
      lines: [
        { title: 'delivered', color: '--flow-out', values: series.delivered },
        { title: 'published', color: '--flow-in', values: series.published },
      ],
    },
    one('Clients', 'connected', '--busy', series.connections, compact),
    one('Processor', 'of one', '--wait', series.cpu, percent),
    { ...one('Memory', 'of the process', '--good', series.memory, bytes), binary: true },
    one('Event loop late by', 'p99', '--warn', series.loop_delay_ms, duration),
  ]
}

/** What is known of it last, for people. */
export function latest(values: readonly (number | null)[] | undefined): string {
  const last = values?.findLast((value) => value !== null)
  return last === undefined || last === null ? '–' : compact(last)
}
