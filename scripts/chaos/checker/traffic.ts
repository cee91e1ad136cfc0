/** Publishers and subscribers as a plan says, and the record of what they saw. */
import type { Observed } from './observed.ts'
import type { TrafficPlan } from './plan.ts'

export type Traffic = {
  /** This client's node listens elsewhere now: it connects there, at once. */
  moved(name: string, url: string): void
  /** Gives up a subscription, or takes it up again; resolves with the broker's answer. */
  unsubscribe(name: string): Promise<void>
  subscribe(name: string): Promise<void>
  /** Publishers rest, and go on. What was published is still answered and delivered. */
  pause(): void
  resume(): void
  /** Resolves when each subscriber got something from each publisher whose topic it wants, in clusters that let it cross. Throws which did not. */
  flowing(withinMs: number): Promise<void>
  counts(): { readonly published: number; readonly acknowledged: number; readonly delivered: number }
  /** Publishers stop at once; resolves when nothing new came for `quietMs` (1,000), or after `boundMs` (30,000); clients are gone then. */
  stop(options?: { readonly quietMs?: number; readonly boundMs?: number }): Promise<Observed>
}

/** Resolves when all are connected and all subscriptions are acknowledged; publishers begin then. Throws who was not, after `withinMs` (30,000). */
export function startTraffic(_plan: TrafficPlan, _withinMs?: number): Promise<Traffic> {
  return Promise.reject(new Error('follows'))
}
