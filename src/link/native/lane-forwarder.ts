/**
 * Carries the batches of an outbox over the one connection of a native link, in order, each as a PUBLISH. Its PUBACK says that the
 * receiver has the batch safe; a batch of QoS 0 is done with once it is sent. One that is not acknowledged when the connection goes is
 * sent again on the next, and the receiver knows it by its number.
 */
import { deflateRawSync } from 'node:zlib'
import { refusedByPeer } from '../../lanes/ledger.ts'
import { compressedFrame, linkTables, markSent } from '../../lanes/batches/link-frame.ts'
import type { OutboxBatch } from '../../lanes/outbox/outbox-batch.ts'
import type { Outbox } from '../../lanes/outbox/outbox.ts'
import { ShortWriter } from '../../lanes/batches/short-frame.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { LinkConnection, PeerLimits } from '../connection.ts'
import type { LinkClock } from '../link-clock.ts'
import { messagesRefused, peerSilent, type LinkFailure } from '../link-failure.ts'
import { publishPacketBytes } from '../packet-size.ts'
import type { CrossingTraces } from '../traces-port.ts'
import type { BacklogMeter } from './backlog-meter.ts'
import type { DeflateChoice } from './deflate-choice.ts'
import { DrainPace, drainWeight } from './drain-pace.ts'

/** What may be unacknowledged at once, bytes. A batch that is larger goes alone. */
const windowBytesMax = 4_194_304

/**
 * Answers that a batch will get however often it is sent: it counts as refused. All others, those that nobody has thought of too, are
 * about the peer as it is just now: the batch is kept, and tried again on another connection.
 */
const finalRefusals: ReadonlySet<number> = new Set([
  reasonCode.notAuthorized,
  reasonCode.topicNameInvalid,
  reasonCode.packetTooLarge,
  reasonCode.payloadFormatInvalid,
])

export type LaneForwarderPorts = {
  readonly outbox: Pick<Outbox, 'next' | 'settle' | 'backlog' | 'waiting'>
  readonly connection: LinkConnection
  readonly limits: PeerLimits
  /** `$LINK/cluster/msg/<our cluster>` */
  readonly topic: string
  readonly clock: LinkClock
  /** How long a batch may be unacknowledged before the connection is given up, milliseconds. */
  readonly ackMs: number
  /** `undefined` if the peer or the link will have nothing compressed; asked for each batch. */
  readonly deflate: () => DeflateChoice | undefined
  /** Whether the peer reads batches that leave out what those before them said. */
  readonly isShortened: boolean
  readonly meter: BacklogMeter
  /** A batch was acknowledged, so long after it was sent; by the steady clock. */
  readonly crossed?: (tookMs: number, nowMs: number) => void
  /** Name of the link, for whoever follows messages. */
  readonly link?: string
  readonly traces?: CrossingTraces | undefined
  /** Something left the outbox for good. */
  readonly left: () => void
  /** The connection is of no more use; close it. */
  readonly gaveUp: (failure: LinkFailure) => void
}

type Flight = { readonly sentAtMs: number; readonly bytes: number }

type DueProbe = {
  readonly frame: () => Buffer
  readonly acknowledged: () => void
  /** Messages that go before it: live ones that waited when it came. */
  behind: number
}

export class LaneForwarder {
  readonly #ports: LaneForwarderPorts
  readonly #pace = new DrainPace()
  readonly #short: ShortWriter | undefined
  /** What is not acknowledged, oldest first. */
  readonly #flying = new Map<OutboxBatch, Flight>()
  #flyingBytes = 0
  #open = true
  #silence: { cancel(): void } | undefined
  #pause: { cancel(): void } | undefined
  #probe: DueProbe | undefined
  #probesFlying = 0
  /** The answer to a probe of the peer. */
  #answer: (() => Buffer) | undefined

  constructor(ports: LaneForwarderPorts) {
    this.#ports = ports
    if (ports.isShortened) this.#short = new ShortWriter()
  }

