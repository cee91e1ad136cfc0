/** A process that only runs, stops and dies, for tests of what reaches one. */
import type { ProcessTurns } from './process-turns.ts'

export class PlainProcess implements ProcessTurns {
  isDead = false
  #isFrozen = false
  #waiting: (() => void)[] = []

  turn(call: () => void): void {
    if (this.isDead) return
    if (this.#isFrozen) this.#waiting.push(call)
    else call()
  }

  freeze(): void {
    this.#isFrozen = true
  }

  thaw(): void {
    this.#isFrozen = false
    for (const call of this.#waiting.splice(0)) this.turn(call)
  }

  kill(): void {
    this.isDead = true
    this.#waiting = []
  }
}
