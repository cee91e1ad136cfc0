/** How much moved in each step of time, from cluster to cluster. Pure. */
import { groupBy } from './group-by.ts'
import type { Observed } from './observed.ts'
import { isMatch } from './topic-match.ts'

/** Both count a message once for each subscriber whose filter matches it. */
export type Way = {
  readonly from: string
  readonly to: string
  /** When it was published. */
  readonly due: readonly number[]
  /** When it arrived; second copies too. */
  readonly delivered: readonly number[]
}

export type Rates = { readonly fromMs: number; readonly stepMs: number; readonly ways: readonly Way[] }

const STEPS_MAX = 600
const STEP_MS = 250

/** At most so many steps, each a multiple of a quarter of a second. */
export function ratesOf(observed: Observed, stepsMax = STEPS_MAX): Rates {
  const { fromMs, toMs, publishers, subscribers } = observed
  const stepMs = Math.max(1, Math.ceil((toMs - fromMs) / stepsMax / STEP_MS)) * STEP_MS
  const steps = Math.max(1, Math.ceil((toMs - fromMs) / stepMs))
  const count = (counts: number[], atMs: number): void => {
    const step = Math.min(steps - 1, Math.max(0, Math.floor((atMs - fromMs) / stepMs)))
    counts[step]! += 1
  }
  const pairs = subscribers.flatMap((subscriber) =>
    publishers
      .filter(({ topic }) => isMatch(topic, subscriber.filter))
      .map((publisher) => ({ publisher, subscriber, key: JSON.stringify([publisher.cluster, subscriber.cluster]) })),
  )
  const ways = [...groupBy(pairs, ({ key }) => key).values()].map((group) => {
    const due = Array.from({ length: steps }, () => 0)
    const delivered = [...due]
    for (const { publisher } of group) for (const { atMs } of publisher.messages) count(due, atMs)
    for (const [subscriber, of] of groupBy(group, (pair) => pair.subscriber)) {
      const names = new Set(of.map(({ publisher }) => publisher.name))
      for (const { publisher, atMs } of subscriber.received) if (names.has(publisher)) count(delivered, atMs)
    }
    return { from: group[0]!.publisher.cluster, to: group[0]!.subscriber.cluster, due, delivered }
  })
  return { fromMs, stepMs, ways }
}
