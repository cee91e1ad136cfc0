/**
 * What all registers are now, and each change: one consumer of the whole bucket, however many watch. It begins anew after each
 * connection, when a message is missing, and when the consumer falls silent, which it does when its bucket is gone.
 */
import { createInbox, type Msg, type NatsConnection, type NatsError, type Subscription } from 'nats'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Register, RegisterWatcher } from '../coordination.ts'
import { askJetStream, isObject } from './jetstream.ts'
import type { NatsBucket } from './nats-bucket.ts'
import { decodeToken } from './subjects.ts'

export type RegisterWatchPorts = {
  readonly bucket: NatsBucket
  readonly clock: ClusterClock
  readonly random: () => number
  readonly log: ClusterLog
  readonly ensure: (nc: NatsConnection) => Promise<void>
}

type Watch = { readonly keyPrefix: string; readonly watcher: RegisterWatcher }

/** Heartbeats of the consumer, and after how long without any sign it is made again. */
const heartbeatMs = 1000
const silenceMsMax = 2500
const retryMsMin = 200
const retryMsMax = 1000
/** A deletion stays in the bucket until every node must have seen it. */
const deletionKeptMs = 3_600_000
const sweepMs = 600_000
const deletionsMax = 10_000

type Consumer = {
  readonly nc: NatsConnection
  readonly subscription: Subscription
  /** Of the last message that was delivered. */
  sequence: number
  /** What it found so far, until it has told all that there is. */
  found: Map<string, Register> | undefined
  silence: { cancel(): void }
}

export class RegisterWatch {
  readonly #ports: RegisterWatchPorts
  readonly #watches = new Set<Watch>()
  /** As told last; without what is deleted. */
  #registers = new Map<string, Register>()
  #isReady = false
  #deletions = new Map<string, { readonly sequence: number; readonly atMs: number }>()
  #nc: NatsConnection | undefined
  #consumer: Consumer | undefined
  #isBeginning = false
  #retry: { cancel(): void } | undefined
  #sweep: { cancel(): void } | undefined

  constructor(ports: RegisterWatchPorts) {
    this.#ports = ports
  }

  attach(nc: NatsConnection): void {
    this.#nc = nc
    this.#begin()
  }

