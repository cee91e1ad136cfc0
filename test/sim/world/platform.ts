/**
 * What code and libraries take from the platform instead of from their arguments (timers, the time, chance) comes from the simulation,
 * too. To be imported before anything of the product, since some of it keeps what it finds when it is loaded.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { SeededRandom } from './random.ts'

/** Of the process whose turn it is; the simulation itself has one of its own. */
export interface PlatformOfProcess {
  nowMs(): number
  steadyMs(): number
  after(ms: number, call: () => void): { cancel(): void }
}

/** The machine's own, whatever stands in its place later. */
const setRealImmediate = globalThis.setImmediate

/** All promises that can be kept now are, and what they promise in turn. */
export function nextRealTurn(): Promise<void> {
  return new Promise((resolve) => void setRealImmediate(resolve))
}

/** Whose turn it is. */
let current: PlatformOfProcess | undefined
let chance: SeededRandom | undefined

/**
 * Calls in the name of a process. What it promises happens in its name as well, since all promises are kept before the next event;
 * so nobody else can have a turn within it.
 */
export function inTurnOf(process: PlatformOfProcess, call: () => void): void {
  if (current !== undefined && current !== process) throw new Error('a turn of one process within that of another')
  current = process
  call()
}

/** Nobody's turn any more. */
export function endTurn(): void {
  current = undefined
}

class SimulatedTimer {
  readonly #repeatMs: number | undefined
  readonly #call: () => void
  #pending: { cancel(): void }

  constructor(of: PlatformOfProcess, ms: number, call: () => void, repeats: boolean) {
    this.#repeatMs = repeats ? Math.max(1, ms) : undefined
    this.#call = call
    this.#pending = of.after(ms, () => this.#fire(of))
  }

  #fire(of: PlatformOfProcess): void {
    if (this.#repeatMs !== undefined) this.#pending = of.after(this.#repeatMs, () => this.#fire(of))
    this.#call()
  }

  cancel(): void {
    this.#pending.cancel()
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

type Call = (...args: unknown[]) => void

function timer(call: Call, ms: unknown, args: unknown[], repeats: boolean): SimulatedTimer {
  if (current === undefined) throw new Error('a timer was asked for outside of any process of the simulation')
  return new SimulatedTimer(current, typeof ms === 'number' ? ms : 1, () => call(...args), repeats)
}

function clear(pending: unknown): void {
  if (pending instanceof SimulatedTimer) pending.cancel()
}

function seeded(): SeededRandom {
  if (chance === undefined) throw new Error('chance was asked for outside of any simulation')
  return chance
}

/** For the rest of this process of the operating system. Returns how to say where chance comes from. */
export function simulatePlatform(): (random: SeededRandom) => void {
  Object.assign(globalThis, {
    setTimeout: (call: Call, ms?: unknown, ...args: unknown[]) => timer(call, ms, args, false),
    setInterval: (call: Call, ms?: unknown, ...args: unknown[]) => timer(call, ms, args, true),
    setImmediate: (call: Call, ...args: unknown[]) => timer(call, 0, args, false),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  })
  Date.now = () => current?.nowMs() ?? 0
  performance.now = () => current?.steadyMs() ?? 0
  Math.random = () => seeded().next()
  Object.assign(crypto, {
    randomBytes: (count: number) => seeded().bytes(count),
    randomUUID: () => seeded().bytes(16).toString('hex'),
    randomInt: (min: number, max?: number) =>
      max === undefined ? Math.floor(seeded().next() * min) : min + Math.floor(seeded().next() * (max - min)),
  })
  syncBuiltinESMExports()
  return (random) => void (chance = random)
}
