/**
 * The messages that wait to cross one link. It belongs to the link, not to a connection: it outlives reconnects and edits.
 *
 * Several ordered queues, one for each connection of the pool; a publisher's messages all stand in one of them, which is
 * what keeps their order. The limits are common to all queues. At the limit the oldest QoS 0 goes first, then the
 * oldest message of all. Only waiting messages are ever dropped: one in flight may already have arrived.
 */
import { expiresAtMs } from '../packets/message.ts'
import type { Message, QoS } from '../packets/message.ts'
import { Ledger } from './ledger.ts'
import type { DropReason, Outcome } from './ledger.ts'
import { EntryList, ExpiryHeap, OutboxEntry, Qos0List } from './outbox-entry.ts'

export type MessageLimits = {
  /** Topics and payloads of all messages that wait or fly. */
  readonly bytesMax: number
  readonly countMax: number
  /** How long a message may wait, milliseconds; `Infinity` for as long as its own expiry allows. */
  readonly ageMsMax: number
}

/** What the outbox must know of a publish before it is worth a copy. */
export interface OutboxCandidate {
  readonly qos: QoS
  readonly from: string
  readonly byteLength: number
  toMessage(): Message
}

type Queue = { readonly waiting: EntryList; readonly waitingQos0: Qos0List; readonly flying: EntryList }

export class MessageOutbox {
  readonly ledger: Ledger
  #limits: MessageLimits
  #queues: Queue[]
  #expiry = new ExpiryHeap()
  #sequence = 0
  #bytes = 0
  #count = 0

