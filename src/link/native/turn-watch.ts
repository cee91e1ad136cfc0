/**
 * A peer may turn native while we speak EMQX's dialect to it: links are made on one side first, and nodes are upgraded. A connection
 * learns what the peer speaks when it is opened, and lives for days; so it is opened anew when the peer greets or answers us natively.
 *
 * Once for all that the peer says until then. Where it changes nothing (of a cluster that is being upgraded, the node that takes our
 * messages may be an old one), the next time is a longer while away.
 */
import type { SpokenDialect } from '../../../actors/forwarding.ts'
import type { LinkClock } from '../link-clock.ts'

export type TurnPorts = {
  readonly clock: Pick<LinkClock, 'steadyMs' | 'after'>
  /** What is spoken just now; `undefined` while no connection is up. */
  readonly dialect: () => SpokenDialect | undefined
  /** Whether the link speaks our dialect to whoever knows it. */
  readonly isWanted: () => boolean
  /** Opens the connections for messages anew. */
  readonly reopen: () => void
}

/** Between one attempt that changed nothing and the next, milliseconds; doubled each time. */
export const againMsMin = 30_000
export const againMsMax = 900_000

export class TurnWatch {
  readonly #ports: TurnPorts
  /** The peer was heard since the connections were last opened anew. */
  #isDue = false
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #againMs = againMsMin
  #timer: { cancel(): void } | undefined

  constructor(ports: TurnPorts) {
    this.#ports = ports
  }

  /** The peer greeted us in our dialect, or answered our greeting: on another connection than those for messages. */
  heard(): void {
    if (!this.#ports.isWanted() || this.#ports.dialect() === 'native') return
    this.#isDue = true
    this.#look()
  }

  /** A connection for messages is up. */
  connected(): void {
    if (this.#ports.dialect() === 'native') this.#begin()
    else this.#look()
  }

  stop(): void {
    this.#begin()
  }

  #begin(): void {
    this.#isDue = false
    this.#notBeforeMs = Number.NEGATIVE_INFINITY
    this.#againMs = againMsMin
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    const { clock, dialect, isWanted, reopen } = this.#ports
    // While no connection is up, the next one that is leads here again.
    if (!this.#isDue || !isWanted() || dialect() !== 'emqx' || this.#timer !== undefined) return
    const nowMs = clock.steadyMs()
    if (nowMs < this.#notBeforeMs) {
      this.#timer = clock.after(this.#notBeforeMs - nowMs, () => {
        this.#timer = undefined
        this.#look()
      })
      return
    }
    this.#isDue = false
    this.#notBeforeMs = nowMs + this.#againMs
    this.#againMs = Math.min(againMsMax, this.#againMs * 2)
    reopen()
  }
}
