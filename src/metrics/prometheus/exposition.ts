/**
 * The two formats in which Prometheus takes metrics. They differ in the name of a counter's family and in the last line.
 * Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics specification, 1.0.
 */
import type { HistogramSnapshot } from '../../lanes/latency-histogram.ts'
import type { FamilyFacts, WriteSeries } from './family.ts'

export type ExpositionFormat = 'text' | 'openmetrics'

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** What a scraper asks for with its `Accept`. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'text'
}

const TOTAL = '_total'

export class Exposition {
  readonly #format: ExpositionFormat
  /** Of the labels that every series has. */
  readonly #common: string
  #lines: string[] = []

  constructor(format: ExpositionFormat, common: Readonly<Record<string, string>>) {
    this.#format = format
    this.#common = Object.entries(common)
      .map(([name, value]) => label(name, value))
      .join(',')
  }

  /** @returns how to write the series of this family: all of them before the next one begins */
  family({ name, type, help, labels }: FamilyFacts): WriteSeries {
    const isCut = this.#format === 'openmetrics' && type === 'counter' && name.endsWith(TOTAL)
    const family = isCut ? name.slice(0, -TOTAL.length) : name
    this.#lines.push(`# HELP ${family} ${escapeHelp(help)}`, `# TYPE ${family} ${type}`)
    return (value, ...labelValues) => {
      const written = labels.map((labelName, index) => label(labelName, labelValues[index] ?? ''))
      const all = [this.#common, ...written].join(',')
      if (typeof value === 'number') this.#lines.push(`${name}{${all}} ${numberText(value)}`)
      else this.#histogram(name, all, value)
    }
  }

  /** What was written since the last call. */
  take(): string {
    const lines = this.#lines
    this.#lines = []
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`
  }

  /** What comes last of all. */
  get end(): string {
    return this.#format === 'openmetrics' ? '# EOF\n' : ''
  }

  #histogram(name: string, labels: string, { buckets, count, sumMs }: HistogramSnapshot): void {
    for (const bucket of buckets)
      this.#lines.push(`${name}_bucket{${labels},le="${numberText(bucket.leMs / 1000)}"} ${bucket.count}`)
    this.#lines.push(`${name}_bucket{${labels},le="+Inf"} ${count}`)
    this.#lines.push(`${name}_sum{${labels}} ${numberText(sumMs / 1000)}`, `${name}_count{${labels}} ${count}`)
  }
}

function label(name: string, value: string): string {
  return `${name}="${/[\\"\n]/.test(value) ? escapeLabel(value) : value}"`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}
