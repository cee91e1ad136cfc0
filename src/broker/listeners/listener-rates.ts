/** What all clients of one listener may send together: `max_messages_rate` and `max_bytes_rate`. */
import type { ListenerConfig } from '../../config/listeners/listener-config.ts'
import { TokenBucket } from '../limits/token-bucket.ts'

export class ListenerRates {
  readonly #messages: TokenBucket
  readonly #bytes: TokenBucket
  #isLimited = false

  constructor(config: ListenerConfig, nowMs: number) {
    this.#messages = new TokenBucket(config.max_messages_rate, undefined, nowMs)
    this.#bytes = new TokenBucket(config.max_bytes_rate, undefined, nowMs)
    this.configure(config, nowMs)
  }

  /** Other rates, which count for connections that are open, too. */
  configure({ max_messages_rate, max_bytes_rate }: ListenerConfig, nowMs: number): void {
    this.#messages.configure(max_messages_rate, undefined, nowMs)
    this.#bytes.configure(max_bytes_rate, undefined, nowMs)
    this.#isLimited = Number.isFinite(max_messages_rate.amount) || Number.isFinite(max_bytes_rate.amount)
  }

  /** Whether anything need be taken at all. */
  get isLimited(): boolean {
    return this.#isLimited
  }

  /** What one client sent. Returns how long it has to wait until all that was taken is paid for, milliseconds. */
  take(messages: number, bytes: number, nowMs: number): number {
    this.#messages.take(messages, nowMs)
    this.#bytes.take(bytes, nowMs)
    return Math.max(this.#messages.waitMs(nowMs), this.#bytes.waitMs(nowMs))
  }
}
