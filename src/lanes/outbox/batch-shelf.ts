/**
 * The sealed batches of an outbox: in which list each stands, when the next expires, what all of them take, and what the ledger and
 * the keeper are told of them.
 */
import { BatchList, QueuedBatch, type BatchOrigin } from './batch-list.ts'
import { ExpiryHeap } from './expiry-heap.ts'
import type { DropReason, Ledger, Outcome } from '../ledger.ts'
import { markSent, numberLinkBatch } from '../batches/link-frame.ts'
import type { BatchKeeper } from './outbox-batch.ts'
import { cutBatch, withoutExpired } from '../batches/rewrite-batch.ts'

/** What one sweep does at most: batches that are written anew, and those that only have to be dropped. */
const SWEPT_ANEW_MAX = 8
const SWEPT_MAX = 1_024

export class BatchShelf {
  /** What flew on a connection that is gone. */
  readonly again = new BatchList()
  readonly live = new BatchList()
  readonly backlog = new BatchList()
  readonly qos0 = new BatchList()
  readonly flying = new BatchList()
  readonly taken = new BatchList()
  /** Of all, less what was released of those that are taken. */
  bytes = 0
  messages = 0
  /** Of those that are taken, not released. */
  takenMessages = 0
  readonly #ledger: Ledger
  readonly #keeper: BatchKeeper | undefined
  readonly #expiry = new ExpiryHeap<QueuedBatch>()

  constructor(ledger: Ledger, keeper: BatchKeeper | undefined) {
    this.#ledger = ledger
    this.#keeper = keeper
  }

  get isKeeping(): boolean {
    return this.#keeper !== undefined && this.#keeper.isKeeping !== false
  }

  get nextExpiryMs(): number {
    return this.#expiry.soonest?.expiresMs ?? Number.POSITIVE_INFINITY
  }

  /** When the first message of the oldest batch came, by the steady clock; `undefined` if there is none. */
  get oldestMs(): number | undefined {
    let oldestMs: number | undefined
    for (const { first } of [this.taken, this.flying, this.again, this.live, this.backlog, this.qos0]) {
      if (first === undefined) continue
      const cameMs = first.writtenAtMs - first.wallAheadMs
      if (oldestMs === undefined || cameMs < oldestMs) oldestMs = cameMs
    }
    return oldestMs
  }

  /** A new batch, whose messages the ledger has already. */
  add(origin: BatchOrigin, list: BatchList): void {
    const batch = new QueuedBatch(origin)
    this.#enter(batch, list)
    this.messages += batch.messages
    if (!batch.isKept) this.#keeper?.keep(batch)
  }

  /** The first of a list, if it can go: it is kept, not expired, and not too long, for which it may be cut. */
  first(list: BatchList, steadyMs: number, frameBytesMax: number): QueuedBatch | undefined {
    for (let batch = list.first; batch?.isKept; batch = list.first)
      if (batch.expiresMs <= steadyMs) this.#expire(batch, steadyMs)
      else if (batch.frame.length > frameBytesMax) this.#cut(batch, frameBytesMax)
      else return batch
    return undefined
  }

  launch(batch: QueuedBatch): QueuedBatch {
    this.#unlink(batch)
    batch.place = 'flying'
    this.flying.push(batch)
    this.#ledger.send(batch.messages)
    return batch
  }

  /** One of QoS 0 is done with when it goes. */
  launchQos0(batch: QueuedBatch): QueuedBatch {
    this.#ledger.send(batch.messages)
    this.#ledger.settle(batch.messages, { type: 'delivered' })
    this.#forget(batch)
    return batch
  }

  /** All that flies is to be sent again, in the same order and before what is to be sent again already. */
  putBack(): void {
    const { flying, again } = this
    for (let batch = flying.last; batch !== undefined; batch = flying.last) {
      flying.remove(batch)
      batch.place = 'again'
      batch.isResent = true
      again.insertBefore(again.first, batch)
      this.#expiry.add(batch)
      this.#ledger.putBack(batch.messages)
    }
  }

  /** Of one that flies. */
  settle(batch: QueuedBatch, outcome: Outcome): void {
    this.#ledger.settle(batch.messages, outcome)
    this.#forget(batch)
    if (outcome.type !== 'delivered' && batch.sequence > 0) this.#holdBehind(this.again, this.again.first)
  }

  take(batch: QueuedBatch): QueuedBatch {
    this.#unlink(batch)
    batch.place = 'taken'
    batch.messagesLeft = batch.messages
    batch.bytesLeft = batch.bytes
    this.taken.push(batch)
    this.takenMessages += batch.messages
    return batch
  }

  /** Of one that is taken. */
  release(batch: QueuedBatch, messages: number, bytes: number): void {
    const released = Math.min(messages, batch.messagesLeft)
    batch.messagesLeft -= released
    this.messages -= released
    this.takenMessages -= released
    const freed = batch.messagesLeft === 0 ? batch.bytesLeft : Math.min(bytes, batch.bytesLeft)
    batch.bytesLeft -= freed
    this.bytes -= freed
    if (batch.messagesLeft > 0) return
    this.taken.remove(batch)
    batch.place = 'gone'
    if (batch.sequence > 0) this.#keeper?.forget(batch)
  }

