/** Reads one client: what comes goes to its connection, no faster than the rates of the listener allow: its own and those of all. */
import type { ListenerConfig } from '../../config/listeners/listener-config.ts'
import type { Broker } from '../broker.ts'
import type { Timer } from '../clock.ts'
import type { Connection } from '../connection/connection.ts'
import type { Counters } from '../counters.ts'
import { TokenBucket } from '../limits/token-bucket.ts'
import type { ListenerRates } from './listener-rates.ts'
import type { ServerTransport, TransportReader } from './server-transport.ts'

/** Whoever has to wait waits that long at least, so that there is no timer for each message. */
const HOLD_MS_MIN = 20

export class ClientReader implements TransportReader {
  readonly transport: ServerTransport
  readonly #connection: Connection
  readonly #broker: Broker
  readonly #messages: TokenBucket | undefined
  readonly #bytes: TokenBucket | undefined
  readonly #ofAll: ListenerRates
  readonly #holdMsMin: number
  /** Runs while the client is held back. */
  #held: Timer | undefined
  /** Whether what it sent before is to go on then. */
  #isWaiting = false

  constructor(
    connection: Connection,
    transport: ServerTransport,
    config: ListenerConfig,
    ofAll: ListenerRates,
    broker: Broker,
  ) {
    this.transport = transport
    this.#connection = connection
    this.#broker = broker
    this.#ofAll = ofAll
    const { messages_rate, messages_burst, bytes_rate, bytes_burst } = config
    // A bucket holds no more than one period brings.
    this.#holdMsMin = Math.min(HOLD_MS_MIN, messages_rate.periodMs, bytes_rate.periodMs)
    const nowMs = broker.clock.steadyMs()
    if (Number.isFinite(messages_rate.amount)) this.#messages = new TokenBucket(messages_rate, messages_burst, nowMs)
    if (Number.isFinite(bytes_rate.amount)) this.#bytes = new TokenBucket(bytes_rate, bytes_burst, nowMs)
  }

  get #isLimited(): boolean {
    return this.#messages !== undefined || this.#bytes !== undefined || this.#ofAll.isLimited
  }

  read(chunk: Buffer): void {
    if (!this.#isLimited) return this.#connection.receive(chunk)
    const { counters } = this.#broker
    const before = publishes(counters)
    this.#connection.receive(chunk)
    this.#spend(publishes(counters) - before, chunk.length)
  }

  /** What was too much for one turn goes on, no faster than what is read. */
  proceed(): void {
    if (!this.#isLimited) return this.#connection.proceed()
    this.#isWaiting = this.#held !== undefined
    if (this.#isWaiting) return
    const { counters } = this.#broker
    const before = publishes(counters)
    this.#connection.proceed()
    this.#spend(publishes(counters) - before, 0)
  }

  /** The client has closed its side. */
  ended(): void {
    this.#connection.disconnected()
    // What is still to be written is, but not for ever to a client that reads no more.
    this.transport.end()
  }

  closed(): void {
    this.#held?.cancel()
    this.#held = undefined
    this.#connection.disconnected()
  }

  /** Called about once a second. */
  checkDeadlines(steadyMs: number): void {
    // Whom we do not listen to is not silent.
    if (this.#held !== undefined) this.#connection.notHeard(steadyMs)
    this.#connection.checkDeadlines(steadyMs)
    if (this.transport.isIdle(steadyMs)) this.transport.destroy()
  }

  /** What was read is done; what is above the rate is waited for before the next read. */
  #spend(messages: number, bytes: number): void {
    const { clock } = this.#broker
    const nowMs = clock.steadyMs()
    this.#messages?.take(messages, nowMs)
    this.#bytes?.take(bytes, nowMs)
    const ofAllMs = this.#ofAll.isLimited ? this.#ofAll.take(messages, bytes, nowMs) : 0
    const waitMs = Math.max(ofAllMs, this.#messages?.waitMs(nowMs) ?? 0, this.#bytes?.waitMs(nowMs) ?? 0)
    if (waitMs === 0) return
    this.transport.throttle()
    this.#held?.cancel()
    this.#held = clock.after(Math.max(waitMs, this.#holdMsMin), () => {
      this.#held = undefined
      this.transport.unthrottle()
      if (this.#isWaiting) this.proceed()
    })
  }
}

/** PUBLISH packets read so far, of all clients: only this one is read from between two looks. */
function publishes({ publishesReceived }: Counters): number {
  return publishesReceived[0]! + publishesReceived[1]! + publishesReceived[2]!
}
