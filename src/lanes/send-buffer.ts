/**
 * The batches of one lane that are not done with: first those that were numbered and sent (flying), then those that wait, then the one
 * that is being written; those of QoS 0 stand apart. Bounded: beyond the limits QoS 0 goes first, then what waits longest.
 * What flies is never dropped: it may have arrived.
 */
import { BatchWriter, type Directive, type LaneMessage } from './batches/batch-writer.ts'
import { BATCH_MESSAGES_MAX, numberBatch } from './batches/lane-frame.ts'
import { takeGroups, type TakenGroups } from './batches/take-groups.ts'

export type LaneLimits = {
  /** What one batch may take, bytes. Only a message that is larger alone makes a larger one. */
  readonly batchBytesMax: number
  /** The largest frame that can be sent at all, bytes. */
  readonly frameBytesMax: number
  /** All that waits and flies, bytes. */
  readonly bufferBytesMax: number
  /** The same in messages of QoS 1 and 2. */
  readonly bufferMessagesMax: number
  /** Messages of QoS 0 that wait. */
  readonly qos0MessagesMax: number
  /** What may fly: no further batch is sent once these are reached. */
  readonly windowBytesMax: number
  readonly windowBatchesMax: number
}

export type LaneDropReason = 'queue_full' | 'shed_qos0' | 'too_large'

/** A closed batch. */
export type LaneBatch = {
  readonly frame: Buffer
  readonly messages: number
  /** Of its first message; 0 at QoS 0. */
  readonly firstMark: number
  /** When its first message came. */
  readonly openedAtMs: number
}

/** A queue moves its batches to the front when so many places there are empty, and half of all. */
const EMPTY_PLACES_MAX = 64

/** A queue of batches whose front moves on without moving the others. */
class BatchQueue {
  messages = 0
  bytes = 0
  #batches: (LaneBatch | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#batches.length - this.#head
  }

  at(index: number): LaneBatch | undefined {
    return this.#batches[this.#head + index]
  }

  /** Another frame with the same messages. */
  rewrite(index: number, frame: Buffer): void {
    const batch = this.at(index)
    if (batch === undefined) return
    this.bytes += frame.length - batch.frame.length
    this.#batches[this.#head + index] = { ...batch, frame }
  }

  push(batch: LaneBatch): void {
    this.#batches.push(batch)
    this.messages += batch.messages
    this.bytes += batch.frame.length
  }

  shift(): LaneBatch | undefined {
    const batch = this.#batches[this.#head]
    if (batch === undefined) return undefined
    this.#batches[this.#head] = undefined
    this.#head += 1
    this.messages -= batch.messages
    this.bytes -= batch.frame.length
    if (this.length === 0) {
      this.#batches.length = 0
      this.#head = 0
    } else if (this.#head >= EMPTY_PLACES_MAX && this.#head * 2 >= this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head)
      this.#head = 0
    }
    return batch
  }
}

/** The batch that is being written. */
class OpenBatch {
  readonly writer = new BatchWriter()
  firstMark = 0
  openedAtMs = 0

  close(epoch: number): LaneBatch {
    const { count: messages } = this.writer
    return { messages, frame: this.writer.finish(epoch), firstMark: this.firstMark, openedAtMs: this.openedAtMs }
  }
}

/** What the message adds to what is kept, at most, bytes: if it is the first of a batch, with all that a batch has. */
function costIn(writer: BatchWriter, message: LaneMessage, directive: Directive): number {
  return writer.costOf(message, directive) + (writer.count === 0 ? writer.byteLength : 0)
}

export class SendBuffer {
  readonly #epoch: number
  readonly #limits: LaneLimits
  readonly #flying = new BatchQueue()
  readonly #waiting = new BatchQueue()
  readonly #waitingQos0 = new BatchQueue()
  readonly #open = new OpenBatch()
  readonly #openQos0 = new OpenBatch()
  #dropped: Partial<Record<LaneDropReason, number>> = {}
  /** Number that the next batch gets. */
  nextSequence = 1

