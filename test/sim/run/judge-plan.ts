/** A plan from its world to its summary; of one that fails the smallest one that does. */
import type { Violation } from '../oracle/violation.ts'
import type { Plan } from '../plan/plan.ts'
import { shrink } from '../plan/shrink.ts'
import { storyOf } from '../plan/story.ts'
import type { SeededRandom } from '../world/random.ts'
import { runPlan } from './run-plan.ts'
import { type Summary, summaryOf } from './summary.ts'

type UseChance = (random: SeededRandom) => void

/** @param useChance see `simulatePlatform` */
export async function judgePlan(plan: Plan, useChance: UseChance): Promise<Summary> {
  const before = process.cpuUsage()
  const outcome = await runPlan(plan, useChance)
  const { user, system } = process.cpuUsage(before)
  return summaryOf(plan, outcome, (user + system) / 1_000)
}

/** Leaves out what is not needed for the same invariant not to hold. */
export async function shrinkPlan(
  plan: Plan,
  { invariant }: Violation,
  useChance: UseChance,
): Promise<{ readonly plan: Plan; readonly story: string }> {
  const smallest = await shrink(
    plan,
    async (smaller) => (await runPlan(smaller, useChance)).violation?.invariant === invariant,
  )
  return { plan: smallest, story: storyOf(smallest, await runPlan(smallest, useChance)) }
}
