/**
 * Watches what one turn of the event loop takes: its time and its memory. Both are looked at twice. The first look is cheap and may
 * be wrong, because a busy machine or the garbage collector was at work; the second one measures CPU time.
 */
import { existsSync, readFileSync } from 'node:fs'
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
export const STALL_MS = Number(process.env['ISTHMUS_FUZZ_STALL_MS'] ?? 20)

export class Meter {
  /** The longest turn since `reset`: its number, and how long it took, milliseconds of this look's kind. */
  worst = { turn: 0, ms: 0 }
  /** The first limit that was passed since `reset`, and in which turn. */
  allocated: { readonly turn: number; readonly words: string } | undefined
  #turns = 0
  readonly #looksAt: number | undefined

  /**
   * @param looksAt makes it the second look, at the turn of this number alone: it takes the CPU time of this thread, which is nobody
   * else's fault, and collects the garbage first, so that what is freed within the turn is its own. The first look takes the time that
   * goes by.
   */
  constructor(looksAt?: number) {
    this.#looksAt = looksAt
  }

  reset(): void {
    this.worst = { turn: 0, ms: 0 }
    this.allocated = undefined
    this.#turns = 0
  }

  /** What `work` does until it returns, or until what it returns has settled, counts as one turn. */
  turn<T>(limits: TurnLimits, work: () => T): T {
    this.#turns++
    if (this.#looksAt !== undefined && this.#looksAt !== this.#turns) return work()
    const turn = this.#begin()
    let result: T
    try {
      result = work()
    } catch (error) {
      this.#end(turn, limits)
      throw error
    }
    if (result instanceof Promise) return this.#settled(result, turn, limits) as T
    this.#end(turn, limits)
    return result
  }

  /** Only what this thread did counts, not what it waited for. */
  async #settled(result: Promise<unknown>, turn: Turn, limits: TurnLimits): Promise<unknown> {
    try {
      return await result
    } finally {
      const { active } = performance.eventLoopUtilization(turn.loop)
      this.#end(this.#looksAt === undefined ? { ...turn, atMs: this.#nowMs() - active } : turn, limits)
    }
  }

  #begin(): Turn {
    if (this.#looksAt !== undefined) collectGarbage()
    buffers.largest = buffers.total = 0
    const loop = performance.eventLoopUtilization()
    return { heapBytes: getHeapStatistics().used_heap_size, atMs: this.#nowMs(), loop }
  }

  #end({ heapBytes, atMs }: Turn, limits: TurnLimits): void {
    const ms = this.#nowMs() - atMs
    if (ms > this.worst.ms) this.worst = { turn: this.#turns, ms }
    const grownBytes = getHeapStatistics().used_heap_size - heapBytes
    if (buffers.largest > limits.bufferBytesMax)
      this.#note(`a buffer of ${buffers.largest} bytes, ${limits.bufferBytesMax} are allowed`)
    if (buffers.total > limits.buffersBytesMax)
      this.#note(`buffers of ${buffers.total} bytes in one turn, ${limits.buffersBytesMax} are allowed`)
    if (grownBytes > limits.heapBytesMax)
      this.#note(`${grownBytes} bytes of heap in one turn, ${limits.heapBytesMax} are allowed`)
  }

  #note(words: string): void {
    this.allocated ??= { turn: this.#turns, words }
  }

  #nowMs(): number {
    return this.#looksAt === undefined ? performance.now() : cpuMs()
  }
}

type Turn = {
  readonly heapBytes: number
  readonly atMs: number
  readonly loop: ReturnType<typeof performance.eventLoopUtilization>
}

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

/** Of this thread, to a few milliseconds, where the system tells it; else of the process, which may be more. */
function cpuMs(): number {
  if (tellsThreads) return Number(readFileSync(threadStatistics, 'latin1').split(' ', 1)[0]) / 1e6
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const threadStatistics = '/proc/thread-self/schedstat'
const tellsThreads = existsSync(threadStatistics)

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
