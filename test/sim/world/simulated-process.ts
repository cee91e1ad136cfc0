/** One process of a node: it can be stopped as with SIGSTOP, and killed. Its clocks go as time does, but its wall clock can be set. */
import type { Clock } from '../../../src/broker/clock.ts'
import { inTurnOf, type PlatformOfProcess } from './platform.ts'
import type { ProcessTurns } from './process-turns.ts'
import type { SeededRandom } from './random.ts'
import type { Cancellable, VirtualTime } from './virtual-time.ts'

/** When simulations begin. */
const BEGINNING_MS = Date.UTC(2026, 0, 1)

export class SimulatedProcess implements ProcessTurns, PlatformOfProcess, Clock {
  readonly #time: VirtualTime
  readonly #wallOffsetMs: () => number
  #state: 'running' | 'frozen' | 'dead' = 'running'
  /** What is to be done once it runs again. */
  #late: { readonly isTimer: boolean; readonly call: () => void }[] = []

  /** @param wallOffsetMs of the wall clock of its machine, which may be set at any time */
  constructor(time: VirtualTime, wallOffsetMs: () => number) {
    this.#time = time
    this.#wallOffsetMs = wallOffsetMs
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen'
  }

  nowMs(): number {
    return Math.floor(BEGINNING_MS + this.#time.nowMs + this.#wallOffsetMs())
  }

  steadyMs(): number {
    return BEGINNING_MS + this.#time.nowMs
  }

  after(ms: number, call: () => void): Cancellable {
    let isCancelled = false
    const timer = this.#time.after(ms, () => this.#enter(true, () => isCancelled || call()))
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  turn(call: () => void): void {
    this.#enter(false, call)
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  /** @param random chooses whether timers come first, or what has arrived */
  thaw(random: SeededRandom): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const timers = this.#late.filter(({ isTimer }) => isTimer)
    const others = this.#late.filter(({ isTimer }) => !isTimer)
    this.#late = random.chance(0.5) ? [...timers, ...others] : [...others, ...timers]
    this.#catchUp()
  }

  /** Each in a turn of its own, as the event loop takes them; what comes meanwhile waits behind them. */
  #catchUp(): void {
    this.#time.after(0, () => {
      if (this.#state !== 'running') return
      const next = this.#late.shift()
      if (next === undefined) return
      if (this.#late.length > 0) this.#catchUp()
      inTurnOf(this, next.call)
    })
  }

  kill(): void {
    this.#state = 'dead'
    this.#late = []
  }

  #enter(isTimer: boolean, call: () => void): void {
    if (this.#state === 'dead') return
    if (this.#state === 'frozen' || this.#late.length > 0) this.#late.push({ isTimer, call })
    else inTurnOf(this, call)
  }
}
