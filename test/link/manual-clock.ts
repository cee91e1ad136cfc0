/** A clock that stands still until it is told to go on; what falls due fires in order, within the call. */
import type { LinkClock } from '../../src/link/link-clock.ts'

type Pending = { readonly atMs: number; readonly order: number; readonly call: () => void }

export class ManualClock implements LinkClock {
  /** When the conversations in the fixtures were recorded. */
  #nowMs = 1_795_289_100_000
  #order = 0
  /** How far the wall clock was set forward. */
  #setMs = 0
  readonly #pending = new Set<Pending>()

  get timers(): number {
    return this.#pending.size
  }

  nowMs(): number {
    return this.#nowMs + this.#setMs
  }

  steadyMs(): number {
    return this.#nowMs
  }

  /** Sets the wall clock forward, or back by a negative number, as somebody or NTP does. */
  setWall(byMs: number): void {
    this.#setMs += byMs
  }

  after(ms: number, call: () => void): { cancel(): void } {
    this.#order += 1
    const pending: Pending = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order, call }
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }

  /** Time passes, and nothing that falls due fires yet: as if the process stood still. */
  stall(ms: number): void {
    this.#nowMs += ms
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = [...this.#pending]
        .filter(({ atMs }) => atMs <= untilMs)
        .toSorted((one, other) => one.atMs - other.atMs || one.order - other.order)[0]
      if (next === undefined) break
      this.#pending.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.call()
    }
    this.#nowMs = untilMs
  }
}
