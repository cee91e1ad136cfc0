/** Moving averages as Mosquitto keeps them: how many per minute, averaged over 1, 5 and 15 minutes. Pure. */

export const loadMinutes = [1, 5, 15] as const
export type LoadMinutes = (typeof loadMinutes)[number]

/** The averages of one counter that only grows. */
export class LoadAverage {
  readonly #averages = new Map<LoadMinutes, number>(loadMinutes.map((minutes) => [minutes, 0]))
  #countBefore = 0

  /** Takes in what the counter says now, so many milliseconds after the last time. */
  sample(count: number, sinceMs: number): void {
    if (sinceMs <= 0) return
    const minutesPassed = sinceMs / 60_000
    const perMinute = (count - this.#countBefore) / minutesPassed
    this.#countBefore = count
    for (const [minutes, before] of this.#averages) {
      // What was known before counts less the longer ago it is, against the span that is averaged over.
      const weightOfPast = Math.exp(-minutesPassed / minutes)
      this.#averages.set(minutes, perMinute + weightOfPast * (before - perMinute))
    }
  }

  perMinute(minutes: LoadMinutes): number {
    return this.#averages.get(minutes) ?? 0
  }
}