  constructor(limits: MessageLimits, queueCount: number, ledger: Ledger = new Ledger()) {
    this.#limits = limits
    this.#queues = emptyQueues(queueCount)
    this.ledger = ledger
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Messages that wait or fly. */
  get count(): number {
    return this.#count
  }

  get queueCount(): number {
    return this.#queues.length
  }

  /** How full it is by the limit that is nearest, 0 to 1. */
  get fill(): number {
    return Math.max(this.#bytes / this.#limits.bytesMax, this.#count / this.#limits.countMax)
  }

  waiting(queueIndex: number): number {
    return this.#queue(queueIndex).waiting.length
  }

  inflight(queueIndex: number): number {
    return this.#queue(queueIndex).flying.length
  }

  /** When the message that has been in flight longest was taken, milliseconds. */
  oldestTakenAtMs(queueIndex: number): number | undefined {
    return this.#queue(queueIndex).flying.first?.takenAtMs
  }

  /** When the next waiting message expires, milliseconds; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    return this.#expiry.soonest?.expiresAtMs ?? Number.POSITIVE_INFINITY
  }

  /**
   * Takes a message that matched. Returns the queue it was put into, `undefined` if it was not taken; the ledger knows why.
   * A message that came over a link is not this outbox's business at all: it neither waits nor counts.
   * @param nowMs by the clock that all methods here go by, which is best never set: a jump would expire all that waits
   * @param wallMs milliseconds since 1970, by which messages say when they were published
   */
  push(candidate: OutboxCandidate, nowMs: number, wallMs = nowMs): number | undefined {
    const bytes = candidate.byteLength
    if (bytes > this.#limits.bytesMax || this.#limits.countMax < 1) return this.#refuse('queue_full')
    if (candidate.qos === 0 && this.#exceeds(bytes, 1) && this.#oldestQos0() === undefined)
      return this.#refuse('shed_qos0')
    const message = candidate.toMessage()
    if (message.origin !== undefined) return undefined
    const expiresMs = nowMs + Math.min(expiresAtMs(message) - wallMs, this.#limits.ageMsMax)
    if (expiresMs <= nowMs) return this.#refuse('expired')
    if (!this.#makeRoom(bytes, 1, message.qos)) return this.#refuse(message.qos === 0 ? 'shed_qos0' : 'queue_full')

    const queueIndex = queueOf(candidate.from, this.#queues.length)
    this.#sequence += 1
    const entry = new OutboxEntry(message, bytes, this.#sequence, expiresMs, queueIndex)
    this.#bytes += bytes
    this.#count += 1
    this.ledger.enterQueued(1)
    this.#append(entry)
    return queueIndex
  }

  /** The next message of a queue, which is now in flight, or `undefined` if nothing waits there. */
  take(queueIndex: number, nowMs: number): OutboxEntry | undefined {
    const queue = this.#queue(queueIndex)
    for (;;) {
      const entry = queue.waiting.first
      if (entry === undefined) return undefined
      if (entry.expiresAtMs <= nowMs) {
        this.#drop(entry, 'expired')
        continue
      }
      this.#unlink(entry)
      entry.place = 'inflight'
      entry.takenAtMs = nowMs
      queue.flying.pushBack(entry)
      this.ledger.send(1)
      return entry
    }
  }

  /** What became of a message in flight. One that is not in flight (any more) is left alone: a late answer changes nothing. */
  settle(entry: OutboxEntry, outcome: Outcome): void {
    if (entry.place !== 'inflight') return
    this.#queue(entry.queueIndex).flying.remove(entry)
    this.#forget(entry)
    this.ledger.settle(1, outcome)
  }

  /** The connection of a queue is gone: what flew on it waits again, in its old order and before everything else. */
  putBack(queueIndex: number): void {
    const { flying } = this.#queue(queueIndex)
    for (let entry = flying.last; entry !== undefined; entry = flying.last) {
      flying.remove(entry)
      entry.place = 'queued'
      this.#prepend(entry)
      this.ledger.putBack(1)
    }
  }

  /** Drops what has expired, whether or not anything moves. Returns how many. */
  sweep(nowMs: number): number {
    let swept = 0
    for (let entry = this.#expiry.soonest; entry !== undefined; entry = this.#expiry.soonest) {
      if (entry.expiresAtMs > nowMs) break
      this.#drop(entry, 'expired')
      swept += 1
    }
    return swept
  }

  /** Another number of connections. Nothing may be in flight on them any more that is not to be sent again. */
  reshape(queueCount: number): void {
    if (queueCount === this.#queues.length) return
    for (let index = 0; index < this.#queues.length; index += 1) this.putBack(index)
    const entries = this.#waitingEntries().toSorted((one, other) => one.sequence - other.sequence)
    this.#queues = emptyQueues(queueCount)
    this.#expiry = new ExpiryHeap()
    for (const entry of entries) {
      entry.queueIndex = queueOf(entry.message.from, queueCount)
      this.#append(entry)
    }
  }

  /** Other limits. They hold at once for bytes and count; the age holds for what comes from now on. */
  limit(limits: MessageLimits): void {
    this.#limits = limits
    this.#makeRoom(0, 0, 1)
  }

  /** The link is gone, and with it every message that waits or flies. */
  clear(): void {
    for (let index = 0; index < this.#queues.length; index += 1) this.putBack(index)
    for (const entry of this.#waitingEntries()) this.#drop(entry, 'link_removed')
  }

  #waitingEntries(): OutboxEntry[] {
    const entries: OutboxEntry[] = []
    for (const { waiting } of this.#queues) {
      for (let entry = waiting.first; entry !== undefined; entry = entry.next) entries.push(entry)
    }
    return entries
  }

  #refuse(reason: DropReason): undefined {
    this.ledger.enterDropped(1, reason)
    return undefined
  }

  #exceeds(bytes: number, count: number): boolean {
    return this.#bytes + bytes > this.#limits.bytesMax || this.#count + count > this.#limits.countMax
  }

  /**
   * Makes room for a newcomer of this QoS; QoS 0 drives out nothing but QoS 0.
   * False if nothing more may be dropped: all that is left is in flight, or worth more.
   */
  #makeRoom(bytes: number, count: number, qos: QoS): boolean {
    while (this.#exceeds(bytes, count)) {
      const shed = this.#oldestQos0()
      const entry = shed ?? (qos === 0 ? undefined : this.#oldest())
      if (entry === undefined) return false
      this.#drop(entry, shed === undefined ? 'queue_full' : 'shed_qos0')
    }
    return true
  }

  // As many comparisons as connections, not as messages.
  #oldest(): OutboxEntry | undefined {
    let oldest: OutboxEntry | undefined
    for (const { waiting } of this.#queues) oldest = older(oldest, waiting.first)
    return oldest
  }

  #oldestQos0(): OutboxEntry | undefined {
    let oldest: OutboxEntry | undefined
    for (const { waitingQos0 } of this.#queues) oldest = older(oldest, waitingQos0.first)
    return oldest
  }

  #append(entry: OutboxEntry): void {
    const queue = this.#queue(entry.queueIndex)
    queue.waiting.pushBack(entry)
    if (entry.message.qos === 0) queue.waitingQos0.pushBack(entry)
    this.#expiry.add(entry)
  }

  #prepend(entry: OutboxEntry): void {
    const queue = this.#queue(entry.queueIndex)
    queue.waiting.pushFront(entry)
    if (entry.message.qos === 0) queue.waitingQos0.pushFront(entry)
    this.#expiry.add(entry)
  }

  #unlink(entry: OutboxEntry): void {
    const queue = this.#queue(entry.queueIndex)
    queue.waiting.remove(entry)
    if (entry.message.qos === 0) queue.waitingQos0.remove(entry)
    this.#expiry.remove(entry)
  }

  #drop(entry: OutboxEntry, reason: DropReason): void {
    this.#unlink(entry)
    this.#forget(entry)
    this.ledger.dropQueued(1, reason)
  }

  #forget(entry: OutboxEntry): void {
    entry.place = 'gone'
    this.#bytes -= entry.bytes
    this.#count -= 1
  }

  #queue(queueIndex: number): Queue {
    const queue = this.#queues[queueIndex]
    if (queue === undefined) throw new RangeError(`queue ${queueIndex} of ${this.#queues.length}`)
    return queue
  }
}

/** Which of the queues a publisher's messages stand in: FNV-1a over its ClientID. */
export function queueOf(from: string, queueCount: number): number {
  if (queueCount === 1) return 0
  let hash = 0x811c9dc5
  for (let index = 0; index < from.length; index += 1) hash = Math.imul(hash ^ from.charCodeAt(index), 0x01000193)
  // The low bits of FNV-1a mix badly when names differ only in their last characters.
  hash ^= hash >>> 15
  return (hash >>> 0) % queueCount
}

function older(one: OutboxEntry | undefined, other: OutboxEntry | undefined): OutboxEntry | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.sequence < other.sequence ? one : other
}

function emptyQueues(queueCount: number): Queue[] {
  if (queueCount < 1) throw new RangeError('an outbox has at least one queue')
  return Array.from({ length: queueCount }, () => ({
    waiting: new EntryList(),
    waitingQos0: new Qos0List(),
    flying: new EntryList(),
  }))
}
