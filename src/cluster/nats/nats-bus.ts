/** The bus over core NATS: one publish for each payload, subscriptions by callback. */
import type { Msg, NatsConnection, NatsError, Subscription } from 'nats'
import type { ClusterLog } from '../cluster-log.ts'
import type { Bus, Channel, Sender } from '../coordination.ts'
import type { BusSubjects } from './subjects.ts'

type Receive = (from: Sender, payload: Uint8Array) => void

/** As long as no server has said its own limit: the default of NATS. */
const payloadBytesDefault = 1_048_576
/** After so many bytes the server is asked whether it has them all. */
const confirmBytes = 4_194_304
/** What a server has not taken yet waits in memory, and a frozen one takes nothing: beyond this messages are dropped. */
const unconfirmedBytesMax = 67_108_864

export class NatsBus implements Bus {
  readonly #subjects: BusSubjects
  readonly #log: ClusterLog
  readonly #listeners = new Map<Channel, Set<Receive>>()
  readonly #subscriptions = new Map<Channel, readonly Subscription[]>()
  #nc: NatsConnection | undefined
  #isOpen = false
  #payloadBytesMax = payloadBytesDefault
  #unconfirmedBytes = 0
  #isAsking = false

  constructor(subjects: BusSubjects, log: ClusterLog) {
    this.#subjects = subjects
    this.#log = log
  }

  get payloadBytesMax(): number {
    return this.#payloadBytesMax
  }

  /** Subscribes on a new connection. Nothing is sent over it before `open`. */
  attach(nc: NatsConnection): void {
    this.#nc = nc
    this.#payloadBytesMax = nc.info?.max_payload ?? payloadBytesDefault
    this.#unconfirmedBytes = 0
    this.#isAsking = false
    for (const channel of this.#listeners.keys()) this.#subscribe(channel)
  }

  open(): void {
    this.#isOpen = true
  }

  /** The connection is gone, and its subscriptions with it. */
  detach(): void {
    this.#nc = undefined
    this.#isOpen = false
    this.#subscriptions.clear()
  }

  broadcast(channel: Channel, payload: Uint8Array): void {
    this.#publish(this.#subjects.toAll(channel), payload)
  }

  send(node: string, channel: Channel, payload: Uint8Array): void {
    this.#publish(this.#subjects.toNode(node, channel), payload)
  }

  #publish(subject: string, payload: Uint8Array): void {
    if (payload.length > this.#payloadBytesMax) throw new RangeError(`a message of ${payload.length} bytes`)
    const nc = this.#nc
    // nats.js itself would throw on a closed connection, and keep what comes between two.
    if (nc === undefined || !this.#isOpen || nc.isClosed() || nc.isDraining()) return
    if (this.#unconfirmedBytes > unconfirmedBytesMax) return
    this.#unconfirmedBytes += payload.length + subject.length
    nc.publish(subject, payload)
    if (this.#unconfirmedBytes > confirmBytes && !this.#isAsking) void this.#confirm(nc)
  }

  async #confirm(nc: NatsConnection): Promise<void> {
    this.#isAsking = true
    const bytes = this.#unconfirmedBytes
    try {
      await nc.flush()
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'coordination_flush_failed')
    }
    if (this.#nc !== nc) return
    this.#unconfirmedBytes -= bytes
    this.#isAsking = false
  }

  listen(channel: Channel, receive: Receive): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners)
    // A function of its own for each call: one that listens twice is called twice, and stopped once at a time.
    const listener: Receive = (from, payload) => receive(from, payload)
    listeners.add(listener)
    if (!this.#subscriptions.has(channel)) this.#subscribe(channel)
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#listeners.delete(channel)
      for (const subscription of this.#subscriptions.get(channel) ?? []) subscription.unsubscribe()
      this.#subscriptions.delete(channel)
    }
  }

  #subscribe(channel: Channel): void {
    const nc = this.#nc
    const listeners = this.#listeners.get(channel)
    if (nc === undefined || listeners === undefined || nc.isClosed() || nc.isDraining()) return
    const callback = (error: NatsError | null, message: Msg): void => {
      // Rights that are missing come this way, too; the connection's own status tells of them.
      if (error === null) this.#receive(channel, listeners, message)
    }
    this.#subscriptions.set(
      channel,
      this.#subjects.heardOn(channel).map((subject) => nc.subscribe(subject, { callback })),
    )
  }

  /** Throws nothing: nats.js would stop to read from the connection and keep it. */
  #receive(channel: Channel, listeners: ReadonlySet<Receive>, message: Msg): void {
    const from = this.#subjects.senderOf(message.subject)
    if (from === undefined) {
      this.#log.warn({ channel, subject: message.subject }, 'bus_message_malformed')
      return
    }
    for (const receive of listeners) {
      try {
        receive(from, message.data)
      } catch (error) {
        this.#log.error({ channel, node: from.node, error }, 'bus_listener_failed')
      }
    }
  }
}
