/** What a run leaves behind for RELIABILITY.md. */
import { type RecordOf, runHeader, writeRecord } from '../reliability/run-record.ts'
import type { ScenarioResult } from './report/scenario-result.ts'

type Row = RecordOf<'chaos'>['scenarios'][number]

/** Writes `DIR/chaos.json`; returns its path, or `undefined` if no scenario came to an end that tells something. */
export function writeChaosRecord(directory: string, command: string, results: readonly ScenarioResult[]) {
  const scenarios = results.flatMap(rowOf)
  return scenarios.length === 0 ? undefined : writeRecord(directory, { ...runHeader('chaos', command), scenarios })
}

function rowOf(result: ScenarioResult): Row[] {
  if (result.type !== 'judged') return result.type === 'failed' ? [brokenRow(result, result.reason)] : []
  const { name, notes, verdict, faults, fromMs, toMs, ledgers } = result
  return [
    {
      name,
      seconds: Math.round((toMs - fromMs) / 100) / 10,
      faults: countsOf(faults.map(({ kind }) => kind)),
      judgement: verdict.tallies.map((tally) => ({
        qos: tally.qos,
        accepted: tally.acknowledged,
        due: tally.expected,
        delivered: tally.delivered,
        lost: tally.lost,
        doubled: tally.doubled,
        outOfOrder: tally.outOfOrder,
        misdelivered: tally.misdelivered,
      })),
      dropped: sumsOf(ledgers.map(({ dropped }) => dropped)),
      healingMs: verdict.healings.flatMap(({ healMs }) => (healMs === undefined ? [] : [Math.round(healMs)])),
      failures: verdict.findings.map(({ words }) => words),
      remarks: [...notes, ...verdict.notes],
    },
  ]
}

function brokenRow({ name, notes }: ScenarioResult, reason: string): Row {
  const nothing = { seconds: 0, faults: {}, judgement: [], dropped: {}, healingMs: [] }
  return { name, ...nothing, failures: [reason], remarks: [...notes] }
}

function sumsOf(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) if (count > 0) sums[name] = (sums[name] ?? 0) + count
  return sums
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
