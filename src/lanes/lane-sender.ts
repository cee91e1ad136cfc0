/**
 * The sending side of a lane: numbers its batches, keeps each until the receiver says that it is safe, and sends again from where
 * the receiver says that something is missing (go back n). It is pure: time is handed in, frames are handed out.
 *
 * Who asks whom: a receiver that gets a batch out of turn says so at once. What got lost at the end, nobody misses; so a lane that
 * waits for `PROBE_MS` asks, and the answer says what is missing. A receiver that started anew knows nothing of the lane: it is told
 * where the lane stands, and then misses all that is not acknowledged.
 */
import type { Directive, LaneMessage } from './batches/batch-writer.ts'
import { type LaneAck, writeBegin } from './batches/lane-frame.ts'
import { type LaneDropReason, type LaneLimits, SendBuffer } from './send-buffer.ts'
import type { TakenGroups } from './batches/take-groups.ts'

/** How long a lane waits for an acknowledgement before it asks, and asks again. */
export const PROBE_MS = 500
/** A receiver that acknowledges nothing for so long is waited for no more by those who publish. */
export const SILENCE_MS_MAX = 1_000
/** A receiver that lacks something says so several times before it can have been answered. */
const REPEAT_MS = 100

export type LaneSenderSnapshot = {
  readonly epoch: number
  /** The receiver's process that answered last. */
  readonly receiverBoot: string | undefined
  /** Messages of QoS 1 and 2 that were to be sent, but for those that are too large. */
  readonly sent: number
  readonly acknowledged: number
  /** Messages of QoS 1 and 2 that are not acknowledged; `sent = acknowledged + waiting + dropped.queue_full`. */
  readonly waiting: number
  readonly sentQos0: number
  readonly waitingQos0: number
  /** Of all that is kept. */
  readonly waitingBytes: number
  /** Age of the oldest message that is not acknowledged, milliseconds; 0 if all are. */
  readonly oldestAgeMs: number
  readonly dropped: Readonly<Partial<Record<LaneDropReason, number>>>
  /** Batches that were sent again. */
  readonly resent: number
  readonly isHeld: boolean
}

export class LaneSender {
  readonly epoch: number
  readonly #buffer: SendBuffer
  #sent = 0
  #sentQos0 = 0
  #acknowledged = 0
  #resent = 0
  /** Which of the flying batches is sent next, from 0 on; as many as fly: none of them. */
  #cursor = 0
  #isHeld = false
  /** Since when an acknowledgement is waited for; meaningless while nothing flies. */
  #waitingSinceMs = 0
  #askedAtMs = Number.NEGATIVE_INFINITY
  #shouldAsk = false
  /** The process that answered last. */
  #receiverBoot: string | undefined
  /** What the receiver said last that it takes next. */
  #expected = 0
  #wentBackAtMs = Number.NEGATIVE_INFINITY
  #wentBackTo = 0

  /** @param epoch higher than that of every lane that this process had to the same node before */
  constructor(epoch: number, limits: LaneLimits) {
    this.epoch = epoch
    this.#buffer = new SendBuffer(epoch, limits)
  }

  /** Whether the receiver is silent: what is for it is kept, and nobody waits for it. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Mark of the oldest message that is not acknowledged, `Infinity` if all are. */
  get oldestMark(): number {
    return this.#buffer.oldestMark
  }

  /** Whether anything of QoS 1 or 2 is not acknowledged. */
  get isWaiting(): boolean {
    return this.#buffer.messages > 0
  }

  /** Whether a batch is full, so that `next` need not wait for the end of the turn. */
  get hasFullBatch(): boolean {
    return this.#buffer.hasWaiting || this.#buffer.hasWaitingQos0
  }

  /**
   * Takes a message; its bytes are read now and not kept. Returns why it was not taken, if so.
   * @param mark higher than that of every message before, for QoS 1 and 2
   */
  add(message: LaneMessage, directive: Directive, mark: number, nowMs: number): LaneDropReason | undefined {
    const refused = this.#buffer.add(message, directive, mark, nowMs)
    if (refused === 'too_large') return refused
    if (message.view.qos === 0) this.#sentQos0 += 1
    else this.#sent += 1
    return refused
  }

