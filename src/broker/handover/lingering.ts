/** A session that another node has now, and that still gets, for a moment, what others publish who have not heard of it. */
import type { Clock, Timer } from '../clock.ts'
import type { Queued } from '../sessions/queue.ts'
import type { Session } from '../sessions/session.ts'
import { handedMessage } from './handed.ts'
import { encodeLate } from './handover-record.ts'

export type LingeringPorts = {
  readonly clock: Clock
  readonly forward: (late: Buffer) => Promise<void>
  /** So many messages could not be handed on. */
  readonly lost: (count: number, error: unknown) => void
  /** Nothing is handed on any more: the subscriptions may go. */
  readonly ended: () => void
}

/** How long, and how often it is looked after. The others hear of a session within a few hundredths of a second. */
const LINGER_MS = 2_000
const TICK_MS = 50

export class Lingering {
  readonly session: Session
  readonly node: string
  /** What the other node was told when it confirmed; it may ask again. */
  readonly firstLate: Buffer | undefined
  readonly #ports: LingeringPorts
  readonly #untilMs: number
  #timer: Timer | undefined
  /** They go one after the other. */
  #forwarded: Promise<void> = Promise.resolve()
  #isEnded = false

  constructor(session: Session, node: string, firstLate: Buffer | undefined, ports: LingeringPorts) {
    this.session = session
    this.node = node
    this.firstLate = firstLate
    this.#ports = ports
    this.#untilMs = ports.clock.steadyMs() + LINGER_MS
    this.#tick()
  }

  /** The session comes back, or it has lingered long enough. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.close()
    this.session.endArrivals(this.#ports.clock.nowMs())
    this.#forward()
    // An empty one says that this is all.
    this.#send([])
    this.#ports.ended()
  }

  /** Stops without a word. */
  close(): void {
    this.#timer?.cancel()
  }

  #tick(): void {
    this.#forward()
    if (this.#ports.clock.steadyMs() >= this.#untilMs) return this.end()
    this.#timer = this.#ports.clock.after(TICK_MS, () => this.#tick())
  }

  #forward(): void {
    const messages = this.session.takeQueue().filter((queued) => !this.#isUnwanted(queued))
    if (messages.length > 0) this.#send(messages)
  }

  #send(messages: readonly Queued[]): void {
    const { clock, forward, lost } = this.#ports
    const late = encodeLate(messages.map(handedMessage), clock.nowMs())
    this.#forwarded = this.#forwarded.then(() => forward(late)).catch((error: unknown) => lost(messages.length, error))
  }

  /** The client is at the other node and publishes there: here nobody knows any more that it is its own [MQTT-3.8.3-3]. */
  #isUnwanted({ publication }: Queued): boolean {
    const { clientId, subscriptions } = this.session
    if (publication.publisher.clientId !== clientId) return false
    for (const { noLocal } of subscriptions.values()) if (noLocal) return true
    return false
  }
}
