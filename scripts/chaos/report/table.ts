/** The report as text: one line a scenario, and what does not hold, worst first. Pure. */
import { duration, healOf, number, outcomeOf, sumOf, worstFirst } from './figures.ts'
import type { ScenarioResult } from './scenario-result.ts'

const HEAD = [
  'scenario',
  'outcome',
  'due',
  'delivered',
  'lost',
  'lost q1+2',
  'twice',
  'order',
  'astray',
  'heal',
  'median',
  'gap',
]

export function tableOf(results: readonly ScenarioResult[]): string {
  const rows = [HEAD, ...results.map(rowOf)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, ...worstFirst(results).flatMap(wordsOf)].join('\n')
}

function rowOf(result: ScenarioResult): string[] {
  const outcome = outcomeOf(result)
  if (result.type !== 'judged') return [result.name, outcome]
  const sums = sumOf(result.verdict)
  const { worstMs, medianMs, gapMs, isForever } = healOf(result.verdict)
  const guaranteed = result.verdict.tallies.reduce((lost, tally) => (tally.qos === 0 ? lost : lost + tally.lost), 0)
  return [
    result.name,
    outcome,
    ...[sums.expected, sums.delivered, sums.lost, guaranteed, sums.doubled, sums.outOfOrder, sums.misdelivered].map(
      number,
    ),
    isForever ? 'never' : duration(worstMs ?? 0),
    duration(medianMs ?? 0),
    duration(gapMs),
  ]
}

function wordsOf(result: ScenarioResult): string[] {
  if (result.type !== 'judged') return ['', `${result.name} ${result.type}: ${result.reason}`]
  const { findings } = result.verdict
  if (findings.length === 0) return []
  return ['', `${result.name} does not hold:`, ...findings.map(({ severity, words }) => `  ${severity}: ${words}`)]
}
