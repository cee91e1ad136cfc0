/** The account of the demo: what was published, what had to cross, what crossed. Pure. */

export type Summary = {
  /** Publishes that the first broker acknowledged. */
  readonly published: number
  /** Those of them on topics that somebody on the far side has subscribed to. */
  readonly expected: number
  /** Distinct messages that arrived on the far side. */
  readonly crossed: number
  /** Expected, and not arrived. While traffic runs, most of these are on their way. */
  readonly lost: number
  /** Arrivals beyond the first of a message. */
  readonly duplicated: number
  /** Distinct arrivals on topics nobody subscribed to. */
  readonly unexpected: number
  readonly latency_ms: { readonly p50: number; readonly p99: number }
}

export type Tally = {
  acknowledged(sequence: number, topic: string): void
  arrived(sequence: number, topic: string, latencyMs: number): void
  /** Sequence numbers of what is acknowledged and expected, and has not arrived. */
  readonly missing: ReadonlySet<number>
  summary(): Summary
}

/** Latencies kept for the quantiles: the newest ones, so that a demo left alone overnight stays small. */
const LATENCIES_MAX = 10_000

/** Sequence numbers are unique over all topics. */
export function createTally(wanted: ReadonlySet<string>): Tally {
  const missing = new Set<number>()
  const arrivedSequences = new Set<number>()
  const latencies: number[] = []
  let published = 0
  let expected = 0
  let crossed = 0
  let duplicated = 0
  let unexpected = 0
  return {
    missing,
    acknowledged: (sequence, topic) => {
      published++
      if (!wanted.has(topic)) return
      expected++
      // The message may well be faster than its own PUBACK.
      if (!arrivedSequences.has(sequence)) missing.add(sequence)
    },
    arrived: (sequence, topic, latencyMs) => {
      if (arrivedSequences.has(sequence)) {
        duplicated++
        return
      }
      arrivedSequences.add(sequence)
      missing.delete(sequence)
      crossed++
      if (!wanted.has(topic)) unexpected++
      if (latencies.length < LATENCIES_MAX) latencies.push(latencyMs)
      else latencies[crossed % LATENCIES_MAX] = latencyMs
    },
    summary: () => {
      const sorted = Float64Array.from(latencies).sort()
      return {
        published,
        expected,
        crossed,
        lost: missing.size,
        duplicated,
        unexpected,
        latency_ms: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
      }
    },
  }
}

/** Whether all that had to cross did, each once, and nothing else; where nothing had to, nothing was shown. */
export function isClean({ expected, lost, duplicated, unexpected }: Summary): boolean {
  return expected > 0 && lost + duplicated + unexpected === 0
}

/** Of ascending values, by the nearest rank; 0 of none. To two decimals. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
  return Math.round(value * 100) / 100
}
