/** Whether a message is kept as its topic's retained one: `retainer` of the configuration, and the node's memory. */
import type { Logger } from '../logger.ts'
import type { Clock } from '../clock.ts'
import type { Counters } from '../counters.ts'
import type { Limits } from '../limits/limits.ts'
import { memoryLevel } from '../limits/memory-guard.ts'
import type { Retained } from './retained.ts'

/** How often a full store may be searched for what has expired. */
const SWEEP_MS = 60_000

export class RetainPolicy {
  readonly #limits: Limits
  readonly #counters: Counters
  readonly #log: Logger
  readonly #clock: Pick<Clock, 'nowMs' | 'steadyMs'>
  #isFull = false
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'nowMs' | 'steadyMs'>, limits: Limits, counters: Counters, log: Logger) {
    this.#clock = clock
    this.#limits = limits
    this.#counters = counters
    this.#log = log
  }

  /** What is refused is counted; that there is no more room is told once, until there is. */
  allows(retained: Retained, topic: string, payloadBytes: number): boolean {
    const { retainer, memory } = this.#limits
    const isFull = this.#hasNoRoom(retained, topic)
    if (!isFull && payloadBytes <= retainer.max_payload_size && memory !== memoryLevel.critical) {
      if (this.#isFull) this.#tellRoom(retained)
      return true
    }
    this.#counters.retainRefused++
    if (isFull) this.#tellFull(retained)
    else this.#log.debug({ topic, payload_bytes: payloadBytes }, 'retained_message_refused')
    return false
  }

  /** A topic that has one may have another. */
  #hasNoRoom(retained: Retained, topic: string): boolean {
    const { max_retained_messages: countMax } = this.#limits.retainer.backend
    if (countMax === 0 || retained.count < countMax || retained.has(topic)) return false
    this.#sweep(retained)
    return retained.count >= countMax
  }

  /** Messages that have expired and that nobody has asked for take no room away from others. It walks through all of them. */
  #sweep(retained: Retained): void {
    const steadyMs = this.#clock.steadyMs()
    if (steadyMs - this.#sweptAtMs < SWEEP_MS) return
    this.#sweptAtMs = steadyMs
    retained.sweep(this.#clock.nowMs(), this.#limits.retainer.msg_expiry_interval)
  }

  #tellFull({ count }: Retained): void {
    if (this.#isFull) return
    this.#isFull = true
    this.#log.warn({ count, key: 'retainer.backend.max_retained_messages' }, 'retained_messages_full')
  }

  #tellRoom({ count }: Retained): void {
    const { max_retained_messages: countMax } = this.#limits.retainer.backend
    if (countMax > 0 && count >= countMax) return
    this.#isFull = false
    this.#log.info({ count }, 'retained_messages_ok')
  }
}
