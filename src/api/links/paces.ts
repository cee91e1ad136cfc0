/** How fast something goes that is looked at now and then: from the first look since it began to the last one. */

/** Less than this tells nothing, milliseconds. */
const SEEN_MS_MIN = 500
/** Things that are looked at; of more the oldest is forgotten. */
const PACES_MAX = 4_000

type Begin = { readonly count: number; readonly atMs: number }

export type Pace = { readonly per_second: number | null; readonly seconds_left: number | null }

export class Paces {
  readonly #begins = new Map<string, Begin>()

  /** @param count what is done, @param left what is yet to be */
  look(name: string, count: number, left: number, nowMs: number): Pace {
    const begin = this.#begins.get(name)
    if (begin === undefined || count < begin.count) {
      this.#begins.set(name, { count, atMs: nowMs })
      const oldest = this.#begins.keys().next().value
      if (this.#begins.size > PACES_MAX && oldest !== undefined) this.#begins.delete(oldest)
      return { per_second: null, seconds_left: null }
    }
    const seconds = (nowMs - begin.atMs) / 1_000
    if (seconds * 1_000 < SEEN_MS_MIN) return { per_second: null, seconds_left: null }
    const rate = (count - begin.count) / seconds
    return { per_second: Math.round(rate * 10) / 10, seconds_left: rate > 0 ? Math.ceil(left / rate) : null }
  }

  /** It is over. */
  end(name: string): void {
    this.#begins.delete(name)
  }
}
