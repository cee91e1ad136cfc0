/** Who waits until other members have what they were sent: told together, once for all that came in one go. */

export interface MarkWaiter {
  /** The settled mark has grown. Returns whether it still waits for a later one. */
  settled(): boolean
}

export class MarkWaiters {
  #waiters: MarkWaiter[] = []
  #isDue = false

  wait(waiter: MarkWaiter): void {
    this.#waiters.push(waiter)
  }

  /** To be called whenever the mark has grown. What is read from the bus in one go tells them once. */
  settled(): void {
    if (this.#isDue || this.#waiters.length === 0) return
    this.#isDue = true
    queueMicrotask(this.#tell)
  }

  readonly #tell = (): void => {
    this.#isDue = false
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) if (waiter.settled()) this.#waiters.push(waiter)
  }
}
