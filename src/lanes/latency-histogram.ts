/**
 * How long things took, counted in fixed buckets: `record` allocates nothing, and percentiles are right to within a bucket, which is
 * at most a third wide. For as long as anybody likes (`LatencyHistogram`), and for the last five minutes (`LatencyWindow`).
 */

/** Milliseconds. */
export type Percentiles = {
  readonly count: number
  readonly p50_ms: number
  readonly p90_ms: number
  readonly p99_ms: number
  readonly max_ms: number
}

/** As Prometheus has them: how many took at most so long. */
export type LatencyBucket = { readonly leMs: number; readonly count: number }

export type HistogramSnapshot = {
  /** Cumulative, shortest first. All that took longer than the last one is in `count` alone. */
  readonly buckets: readonly LatencyBucket[]
  readonly count: number
  readonly sumMs: number
}

const BOUND_MS_MIN = 0.1
const BOUND_MS_MAX = 60_000
/** Upper ends of the buckets within a decade, tenths. */
const steps = [10, 12.5, 15, 20, 25, 30, 40, 50, 60, 80]
/** Those that are told: the others would be many for each link. */
const toldSteps: ReadonlySet<number> = new Set([10, 25, 50])

/** Upper ends of all buckets, milliseconds; what takes longer than the last one has a bucket without end. */
export const latencyBoundsMs: readonly number[] = bounds(() => true)
const toldBoundsMs = bounds((step) => toldSteps.has(step))
const boundsMs = Float64Array.from(latencyBoundsMs)

function bounds(isWanted: (step: number) => boolean): number[] {
  const all: number[] = []
  for (let decade = BOUND_MS_MIN; decade <= BOUND_MS_MAX; decade *= 10)
    for (const step of steps) {
      const boundMs = Number(((decade * step) / 10).toPrecision(3))
      if (boundMs === BOUND_MS_MAX || (boundMs < BOUND_MS_MAX && isWanted(step))) all.push(boundMs)
    }
  return all
}

export class LatencyHistogram {
  readonly #counts = new Uint32Array(boundsMs.length + 1)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  /** What is below nothing, as by clocks that disagree, counts as nothing. */
  record(ms: number): void {
    const tookMs = ms > 0 ? ms : 0
    this.#counts[bucketOf(tookMs)]! += 1
    this.#count += 1
    this.#sumMs += tookMs
    if (tookMs > this.#maxMs) this.#maxMs = tookMs
  }

  /** Counts what the other one has counted. */
  add(other: LatencyHistogram): void {
    for (let index = 0; index < this.#counts.length; index += 1) this.#counts[index]! += other.#counts[index]!
    this.#count += other.#count
    this.#sumMs += other.#sumMs
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs)
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#sumMs = 0
    this.#maxMs = 0
  }

  /** All zero if nothing was recorded. */
  percentiles(): Percentiles {
    return {
      count: this.#count,
      p50_ms: rounded(this.#percentile(0.5)),
      p90_ms: rounded(this.#percentile(0.9)),
      p99_ms: rounded(this.#percentile(0.99)),
      max_ms: rounded(this.#maxMs),
    }
  }

  snapshot(): HistogramSnapshot {
    const buckets: LatencyBucket[] = []
    let count = 0
    let told = 0
    for (const [index, boundMs] of boundsMs.entries()) {
      count += this.#counts[index]!
      if (boundMs !== toldBoundsMs[told]) continue
      buckets.push({ leMs: boundMs, count })
      told += 1
    }
    return { buckets, count: this.#count, sumMs: this.#sumMs }
  }

  /** Within its bucket, as if all of it were spread evenly there. */
  #percentile(share: number): number {
    const rank = Math.ceil(share * this.#count)
    let before = 0
    for (const [index, count] of this.#counts.entries()) {
      if (before + count < rank || count === 0) {
        before += count
        continue
      }
      const lowMs = index === 0 ? 0 : boundsMs[index - 1]!
      const highMs = Math.min(this.#maxMs, boundsMs[index] ?? this.#maxMs)
      return lowMs + ((highMs - lowMs) * (rank - before)) / count
    }
    return 0
  }
}

const SLICES = 5
const SLICE_MS = 60_000

/** The last five minutes, to within one: whole minutes are forgotten together. */
export class LatencyWindow {
  readonly #slices = Array.from({ length: SLICES }, () => new LatencyHistogram())
  /** Number of the minute that each slice holds. */
  readonly #minutes = new Float64Array(SLICES).fill(Number.NEGATIVE_INFINITY)

  /** @param nowMs by a clock that is never set back, as in all methods here */
  record(ms: number, nowMs: number): void {
    const minute = Math.floor(nowMs / SLICE_MS)
    const at = minute % SLICES
    const slice = this.#slices[at]!
    if (this.#minutes[at] !== minute) {
      slice.reset()
      this.#minutes[at] = minute
    }
    slice.record(ms)
  }

  percentiles(nowMs: number): Percentiles {
    const minute = Math.floor(nowMs / SLICE_MS)
    const sum = new LatencyHistogram()
    for (const [at, slice] of this.#slices.entries()) if (this.#minutes[at]! > minute - SLICES) sum.add(slice)
    return sum.percentiles()
  }

  reset(): void {
    this.#minutes.fill(Number.NEGATIVE_INFINITY)
  }
}

/** The first bucket whose end is not below it. */
function bucketOf(ms: number): number {
  let low = 0
  let high = boundsMs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (boundsMs[middle]! < ms) low = middle + 1
    else high = middle
  }
  return low
}

/** Microseconds are as fine as anybody measures. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
