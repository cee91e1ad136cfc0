/** What must hold does in many simulations, and each can be run again exactly. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import test from 'node:test'
import { foundSeeds } from './found-seeds.ts'
import type { Report } from './report.ts'
import { Tallied } from './tallied.ts'
import { runWorkers } from './workers.ts'

const SEEDS = 200

async function run(from: number, to: number, jobs: number, t: { readonly signal: AbortSignal }): Promise<Report[]> {
  const reports: Report[] = []
  const told = (report: Report): void => void reports.push(report)
  const untilMs = Number.POSITIVE_INFINITY
  await runWorkers({ from, to, jobs, shrinks: true, untilMs, told, signal: t.signal })
  return reports
}

function mustHold(reports: readonly Report[]): string {
  const tallied = new Tallied()
  for (const report of reports) tallied.add(report)
  const { failures } = tallied.record()
  const words = failures.map(({ seed, story }) => `npm run sim -- --seed ${seed}\n${story}`)
  assert.equal(failures.length, 0, `\n${words.join('\n\n')}`)
  return tallied.words()
}

test(`all that must hold does with seeds 1 to ${SEEDS}`, async (t) => {
  t.diagnostic(mustHold(await run(1, SEEDS, availableParallelism(), t)))
})

for (const { seed, found } of foundSeeds) {
  test(`seed ${seed}: ${found}`, async (t) => void mustHold(await run(seed, seed, 1, t)))
}

test('a seed that runs after others gives exactly what it gives alone', async (t) => {
  const [after, alone] = [await run(1, 4, 1, t), await run(4, 4, 1, t)]
  const digests = [after, alone].map((reports) =>
    reports.flatMap((report) => (report.type === 'summary' && report.summary.seed === 4 ? [report.summary] : [])),
  )
  assert.equal(digests[0]?.length, 1)
  assert.equal(digests[0]?.[0]?.digest, digests[1]?.[0]?.digest)
  assert.equal(digests[0]?.[0]?.events, digests[1]?.[0]?.events)
})
