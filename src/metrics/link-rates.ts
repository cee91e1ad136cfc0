/** How fast messages match the routes of each peer. Costs one look at each link a second, while somebody may ask. */
import { Rate, type Rates } from './rate.ts'

export type LinkRatesPorts = {
  readonly clock: { steadyMs(): number; after(ms: number, call: () => void): { cancel(): void } }
  /** Each link with how many messages have matched. */
  readonly matched: () => Iterable<readonly [link: string, count: number]>
}

const LOOK_MS = 1_000
const none: Rates = { rate: 0, rate_last5m: 0, rate_max: 0 }

export class LinkRates {
  readonly #ports: LinkRatesPorts
  readonly #rates = new Map<string, Rate>()
  #timer: { cancel(): void } | undefined

  constructor(ports: LinkRatesPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#look()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  of(link: string): Rates {
    return this.#rates.get(link)?.rates ?? none
  }

  /** The count of the link began anew, at this one. */
  reset(link: string, count: number): void {
    this.#rates.get(link)?.reset(count, this.#ports.clock.steadyMs())
  }

  #look(): void {
    const { clock, matched } = this.#ports
    const nowMs = clock.steadyMs()
    const seen = new Set<string>()
    for (const [link, count] of matched()) {
      seen.add(link)
      const rate = this.#rates.get(link)
      if (rate === undefined) this.#rates.set(link, new Rate(count, nowMs))
      else rate.look(count, nowMs)
    }
    for (const link of this.#rates.keys()) if (!seen.has(link)) this.#rates.delete(link)
    this.#timer = clock.after(LOOK_MS, () => this.#look())
  }
}
