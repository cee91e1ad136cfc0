/** Traces of one node, to the collector that the configuration names. Loaded only where they are on. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import type { Clock } from '../../broker/clock.ts'
import type { Logger } from '../../broker/logger.ts'
import type { OpentelemetryConfig } from '../../config/opentelemetry-schema.ts'
import { NodeTraces, SpanIds } from './node-traces.ts'
import { type SpanCounts, SpanQueue } from './span-queue.ts'

export type OpenedTraces = {
  readonly traces: NodeTraces
  readonly counts: () => SpanCounts
  /** Sends what waits, for as long as that may take. */
  readonly close: () => Promise<void>
}

export type TracedNode = {
  readonly node: string
  readonly cluster: string
  readonly version: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** How long the collector may take for what waits when the node stops, milliseconds. */
const CLOSE_MS = 2_000
const EXPORT_TIMEOUT_MS = 10_000

/** Nothing of it is global: several nodes of one process have traces of their own. */
export function openTraces({ exporter, traces }: OpentelemetryConfig, node: TracedNode): OpenedTraces {
  const { clock, log, random, cluster } = node
  const { endpoint, headers } = exporter
  const collector = new OTLPTraceExporter({
    url: tracesUrl(endpoint),
    headers: { ...headers },
    timeoutMillis: EXPORT_TIMEOUT_MS,
  })
  const queue = new SpanQueue(collector, traces, clock, log)
  const ids = new SpanIds()
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'isthmus',
      'service.version': node.version,
      'service.instance.id': node.node,
      'isthmus.cluster': cluster,
    }),
    spanProcessors: [queue],
    idGenerator: ids,
  })
  const terms = { cluster, traceAll: traces.filter.trace_all, sampleRatio: traces.sample_ratio }
  const ports = { tracer: provider.getTracer('isthmus'), ids, clock, random, dropped: (n: number) => queue.drop(n) }
  return {
    traces: new NodeTraces(terms, ports),
    counts: () => queue.counts,
    close: async () => {
      let timer: ReturnType<Clock['after']> | undefined
      const late = new Promise<void>((resolve) => (timer = clock.after(CLOSE_MS, resolve)))
      await Promise.race([provider.shutdown(), late])
      timer?.cancel()
    },
  }
}

/** As other exporters have it: a collector without a path gets the one that is usual. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return url.href
}
