/** How fast a count grows: just now, over the last five minutes, and at most. Looked at once a second. */

export type Rates = {
  /** A second, at the last look. */
  readonly rate: number
  readonly rate_last5m: number
  /** The highest that `rate` ever was, since the count began. */
  readonly rate_max: number
}

const MARK_MS = 10_000
const MARKS = 30

type Mark = { readonly count: number; readonly atMs: number }

export class Rate {
  #last: Mark
  #rate = 0
  #max = 0
  /** The count as it was every ten seconds, the oldest first: five minutes of it. */
  readonly #marks: Mark[]

  /** @param nowMs by a clock that is never set back */
  constructor(count: number, nowMs: number) {
    this.#last = { count, atMs: nowMs }
    this.#marks = [this.#last]
  }

  look(count: number, nowMs: number): void {
    const passedMs = nowMs - this.#last.atMs
    if (passedMs <= 0) return
    // It began anew.
    if (count < this.#last.count) return this.reset(count, nowMs)
    this.#rate = ((count - this.#last.count) * 1_000) / passedMs
    this.#max = Math.max(this.#max, this.#rate)
    this.#last = { count, atMs: nowMs }
    const newest = this.#marks.at(-1)
    if (newest !== undefined && nowMs - newest.atMs < MARK_MS) return
    this.#marks.push(this.#last)
    if (this.#marks.length > MARKS) this.#marks.shift()
  }

  reset(count: number, nowMs: number): void {
    this.#rate = this.#max = 0
    this.#last = { count, atMs: nowMs }
    this.#marks.splice(0, this.#marks.length, this.#last)
  }

  get rates(): Rates {
    const { count, atMs } = this.#last
    const oldest = this.#marks[0] ?? this.#last
    const passedMs = atMs - oldest.atMs
    return {
      rate: rounded(this.#rate),
      rate_last5m: passedMs === 0 ? 0 : rounded(((count - oldest.count) * 1_000) / passedMs),
      rate_max: rounded(this.#max),
    }
  }
}

/** As EMQX rounds them. */
function rounded(rate: number): number {
  return Math.round(rate * 100) / 100
}
