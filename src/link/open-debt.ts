/** A debt that whoever incurred it pays: see `Debt`. */
import type { Debt } from './broker-port.ts'

export class OpenDebt implements Debt {
  #isPaid = false
  #calls: ((error?: unknown) => void)[] = []

  get isPaid(): boolean {
    return this.#isPaid
  }

  whenPaid(call: (error?: unknown) => void): void {
    if (this.#isPaid) call()
    else this.#calls.push(call)
  }

  pay(): void {
    this.#isPaid = true
    for (const call of this.#calls.splice(0)) call()
  }

  /** It is owed still; those who wait are told that they may wait in vain. */
  fail(error: unknown): void {
    for (const call of this.#calls.splice(0)) call(error)
  }
}
