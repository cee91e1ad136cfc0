/** Figures of scenarios, as the table and the page have them, and the order in which they are told. Pure. */
import { SEVERITIES } from '../checker/findings.ts'
import type { Severity, Tally, Verdict } from '../checker/verdict.ts'
import type { ScenarioResult } from './scenario-result.ts'

export type Outcome = 'held' | 'broken' | 'failed' | 'skipped'

export function outcomeOf(result: ScenarioResult): Outcome {
  if (result.type !== 'judged') return result.type
  return result.verdict.holds ? 'held' : 'broken'
}

const WORST_FIRST: readonly (Severity | Outcome)[] = [...SEVERITIES, 'failed', 'skipped', 'held']

/** What does not hold comes first, and of that the worst. */
export function worstFirst(results: readonly ScenarioResult[]): ScenarioResult[] {
  return results.toSorted((one, other) => rankOf(one) - rankOf(other))
}

function rankOf(result: ScenarioResult): number {
  const first = result.type === 'judged' ? result.verdict.findings[0]?.severity : undefined
  return WORST_FIRST.indexOf(first ?? outcomeOf(result))
}

type Sums = Omit<Tally, 'qos'>

/** Of all QoS. */
export function sumOf({ tallies }: Verdict): Sums {
  const sums = {
    published: 0,
    acknowledged: 0,
    refused: 0,
    unanswered: 0,
    expected: 0,
    delivered: 0,
    lost: 0,
    doubled: 0,
    resent: 0,
    outOfOrder: 0,
    misdelivered: 0,
  }
  for (const tally of tallies) for (const key of keysOf(sums)) sums[key] += tally[key]
  return sums
}

const keysOf = <Of extends object>(value: Of): (keyof Of)[] => Object.keys(value) as (keyof Of)[]

export type Heal = {
  readonly worstMs?: number
  readonly medianMs?: number
  readonly gapMs: number
  readonly isForever: boolean
}

export function healOf({ healings, largestGap }: Verdict): Heal {
  const felt = healings.filter(({ pairs }) => pairs > 0)
  const times = felt.flatMap(({ healMs }) => (healMs === undefined ? [] : [healMs])).toSorted((a, b) => a - b)
  const gapMs = largestGap === undefined ? 0 : largestGap.toMs - largestGap.fromMs
  const isForever = times.length < felt.length
  if (times.length === 0) return { gapMs, isForever }
  return { worstMs: times.at(-1)!, medianMs: times[(times.length - 1) >> 1]!, gapMs, isForever }
}

/** `12.3 s`, `810 ms`, `4 min 10 s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

export const number = (value: number): string => value.toLocaleString('en')
