/** What a publisher waits for where several links have its message: that each of them has it safe. */
import type { Debt } from '../../link/broker-port.ts'

/** Paid when all of its parts are. */
class DebtSum implements Debt {
  readonly #parts: Debt[]

  constructor(parts: Debt[]) {
    this.#parts = parts
  }

  get isPaid(): boolean {
    return this.parts.length === 0
  }

  get isPressing(): boolean {
    return this.parts.some(({ isPressing }) => isPressing === true)
  }

  /** Those that are not paid: what is paid stays paid. */
  get parts(): readonly Debt[] {
    while (this.#parts.at(-1)?.isPaid === true) this.#parts.pop()
    return this.#parts
  }

  whenPaid(call: (error?: unknown) => void): void {
    const last = this.parts.at(-1)
    if (last === undefined) return call()
    last.whenPaid((error) => (error === undefined ? this.whenPaid(call) : call(error)))
  }
}

export class Debts {
  #one: Debt | undefined
  #other: Debt | undefined
  #sum: DebtSum | undefined

  /** What is paid when both are; the same object for messages that follow each other and wait for the same. */
  join(one: Debt | undefined, other: Debt | undefined): Debt | undefined {
    if (other === undefined || other.isPaid) return one
    if (one === undefined || one === other || one.isPaid) return other
    if (one instanceof DebtSum && one.parts.includes(other)) return one
    if (this.#sum !== undefined && one === this.#one && other === this.#other) return this.#sum
    this.#one = one
    this.#other = other
    const parts = new Set([...partsOf(one), ...partsOf(other)])
    this.#sum = new DebtSum([...parts].filter(({ isPaid }) => !isPaid))
    return this.#sum
  }
}

function partsOf(debt: Debt): readonly Debt[] {
  return debt instanceof DebtSum ? debt.parts : [debt]
}
