/**
 * Costly work, a few at a time and the rest in a line with an end: what comes when the line is full is turned away, and who
 * has gone before his turn is passed over, so that a crowd at the door is never served long after it left.
 */
import type { Attempt } from './outcome.ts'

export type Turn<T> =
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'busy' }
  | { readonly type: 'unwelcome' }

type Waiting = { readonly begin: () => void; readonly leave: () => void; readonly attempt: Attempt }

export class WorkGate {
  readonly #concurrency: number
  readonly #waitingMax: number
  readonly #line: Waiting[] = []
  #running = 0

  /**
   * @param concurrency how many work at one time
   * @param waitingMax how many more may wait
   */
  constructor(concurrency: number, waitingMax: number) {
    this.#concurrency = concurrency
    this.#waitingMax = waitingMax
  }

  /** Rejects as `work` does. `unwelcome`: the client was shut out, or nobody waits any more, before the work began. */
  async run<T>(attempt: Attempt, work: () => Promise<T>): Promise<Turn<T>> {
    if (this.#running >= this.#concurrency) {
      if (this.#line.length >= this.#waitingMax) this.#clearGone()
      if (this.#line.length >= this.#waitingMax) return { type: 'busy' }
      const hasTurn = await new Promise<boolean>((resolve) => {
        this.#line.push({ begin: () => resolve(true), leave: () => resolve(false), attempt })
      })
      if (!hasTurn) return { type: 'unwelcome' }
    } else if (isGone(attempt)) return { type: 'unwelcome' }
    else this.#running++
    try {
      return { type: 'done', value: await work() }
    } finally {
      this.#next()
    }
  }

  /** The turn goes on to the first who still waits. */
  #next(): void {
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      if (!isGone(next.attempt)) return next.begin()
      next.leave()
    }
    this.#running--
  }

  #clearGone(): void {
    const gone = this.#line.filter(({ attempt }) => isGone(attempt))
    if (gone.length === 0) return
    const stay = this.#line.filter(({ attempt }) => !isGone(attempt))
    this.#line.splice(0, this.#line.length, ...stay)
    for (const { leave } of gone) leave()
  }
}

function isGone({ signal, isWelcome }: Attempt): boolean {
  return signal.aborted || !isWelcome()
}
