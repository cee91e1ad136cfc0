/** One hook of one module: it is called, timed and counted, and whatever it does the broker goes on. */
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { HOOK_DEADLINE_MS, HOOK_SLOW_MS, type HookName } from './hook.ts'
import { within } from './within.ts'

export type HookPorts = { readonly clock: Clock; readonly log: Logger }

/** `slow`: it held up the node, or its promise took longer than the deadline. `skipped`: too many of its promises were open. */
export type HookProblem = 'slow' | 'failed' | 'skipped'

type AnyFunction = (...given: never[]) => unknown

/** A problem of a hook is told at most once in so many milliseconds, with how often it came since. */
const TELL_MS = 10_000

/** Promises of one hook that may be open at once. Beyond, it is not called: each holds a message in memory. */
const OPEN_MAX = 1_000

const levels = { slow: 'warn', failed: 'error', skipped: 'warn' } as const
const events = { slow: 'hook_slow', failed: 'hook_failed', skipped: 'hook_skipped' } as const

export class HookCall {
  readonly module: string
  readonly hook: HookName
  /** Whether it also sees messages of links. */
  readonly linked: boolean
  calls = 0
  /** Time that it took, promises included, milliseconds. */
  spentMs = 0
  readonly problems: Record<HookProblem, number> = { slow: 0, failed: 0, skipped: 0 }
  readonly #function: AnyFunction
  readonly #ports: HookPorts
  readonly #toldAtMs: Partial<Record<HookProblem, number>> = {}
  readonly #untold: Record<HookProblem, number> = { slow: 0, failed: 0, skipped: 0 }
  #open = 0

  constructor(module: string, hook: HookName, call: AnyFunction, linked: boolean, ports: HookPorts) {
    this.module = module
    this.hook = hook
    this.linked = linked
    this.#function = call
    this.#ports = ports
  }

  /** Calls it. Returns what it returned; `undefined` if it threw or was not called. */
  run(given: readonly unknown[]): unknown {
    if (this.#open >= OPEN_MAX) return this.#has('skipped', { open: this.#open })
    this.calls++
    const startedMs = this.#ports.clock.steadyMs()
    try {
      return this.#function(...(given as never[]))
    } catch (error) {
      return this.fail(wordsOf(error))
    } finally {
      const ms = this.#ports.clock.steadyMs() - startedMs
      this.spentMs += ms
      if (ms > HOOK_SLOW_MS) this.#has('slow', { ms: Math.round(ms) })
    }
  }

  /** Calls it, and minds its promise, if it returns one, without waiting for it. */
  watch(given: readonly unknown[]): void {
    const result = this.run(given)
    if (isPromiseLike(result)) void this.settle(result)
  }

  /** What the promise comes to: `undefined` if it fails, or is not kept within the deadline. Never rejects. */
  async settle(promise: PromiseLike<unknown>): Promise<unknown> {
    const { clock } = this.#ports
    const startedMs = clock.steadyMs()
    this.#open++
    const result = await within(clock, HOOK_DEADLINE_MS, this.#outcome(promise), () =>
      this.#has('slow', { ms: HOOK_DEADLINE_MS }),
    )
    this.spentMs += clock.steadyMs() - startedMs
    return result
  }

  async #outcome(promise: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await promise
    } catch (error) {
      return this.fail(wordsOf(error))
    } finally {
      this.#open--
    }
  }

  /** It did what it should not. @param reason never holds anything of a message */
  fail(reason: string): undefined {
    return this.#has('failed', { reason })
  }

  #has(problem: HookProblem, fields: object): undefined {
    const { clock, log } = this.#ports
    this.problems[problem]++
    const count = ++this.#untold[problem]
    const nowMs = clock.steadyMs()
    if (nowMs - (this.#toldAtMs[problem] ?? Number.NEGATIVE_INFINITY) < TELL_MS) return undefined
    this.#toldAtMs[problem] = nowMs
    this.#untold[problem] = 0
    log[levels[problem]]({ hook: this.hook, module: this.module, count, ...fields }, events[problem])
    return undefined
  }
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Kind and place of an error. Not its words: they may quote a payload, as those of `JSON.parse` do. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw a ${typeof error}`
  const place = error.stack?.split('\n').find((line) => /^\s+at /.test(line))
  return `${error.name}${place === undefined ? '' : ` ${place.trim()}`}`
}
