/** A message in the queues of a pool, and the lists that hold it in order of arrival. */
import type { Message } from '../../packets/message.ts'
import type { Publication } from '../../packets/publication.ts'
import type { OutboxBatch } from './outbox-batch.ts'

/** Handed out by `PoolQueues.take`; whoever holds it settles it or puts its queue back. */
export class PoolEntry {
  readonly message: Message
  /** Of its PUBLISH packet. */
  readonly bytes: number
  /** That it came out of. */
  readonly batch: OutboxBatch
  /** Order of arrival in all queues. */
  readonly sequence: number
  /** By the steady clock; `Infinity` for one that may wait for ever. */
  readonly expiresMs: number
  queueIndex: number
  place: 'queued' | 'inflight' | 'gone' = 'queued'
  /** When it was last taken, by the steady clock. */
  takenAtMs = 0

  // The links belong to the lists and the heap: one entry stands in at most one list of each kind.
  previous: PoolEntry | undefined
  next: PoolEntry | undefined
  previousQos0: PoolEntry | undefined
  nextQos0: PoolEntry | undefined
  heapIndex = -1

  constructor(publication: Publication, batch: OutboxBatch, sequence: number, expiresMs: number, queueIndex: number) {
    this.message = publication.toMessage()
    this.bytes = publication.byteLength
    this.batch = batch
    this.sequence = sequence
    this.expiresMs = expiresMs
    this.queueIndex = queueIndex
  }
}

/** Entries in order, each of which can leave from the middle; everything in constant time. */
export class EntryList {
  first: PoolEntry | undefined
  last: PoolEntry | undefined
  length = 0

  pushBack(entry: PoolEntry): void {
    entry.previous = this.last
    entry.next = undefined
    if (this.last === undefined) this.first = entry
    else this.last.next = entry
    this.last = entry
    this.length += 1
  }

  pushFront(entry: PoolEntry): void {
    entry.next = this.first
    entry.previous = undefined
    if (this.first === undefined) this.last = entry
    else this.first.previous = entry
    this.first = entry
    this.length += 1
  }

  remove(entry: PoolEntry): void {
    if (entry.previous === undefined) this.first = entry.next
    else entry.previous.next = entry.next
    if (entry.next === undefined) this.last = entry.previous
    else entry.next.previous = entry.previous
    entry.previous = undefined
    entry.next = undefined
    this.length -= 1
  }
}

/** The same for the QoS 0 entries among them, so that the oldest of these is found without a search. */
export class Qos0List {
  first: PoolEntry | undefined
  last: PoolEntry | undefined

  pushBack(entry: PoolEntry): void {
    entry.previousQos0 = this.last
    entry.nextQos0 = undefined
    if (this.last === undefined) this.first = entry
    else this.last.nextQos0 = entry
    this.last = entry
  }

  pushFront(entry: PoolEntry): void {
    entry.nextQos0 = this.first
    entry.previousQos0 = undefined
    if (this.first === undefined) this.last = entry
    else this.first.previousQos0 = entry
    this.first = entry
  }

  remove(entry: PoolEntry): void {
    if (entry.previousQos0 === undefined) this.first = entry.nextQos0
    else entry.previousQos0.nextQos0 = entry.nextQos0
    if (entry.nextQos0 === undefined) this.last = entry.previousQos0
    else entry.nextQos0.previousQos0 = entry.previousQos0
    entry.previousQos0 = undefined
    entry.nextQos0 = undefined
  }
}
