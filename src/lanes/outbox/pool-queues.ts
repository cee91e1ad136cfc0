/**
 * What is unpacked of an outbox for a peer that takes messages one by one: several ordered queues, one for each connection of the
 * pool; a publisher's messages all stand in one of them, which is what keeps their order.
 *
 * Only little is unpacked at a time, and all of it still belongs to the outbox: a message is counted there until it is done with.
 */
import { expiresAtMs } from '../../packets/message.ts'
import type { Publication } from '../../packets/publication.ts'
import { ExpiryHeap } from './expiry-heap.ts'
import type { DropReason, Ledger, Outcome } from '../ledger.ts'
import { LINK_TABLES_AT } from '../batches/link-frame.ts'
import type { OutboxBatch } from './outbox-batch.ts'
import type { Outbox } from './outbox.ts'
import type { TakenMessages } from './overflow.ts'
import type { PeekedMessage } from './peek.ts'
import { EntryList, PoolEntry, Qos0List } from './pool-entry.ts'
import { readBatch } from '../batches/read-batch.ts'

/** No batch is unpacked while there are so many messages, or so many bytes of them; one more has at most a thousand or so. */
const messagesEnough = 512
const bytesEnough = 524_288

type Queue = {
  readonly waiting: EntryList
  readonly waitingQos0: Qos0List
  readonly flying: EntryList
  bytes: number
}

export class PoolQueues implements TakenMessages {
  readonly #outbox: Pick<Outbox, 'take' | 'release' | 'isHeld'>
  readonly #ledger: Ledger
  #queues: Queue[]
  #expiry = new ExpiryHeap<PoolEntry>()
  #sequence = 0
  #count = 0
  #isResting = false

  constructor(outbox: Pick<Outbox, 'take' | 'release' | 'ledger' | 'isHeld'>, queueCount: number) {
    this.#outbox = outbox
    this.#ledger = outbox.ledger
    this.#queues = emptyQueues(queueCount)
  }

  /** Messages that wait or fly. */
  get count(): number {
    return this.#count
  }

  /** While it rests nothing is handed out, and nothing is unpacked; what flies is settled as ever. */
  rest(yes: boolean): void {
    this.#isResting = yes
  }

