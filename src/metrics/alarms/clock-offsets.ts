/** How far the wall clocks of the other nodes are from ours: each is asked now and then what time it is. */
import type { ClockOffset } from './node-conditions.ts'

export type ClockOffsetsPorts = {
  readonly clock: {
    nowMs(): number
    steadyMs(): number
    after(ms: number, call: () => void): { cancel(): void }
  }
  /** The other nodes that are there. */
  readonly others: () => readonly string[]
  /** Asks a node for its wall clock, milliseconds since 1970. Rejects if no answer comes. */
  readonly ask: (node: string) => Promise<unknown>
}

export const CLOCK_LOOK_MS = 30_000
/** After a start. */
const FIRST_LOOK_MS = 1_000

export class ClockOffsets {
  readonly #ports: ClockOffsetsPorts
  readonly #offsets = new Map<string, ClockOffset>()
  #timer: { cancel(): void } | undefined
  #isStopped = false

  constructor(ports: ClockOffsetsPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#lookAfter(FIRST_LOOK_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** As they were measured last, of the nodes that are there. */
  *list(): Iterable<ClockOffset> {
    const others = new Set(this.#ports.others())
    for (const offset of this.#offsets.values()) if (others.has(offset.node)) yield offset
  }

  /** Never rejects. */
  async look(): Promise<void> {
    const others = this.#ports.others()
    for (const node of this.#offsets.keys()) if (!others.includes(node)) this.#offsets.delete(node)
    await Promise.all(others.map((node) => this.#measure(node)))
  }

  #lookAfter(ms: number): void {
    if (this.#isStopped) return
    this.#timer = this.#ports.clock.after(ms, () => {
      void this.look()
      this.#lookAfter(CLOCK_LOOK_MS)
    })
  }

  async #measure(node: string): Promise<void> {
    const { clock, ask } = this.#ports
    const askedMs = clock.steadyMs()
    let theirs: unknown
    try {
      theirs = await ask(node)
    } catch {
      // It is silent: what we knew of its clock is as good as anything.
      return
    }
    if (typeof theirs !== 'number' || !Number.isFinite(theirs)) return
    const tookMs = clock.steadyMs() - askedMs
    // It looked at its clock at some time while its answer was awaited: half-way, most likely.
    const offsetMs = theirs - (clock.nowMs() - tookMs / 2)
    this.#offsets.set(node, { node, offsetMs, uncertaintyMs: tookMs / 2 })
  }
}
