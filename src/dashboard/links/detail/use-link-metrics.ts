/** The metrics of one link, live, with rates made of how they grow. */
import { useRef, useState } from 'preact/hooks'
import type { LinkMetrics, Metrics } from '../../api/link-metrics.ts'
import { useLive } from '../../live/use-live.ts'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

/** Per second. */
export type Rates = { readonly out: number; readonly in: number; readonly bytesOut: number; readonly bytesIn: number }

type Reading = { readonly all: LinkMetrics; readonly atMs: number; readonly rates: Rates | undefined }

export type LiveMetrics = {
  readonly all: LinkMetrics | undefined
  /** `undefined` until two readings are there. */
  readonly rates: Rates | undefined
  readonly atMs: number
  readonly fault: string
  readonly reload: () => void
}

export function useLinkMetrics(name: string): LiveMetrics {
  const first = useResource((signal) => linkApi.read<LinkMetrics>(name, 'metrics', signal), [name])
  const [reading, setReading] = useState<Reading | undefined>()
  const [openedMs] = useState(Date.now)
  const last = useRef<Reading | undefined>(undefined)
  useLive<LinkMetrics>(`links:${name}`, 'link', (all) => {
    const atMs = Date.now()
    const rates = last.current === undefined ? undefined : ratesOf(last.current, all.metrics, atMs)
    last.current = { all, atMs, rates }
    setReading(last.current)
  })
  return {
    all: reading?.all ?? first.value,
    rates: reading?.rates,
    atMs: reading?.atMs ?? openedMs,
    fault: first.fault,
    reload: first.reload,
  }
}

function ratesOf({ all: { metrics: before }, atMs: beforeMs }: Reading, now: Metrics, nowMs: number): Rates {
  const seconds = Math.max(0.2, (nowMs - beforeMs) / 1_000)
  // Counts that fell began anew: they were reset, or a node went away.
  const per = (before: number, now: number): number => Math.max(0, now - before) / seconds
  return {
    out: per(before.ledger.delivered, now.ledger.delivered),
    in: per(before.inbound.received, now.inbound.received),
    bytesOut: per(before.bytes.out, now.bytes.out),
    bytesIn: per(before.bytes.in, now.bytes.in),
  }
}
