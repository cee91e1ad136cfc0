/** What a worker tells of the seeds that it runs. */
import type { Violation } from './oracle/violation.ts'
import type { Plan } from './plan/plan.ts'
import type { Summary } from './run/summary.ts'

export type Report =
  | { readonly type: 'summary'; readonly summary: Summary }
  /** Of a seed that failed: the plan with the fewest steps that still fails, and what happens in it. */
  | {
      readonly type: 'story'
      readonly seed: number
      readonly violation: Violation
      readonly plan: Plan
      readonly story: string
    }
