/**
 * How much may pass in a time: a bucket that holds one period's worth and fills steadily, and beside it, where bursts are
 * allowed, a second one that is drawn on when the first is empty. Times are those of a steady clock, in milliseconds.
 */
import type { Rate } from '../../config/listeners/rate.ts'

export class TokenBucket {
  #amount = 0
  #perMs = 0
  /** Below zero: what was taken on credit. */
  #tokens = 0
  #burstAmount = 0
  #burstPerMs = 0
  #burstTokens = 0
  #filledAtMs: number

  /** Full at the beginning. */
  constructor(rate: Rate, burst: Rate | undefined, nowMs: number) {
    this.#filledAtMs = nowMs
    this.configure(rate, burst, nowMs)
    this.#tokens = this.#amount
    this.#burstTokens = this.#burstAmount
  }

  /** Takes over another rate; what is there already stays, as far as the new size has room for it. */
  configure(rate: Rate, burst: Rate | undefined, nowMs: number): void {
    this.#fill(nowMs)
    this.#amount = rate.amount
    this.#perMs = rate.amount / rate.periodMs
    this.#burstAmount = burst === undefined ? 0 : burst.amount
    this.#burstPerMs = burst === undefined ? 0 : burst.amount / burst.periodMs
    this.#tokens = Math.min(this.#tokens, this.#amount)
    this.#burstTokens = Math.min(this.#burstTokens, this.#burstAmount)
  }

  /** Takes so many if they are there; else takes none and says so. */
  tryTake(count: number, nowMs: number): boolean {
    this.#fill(nowMs)
    if (this.#tokens + this.#burstTokens < count) return false
    this.#draw(count)
    return true
  }

  /** Takes so many in any case; those that are not there are owed. */
  take(count: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#draw(count)
  }

  /** How long until nothing is owed, milliseconds, rounded up; 0 if nothing is. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs)
    // What is not exact in binary must not become a millisecond of its own.
    return this.#tokens >= 0 ? 0 : Math.max(0, Math.ceil(-this.#tokens / this.#perMs - 1e-6))
  }

  #draw(count: number): void {
    const fromBurst = Math.min(Math.max(0, count - Math.max(0, this.#tokens)), this.#burstTokens)
    this.#burstTokens -= fromBurst
    this.#tokens -= count - fromBurst
  }

  #fill(nowMs: number): void {
    const elapsedMs = nowMs - this.#filledAtMs
    if (elapsedMs <= 0) return
    this.#filledAtMs = nowMs
    this.#tokens = Math.min(this.#amount, this.#tokens + elapsedMs * this.#perMs)
    this.#burstTokens = Math.min(this.#burstAmount, this.#burstTokens + elapsedMs * this.#burstPerMs)
  }
}
