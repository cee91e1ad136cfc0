/**
 * Carries the messages of one queue of a pool over one connection, in EMQX's dialect. The data plane: no actor sees a message, and
 * nothing is allocated for one but its encoded bytes.
 */
import { refusedByPeer } from '../lanes/ledger.ts'
import type { PoolEntry } from '../lanes/outbox/pool-entry.ts'
import type { PoolQueues } from '../lanes/outbox/pool-queues.ts'
import type { Message } from '../packets/message.ts'
import type { LinkConnection, PeerLimits } from './connection.ts'
import type { LinkClock } from './link-clock.ts'
import { peerSilent, type LinkFailure } from './link-failure.ts'
import { publishPacketBytes } from './packet-size.ts'
import type { CrossingTraces } from './traces-port.ts'

/** Unacknowledged messages that all connections of a link may have together. */
export class InflightWindow {
  #max: number
  #used = 0
  readonly #waiting = new Set<Forwarder>()

  constructor(max: number) {
    this.#max = max
  }

  get isFull(): boolean {
    return this.#used >= this.#max
  }

  resize(max: number): void {
    this.#max = max
    this.#wakeOne()
  }

  enter(): void {
    this.#used += 1
  }

  leave(count: number): void {
    this.#used -= count
    this.#wakeOne()
  }

  /** It is pumped once there is room again, in its turn. */
  wait(forwarder: Forwarder): void {
    this.#waiting.add(forwarder)
  }

  forget(forwarder: Forwarder): void {
    this.#waiting.delete(forwarder)
  }

  #wakeOne(): void {
    for (const forwarder of this.#waiting) {
      if (this.isFull) return
      this.#waiting.delete(forwarder)
      forwarder.pump()
    }
  }
}

export type ForwarderPorts = {
  readonly queues: PoolQueues
  readonly queueIndex: number
  readonly connection: LinkConnection
  readonly limits: PeerLimits
  readonly window: InflightWindow
  /** `$LINK/cluster/msg/<our cluster>` */
  readonly topic: string
  readonly encode: (message: Message) => Buffer
  readonly clock: LinkClock
  /** Unacknowledged messages on this connection, as far as the peer allows. */
  readonly inflightMax: number
  /** How long a message may be unacknowledged before the connection is given up, milliseconds. */
  readonly ackMs: number
  /** A message was acknowledged, so long after it was sent; by the steady clock. Told of one at a time. */
  readonly crossed?: (tookMs: number, nowMs: number) => void
  /** Name of the link, for whoever follows messages. */
  readonly link?: string
  readonly traces?: CrossingTraces | undefined
  /** Something left the outbox for good. */
  readonly left: () => void
  /** The connection is of no more use; close it. */
  readonly gaveUp: (failure: LinkFailure) => void
}

export class Forwarder {
  readonly #ports: ForwarderPorts
  readonly #inflightMax: number
  #inflight = 0
  #open = true
  #timer: { cancel(): void } | undefined
  /** The message whose acknowledgement is measured: to look at the clock for each would cost too much. */
  #measured: PoolEntry | undefined

  constructor(ports: ForwarderPorts) {
    this.#ports = ports
    this.#inflightMax = Math.min(ports.inflightMax, ports.limits.receiveMaximum)
  }

  /** Sends what waits, as far as windows and socket allow. To be called whenever any of them may have changed. */
  pump(): void {
    const { queues, queueIndex, connection, window, clock } = this.#ports
    while (this.#open && connection.writable && this.#inflight < this.#inflightMax) {
      if (queues.waiting(queueIndex) === 0) return
      if (window.isFull) return window.wait(this)
      const entry = queues.take(queueIndex, clock.steadyMs())
      if (entry === undefined) return
      this.#send(entry)
    }
  }

  /** The connection is gone: what flew on it goes back to the front of its queue. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#timer?.cancel()
    this.#ports.queues.putBack(this.#ports.queueIndex)
    this.#ports.window.forget(this)
    this.#ports.window.leave(this.#inflight)
  }

  #send(entry: PoolEntry): void {
    const { queues, connection, limits, topic, encode } = this.#ports
    const { message } = entry
    const qos = message.qos === 0 || limits.qosMax === 0 ? 0 : 1
    const payload = encode(message)
    if (publishPacketBytes(topic, payload.length, qos) > limits.packetBytesMax) {
      return queues.settle(entry, { type: 'dropped', reason: 'too_large' })
    }
    if (qos === 0) {
      connection.publish({ topic, payload, qos })
      this.#crossed(message)
      return queues.settle(entry, { type: 'delivered' })
    }
    this.#owe()
    this.#measured ??= entry
    connection.publish({ topic, payload, qos }, (reasonCode) => this.#answered(entry, reasonCode))
  }

  #owe(): void {
    const { clock, window, ackMs } = this.#ports
    this.#inflight += 1
    window.enter()
    this.#timer ??= clock.after(ackMs, () => this.#checkSilence())
  }

  #answered(entry: PoolEntry, reasonCode: number): void {
    if (!this.#open) return
    const { queues, window, left } = this.#ports
    const delivered = reasonCode < 0x80
    if (entry === this.#measured) this.#measure(entry)
    if (delivered) this.#crossed(entry.message)
    queues.settle(entry, delivered ? { type: 'delivered' } : { type: 'failed', reason: refusedByPeer(reasonCode) })
    this.#inflight -= 1
    window.leave(1)
    this.pump()
    left()
  }

  #crossed(message: Message): void {
    const { traces, link } = this.#ports
    if (traces !== undefined && link !== undefined) traces.messageCrossed(link, message)
  }

  #measure({ takenAtMs }: PoolEntry): void {
    this.#measured = undefined
    const { clock, crossed } = this.#ports
    const nowMs = clock.steadyMs()
    crossed?.(nowMs - takenAtMs, nowMs)
  }

  /** When the oldest message that is not acknowledged was sent, by the steady clock. */
  get oldestFlightMs(): number | undefined {
    return this.#ports.queues.oldestTakenAtMs(this.#ports.queueIndex)
  }

  /** One timer for all: it looks how long the oldest has waited, and either gives up or waits for it. */
  #checkSilence(): void {
    const { queues, queueIndex, clock, ackMs, gaveUp } = this.#ports
    this.#timer = undefined
    const takenAtMs = queues.oldestTakenAtMs(queueIndex)
    if (!this.#open || takenAtMs === undefined) return
    const leftMs = takenAtMs + ackMs - clock.steadyMs()
    if (leftMs <= 0) return gaveUp(peerSilent(ackMs))
    this.#timer = clock.after(leftMs, () => this.#checkSilence())
  }
}
