/** How long to wait before the next attempt: "decorrelated jitter", so that many who failed together do not return together. */

export type Random = () => number
export type BackoffRange = { readonly msMin: number; readonly msMax: number }

/** Longer than any first delay: one that began anew would be over sooner. */
export function waitsLong(delayMs: number, { msMin }: BackoffRange): boolean {
  return delayMs > msMin * 3
}

/**
 * Anything between the shortest delay and three times the one before, never more than the longest.
 *
 * @param previousMs the delay before this one, 0 for the first
 * @param random in [0, 1)
 */
export function nextDelayMs(previousMs: number, { msMin, msMax }: BackoffRange, random: Random): number {
  const ceiling = Math.min(msMax, Math.max(previousMs, msMin) * 3)
  return Math.round(msMin + random() * (ceiling - msMin))
}
