/** How fast what gathered during an outage crosses, and how long it will take. */

export type Backlog = {
  readonly messages: number
  readonly bytes: number
  /** Messages of it that cross in a second, smoothed over some ten seconds. */
  readonly perSecond: number
  /** Left out while nothing of it crosses. */
  readonly secondsLeft?: number
}

/** What was `smoothMs` ago counts for 1/e. */
const smoothMs = 5_000
/** Below it a rate is that of something that has stopped. */
const perSecondMin = 0.01

export class BacklogMeter {
  #perSecond = 0
  #atMs = 0
  /** Since when it goes; what was before is not counted as a standstill. */
  #sinceMs = Number.NaN

  /** So many messages of the backlog have crossed. */
  crossed(messages: number, nowMs: number): void {
    if (!(this.#rateAt(nowMs) >= perSecondMin)) {
      this.#perSecond = 0
      this.#sinceMs = nowMs
    } else this.#perSecond *= Math.exp((this.#atMs - nowMs) / smoothMs)
    this.#perSecond += (messages * 1_000) / smoothMs
    this.#atMs = nowMs
  }

  /** `undefined` if there is none. @param messages that are left, @param bytes of them */
  view(messages: number, bytes: number, nowMs: number): Backlog | undefined {
    if (messages === 0) return undefined
    const rate = this.#rateAt(nowMs)
    if (!(rate >= perSecondMin)) return { messages, bytes, perSecond: 0 }
    return { messages, bytes, perSecond: Math.round(rate * 100) / 100, secondsLeft: Math.ceil(messages / rate) }
  }

  /** An average over time that began lately has seen but a part of it, and would be too low. Less than a second tells nothing. */
  #rateAt(nowMs: number): number {
    const seen = 1 - Math.exp(-Math.max(1_000, nowMs - this.#sinceMs) / smoothMs)
    return (this.#perSecond * Math.exp((this.#atMs - nowMs) / smoothMs)) / seen
  }
}
