/** What a runner tells of one scenario, for the report. Times are those of `Observed`. */
import type { Fault, Verdict } from '../checker/verdict.ts'

/** Traffic in one step of time: how many messages were published, and how many copies were delivered. */
export type Rates = {
  readonly fromMs: number
  readonly stepMs: number
  readonly published: readonly number[]
  /** By `from → to`, the clusters. */
  readonly delivered: Readonly<Record<string, readonly number[]>>
}

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

export type ScenarioResult = {
  readonly name: string
  /** What is done to whom, in a sentence. */
  readonly about: string
  /** In what it differs from what its file says: a machine that lets nobody make namespaces, a shorter run. */
  readonly notes: readonly string[]
} & (
  | {
      readonly type: 'judged'
      readonly fromMs: number
      readonly toMs: number
      readonly faults: readonly Fault[]
      readonly verdict: Verdict
      readonly rates: Rates
      readonly states: readonly LinkState[]
    }
  /** It could not be run here, or broke off: why. */
  | { readonly type: 'skipped' | 'failed'; readonly reason: string }
)
