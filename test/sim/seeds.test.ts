/** What must hold does in many simulations, and each can be run again exactly. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import test, { type TestContext } from 'node:test'
import { foundFiles, readFound } from './found.ts'
import type { Report } from './report.ts'
import { Tallied } from './tallied.ts'
import { runWorkers, spreadSeeds, type Task } from './workers.ts'

const SEEDS = 200

async function run(tasks: readonly Task[], { signal }: TestContext): Promise<Report[]> {
  const reports: Report[] = []
  const told = (report: Report): void => void reports.push(report)
  const untilMs = Number.POSITIVE_INFINITY
  await runWorkers({ tasks, shrinks: true, untilMs, told, signal })
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
  t.diagnostic(mustHold(await run(spreadSeeds(1, SEEDS, availableParallelism()), t)))
})

test('what was found once does not come back', async (t) => {
  const files = foundFiles()
  for (const file of files) t.diagnostic(`${file}: ${readFound(file).found}`)
  mustHold(await run([{ type: 'found', files }], t))
})

test('a seed that runs after others gives exactly what it gives alone', async (t) => {
  const [after, alone] = [await run(spreadSeeds(1, 4, 1), t), await run(spreadSeeds(4, 4, 1), t)]
  const digests = [after, alone].map((reports) =>
    reports.flatMap((report) => (report.type === 'summary' && report.summary.seed === 4 ? [report.summary] : [])),
  )
  assert.equal(digests[0]?.length, 1)
  assert.equal(digests[0]?.[0]?.digest, digests[1]?.[0]?.digest)
  assert.equal(digests[0]?.[0]?.events, digests[1]?.[0]?.events)
})
