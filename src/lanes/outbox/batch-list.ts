/** The batches of an outbox: what it knows of each, and the lists in which they stand. */
import type { Expiring } from './expiry-heap.ts'
import type { OutboxBatch } from './outbox-batch.ts'

/** What a batch takes besides its frame, bytes: itself, the head of its buffer, its places in lists. Roughly. */
export const BATCH_BYTES = 300

export type BatchOrigin = {
  readonly id: number
  readonly frame: Buffer
  readonly epoch: number
  readonly lane: 0 | 1
  readonly sequence: number
  readonly messages: number
  readonly isResent: boolean
  readonly isKept: boolean
  readonly agedMs: number
  /** When the first and when the last of its messages expires by its own interval or by age, by the steady clock. */
  readonly firstExpiryMs: number
  readonly lastExpiryMs: number
  /** When its first message came, milliseconds since 1970. On the disk it stands for the time of sending, so that age counts from it. */
  readonly writtenAtMs: number
  /** Milliseconds by which the wall clock was ahead of the steady clock when it was written: expiries are judged by it. */
  readonly wallAheadMs: number
  readonly turn: number
}

/** `again`: it flew on a connection that is gone. `taken`: it is taken apart for a peer that knows no batches. */
export type BatchPlace = 'waiting' | 'flying' | 'again' | 'taken' | 'gone'

export class QueuedBatch implements OutboxBatch, Expiring {
  readonly id: number
  readonly epoch: number
  readonly lane: 0 | 1
  readonly sequence: number
  readonly agedMs: number
  readonly wallAheadMs: number
  readonly writtenAtMs: number
  /** Of the backlog: which batch of it this is, from its beginning. */
  readonly turn: number
  frame: Buffer
  messages: number
  firstExpiryMs: number
  lastExpiryMs: number
  isResent: boolean
  isKept: boolean
  place: BatchPlace = 'waiting'
  /** What is not released yet, of one that was taken. */
  messagesLeft = 0
  bytesLeft = 0

  // The lists' and the heap's own: a batch stands in one list at most.
  list: BatchList | undefined
  previous: QueuedBatch | undefined
  next: QueuedBatch | undefined
  heapIndex = -1

  constructor(origin: BatchOrigin) {
    this.id = origin.id
    this.epoch = origin.epoch
    this.lane = origin.lane
    this.sequence = origin.sequence
    this.agedMs = origin.agedMs
    this.wallAheadMs = origin.wallAheadMs
    this.writtenAtMs = origin.writtenAtMs
    this.turn = origin.turn
    this.frame = origin.frame
    this.messages = origin.messages
    this.firstExpiryMs = origin.firstExpiryMs
    this.lastExpiryMs = origin.lastExpiryMs
    this.isResent = origin.isResent
    this.isKept = origin.isKept
  }

  get bytes(): number {
    return this.frame.length + BATCH_BYTES
  }

  /** When something is to be done about it. One that flew is dropped as a whole or not at all: it may have arrived. */
  get expiresMs(): number {
    return this.place === 'again' ? this.lastExpiryMs : this.firstExpiryMs
  }
}

/** Batches in order, each of which can leave from the middle. */
export class BatchList {
  first: QueuedBatch | undefined
  last: QueuedBatch | undefined
  messages = 0
  bytes = 0

  push(batch: QueuedBatch): void {
    this.insertBefore(undefined, batch)
  }

  /** Puts it in before another one of this list, or at the end. */
  insertBefore(next: QueuedBatch | undefined, batch: QueuedBatch): void {
    const previous = next === undefined ? this.last : next.previous
    batch.list = this
    batch.previous = previous
    batch.next = next
    if (previous === undefined) this.first = batch
    else previous.next = batch
    if (next === undefined) this.last = batch
    else next.previous = batch
    this.messages += batch.messages
    this.bytes += batch.bytes
  }

  remove(batch: QueuedBatch): void {
    if (batch.previous === undefined) this.first = batch.next
    else batch.previous.next = batch.next
    if (batch.next === undefined) this.last = batch.previous
    else batch.next.previous = batch.previous
    batch.list = undefined
    batch.previous = undefined
    batch.next = undefined
    this.messages -= batch.messages
    this.bytes -= batch.bytes
  }

  /** Another frame with fewer messages, where it stands. */
  rewrite(batch: QueuedBatch, frame: Buffer, messages: number): void {
    this.messages += messages - batch.messages
    this.bytes += frame.length - batch.frame.length
    batch.frame = frame
    batch.messages = messages
  }
}

/** By the order in which they were sealed. */
export function older(one: QueuedBatch | undefined, other: QueuedBatch | undefined): QueuedBatch | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.id < other.id ? one : other
}

export function newer(one: QueuedBatch | undefined, other: QueuedBatch | undefined): QueuedBatch | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.id > other.id ? one : other
}