  constructor(epoch: number, limits: LaneLimits) {
    this.#epoch = epoch
    this.#limits = limits
  }

  /** The oldest batch that flies, or the next one if none does. */
  get base(): number {
    return this.nextSequence - this.#flying.length
  }

  get flyingCount(): number {
    return this.#flying.length
  }

  /** Whether there is a closed batch that never was sent. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Whether anything of QoS 1 and 2 never was sent. */
  get hasUnsent(): boolean {
    return this.#waiting.length > 0 || this.#open.writer.count > 0
  }

  get hasWaitingQos0(): boolean {
    return this.#waitingQos0.length > 0
  }

  /** Messages of QoS 1 and 2 that are not acknowledged. */
  get messages(): number {
    return this.#flying.messages + this.#waiting.messages + this.#open.writer.count
  }

  get messagesQos0(): number {
    return this.#waitingQos0.messages + this.#openQos0.writer.count
  }

  /** Of all that is kept. */
  get bytes(): number {
    return (
      this.#flying.bytes +
      this.#waiting.bytes +
      this.#waitingQos0.bytes +
      (this.#open.writer.count > 0 ? this.#open.writer.byteLength : 0) +
      (this.#openQos0.writer.count > 0 ? this.#openQos0.writer.byteLength : 0)
    )
  }

  /** Mark of the oldest message that is not acknowledged, `Infinity` if all are. */
  get oldestMark(): number {
    const batch = this.#flying.at(0) ?? this.#waiting.at(0)
    if (batch !== undefined) return batch.firstMark
    return this.#open.writer.count > 0 ? this.#open.firstMark : Number.POSITIVE_INFINITY
  }

  /** When the oldest message came that is not acknowledged, `undefined` if all are. */
  get oldestAtMs(): number | undefined {
    const batch = this.#flying.at(0) ?? this.#waiting.at(0)
    return batch?.openedAtMs ?? (this.#open.writer.count > 0 ? this.#open.openedAtMs : undefined)
  }

  /** Messages that were given up, by reason. */
  get dropped(): Readonly<Partial<Record<LaneDropReason, number>>> {
    return this.#dropped
  }

  /** Writes the message into the open batch. Returns why not, if so. */
  add(message: LaneMessage, directive: Directive, mark: number, nowMs: number): LaneDropReason | undefined {
    const isQos0 = message.view.qos === 0
    const open = isQos0 ? this.#openQos0 : this.#open
    const { writer } = open
    if (this.#isFull(writer, message, directive)) this.#close(isQos0)
    const refused = this.#makeRoom(writer, message, directive)
    if (refused !== undefined) {
      this.#drop(refused, 1)
      return refused
    }
    if (writer.count === 0) {
      open.firstMark = mark
      open.openedAtMs = nowMs
    }
    writer.add(message, directive)
    return undefined
  }

  #isFull(writer: BatchWriter, message: LaneMessage, directive: Directive): boolean {
    if (writer.count === 0) return false
    if (writer.count >= BATCH_MESSAGES_MAX) return true
    return writer.byteLength + writer.costOf(message, directive) > this.#limits.batchBytesMax
  }

  #makeRoom(writer: BatchWriter, message: LaneMessage, directive: Directive): LaneDropReason | undefined {
    const isQos0 = message.view.qos === 0
    let cost = costIn(writer, message, directive)
    if (writer.count === 0 && cost > this.#limits.frameBytesMax) return 'too_large'
    while (this.#exceeds(cost, isQos0)) {
      if (!this.#dropOldest(isQos0)) return isQos0 ? 'shed_qos0' : 'queue_full'
      // The batch that it was to continue may be gone.
      cost = costIn(writer, message, directive)
    }
    return undefined
  }

  #exceeds(cost: number, isQos0: boolean): boolean {
    const { bufferBytesMax, bufferMessagesMax, qos0MessagesMax } = this.#limits
    if (this.bytes + cost > bufferBytesMax) return true
    return isQos0 ? this.messagesQos0 >= qos0MessagesMax : this.messages >= bufferMessagesMax
  }

  /** Drops the batch that is given up first. False if nothing is left that may be. */
  #dropOldest(isQos0: boolean): boolean {
    const isFullOfMessages = !isQos0 && this.messages >= this.#limits.bufferMessagesMax
    // Of QoS 0 only what makes room: it does not count among the others' messages.
    if (!isFullOfMessages && this.messagesQos0 > 0) {
      this.#drop('shed_qos0', this.#discard(this.#waitingQos0, this.#openQos0))
      return true
    }
    if (isQos0 || this.#waiting.messages + this.#open.writer.count === 0) return false
    this.#drop('queue_full', this.#discard(this.#waiting, this.#open))
    return true
  }

  /** Returns how many messages went. */
  #discard(queue: BatchQueue, open: OpenBatch): number {
    const batch = queue.shift()
    if (batch !== undefined) return batch.messages
    const { count } = open.writer
    open.writer.clear()
    return count
  }

  #drop(reason: LaneDropReason, messages: number): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + messages
  }

  #close(isQos0: boolean): void {
    if (isQos0) this.#waitingQos0.push(this.#openQos0.close(this.#epoch))
    else this.#waiting.push(this.#open.close(this.#epoch))
  }

