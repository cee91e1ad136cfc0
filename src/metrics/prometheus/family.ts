/** A metric under one name, with all its series: what it is, and how it is read at a scrape. */
import type { HistogramSnapshot } from '../../lanes/latency-histogram.ts'

export type FamilyType = 'counter' | 'gauge' | 'histogram'

/** What is to be known of a metric before it is read. */
export type FamilyFacts = {
  /** With its unit, and `_total` for a counter. */
  readonly name: string
  readonly type: FamilyType
  /** Besides those that every series has. */
  readonly labels: readonly string[]
  /** One sentence. */
  readonly help: string
}

/** Of `Source` it is read. */
export type Family<Source> = FamilyFacts & {
  /** @param write called for each series with its value and those of the labels, in their order */
  readonly read: (source: Source, write: WriteSeries) => void
}

export type WriteSeries = (value: number | HistogramSnapshot, ...labelValues: string[]) => void

/** Labels of every series. */
export const commonLabels = ['cluster', 'node'] as const

export function counter<Source>(
  name: string,
  labels: readonly string[],
  help: string,
  read: Family<Source>['read'],
): Family<Source> {
  return { name, type: 'counter', labels, help, read }
}

export function gauge<Source>(
  name: string,
  labels: readonly string[],
  help: string,
  read: Family<Source>['read'],
): Family<Source> {
  return { name, type: 'gauge', labels, help, read }
}

/** Series with one value each, in seconds; what is read is in milliseconds. */
export function histogram<Source>(
  name: string,
  labels: readonly string[],
  help: string,
  read: Family<Source>['read'],
): Family<Source> {
  return { name, type: 'histogram', labels, help, read }
}