  get queueCount(): number {
    return this.#queues.length
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

  /** When the next waiting message expires, by the steady clock; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    return this.#expiry.soonest?.expiresMs ?? Number.POSITIVE_INFINITY
  }

  /**
   * Unpacks batches until there is enough in the queues that are up. What waits for another connection keeps nobody from going on:
   * there it is bounded by the limits of the outbox alone. Returns whether anything was unpacked.
   * @param wallMs milliseconds since 1970, by which messages say when they were published
   */
  refill(isUp: (queueIndex: number) => boolean, steadyMs: number, wallMs: number): boolean {
    let found = false
    while (!this.#isResting && this.#hasRoom(isUp)) {
      const batch = this.#outbox.take(steadyMs)
      if (batch === undefined) break
      found = true
      this.unpack(batch, steadyMs, wallMs)
    }
    return found
  }

  /** Of a batch that was taken out of the outbox. */
  unpack(batch: OutboxBatch, steadyMs: number, wallMs: number): void {
    const read = readBatch(batch.frame, LINK_TABLES_AT)
    if (read.type === 'malformed') throw new Error(`batch ${batch.id} of our own cannot be read: ${read.reason}`)
    for (const publication of read.publications) this.#enter(publication, batch, steadyMs, wallMs)
  }

  /** The next message of a queue, which is now in flight, or `undefined` if nothing waits there. */
  take(queueIndex: number, steadyMs: number): PoolEntry | undefined {
    if (this.#outbox.isHeld || this.#isResting) return undefined
    const queue = this.#queue(queueIndex)
    for (;;) {
      const entry = queue.waiting.first
      if (entry === undefined) return undefined
      if (entry.expiresMs <= steadyMs) {
        this.#drop(entry, 'expired')
        continue
      }
      this.#unlink(entry)
      entry.place = 'inflight'
      entry.takenAtMs = steadyMs
      queue.flying.pushBack(entry)
      this.#ledger.send(1)
      return entry
    }
  }

  /** What became of a message in flight. One that is not in flight (any more) is left alone: a late answer changes nothing. */
  settle(entry: PoolEntry, outcome: Outcome): void {
    if (entry.place !== 'inflight') return
    this.#queue(entry.queueIndex).flying.remove(entry)
    this.#forget(entry)
    this.#ledger.settle(1, outcome)
    this.#outbox.release(entry.batch, 1, entry.bytes)
  }

  /** The connection of a queue is gone: what flew on it waits again, in its old order and before everything else. */
  putBack(queueIndex: number): void {
    const { flying } = this.#queue(queueIndex)
    for (let entry = flying.last; entry !== undefined; entry = flying.last) {
      flying.remove(entry)
      entry.place = 'queued'
      this.#prepend(entry)
      this.#ledger.putBack(1)
    }
  }

  /** The first so many messages: those that fly, then those that wait, connection by connection. */
  peek(limit: number): PeekedMessage[] {
    const found: PeekedMessage[] = []
    for (const place of ['flying', 'waiting'] as const)
      for (const queue of this.#queues)
        for (let entry = queue[place].first; entry !== undefined && found.length < limit; entry = entry.next) {
          const { topic, qos, retain, timestampMs: cameAtMs } = entry.message
          found.push({ topic, qos, retain, bytes: entry.bytes, cameAtMs, lane: entry.batch.lane, state: place })
        }
    return found
  }

  /** Drops what has expired, whether or not anything moves. Returns how many. */
  sweep(steadyMs: number): number {
    let swept = 0
    for (let entry = this.#expiry.soonest; entry !== undefined; entry = this.#expiry.soonest) {
      if (entry.expiresMs > steadyMs) break
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
    this.#expiry = new ExpiryHeap<PoolEntry>()
    for (const entry of entries) {
      entry.queueIndex = queueOf(entry.message.from, queueCount)
      this.#queue(entry.queueIndex).bytes += entry.bytes
      this.#append(entry)
    }
  }

  // As many comparisons as connections, not as messages.
  dropOldest(reason: DropReason, qos0Only: boolean): boolean {
    let oldest: PoolEntry | undefined
    for (const { waiting, waitingQos0 } of this.#queues) {
      const entry = qos0Only ? waitingQos0.first : waiting.first
      if (oldest === undefined || (entry !== undefined && entry.sequence < oldest.sequence)) oldest = entry
    }
    if (oldest === undefined) return false
    this.#drop(oldest, reason)
    return true
  }

  /** What is handed out may still be settled, which changes nothing any more. */
  clear(): void {
    for (let index = 0; index < this.#queues.length; index += 1) {
      const { flying, waiting } = this.#queue(index)
      for (const list of [flying, waiting]) for (let entry = list.first; entry; entry = entry.next) entry.place = 'gone'
    }
    this.#queues = emptyQueues(this.#queues.length)
    this.#expiry = new ExpiryHeap<PoolEntry>()
    this.#count = 0
  }

  #hasRoom(isUp: (queueIndex: number) => boolean): boolean {
    let messages = 0
    let bytes = 0
    for (let index = 0; index < this.#queues.length; index += 1) {
      if (!isUp(index)) continue
      const queue = this.#queue(index)
      messages += queue.waiting.length + queue.flying.length
      bytes += queue.bytes
    }
    return messages < messagesEnough && bytes < bytesEnough
  }

  #enter(publication: Publication, batch: OutboxBatch, steadyMs: number, wallMs: number): void {
    const queueIndex = queueOf(publication.publisher.clientId, this.#queues.length)
    const expiresMs = Math.min(steadyMs + expiresAtMs(publication.toMessage()) - wallMs, batch.agedMs)
    this.#sequence += 1
    const entry = new PoolEntry(publication, batch, this.#sequence, expiresMs, queueIndex)
    this.#count += 1
    this.#queue(queueIndex).bytes += entry.bytes
    this.#append(entry)
  }

  #waitingEntries(): PoolEntry[] {
    const entries: PoolEntry[] = []
    for (const { waiting } of this.#queues) {
      for (let entry = waiting.first; entry !== undefined; entry = entry.next) entries.push(entry)
    }
    return entries
  }

  #append(entry: PoolEntry): void {
    const queue = this.#queue(entry.queueIndex)
    queue.waiting.pushBack(entry)
    if (entry.message.qos === 0) queue.waitingQos0.pushBack(entry)
    this.#expiry.add(entry)
  }

  #prepend(entry: PoolEntry): void {
    const queue = this.#queue(entry.queueIndex)
    queue.waiting.pushFront(entry)
    if (entry.message.qos === 0) queue.waitingQos0.pushFront(entry)
    this.#expiry.add(entry)
  }

  #unlink(entry: PoolEntry): void {
    const queue = this.#queue(entry.queueIndex)
    queue.waiting.remove(entry)
    if (entry.message.qos === 0) queue.waitingQos0.remove(entry)
    this.#expiry.remove(entry)
  }

  #drop(entry: PoolEntry, reason: DropReason): void {
    this.#unlink(entry)
    this.#forget(entry)
    this.#ledger.dropQueued(1, reason)
    this.#outbox.release(entry.batch, 1, entry.bytes)
  }

  #forget(entry: PoolEntry): void {
    entry.place = 'gone'
    this.#queue(entry.queueIndex).bytes -= entry.bytes
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

function emptyQueues(queueCount: number): Queue[] {
  if (queueCount < 1) throw new RangeError('a pool has at least one queue')
  return Array.from({ length: queueCount }, () => ({
    waiting: new EntryList(),
    waitingQos0: new Qos0List(),
    flying: new EntryList(),
    bytes: 0,
  }))
}
