/** How much moved in each step of time. Pure. */
import type { Rates } from '../report/scenario-result.ts'
import type { Observed } from './observed.ts'

/** At most `stepsMax` steps (default 600), each a whole number of 100 ms. */
export function ratesOf(observed: Observed, stepsMax = 600): Rates {
  const stepMs = Math.max(100, Math.ceil((observed.toMs - observed.fromMs) / stepsMax / 100) * 100)
  const steps = Math.max(1, Math.ceil((observed.toMs - observed.fromMs) / stepMs))
  const stepAt = (atMs: number): number =>
    Math.min(steps - 1, Math.max(0, Math.floor((atMs - observed.fromMs) / stepMs)))
  const zeros = (): number[] => Array.from({ length: steps }, () => 0)
  const published = zeros()
  const clusters = new Map<string, string>()
  for (const { name, cluster, messages } of observed.publishers) {
    clusters.set(name, cluster)
    for (const { atMs } of messages) published[stepAt(atMs)]! += 1
  }
  const delivered: Record<string, number[]> = {}
  for (const { cluster, received } of observed.subscribers)
    for (const { publisher, atMs } of received) {
      const from = clusters.get(publisher)
      if (from === undefined) continue
      const counts = (delivered[`${from} → ${cluster}`] ??= zeros())
      counts[stepAt(atMs)]! += 1
    }
  return { fromMs: observed.fromMs, stepMs, published, delivered }
}
