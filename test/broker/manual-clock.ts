/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from '../../src/broker/clock.ts'

export class ManualClock implements Clock {
  /** Since its beginning, steadily. */
  #nowMs = Date.UTC(2026, 0, 1)
  #wallOffsetMs = 0
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>()

  nowMs(): number {
    return this.#nowMs + this.#wallOffsetMs
  }

  steadyMs(): number {
    return this.#nowMs
  }

  /** Sets the wall clock by so many milliseconds; timers go on as they were. */
  setWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  after(ms: number, call: () => void): Timer {
    const timer = { atMs: this.#nowMs + ms, call }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Moves on by so many milliseconds, and lets every timer fire at its own time. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)
      const next = due[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = next.atMs
      next.call()
    }
    this.#nowMs = untilMs
  }
}