  /** The next frame that can be sent, or `undefined`. Only called while frames get through. */
  next(nowMs: number): Buffer | undefined {
    if (this.#shouldAsk) return this.#ask(nowMs)
    const buffer = this.#buffer
    if (this.#cursor < buffer.flyingCount) {
      this.#resent += 1
      return buffer.flying(this.#cursor++)!.frame
    }
    const batch = this.#isHeld ? undefined : buffer.launch()
    if (batch !== undefined) {
      if (buffer.flyingCount === 1) this.#waitingSinceMs = nowMs
      this.#cursor += 1
      return batch.frame
    }
    // What is left of QoS 1 and 2 waits for the receiver: it is behind, and must not be sent even more.
    return this.#isHeld || buffer.hasUnsent ? undefined : buffer.launchQos0()?.frame
  }

  #ask(nowMs: number): Buffer {
    this.#shouldAsk = false
    this.#askedAtMs = nowMs
    const { base, nextSequence } = this.#buffer
    return writeBegin({ type: 'begin', epoch: this.epoch, base, last: nextSequence - 1 })
  }

  /** An answer of the receiver's process `boot`. Returns whether it acknowledged anything. */
  acknowledged(ack: LaneAck, boot: string, nowMs: number): boolean {
    const buffer = this.#buffer
    if (ack.epoch !== this.epoch) return false
    // Nobody can have what was never sent.
    if (ack.kept >= buffer.nextSequence || ack.expected > buffer.nextSequence) return false
    if (boot !== this.#receiverBoot) {
      this.#receiverBoot = boot
      this.#expected = 0
    }
    const settled = this.#settle(ack.kept, nowMs)
    // An answer that was overtaken by a later one.
    if (ack.expected > 0 && ack.expected < this.#expected) return settled
    this.#expected = ack.expected
    // It waits for what never comes again, and has to be told where this lane stands.
    if (ack.expected < buffer.base) this.#shouldAsk ||= nowMs - this.#askedAtMs >= REPEAT_MS
    else if (ack.isMissing) this.#goBack(ack.expected, nowMs)
    return settled
  }

  #settle(kept: number, nowMs: number): boolean {
    const before = this.#buffer.flyingCount
    this.#acknowledged += this.#buffer.settle(kept)
    const settled = before - this.#buffer.flyingCount
    if (settled === 0) return false
    this.#cursor = Math.max(0, this.#cursor - settled)
    this.#waitingSinceMs = nowMs
    this.#isHeld = false
    return true
  }

  /** Sends again from this batch on, unless that was done a moment ago. */
  #goBack(sequence: number, nowMs: number): void {
    if (sequence <= this.#wentBackTo && nowMs - this.#wentBackAtMs < REPEAT_MS) return
    this.#wentBackTo = sequence
    this.#wentBackAtMs = nowMs
    this.#cursor = Math.min(this.#cursor, sequence - this.#buffer.base)
  }

  /** Frames get through again after they did not: what flew may be lost, and the receiver may be another process. */
  reconnected(nowMs: number): void {
    this.#waitingSinceMs = nowMs
    this.#isHeld = false
    this.#shouldAsk = this.#buffer.flyingCount > 0
  }

  /** Called again and again while frames get through and something waits: sees whether the receiver is silent. */
  tick(nowMs: number): void {
    if (this.#buffer.flyingCount === 0) return
    const silentMs = nowMs - this.#waitingSinceMs
    if (silentMs >= SILENCE_MS_MAX) this.#isHeld = true
    if (silentMs >= PROBE_MS && nowMs - this.#askedAtMs >= PROBE_MS) this.#shouldAsk = true
  }

  /** Messages that were given up, by reason. */
  get dropped(): Readonly<Partial<Record<LaneDropReason, number>>> {
    return this.#buffer.dropped
  }

  /** The frames of all of QoS 1 and 2 that is not acknowledged, in order; some of it may have arrived. */
  unacknowledged(): Buffer[] {
    return this.#buffer.unacknowledged()
  }

  /** Others are to serve these shared subscriptions: returns what was left to the receiver, in order. The rest comes to it as before. */
  takeGroups(isTaken: (group: string) => boolean): TakenGroups[] {
    return this.#buffer.takeGroups(isTaken)
  }

  snapshot(nowMs: number): LaneSenderSnapshot {
    const buffer = this.#buffer
    return {
      epoch: this.epoch,
      receiverBoot: this.#receiverBoot,
      sent: this.#sent,
      acknowledged: this.#acknowledged,
      waiting: buffer.messages,
      sentQos0: this.#sentQos0,
      waitingQos0: buffer.messagesQos0,
      waitingBytes: buffer.bytes,
      oldestAgeMs: Math.max(0, nowMs - (buffer.oldestAtMs ?? nowMs)),
      dropped: { ...buffer.dropped },
      resent: this.#resent,
      isHeld: this.#isHeld,
    }
  }
}