  /** Sends what waits, as far as window, pace and socket allow. To be called whenever any of them may have changed. */
  pump(): void {
    const { outbox, connection, clock } = this.#ports
    const nowMs = clock.steadyMs()
    while (this.#open && connection.writable) {
      if (this.#answer !== undefined) this.#sendAnswer(this.#answer)
      const mayNumber = this.#hasRoom
      if (this.#probe !== undefined && this.#probe.behind <= 0 && mayNumber) {
        this.#sendProbe(this.#probe)
        continue
      }
      const batch = outbox.next(nowMs, mayNumber && this.#pace.mayDrain(nowMs), mayNumber)
      if (this.#probe !== undefined && (mayNumber || batch !== undefined)) this.#passProbe(this.#probe, batch)
      if (batch !== undefined) this.#send(batch, nowMs)
      else if (this.#probe === undefined || !mayNumber) return this.#awaitPause(nowMs)
    }
  }

  /** When the oldest batch that is not acknowledged was sent, by the steady clock. */
  get oldestFlightMs(): number | undefined {
    const [oldest] = this.#flying.values()
    return oldest?.sentAtMs
  }

  /** Sends a probe as if it were a live message that came just now. @param frame made when it is sent */
  probe(frame: () => Buffer, acknowledged: () => void): void {
    const { outbox } = this.#ports
    this.#probe = { frame, acknowledged, behind: outbox.waiting - outbox.backlog }
    this.pump()
  }

  /** Answers a probe of the peer as soon as the socket takes more; one that waits already is answered no more. */
  answerProbe(frame: () => Buffer): void {
    this.#answer = frame
    this.pump()
  }

  /** This batch goes before it, if there is one. Where no live one is to be had, there is none to wait for. */
  #passProbe(probe: DueProbe, batch: OutboxBatch | undefined): void {
    const isLive = batch !== undefined && (batch.lane === 0 || batch.isResent)
    probe.behind = isLive ? probe.behind - batch.messages : 0
  }

  #sendProbe({ frame, acknowledged }: DueProbe): void {
    this.#probe = undefined
    this.#probesFlying += 1
    const { connection, topic } = this.#ports
    connection.publish({ topic, payload: frame(), qos: 1, mayAlias: true }, () => {
      this.#probesFlying -= 1
      if (!this.#open) return
      acknowledged()
      this.pump()
    })
  }

  #sendAnswer(frame: () => Buffer): void {
    this.#answer = undefined
    const { connection, topic } = this.#ports
    connection.publish({ topic, payload: frame(), qos: 0, mayAlias: true })
  }

  /** The connection is gone; what flew on it is the outbox's to send again. */
  close(): void {
    this.#open = false
    this.#silence?.cancel()
    this.#pause?.cancel()
  }

  get #hasRoom(): boolean {
    const flying = this.#flying.size + this.#probesFlying
    return this.#flyingBytes < windowBytesMax && flying < this.#ports.limits.receiveMaximum
  }

  #send(batch: OutboxBatch, nowMs: number): void {
    const { outbox, connection, clock, topic, limits } = this.#ports
    markSent(batch.frame, clock.nowMs(), batch.isResent)
    const frame = this.#deflated(batch.frame)
    const isNumbered = batch.sequence > 0
    if (publishPacketBytes(topic, frame.length, isNumbered ? 1 : 0) > limits.packetBytesMax)
      return outbox.settle(batch, { type: 'dropped', reason: 'too_large' })
    // From here on it is sent: what is shortened next refers to it.
    const payload = this.#short?.encode(frame) ?? frame
    if (batch.lane === 0) this.#pace.livePassed(nowMs)
    if (!isNumbered) {
      connection.publish({ topic, payload, qos: 0, mayAlias: true })
      return this.#crossed(batch)
    }
    this.#flying.set(batch, { sentAtMs: nowMs, bytes: payload.length })
    this.#flyingBytes += payload.length
    if (batch.lane === 1) this.#pace.drained(drainWeight(payload.length, batch.messages), batch.messages, nowMs)
    this.#silence ??= clock.after(this.#ports.ackMs, () => this.#checkSilence())
    connection.publish({ topic, payload, qos: 1, mayAlias: true }, (code) => this.#answered(batch, code))
  }

  #deflated(frame: Buffer): Buffer {
    const deflate = this.#ports.deflate()
    if (deflate === undefined) return frame
    let payload = frame
    if (deflate.shouldTry(frame.length)) {
      const compressed = compressedFrame(frame, deflateRawSync(linkTables(frame), { level: 1 }))
      if (deflate.pays(frame.length, compressed.length)) payload = compressed
    }
    deflate.sent(frame.length, payload.length)
    return payload
  }

  #answered(batch: OutboxBatch, code: number): void {
    const flight = this.#flying.get(batch)
    if (!this.#open || flight === undefined) return
    if (code >= 0x80 && !finalRefusals.has(code)) return this.#ports.gaveUp(messagesRefused(code))
    this.#flying.delete(batch)
    this.#flyingBytes -= flight.bytes
    this.#learn(batch, flight)
    const delivered = code < 0x80
    if (delivered) this.#crossed(batch)
    this.#ports.outbox.settle(
      batch,
      delivered ? { type: 'delivered' } : { type: 'failed', reason: refusedByPeer(code) },
    )
    this.pump()
    this.#ports.left()
  }

  #crossed({ frame }: OutboxBatch): void {
    const { traces, link } = this.#ports
    if (traces !== undefined && link !== undefined) traces.batchCrossed(link, frame)
  }

  #learn({ lane, messages }: OutboxBatch, { sentAtMs, bytes }: Flight): void {
    const nowMs = this.#ports.clock.steadyMs()
    this.#ports.crossed?.(nowMs - sentAtMs, nowMs)
    if (lane === 0) return this.#pace.liveAnswered(nowMs - sentAtMs, nowMs)
    this.#pace.drainAnswered(drainWeight(bytes, messages), messages, nowMs - sentAtMs, nowMs)
    this.#ports.meter.crossed(messages, nowMs)
  }

  /** Backlog that steps aside goes on by itself; any other that waits goes on with the next acknowledgement. */
  #awaitPause(nowMs: number): void {
    const { resumesAtMs } = this.#pace
    if (this.#pause !== undefined || resumesAtMs <= nowMs || this.#ports.outbox.backlog === 0) return
    this.#pause = this.#ports.clock.after(resumesAtMs - nowMs, () => {
      this.#pause = undefined
      this.pump()
    })
  }

  /** One timer for all: it looks how long the oldest has waited, and either gives up or waits for it. */
  #checkSilence(): void {
    const { clock, ackMs, gaveUp } = this.#ports
    this.#silence = undefined
    const [oldest] = this.#flying.values()
    if (!this.#open || oldest === undefined) return
    const leftMs = oldest.sentAtMs + ackMs - clock.steadyMs()
    if (leftMs <= 0) return gaveUp(peerSilent(ackMs))
    this.#silence = clock.after(leftMs, () => this.#checkSilence())
  }
}
