/**
 * Watches what one turn of the event loop takes: its time and its memory. Both are looked at twice. The first look is cheap and may
 * be wrong, because a busy machine or the garbage collector was at work; the second one measures CPU time.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export type TurnLimits = {
  /** Largest buffer that may be asked for, bytes. */
  readonly bufferBytesMax: number
  /** All buffers together, bytes. */
  readonly buffersBytesMax: number
  /** Growth of the heap, bytes. */
  readonly heapBytesMax: number
}

export type Excess = { readonly kind: 'stalled' | 'allocated'; readonly words: string }

/** Rule of the project: no input holds the event loop up for longer, milliseconds. */
export const STALL_MS = 20

export class Meter {
  /** Longest turn since `reset`, milliseconds of this look's kind. */
  worstMs = 0
  /** The first limit that was passed since `reset`. */
  allocated: string | undefined
  readonly #isExact: boolean

  /** @param isExact the second look; the first one takes the time that went by, and what was garbage before for what was freed */
  constructor(isExact: boolean) {
    this.#isExact = isExact
  }

  reset(): void {
    this.worstMs = 0
    this.allocated = undefined
  }

  /** What `work` does until it returns, or until what it returns has settled, counts as one turn. */
  turn<T>(limits: TurnLimits, work: () => T): T {
    const turn = this.#begin()
    let result: T
    try {
      result = work()
    } catch (error) {
      this.#end(turn, limits)
      throw error
    }
    if (result instanceof Promise) return result.finally(() => this.#end(turn, limits)) as T
    this.#end(turn, limits)
    return result
  }

  #begin(): Turn {
    // So that what a collection takes away within the turn is the turn's own.
    if (this.#isExact) collectGarbage()
    buffers.largest = buffers.total = 0
    return { heapBytes: getHeapStatistics().used_heap_size, atMs: this.#nowMs() }
  }

  #end({ heapBytes, atMs }: Turn, limits: TurnLimits): void {
    this.worstMs = Math.max(this.worstMs, this.#nowMs() - atMs)
    const grownBytes = getHeapStatistics().used_heap_size - heapBytes
    if (buffers.largest > limits.bufferBytesMax)
      this.allocated ??= `a buffer of ${buffers.largest} bytes, ${limits.bufferBytesMax} are allowed`
    if (buffers.total > limits.buffersBytesMax)
      this.allocated ??= `buffers of ${buffers.total} bytes in one turn, ${limits.buffersBytesMax} are allowed`
    if (grownBytes > limits.heapBytesMax)
      this.allocated ??= `${grownBytes} bytes of heap in one turn, ${limits.heapBytesMax} are allowed`
  }

  #nowMs(): number {
    if (!this.#isExact) return performance.now()
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
}

type Turn = { readonly heapBytes: number; readonly atMs: number }

/** What was asked for since the turn began: `largest` at once, `total` in all, bytes. */
const buffers = { largest: 0, total: 0 }

/** Counts what this thread asks `Buffer` for from now on. Meant for a thread that does nothing else. */
export function watchBuffers(): void {
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const allocate = Buffer[name].bind(Buffer)
    Buffer[name] = (size: number, ...rest: []) => {
      note(size)
      return allocate(size, ...rest)
    }
  }
  const concat = Buffer.concat.bind(Buffer)
  Buffer.concat = (list, length = list.reduce((sum, part) => sum + part.length, 0)) => {
    note(length)
    return concat(list, length)
  }
}

function note(bytes: number): void {
  buffers.total += bytes
  if (bytes > buffers.largest) buffers.largest = bytes
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
