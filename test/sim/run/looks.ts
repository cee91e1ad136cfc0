/**
 * When the oracle looks: often while anything happens and for a while afterwards, and just before and after whatever the plan does;
 * rarely while nothing goes on but what nodes do to stay as they are.
 */

export type LookPorts = {
  /** A number that grows with all that happens: acts, connections, and whatever nodes have to tell. */
  readonly happened: () => number
  /** One that grows with messages, which have consequences at once. */
  readonly traffic: () => number
  /** Of all that the plan does, and of its ends; in any order. */
  readonly planned: readonly number[]
}

/** Virtual milliseconds. */
export const OFTEN_MS = 500
const RARELY_MS = 2_500
/** What happens may have consequences for so long. */
const CONSEQUENCES_MS = 12_000
/** A step changes things in its own moment: what was there is seen before it. */
const BEFORE_MS = 1

export class Looks {
  readonly #ports: LookPorts
  /** In order. */
  readonly #planned: readonly number[]
  #next = 0
  #happened = 0
  #traffic = 0
  #busyUntilMs = CONSEQUENCES_MS

  constructor(ports: LookPorts) {
    this.#ports = ports
    this.#planned = ports.planned.toSorted((one, other) => one - other)
  }

  /** When to look next. To be asked after each look. */
  nextMs(nowMs: number): number {
    const happened = this.#ports.happened()
    if (happened !== this.#happened) this.#busyUntilMs = nowMs + CONSEQUENCES_MS
    this.#happened = happened
    const traffic = this.#ports.traffic()
    const isFlowing = traffic !== this.#traffic
    this.#traffic = traffic
    while ((this.#planned[this.#next] ?? Infinity) <= nowMs) {
      this.#busyUntilMs = nowMs + CONSEQUENCES_MS
      this.#next += 1
    }
    const plannedMs = this.#planned[this.#next] ?? Infinity
    const isBusy = isFlowing || nowMs < this.#busyUntilMs || plannedMs - nowMs <= BEFORE_MS
    const usualMs = nowMs + (isBusy ? OFTEN_MS : RARELY_MS)
    const beforeMs = plannedMs - BEFORE_MS
    return beforeMs > nowMs ? Math.min(usualMs, beforeMs) : usualMs
  }
}