  /** Gives up a batch that waits. */
  drop(batch: QueuedBatch, reason: DropReason): void {
    const { list, next } = batch
    this.#ledger.dropQueued(batch.messages, reason)
    this.#forget(batch)
    // What has expired does so after a restart as well.
    if (batch.sequence > 0 && reason !== 'expired') this.#holdBehind(list, next)
  }

  /**
   * What follows one that was given up may not go before the disk knows: else a crash would bring that one back under a number that
   * has been passed, for which the receiver would answer that it has it. So the next is kept anew, as another batch, since what the
   * keeper says of this one may be of before.
   */
  #holdBehind(list: BatchList | undefined, next: QueuedBatch | undefined): void {
    if (!this.isKeeping || list === this.qos0) return
    this.#keepAnew(next)
    if (next !== undefined || list === this.backlog) return
    // What its publisher said next may stand in another list: those go in this order.
    if (list === this.again) this.#keepAnew(this.live.first)
    this.#keepAnew(this.backlog.first)
  }

  #keepAnew(batch: QueuedBatch | undefined): void {
    if (batch?.list === undefined) return
    const same = new QueuedBatch(batch)
    same.isKept = false
    same.place = batch.place
    this.#enter(same, batch.list, batch)
    this.#unlink(batch)
    this.bytes -= batch.bytes
    batch.place = 'gone'
    this.#keep(same)
  }

  #keep(batch: QueuedBatch): void {
    markSent(batch.frame, batch.writtenAtMs, batch.isResent)
    this.#keeper?.keep(batch)
  }

  /** The ledger is the caller's business. */
  #forget(batch: QueuedBatch): void {
    this.#unlink(batch)
    this.bytes -= batch.bytes
    this.messages -= batch.messages
    batch.place = 'gone'
    if (batch.sequence > 0) this.#keeper?.forget(batch)
  }

  #unlink(batch: QueuedBatch): void {
    this.#expiry.remove(batch)
    batch.list?.remove(batch)
  }

  #enter(batch: QueuedBatch, list: BatchList, next?: QueuedBatch): void {
    list.insertBefore(next, batch)
    this.bytes += batch.bytes
    this.#expiry.add(batch)
  }

  /** Drops what has expired, but not much at a time. */
  sweep(steadyMs: number): void {
    let anew = 0
    for (let i = 0; i < SWEPT_MAX && anew < SWEPT_ANEW_MAX; i += 1) {
      const batch = this.#expiry.soonest
      if (batch === undefined || batch.expiresMs > steadyMs) return
      if (batch.lastExpiryMs > steadyMs) anew += 1
      this.#expire(batch, steadyMs)
    }
  }

  /** Of a batch that waits. */
  #expire(batch: QueuedBatch, steadyMs: number): void {
    const rest = batch.lastExpiryMs <= steadyMs ? undefined : withoutExpired(batch, steadyMs)
    if (rest === undefined) return this.drop(batch, 'expired')
    this.#expiry.remove(batch)
    const expired = batch.messages - rest.messages
    const bytesBefore = batch.bytes
    batch.list?.rewrite(batch, rest.frame, rest.messages)
    batch.firstExpiryMs = rest.firstExpiryMs
    batch.lastExpiryMs = rest.lastExpiryMs
    this.bytes += batch.bytes - bytesBefore
    this.#expiry.add(batch)
    if (expired === 0) return
    this.messages -= expired
    this.#ledger.dropQueued(expired, 'expired')
    if (batch.sequence === 0) return
    if (this.isKeeping) this.#keepAnew(batch)
    else this.#keeper?.keep(batch)
  }

  /**
   * A batch that is too long for the connection is sent in pieces. That is safe for one that may have arrived as well: its pieces
   * have no number above its own.
   */
  #cut(batch: QueuedBatch, frameBytesMax: number): void {
    const { list, next, epoch, lane, agedMs, writtenAtMs, wallAheadMs, isResent, turn, place } = batch
    if (list === undefined) return
    const pieces = cutBatch(batch, frameBytesMax)
    const isKept = !this.isKeeping || batch.sequence === 0
    let messages = 0
    let lastId = 0
    for (const piece of pieces) {
      const back = batch.messages - piece.upTo
      const sequence = batch.sequence === 0 ? 0 : batch.sequence - back
      numberLinkBatch(piece.frame, sequence)
      lastId = batch.id - back
      const origin: BatchOrigin = {
        ...piece,
        id: lastId,
        epoch,
        lane,
        sequence,
        agedMs,
        writtenAtMs,
        wallAheadMs,
        isResent,
        isKept,
        turn,
      }
      const part = new QueuedBatch(origin)
      part.place = place
      this.#enter(part, list, batch)
      messages += piece.messages
      if (!isKept) this.#keep(part)
    }
    if (messages < batch.messages) this.#ledger.dropQueued(batch.messages - messages, 'too_large')
    this.#unlink(batch)
    this.bytes -= batch.bytes
    this.messages -= batch.messages - messages
    batch.place = 'gone'
    // Otherwise the last piece takes its place on the disk.
    if (batch.sequence === 0 || lastId === batch.id) return
    this.#keeper?.forget(batch)
    this.#holdBehind(list, next)
  }

  /** Forgets all. The ledger is the caller's business. */
  clear(): void {
    for (const list of [this.again, this.live, this.backlog, this.qos0, this.flying, this.taken])
      for (let batch = list.first; batch !== undefined; batch = list.first) this.#forget(batch)
    this.bytes = 0
    this.messages = 0
    this.takenMessages = 0
  }
}
