/**
 * Time that passes only when it is told to: what is due happens in the order of its moment, and of two of one moment in the order in
 * which they were planned. Between two events all that was promised happens, so that a run depends on nothing but its plan.
 */

import { nextRealTurn } from './platform.ts'

export type Cancellable = { cancel(): void }

type Planned = { readonly atMs: number; readonly order: number; call: (() => void) | undefined }

export class VirtualTime {
  /** Milliseconds since the simulation began, with fractions. */
  nowMs = 0
  /** What has happened so far. */
  events = 0
  /** Called before each event. */
  readonly #begin: () => void
  #order = 0
  /** A binary heap, the next on top. */
  readonly #heap: Planned[] = []

  constructor(begin: () => void = () => undefined) {
    this.#begin = begin
  }

  /** Calls once after so many milliseconds; after 0 still in a turn of its own. */
  after(ms: number, call: () => void): Cancellable {
    const planned: Planned = { atMs: this.nowMs + Math.max(0, ms), order: (this.#order += 1), call }
    this.#push(planned)
    return { cancel: () => void (planned.call = undefined) }
  }

  /**
   * Lets time pass up to that moment, or until `isOver` says so, which is asked after each event.
   * Rejects with what an event throws.
   */
  async runUntil(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    // What was promised before the first event.
    await nextRealTurn()
    while (!isOver()) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs)
        return
      }
      this.#pop()
      const { call } = next
      if (call === undefined) continue
      next.call = undefined
      this.nowMs = next.atMs
      this.events += 1
      this.#begin()
      call()
      await nextRealTurn()
    }
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(planned)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(planned, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = planned
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
