/**
 * Runs seeds in a process of its own, whose platform is the simulation's, and prints a line of JSON for each (`Report`).
 *
 *     node dist/test/sim/worker.js FROM TO STEP [shrink]
 */
import type { Report } from './report.ts'
import { simulatePlatform } from './world/platform.ts'

const [from = '1', to = from, step = '1', word] = process.argv.slice(2)
const useChance = simulatePlatform()
// Only now, since some of it keeps what it finds of the platform when it is loaded.
const { runSeed, shrinkSeed } = await import('./run/run-seed.ts')

const say = (report: Report): void => void process.stdout.write(`${JSON.stringify(report)}\n`)

for (let seed = Number(from); seed <= Number(to); seed += Number(step)) {
  const summary = await runSeed(seed, useChance)
  say({ type: 'summary', summary })
  if (summary.violation !== null && word === 'shrink')
    say({ type: 'story', seed, ...(await shrinkSeed(seed, summary.violation, useChance)) })
}
process.exit(0)
