/** Ties what monitoring asks for to a node: health, metrics. */
import { type Credentials, whoAsks } from '../api/access/access-hook.ts'
import type { ApiPart } from '../api/api-server.ts'
import { healthRoutes } from '../api/health/health.ts'
import { metricsRoute, type ScrapePort } from '../api/metrics/metrics-route.ts'
import { contentTypes, formatFor } from '../metrics/prometheus/exposition.ts'
import { NodeMetrics } from '../metrics/prometheus/scrape.ts'
import { MetricsOfNode } from './metrics-of.ts'
import type { NodeForApi } from './node-for-api.ts'

export type Monitoring = {
  readonly parts: readonly ApiPart[]
  readonly roots: readonly ApiPart[]
}

/** @param credentials of those who may read the metrics, if not everybody may (`prometheus.enable_basic_auth`) */
export function openMonitoring(node: NodeForApi, credentials: readonly Credentials[]): Monitoring {
  const { unreadyReasons, config } = node
  const metrics = new NodeMetrics(new MetricsOfNode(node))
  const port: ScrapePort = {
    scrape: (accept) => {
      const format = formatFor(accept)
      return { contentType: contentTypes[format], text: metrics.scrape(format) }
    },
    admit: async (request) => {
      if (config().prometheus.enable_basic_auth) await whoAsks(request, credentials)
    },
  }
  return {
    parts: [metricsRoute('/prometheus/stats', port)],
    roots: [healthRoutes(unreadyReasons), metricsRoute('/metrics', port)],
  }
}
