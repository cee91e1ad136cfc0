/** Bytes on their way through a fault that takes its time: each leaves when it is due, and never before what came earlier. */
import type { End, FaultPorts, Outlet, Pipe } from './fault.ts'

type Waiting = { readonly dueMs: number } & ({ readonly chunk: Buffer } | { readonly end: End })

export class DelayLine {
  readonly #outlet: Outlet
  readonly #ports: FaultPorts
  readonly #waiting: Waiting[] = []
  #lastDueMs = 0
  #heldBytes = 0
  #callOff: (() => void) | undefined

  constructor(outlet: Outlet, ports: FaultPorts) {
    this.#outlet = outlet
    this.#ports = ports
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** When what came last is due; long ago if nothing waits. */
  get lastDueMs(): number {
    return this.#lastDueMs
  }

  send(chunk: Buffer, dueMs: number): void {
    this.#heldBytes += chunk.length
    this.#put({ chunk, dueMs: this.#inOrder(dueMs) })
  }

  end(end: End, dueMs: number): void {
    this.#put({ end, dueMs: this.#inOrder(dueMs) })
  }

  /** Lets all out at once. */
  release(): void {
    this.#callOff?.()
    this.#callOff = undefined
    for (const one of this.#waiting.splice(0)) this.#let(one)
  }

  #inOrder(dueMs: number): number {
    return (this.#lastDueMs = Math.max(dueMs, this.#lastDueMs))
  }

  #put(one: Waiting): void {
    this.#waiting.push(one)
    if (this.#callOff === undefined) this.#wait()
  }

  #wait(): void {
    const [next] = this.#waiting
    if (next === undefined) return
    this.#callOff = this.#ports.after(Math.max(0, next.dueMs - this.#ports.nowMs()), () => {
      this.#callOff = undefined
      const nowMs = this.#ports.nowMs()
      // The timer of the system may be early by a fraction of a millisecond.
      while (this.#waiting[0] !== undefined && this.#waiting[0].dueMs <= nowMs + 1) this.#let(this.#waiting.shift()!)
      this.#wait()
    })
  }

  #let(one: Waiting): void {
    if ('end' in one) return this.#outlet.end(one.end)
    this.#heldBytes -= one.chunk.length
    this.#outlet.send(one.chunk)
  }
}

/** A pipe all of whose bytes go through the line. */
export function pipeThrough(line: DelayLine, does: Pick<Pipe, 'take' | 'end'>): Pipe {
  return {
    ...does,
    get heldBytes() {
      return line.heldBytes
    },
    release: () => line.release(),
  }
}
