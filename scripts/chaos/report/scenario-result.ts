/** What a runner tells of one scenario, for the report. Times are those of `Observed`. */
import type { Rates } from '../checker/rates.ts'
import type { Fault, LedgerClaim, Verdict } from '../checker/verdict.ts'

/** From here on a node says this of its link; the runner asks all nodes now and then, and keeps only what changed. */
export type LinkState = {
  readonly atMs: number
  readonly node: string
  /** Whose: the peer's name. */
  readonly link: string
  /** `running`, `connecting`, `bootstrapping`, `degraded`, `stopped`, `failed`, or `unreachable`: the node did not answer. */
  readonly status: string
  readonly reasons?: readonly string[]
}

export type JudgedScenario = {
  readonly type: 'judged'
  readonly fromMs: number
  readonly toMs: number
  readonly faults: readonly Fault[]
  readonly verdict: Verdict
  readonly rates: Rates
  readonly states: readonly LinkState[]
  readonly ledgers: readonly LedgerClaim[]
}

export type ScenarioResult = {
  readonly name: string
  /** What is done to whom, in a sentence. */
  readonly about: string
  /** In what it differs from what its file says: a machine that lets nobody make namespaces, a shorter run. */
  readonly notes: readonly string[]
} & (
  | JudgedScenario
  /** It could not be run here, or broke off: why. */
  | { readonly type: 'skipped' | 'failed'; readonly reason: string }
)
