/**
 * How far the clock of a peer is ahead of ours, from probes, as NTP reckons it (RFC 5905, 8 and 10): each probe has four times, and of
 * the last ones the quickest counts, since what delays a probe mostly delays it one way. It is an estimate, and rests on one
 * assumption: that the quickest probe took as long there as back. By half of its time it may be wrong, and not by more.
 */

/** Milliseconds. The first and the last by our clock, the others by the peer's. */
export type ProbeTimes = {
  readonly sentMs: number
  readonly receivedMs: number
  readonly answeredMs: number
  /** How long it took from `sentMs` until the answer was here, by a clock that is never set. */
  readonly tookMs: number
}

type Sample = { readonly delayMs: number; readonly offsetMs: number }

/** Two minutes of them, if they come every five seconds. */
const SAMPLES_MAX = 24
/** Times are whole milliseconds. */
const ROUNDING_MS = 2

export class ClockOffset {
  readonly #samples: Sample[] = []

  /** By how much the peer's clock is ahead of ours, milliseconds; `undefined` before the first probe was answered. */
  get ms(): number | undefined {
    return this.#quickest?.offsetMs
  }

  add({ sentMs, receivedMs, answeredMs, tookMs }: ProbeTimes): void {
    const delayMs = Math.max(0, tookMs - (answeredMs - receivedMs))
    const offsetMs = (receivedMs - sentMs + answeredMs - (sentMs + tookMs)) / 2
    const quickest = this.#quickest
    // No two probes can contradict each other so much: one of the clocks was set.
    if (
      quickest !== undefined &&
      Math.abs(offsetMs - quickest.offsetMs) > (delayMs + quickest.delayMs) / 2 + ROUNDING_MS
    )
      this.#samples.length = 0
    this.#samples.push({ delayMs, offsetMs })
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift()
  }

  /** It is another peer, or may be. */
  reset(): void {
    this.#samples.length = 0
  }

  get #quickest(): Sample | undefined {
    let quickest: Sample | undefined
    for (const sample of this.#samples)
      if (quickest === undefined || sample.delayMs <= quickest.delayMs) quickest = sample
    return quickest
  }
}