  detach(): void {
    this.#nc = undefined
    this.#end()
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    const watch = { keyPrefix, watcher }
    this.#watches.add(watch)
    if (this.#consumer === undefined) this.#begin()
    else if (this.#isReady) queueMicrotask(() => this.#isReady && this.#tellAll(watch))
    return () => void this.#watches.delete(watch)
  }

  beginAgain(): void {
    this.#end()
    this.#begin()
  }

  #end(): void {
    this.#isReady = false
    this.#retry?.cancel()
    this.#sweep?.cancel()
    this.#retry = undefined
    const consumer = this.#consumer
    this.#consumer = undefined
    if (consumer === undefined) return
    consumer.silence.cancel()
    // The server removes a consumer on whose subject nobody listens.
    if (!consumer.nc.isClosed()) consumer.subscription.unsubscribe()
  }

  #begin(): void {
    const nc = this.#nc
    if (nc === undefined || this.#isBeginning || this.#watches.size === 0) return
    this.#retry?.cancel()
    this.#retry = undefined
    void this.#tryToConsume(nc)
  }

  /** Never rejects. */
  async #tryToConsume(nc: NatsConnection): Promise<void> {
    this.#isBeginning = true
    let hasFailed = false
    try {
      await this.#consume(nc)
    } catch (error) {
      hasFailed = true
      this.#ports.log.debug({ error: String(error) }, 'register_watch_failed')
    }
    this.#isBeginning = false
    // The connection may have changed meanwhile.
    if (hasFailed && this.#nc === nc) this.#beginLater()
    else if (this.#consumer === undefined) this.#begin()
  }

  #beginLater(): void {
    const { clock, random } = this.#ports
    this.#retry?.cancel()
    this.#retry = clock.after(retryMsMin + random() * (retryMsMax - retryMsMin), () => this.#begin())
  }

  async #consume(nc: NatsConnection): Promise<void> {
    const { bucket, ensure } = this.#ports
    await ensure(nc)
    if (this.#nc !== nc) return
    const inbox = createInbox()
    const callback = (error: NatsError | null, message: Msg): void => {
      if (error === null && consumer === this.#consumer) this.#receive(consumer, message)
    }
    const subscription = nc.subscribe(inbox, { callback })
    const consumer: Consumer = { nc, subscription, sequence: 0, found: new Map(), silence: this.#listenFor(nc) }
    this.#consumer = consumer
    this.#deletions = new Map()
    try {
      const subject = `$JS.API.CONSUMER.CREATE.${bucket.stream}`
      const made = await askJetStream(nc, { subject, body: consumerRequest(bucket, inbox) }, silenceMsMax)
      // Nothing is delivered of an empty bucket.
      if (made['num_pending'] === 0 && consumer === this.#consumer && consumer.sequence === 0) this.#ready(consumer)
    } catch (error) {
      if (this.#consumer === consumer) this.#end()
      throw error
    }
  }

  #listenFor(nc: NatsConnection): { cancel(): void } {
    return this.#ports.clock.after(silenceMsMax, () => {
      if (this.#nc !== nc) return
      this.#ports.log.debug({}, 'register_watch_silent')
      this.beginAgain()
    })
  }

  /** Throws nothing: nats.js would stop to read from the connection and keep it. */
  #receive(consumer: Consumer, message: Msg): void {
    consumer.silence.cancel()
    consumer.silence = this.#listenFor(consumer.nc)
    if (message.data.length === 0 && message.headers?.code === 100) return this.#receiveSign(consumer, message)
    const delivery = readDelivery(message.reply ?? '')
    if (delivery === undefined) return
    if (delivery.consumerSequence !== consumer.sequence + 1) return this.beginAgain()
    consumer.sequence = delivery.consumerSequence
    const key = decodeToken(this.#ports.bucket.tokenOf(message.subject))
    if (key !== undefined) this.#take(consumer, message, key, delivery)
    if (consumer.found !== undefined && delivery.pending === 0) this.#ready(consumer)
  }

  /** Flow control wants an answer; a heartbeat says what should have come by now. */
  #receiveSign(consumer: Consumer, message: Msg): void {
    if (message.reply !== undefined && message.reply !== '') {
      if (!consumer.nc.isClosed()) message.respond()
      return
    }
    if (consumer.sequence === 0) void this.#checkEmpty(consumer)
    const last = message.headers?.get('Nats-Last-Consumer')
    if (last !== undefined && last !== '' && Number(last) !== consumer.sequence) this.beginAgain()
  }

  /** nats-server 2.9.10 may pass over the first message of a bucket that comes while the consumer is made, and say nothing of it. */
  async #checkEmpty(consumer: Consumer): Promise<void> {
    try {
      const subject = `$JS.API.STREAM.INFO.${this.#ports.bucket.stream}`
      const { state } = await askJetStream(consumer.nc, { subject }, silenceMsMax)
      const isEmpty = !isObject(state) || state['messages'] === 0
      if (!isEmpty && consumer === this.#consumer && consumer.sequence === 0) this.beginAgain()
    } catch (error) {
      this.#ports.log.debug({ error: String(error) }, 'register_watch_unchecked')
    }
  }

  #take(consumer: Consumer, message: Msg, key: string, delivery: Delivery): void {
    const operation = message.headers?.get('KV-Operation')
    const isDeleted = operation === 'DEL' || operation === 'PURGE'
    const register = { key, value: isDeleted ? undefined : message.data, revision: delivery.streamSequence }
    if (isDeleted && this.#deletions.size < deletionsMax)
      this.#deletions.set(key, { sequence: delivery.streamSequence, atMs: delivery.atMs })
    else this.#deletions.delete(key)
    const registers = consumer.found ?? this.#registers
    if (isDeleted) registers.delete(key)
    else registers.set(key, register)
    if (consumer.found !== undefined) return
    for (const watch of this.#watches)
      if (key.startsWith(watch.keyPrefix)) this.#tell(watch, () => watch.watcher.changed(register))
  }

  #ready(consumer: Consumer): void {
    if (consumer.found === undefined) return
    this.#registers = consumer.found
    consumer.found = undefined
    this.#isReady = true
    for (const watch of this.#watches) this.#tellAll(watch)
    this.#sweepDeletions()
  }

  #tellAll(watch: Watch): void {
    const keys = new Set<string>()
    for (const [key, register] of this.#registers) {
      if (!key.startsWith(watch.keyPrefix)) continue
      keys.add(key)
      this.#tell(watch, () => watch.watcher.changed(register))
    }
    this.#tell(watch, () => watch.watcher.ready(keys))
  }

  #tell(watch: Watch, call: () => void): void {
    if (!this.#watches.has(watch)) return
    try {
      call()
    } catch (error) {
      this.#ports.log.error({ keyPrefix: watch.keyPrefix, error }, 'register_watcher_failed')
    }
  }

  /** By its sequence, so that nothing but the deletion itself can go; every member tries it. */
  #sweepDeletions(): void {
    const { bucket, clock, log } = this.#ports
    const nc = this.#nc
    if (nc === undefined) return
    const untilMs = clock.nowMs() - deletionKeptMs
    for (const [key, { sequence, atMs }] of this.#deletions) {
      if (atMs > untilMs) continue
      this.#deletions.delete(key)
      const subject = `$JS.API.STREAM.MSG.DELETE.${bucket.stream}`
      askJetStream(nc, { subject, body: { seq: sequence, no_erase: true } }, silenceMsMax).catch((error: unknown) => {
        log.debug({ key, error: String(error) }, 'register_deletion_not_swept')
      })
    }
    this.#sweep?.cancel()
    this.#sweep = clock.after(sweepMs, () => this.#sweepDeletions())
  }
}

function consumerRequest(bucket: NatsBucket, inbox: string): object {
  return {
    stream_name: bucket.stream,
    config: {
      deliver_subject: inbox,
      deliver_policy: 'last_per_subject',
      filter_subject: bucket.subjects,
      ack_policy: 'none',
      replay_policy: 'instant',
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: heartbeatMs * 1_000_000,
      mem_storage: true,
      num_replicas: 1,
    },
  }
}

type Delivery = {
  readonly streamSequence: number
  readonly consumerSequence: number
  readonly atMs: number
  readonly pending: number
}

/**
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<ns>.<pending>`; newer servers put domain and
 * account before the stream, and may add a word at the end.
 */
function readDelivery(reply: string): Delivery | undefined {
  const parts = reply.split('.')
  if (parts[0] !== '$JS' || parts[1] !== 'ACK' || parts.length < 9) return undefined
  const numbers = parts.slice(parts.length === 9 ? 5 : 7).map(Number)
  const [streamSequence = Number.NaN, consumerSequence = Number.NaN, ns = Number.NaN, pending = Number.NaN] = numbers
  if (![streamSequence, consumerSequence, pending].every(Number.isSafeInteger)) return undefined
  return { streamSequence, consumerSequence, atMs: ns / 1e6, pending }
}
