/** How late the event loop is: one monitor for all who tell of it. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** How often the event loop is looked at, milliseconds. */
const RESOLUTION_MS = 20
/** Windows that are over and still count. */
const WINDOWS_MAX = 3

export class LoopDelay {
  readonly #current = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  /** The 99th percentile of each, milliseconds. */
  readonly #windows: number[] = []

  constructor() {
    this.#current.enable()
  }

  /** 99th percentile lately, milliseconds: of the worst of the windows that were, and of the one that is not over yet. */
  get p99Ms(): number {
    return Math.max(...this.#windows, p99Of(this.#current))
  }

  /** Ends a window, as the history of the node does with each sample. Returns its 99th percentile, milliseconds. */
  turn(): number {
    const p99Ms = p99Of(this.#current)
    this.#current.reset()
    this.#windows.push(p99Ms)
    if (this.#windows.length > WINDOWS_MAX) this.#windows.shift()
    return p99Ms
  }

  stop(): void {
    this.#current.disable()
  }
}

/** Beyond the resolution: a loop with nothing to do wakes once in so many milliseconds, and that is no delay. */
function p99Of(histogram: IntervalHistogram): number {
  const ms = histogram.percentile(99) / 1e6 - RESOLUTION_MS
  return histogram.count === 0 ? 0 : Math.max(0, Math.round(ms * 10) / 10)
}