  /** The batch that flies as the n-th, from 0 on. */
  flying(index: number): LaneBatch | undefined {
    return this.#flying.at(index)
  }

  /** Takes the next batch to be sent for the first time, closing the open one if need be; `undefined` if the window is full or nothing waits. */
  launch(): LaneBatch | undefined {
    const { windowBytesMax, windowBatchesMax, bufferBytesMax, bufferMessagesMax } = this.#limits
    const flying = this.#flying
    if (flying.length >= windowBatchesMax || flying.bytes >= windowBytesMax) return undefined
    // Half of the buffer at most: else there would be nothing that may be dropped.
    if (flying.bytes >= bufferBytesMax / 2 || flying.messages >= bufferMessagesMax / 2) return undefined
    if (this.#waiting.length === 0 && this.#open.writer.count > 0) this.#close(false)
    const batch = this.#waiting.shift()
    if (batch === undefined) return undefined
    numberBatch(batch.frame, this.nextSequence)
    this.nextSequence += 1
    flying.push(batch)
    return batch
  }

  /** The same for QoS 0: what is taken is done with. */
  launchQos0(): LaneBatch | undefined {
    if (this.#waitingQos0.length === 0 && this.#openQos0.writer.count > 0) this.#close(true)
    return this.#waitingQos0.shift()
  }

  /** Lets go of all that flies up to this number. Returns how many messages that were. */
  settle(sequence: number): number {
    let settled = 0
    while (this.#flying.length > 0 && this.base <= sequence) settled += this.#flying.shift()!.messages
    return settled
  }

  /** Takes shared subscriptions out of all that is not acknowledged, and returns them, in order; the batches keep their numbers. */
  takeGroups(isTaken: (group: string) => boolean): TakenGroups[] {
    if (this.#open.writer.count > 0) this.#close(false)
    const all: TakenGroups[] = []
    for (const queue of [this.#flying, this.#waiting])
      for (let i = 0; i < queue.length; i += 1) {
        const rest = takeGroups(queue.at(i)!.frame, this.#epoch, isTaken)
        if (rest === undefined) continue
        if (queue === this.#flying) numberBatch(rest.frame, this.base + i)
        queue.rewrite(i, rest.frame)
        for (const taken of rest.taken) all.push(taken)
      }
    return all
  }

  /** The frames of all that is not acknowledged, in order; the open batch is closed. */
  unacknowledged(): Buffer[] {
    if (this.#open.writer.count > 0) this.#close(false)
    const frames: Buffer[] = []
    for (let i = 0; i < this.#flying.length; i += 1) frames.push(this.#flying.at(i)!.frame)
    for (let i = 0; i < this.#waiting.length; i += 1) frames.push(this.#waiting.at(i)!.frame)
    return frames
  }
}
