/**
 * What is of the process, whatever nodes run in it: prom-client's own metrics. They are set up at the first scrape, and once for
 * all nodes: two observers of one event loop would see nothing more. Of those that go against Prometheus' rules for names, none.
 */
import { collectDefaultMetrics, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'
import type { FamilyFacts, FamilyType, WriteSeries } from './family.ts'

/** Gauges that call themselves totals, what is told under another name as well, and what says nothing before there was a delay. */
const leftOut = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_requests',
  'nodejs_eventloop_lag_min_seconds',
  'nodejs_gc_duration_seconds',
]
const PREFIX = 'isthmus_'

export type ReadFamily = FamilyFacts & { readonly write: (write: WriteSeries) => void }

let registry: Registry | undefined

/** Those that have series, as they are now. */
export async function readProcessFamilies(): Promise<ReadFamily[]> {
  const metrics = await processRegistry().getMetricsAsJSON()
  return metrics.flatMap((metric) => {
    const read = readFamily(metric)
    return read === undefined ? [] : [read]
  })
}

function processRegistry(): Registry {
  if (registry !== undefined) return registry
  registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: PREFIX })
  for (const name of leftOut) registry.removeSingleMetric(`${PREFIX}${name}`)
  return registry
}

function readFamily({ name, type, help, values }: PromMetric): ReadFamily | undefined {
  // As prom-client's types have it, or as its code does: a word.
  const word = familyTypeOf(String(type))
  if (word === undefined || word === 'histogram') return undefined
  const labels = [...new Set(values.flatMap(({ labels: labelled }) => Object.keys(labelled)))]
  return {
    name,
    type: word,
    labels,
    help: help.endsWith('.') ? help : `${help}.`,
    write: (write) => {
      for (const { value, labels: labelled } of values)
        write(value, ...labels.map((label) => String(labelledValue(labelled, label))))
    },
  }
}

type PromMetric = MetricObjectWithValues<MetricValue<string>>

function labelledValue(labels: MetricValue<string>['labels'], label: string): string | number {
  return labels[label] ?? ''
}

function familyTypeOf(word: string): FamilyType | undefined {
  return word === 'counter' || word === 'gauge' || word === 'histogram' ? word : undefined
}
