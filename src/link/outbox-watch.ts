/** Looks after an outbox when nothing moves: sweeps what expires, and tells when it passes its high-water mark. */
import type { LinkClock } from './link-clock.ts'

const highWaterMark = 0.8
/** Lower, so that an outbox at the mark does not tell at each message. */
const lowWaterMark = 0.6

/** Where messages expire. */
type Expiring = { readonly nextExpiryMs: number; sweep(steadyMs: number): number }

export class OutboxWatch {
  readonly #outbox: Expiring & { readonly fill: number }
  readonly #queues: Expiring
  readonly #clock: LinkClock
  readonly #told: (aboveHighWaterMark: boolean) => void
  readonly #moved: () => void
  #above = false
  #sweep: { readonly atMs: number; readonly timer: { cancel(): void } } | undefined

  /**
   * @param queues what was taken out of the outbox and still belongs to it
   * @param moved called at each look
   */
  constructor(
    outbox: Expiring & { readonly fill: number },
    queues: Expiring,
    clock: LinkClock,
    told: (aboveHighWaterMark: boolean) => void,
    moved: () => void = () => undefined,
  ) {
    this.#outbox = outbox
    this.#queues = queues
    this.#clock = clock
    this.#told = told
    this.#moved = moved
  }

  get aboveHighWaterMark(): boolean {
    return this.#above
  }

  /** To be called after anything moved. Cheap. */
  look(): void {
    const { fill } = this.#outbox
    if (this.#above ? fill < lowWaterMark : fill >= highWaterMark) {
      this.#above = !this.#above
      this.#told(this.#above)
    }
    this.#moved()
    this.#arm()
  }

  stop(): void {
    this.#sweep?.timer.cancel()
    this.#sweep = undefined
  }

  /** A timer that comes too early only looks again, so it is replaced for an earlier expiry alone. */
  #arm(): void {
    const atMs = Math.min(this.#outbox.nextExpiryMs, this.#queues.nextExpiryMs)
    if (atMs === Number.POSITIVE_INFINITY || (this.#sweep !== undefined && this.#sweep.atMs <= atMs)) return
    this.#sweep?.timer.cancel()
    const timer = this.#clock.after(Math.max(0, atMs - this.#clock.steadyMs()), () => {
      this.#sweep = undefined
      this.#queues.sweep(this.#clock.steadyMs())
      this.#outbox.sweep(this.#clock.steadyMs())
      this.look()
    })
    this.#sweep = { atMs, timer }
  }
}
