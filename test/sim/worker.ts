/**
 * Runs simulations in a process of its own, whose platform is the simulation's, and prints a line of JSON for each (`Report`).
 *
 *     node dist/test/sim/worker.js seeds FROM TO STEP
 *     node dist/test/sim/worker.js found FILE...
 *     ... shrink                                        makes what fails as small as can be
 */
import { readFound } from './found.ts'
import type { Plan } from './plan/plan.ts'
import type { Report } from './report.ts'
import { simulatePlatform } from './world/platform.ts'

const words = process.argv.slice(2)
const shrinks = words.at(-1) === 'shrink'
const [type, ...rest] = shrinks ? words.slice(0, -1) : words
const useChance = simulatePlatform()
// Only now, since some of it keeps what it finds of the platform when it is loaded.
const { judgePlan, shrinkPlan } = await import('./run/judge-plan.ts')
const { planOf } = await import('./plan/plan-of.ts')
// A node would load it in the midst of its start, which takes as long as the disk does.
await import('../../src/node/answer-members.ts')

const say = (report: Report): void => void process.stdout.write(`${JSON.stringify(report)}\n`)

for (const plan of plans()) {
  const summary = await judgePlan(plan, useChance)
  say({ type: 'summary', summary })
  const { violation, seed } = summary
  if (violation !== null && shrinks)
    say({ type: 'story', seed, violation, ...(await shrinkPlan(plan, violation, useChance)) })
}
process.exit(0)

function* plans(): Iterable<Plan> {
  if (type === 'found') for (const file of rest) yield readFound(file).plan
  const [from = 1, to = from, step = 1] = rest.map(Number)
  if (type === 'seeds') for (let seed = from; seed <= to; seed += step) yield planOf(seed)
}
