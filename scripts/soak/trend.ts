/** How a figure grows, judged by its samples, whatever a few of them say: Theil-Sen's slope, and how little it may be in truth. Pure. */

export type Sample = { readonly atMs: number; readonly value: number }

export type Trend = {
  /** The middle one of the slopes between any two samples. */
  readonly perHour: number
  /** The growth is at least that, as likely as not to be wrong once in a hundred times. */
  readonly perHourAtLeast: number
  /** The middle one of the values. */
  readonly median: number
}

const HOUR_MS = 3_600_000
/** Of the normal distribution, for 99 % on one side. */
const Z = 2.326
/** Above it, each n-th of the samples is looked at: the pairs grow with the square. */
const SAMPLES_MAX = 600

/** `undefined` of fewer than three samples. Source: Sen, Estimates of the regression coefficient based on Kendall's tau, 1968. */
export function trendOf(all: readonly Sample[]): Trend | undefined {
  const stride = Math.ceil(all.length / SAMPLES_MAX)
  const samples = all.filter((_, index) => index % stride === 0)
  const n = samples.length
  if (n < 3) return undefined
  const slopes = new Float64Array((n * (n - 1)) / 2)
  let filled = 0
  for (let one = 0; one < n; one++)
    for (let other = one + 1; other < n; other++) {
      const { atMs, value } = samples[one]!
      slopes[filled++] = ((samples[other]!.value - value) / (samples[other]!.atMs - atMs)) * HOUR_MS
    }
  slopes.sort()
  // Of so many pairs more of one sign than of the other would be chance, if nothing grew.
  const byChance = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  const lowest = Math.max(0, Math.floor((slopes.length - byChance) / 2))
  return {
    perHour: middle(slopes),
    perHourAtLeast: slopes[lowest]!,
    median: middle(Float64Array.from(samples, ({ value }) => value).sort()),
  }
}

/** Of ascending values. */
function middle(sorted: Float64Array): number {
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
