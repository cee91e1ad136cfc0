/**
 * The messages that wait to cross one link. It belongs to the link, not to a connection: it outlives reconnects and edits, and with
 * a keeper the process.
 *
 * Messages are copied at once into the batch that is open. When it is sealed, a batch of QoS 1 and 2 gets a lane and a number, which
 * it keeps for ever: its receiver takes it if its number is above all that came on that lane before, so that gaps are fine and
 * nothing has to be asked for. A number is that of the last message: a batch can be cut in pieces that have numbers of their own.
 *
 * Lane 0 is live and goes first, lane 1 is the backlog: what came while there was no connection or too much waited, and all that its
 * publishers sent since. So live publishers don't wait for a backlog, and the order of each publisher holds. What is sealed first
 * goes first wherever it matters for that: lane 0 is always sealed before lane 1.
 *
 * What flies is never dropped nor changed but for being cut: it may have arrived.
 */
import { BATCH_BYTES, BatchList, QueuedBatch, type BatchOrigin } from './batch-list.ts'
import type { Directive, LaneMessage } from './batch-writer.ts'
import { ExpiryHeap } from './expiry-heap.ts'
import { Ledger, type DropReason, type Outcome } from './ledger.ts'
import { LINK_TABLES_AT, numberLinkBatch, readLinkFrame, writeLinkHead } from './link-frame.ts'
import { OpenBatch } from './open-batch.ts'
import type { BatchKeeper, KeptBatch, OutboxBatch } from './outbox-batch.ts'
import { readBatch } from './read-batch.ts'
import { cutBatch, expiryOf, withoutExpired } from './rewrite-batch.ts'
import { WaitingPublishers } from './waiting-publishers.ts'

export type OutboxLimits = {
  /** All that waits or flies, bytes of memory, roughly. */
  readonly bytesMax: number
  readonly countMax: number
  /** How long a message may wait, milliseconds; `Infinity` for as long as its own expiry allows. */
  readonly ageMsMax: number
}

/**
 * What a full outbox does, once there is no QoS 0 left to shed. `backpressure`: publishers wait from `PUBLISHERS_WAIT_FILL` on
 * (`isFull`), so that what they have on its way to us still finds room; beyond the limits it is `drop_newest`.
 */
export type OverflowPolicy = 'drop_oldest' | 'drop_newest' | 'backpressure'

export const PUBLISHERS_WAIT_FILL = 0.8

export type OutboxOptions = {
  /** Above that of every outbox that this node had for this link before. */
  readonly epoch: number
  readonly limits: OutboxLimits
  readonly overflow: OverflowPolicy
  /** Of a durable link: nothing of QoS 1 and 2 is launched before it is kept. */
  readonly keeper?: BatchKeeper | undefined
  readonly ledger?: Ledger
}

/** Who takes apart the batches that were taken: messages that still wait there can be given up one by one. */
export interface TakenMessages {
  /** Gives up the oldest that waits, of QoS 0 alone if asked so. False if there is none. */
  dropOldest(reason: DropReason, qos0Only: boolean): boolean
  /** Forgets all, counting nothing: the outbox did. */
  clear(): void
}

const BATCH_BYTES_MAX = 65_536
const BATCH_MESSAGES_MAX = 1_024
/** A batch is at most this part of what the outbox holds, so that to drop one is to drop little. */
const BATCH_SHARE = 64
/** A batch is open for so long at most, since all of it is as old as its first message. */
const OPEN_MS_MAX = 1_000
/** What may wait in lane 0 before it is a backlog. */
const LIVE_BYTES_MAX = 262_144
/** What one sweep does at most: batches that are written anew, and those that only have to be dropped. */
const SWEPT_ANEW_MAX = 8
const SWEPT_MAX = 1_024

const head = Buffer.alloc(LINK_TABLES_AT)

export class Outbox {
  readonly ledger: Ledger
  readonly #epoch: number
  readonly #keeper: BatchKeeper | undefined
  #limits: OutboxLimits
  #overflow: OverflowPolicy
  #isConnected = false
  #frameBytesMax = Number.POSITIVE_INFINITY
  #batchBytesMax = 0
  #batchMessagesMax = 0
  #openMsMax = 0

  readonly #again = new BatchList()
  readonly #live = new BatchList()
  readonly #backlog = new BatchList()
  readonly #qos0 = new BatchList()
  readonly #flying = new BatchList()
  readonly #taken = new BatchList()
  readonly #openLive = new OpenBatch()
  readonly #openBacklog = new OpenBatch()
  readonly #openQos0 = new OpenBatch()
  readonly #expiry = new ExpiryHeap<QueuedBatch>()
  readonly #publishers = new WaitingPublishers()
  #takenMessages: TakenMessages | undefined

  #lastId = 0
  readonly #lastSequences: [number, number] = [0, 0]
  /** That of the open batch of the backlog. */
  #turn = 1
  /** Of sealed batches, less what was released of them. */
  #sealedBytes = 0
  /** Of all messages. */
  #count = 0
  /** Of taken batches, not released. */
  #takenCount = 0

  constructor({ epoch, limits, overflow, keeper, ledger = new Ledger() }: OutboxOptions) {
    this.#epoch = epoch
    this.#keeper = keeper
    this.ledger = ledger
    this.#limits = limits
    this.#overflow = overflow
    this.#shareLimits()
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get bytes(): number {
    return this.#sealedBytes + openBytes(this.#openLive) + openBytes(this.#openBacklog) + openBytes(this.#openQos0)
  }

  /** Messages that wait or fly. */
  get count(): number {
    return this.#count
  }

  /** Messages that `next` or `take` will hand out, those that are to be sent again included. */
  get waiting(): number {
    return this.#count - this.#flying.messages - this.#takenCount
  }

  /** Those of them that wait behind live ones. */
  get backlog(): number {
    return this.#backlog.messages + this.#openBacklog.messages
  }

  /** How full it is by the limit that is nearest, 0 to 1. */
  get fill(): number {
    return Math.max(this.bytes / this.#limits.bytesMax, this.#count / this.#limits.countMax)
  }

  /** Whether publishers are to wait until it is so no more. */
  get isFull(): boolean {
    return this.#overflow === 'backpressure' && this.fill >= PUBLISHERS_WAIT_FILL
  }

  /** Whether a batch is open that `seal` would close. */
  get hasOpen(): boolean {
    return this.#openLive.messages + this.#openBacklog.messages + this.#openQos0.messages > 0
  }

  get #isKeeping(): boolean {
    return this.#keeper !== undefined && this.#keeper.isKeeping !== false
  }

  /** When a waiting message expires next, by the steady clock; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    let soonestMs = this.#expiry.soonest?.expiresMs ?? Number.POSITIVE_INFINITY
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0])
      if (open.messages > 0) soonestMs = Math.min(soonestMs, open.firstExpiryMs)
    return soonestMs
  }

  /**
   * Takes a message that matched: its bytes are copied and nothing of it is kept. Returns why not, if so; the ledger knows.
   * `not_ours`: it came over a link, and neither waits nor counts.
   * @param steadyMs by the clock that all methods here go by
   * @param wallMs milliseconds since 1970, by which messages say when they were published
   */
  accept(
    message: LaneMessage,
    directive: Directive,
    steadyMs: number,
    wallMs: number,
  ): 'taken' | 'not_ours' | DropReason {
    if (message.origin !== undefined) return 'not_ours'
    const { ageMsMax } = this.#limits
    let expiryMs = Number.POSITIVE_INFINITY
    if (message.view.messageExpiryInterval >= 0)
      expiryMs = message.nowMs + message.expirySeconds * 1_000 - wallMs + steadyMs
    if (expiryMs <= steadyMs || ageMsMax <= 0) return this.#refuse('expired')
    const open = this.#openFor(message, directive)
    const refused = this.#prepare(open, message, directive, steadyMs)
    if (refused !== undefined) return this.#refuse(refused)
    if (open.messages === 0) open.begin(steadyMs, wallMs - steadyMs, ageMsMax)
    open.add(message, directive, expiryMs)
    if (open === this.#openBacklog && directive.plain)
      this.#publishers.add(message.publisher.clientId, this.#turn, this.#firstTurn)
    this.#count += 1
    this.ledger.enterQueued(1)
    return 'taken'
  }

  #refuse(reason: DropReason): DropReason {
    this.ledger.enterDropped(1, reason)
    return reason
  }

  #openFor({ view, publisher }: LaneMessage, { plain }: Directive): OpenBatch {
    // What is told of old hurries nobody, but is not to be lost either; what its publisher says now need not wait for it.
    if (!plain) return this.#openBacklog
    if (view.qos === 0) return this.#openQos0
    if (!this.#isConnected) return this.#openBacklog
    if (this.#live.bytes + this.#openLive.writer.byteLength > LIVE_BYTES_MAX) return this.#openBacklog
    if (this.backlog > 0)
      return this.#publishers.isBehind(publisher.clientId, this.#firstTurn) ? this.#openBacklog : this.#openLive
    this.#publishers.clear()
    return this.#openLive
  }

  /** The first batch of the backlog that waits; the open one if there is none. */
  get #firstTurn(): number {
    return this.#backlog.first?.turn ?? this.#turn
  }

  /** Sees to it that the message has its place in the open batch. Returns why it can't have one. */
  #prepare(open: OpenBatch, message: LaneMessage, directive: Directive, steadyMs: number): DropReason | undefined {
    const { writer } = open
    let cost = writer.costOf(message, directive)
    const isOver =
      writer.byteLength + cost > this.#batchBytesMax ||
      writer.count >= this.#batchMessagesMax ||
      steadyMs - open.openedMs > this.#openMsMax
    if (isOver && writer.count > 0) {
      this.#seal(open, steadyMs)
      cost = writer.costOf(message, directive)
    }
    if (writer.count === 0) cost += writer.byteLength + BATCH_BYTES
    return this.#exceeds(cost, 1) ? this.#makeRoom(open, message, directive) : undefined
  }

  #exceeds(bytes: number, count: number): boolean {
    return this.bytes + bytes > this.#limits.bytesMax || this.#count + count > this.#limits.countMax
  }

  #makeRoom({ writer }: OpenBatch, message: LaneMessage, directive: Directive): DropReason | undefined {
    const isQos0 = message.view.qos === 0 && directive.plain
    const refused = isQos0 ? 'shed_qos0' : 'queue_full'
    if (isQos0 && this.#overflow !== 'drop_oldest') return refused
    const [flying, again] = [this.#flying, this.#again]
    const alone = writer.costAlone(message, directive) + BATCH_BYTES
    // Whatever may be dropped would not be enough.
    if (flying.bytes + again.bytes + alone > this.#limits.bytesMax) return refused
    if (flying.messages + again.messages + 1 > this.#limits.countMax) return refused
    for (;;) {
      // The batch that it was to continue may be gone.
      const cost = writer.costOf(message, directive) + (writer.count === 0 ? writer.byteLength + BATCH_BYTES : 0)
      if (!this.#exceeds(cost, 1)) return undefined
      if (this.#shedQos0()) continue
      if (isQos0 || this.#overflow !== 'drop_oldest' || !this.#dropOldest()) return refused
    }
  }

  /** False if there is none. */
  #shedQos0(): boolean {
    if (this.#takenMessages?.dropOldest('shed_qos0', true)) return true
    const batch = this.#qos0.first
    if (batch === undefined) return this.#dropOpen(this.#openQos0, 'shed_qos0')
    this.#drop(batch, 'shed_qos0')
    return true
  }

  /** Of all that never was sent. False if there is nothing. */
  #dropOldest(): boolean {
    if (this.#takenMessages?.dropOldest('queue_full', false)) return true
    const batch = older(this.#live.first, this.#backlog.first)
    if (batch !== undefined) {
      this.#drop(batch, 'queue_full')
      return true
    }
    return this.#dropOpen(this.#openLive, 'queue_full') || this.#dropOpen(this.#openBacklog, 'queue_full')
  }

  #dropNewest(): boolean {
    if (this.#dropOpen(this.#openBacklog, 'queue_full') || this.#dropOpen(this.#openLive, 'queue_full')) return true
    const batch = newer(this.#live.last, this.#backlog.last)
    if (batch === undefined) return this.#takenMessages?.dropOldest('queue_full', false) ?? false
    this.#drop(batch, 'queue_full')
    return true
  }

  #dropOpen(open: OpenBatch, reason: DropReason): boolean {
    const { messages } = open
    if (messages === 0) return false
    open.writer.clear()
    this.#count -= messages
    this.ledger.dropQueued(messages, reason)
    return true
  }

  /** Gives up a batch that waits. */
  #drop(batch: QueuedBatch, reason: DropReason): void {
    const { list, next } = batch
    this.ledger.dropQueued(batch.messages, reason)
    this.#forget(batch)
    // What has expired does so after a restart as well.
    if (batch.sequence > 0 && reason !== 'expired') this.#holdBehind(list, next)
  }

  /**
   * What follows one that was dropped may not go before the disk knows: else a crash would bring that one back under a number that
   * has been passed, for which the receiver would answer that it has it. So the next is kept anew, as another batch, since what the
   * keeper says of this one may be of before.
   */
  #holdBehind(list: BatchList | undefined, next: QueuedBatch | undefined): void {
    if (!this.#isKeeping || list === this.#qos0) return
    if (next === undefined && list === this.#again) {
      this.#keepAnew(this.#live.first)
      this.#keepAnew(this.#backlog.first)
    } else this.#keepAnew(next)
  }

  #keepAnew(batch: QueuedBatch | undefined): void {
    if (batch?.list === undefined) return
    const same = new QueuedBatch(batch)
    same.isKept = false
    same.place = batch.place
    this.#enter(same, batch.list, batch)
    this.#unlink(batch)
    this.#sealedBytes -= batch.bytes
    batch.place = 'gone'
    this.#keeper?.keep(same)
  }

  /** The ledger is the caller's business. */
  #forget(batch: QueuedBatch): void {
    this.#unlink(batch)
    this.#sealedBytes -= batch.bytes
    this.#count -= batch.messages
    batch.place = 'gone'
    if (batch.sequence > 0) this.#keeper?.forget(batch)
  }

  #unlink(batch: QueuedBatch): void {
    this.#expiry.remove(batch)
    batch.list?.remove(batch)
  }

  /** Closes the open batches: when a keeper is to have them. Without one nobody need call it. */
  seal(steadyMs: number): void {
    this.#seal(this.#openBacklog, steadyMs)
    this.#seal(this.#openLive, steadyMs)
    this.#seal(this.#openQos0, steadyMs)
  }

  #seal(open: OpenBatch, steadyMs: number): void {
    const { messages, agedMs, firstExpiryMs, lastExpiryMs, wallAheadMs } = open
    if (messages === 0) return
    // A publisher's messages may stand in both, and those of lane 0 are older.
    if (open === this.#openBacklog) this.#seal(this.#openLive, steadyMs)
    const isQos0 = open === this.#openQos0
    const lane = open === this.#openBacklog ? 1 : 0
    const epoch = this.#epoch
    this.#lastId += messages
    const sequence = isQos0 ? 0 : (this.#lastSequences[lane] += messages)
    writeLinkHead(head, { epoch, lane, sequence, sentAtMs: Math.max(0, Math.trunc(steadyMs + wallAheadMs)) })
    const frame = open.writer.finishAfter(head)
    const batch = new QueuedBatch({
      id: this.#lastId,
      frame,
      epoch,
      lane,
      sequence,
      messages,
      agedMs,
      firstExpiryMs,
      lastExpiryMs,
      wallAheadMs,
      isResent: false,
      isKept: isQos0 || !this.#isKeeping,
      turn: this.#turn,
    })
    if (lane === 1) this.#turn += 1
    this.#enter(batch, isQos0 ? this.#qos0 : lane === 1 ? this.#backlog : this.#live)
    if (!batch.isKept) this.#keeper?.keep(batch)
  }

  #enter(batch: QueuedBatch, list: BatchList, next?: QueuedBatch): void {
    list.insertBefore(next, batch)
    this.#sealedBytes += batch.bytes
    this.#expiry.add(batch)
  }

  /** @param frameBytesMax the longest frame that the connection takes, bytes: what is longer is cut in pieces */
  connected(frameBytesMax = Number.POSITIVE_INFINITY): void {
    this.#isConnected = true
    this.#frameBytesMax = frameBytesMax
    this.#shareLimits()
  }

  /** The connection is gone: what flew on it is to be sent again, first and in the same order. */
  disconnected(): void {
    this.#isConnected = false
    this.#frameBytesMax = Number.POSITIVE_INFINITY
    this.#shareLimits()
    const [flying, again] = [this.#flying, this.#again]
    for (let batch = flying.last; batch !== undefined; batch = flying.last) {
      flying.remove(batch)
      batch.place = 'again'
      batch.isResent = true
      again.insertBefore(again.first, batch)
      this.#expiry.add(batch)
      this.ledger.putBack(batch.messages)
    }
  }

  /**
   * The batch that goes next over a native connection, flying from then on; one of QoS 0 is done with. To be marked (`markSent`).
   * @param mayDrain whether a batch of the backlog may go, which it does only if nothing else is there
   * @param mayNumber whether the window has room: else only QoS 0 goes
   */
  next(steadyMs: number, mayDrain: boolean, mayNumber = true): OutboxBatch | undefined {
    if (mayNumber) {
      const batch = this.#first(this.#again, steadyMs) ?? this.#firstLive(steadyMs)
      if (batch !== undefined) return this.#launch(batch)
    }
    const qos0 = this.#first(this.#qos0, steadyMs, this.#openQos0)
    if (qos0 !== undefined) {
      this.ledger.send(qos0.messages)
      this.ledger.settle(qos0.messages, { type: 'delivered' })
      this.#forget(qos0)
      return qos0
    }
    const batch = mayNumber && mayDrain ? this.#firstOfBacklog(steadyMs) : undefined
    return batch === undefined ? undefined : this.#launch(batch)
  }

  #firstLive(steadyMs: number): QueuedBatch | undefined {
    // A number must not overtake a lower one, which may wait for the keeper.
    if (this.#again.first !== undefined || this.#isFlyingFull) return undefined
    return this.#first(this.#live, steadyMs, this.#openLive)
  }

  #firstOfBacklog(steadyMs: number): QueuedBatch | undefined {
    if (this.#again.first !== undefined || this.#isFlyingFull) return undefined
    if (this.#live.first !== undefined || this.#openLive.messages > 0) return undefined
    return this.#first(this.#backlog, steadyMs, this.#openBacklog)
  }

  /** Half of the outbox at most: else there would be nothing that may be dropped. */
  get #isFlyingFull(): boolean {
    const { bytes, messages } = this.#flying
    return bytes * 2 >= this.#limits.bytesMax || messages * 2 >= this.#limits.countMax
  }

  /** The first of a list that can go, or of what is open behind it; not expired, not too long. */
  #first(list: BatchList, steadyMs: number, open?: OpenBatch): QueuedBatch | undefined {
    for (;;) {
      const batch = list.first
      if (batch === undefined) {
        if (open === undefined || open.messages === 0) return undefined
        // What a keeper is to have is sealed when it asks for it.
        if (this.#isKeeping && open !== this.#openQos0) return undefined
        this.#seal(open, steadyMs)
      } else if (!batch.isKept) return undefined
      else if (batch.expiresMs <= steadyMs) this.#expire(batch, steadyMs)
      else if (batch.frame.length > this.#frameBytesMax) this.#cut(batch)
      else return batch
    }
  }

  #launch(batch: QueuedBatch): QueuedBatch {
    this.#unlink(batch)
    batch.place = 'flying'
    this.#flying.push(batch)
    this.ledger.send(batch.messages)
    return batch
  }

  /** What became of a batch that flies. One that does not (any more) is left alone: a late answer changes nothing. */
  settle(batch: OutboxBatch, outcome: Outcome): void {
    if (!(batch instanceof QueuedBatch) || batch.place !== 'flying') return
    this.ledger.settle(batch.messages, outcome)
    this.#forget(batch)
  }

  /**
   * The next batch, to be taken apart for a peer that knows none: the oldest, so that no publisher waits for others. It counts until
   * it is released.
   */
  take(steadyMs: number): OutboxBatch | undefined {
    const batch = this.#first(this.#again, steadyMs) ?? this.#firstOfAll(steadyMs)
    if (batch === undefined) return undefined
    this.#unlink(batch)
    batch.place = 'taken'
    batch.messagesLeft = batch.messages
    batch.bytesLeft = batch.bytes
    this.#taken.push(batch)
    this.#takenCount += batch.messages
    return batch
  }

  #firstOfAll(steadyMs: number): QueuedBatch | undefined {
    if (this.#again.first !== undefined) return this.#first(this.#qos0, steadyMs, this.#openQos0)
    const live = this.#first(this.#live, steadyMs, this.#openLive)
    const backlog = this.#first(this.#backlog, steadyMs, this.#openBacklog)
    // What the keeper has yet to get may be older than what it has.
    const isOvertaking = backlog !== undefined && this.#live.first !== undefined && this.#live.first.id < backlog.id
    const numbered = isOvertaking ? live : (backlog ?? live)
    return older(numbered, this.#first(this.#qos0, steadyMs, this.#openQos0))
  }

  /** So many messages of a batch that was taken are done with, of so many bytes. The ledger is the caller's business. */
  release(batch: OutboxBatch, messages: number, bytes: number): void {
    if (!(batch instanceof QueuedBatch) || batch.place !== 'taken') return
    const released = Math.min(messages, batch.messagesLeft)
    batch.messagesLeft -= released
    this.#count -= released
    this.#takenCount -= released
    const freed = batch.messagesLeft === 0 ? batch.bytesLeft : Math.min(bytes, batch.bytesLeft)
    batch.bytesLeft -= freed
    this.#sealedBytes -= freed
    if (batch.messagesLeft > 0) return
    this.#taken.remove(batch)
    batch.place = 'gone'
    if (batch.sequence > 0) this.#keeper?.forget(batch)
  }

  /** Who has the messages of the batches that are taken. */
  takenBy(messages: TakenMessages | undefined): void {
    this.#takenMessages = messages
  }

  /** The keeper has it on the disk. To be said in order. */
  kept(batch: OutboxBatch): void {
    if (batch instanceof QueuedBatch) batch.isKept = true
  }

  /**
   * Takes back what was found on the disk, in order; before anything is accepted, and in several calls if it is much. Returns what
   * can't be read, which is neither taken nor counted.
   */
  restore(batches: readonly KeptBatch[], steadyMs: number, wallMs: number): KeptBatch[] {
    const refused = batches.filter((batch) => !this.#restore(batch, steadyMs, wallMs))
    this.#keepLimits()
    return refused
  }

  #restore({ id, frame }: KeptBatch, steadyMs: number, wallMs: number): boolean {
    const found = readLinkFrame(frame, Number.POSITIVE_INFINITY)
    if (found.type === 'malformed' || found.isCompressed || found.sequence === 0 || found.epoch >= this.#epoch)
      return false
    const read = readBatch(frame, found.tablesAt)
    if (read.type === 'malformed' || read.publications.length === 0) return false
    const { epoch, lane, sequence, sentAtMs } = found
    const messages = read.publications.length
    const wallAheadMs = wallMs - steadyMs
    const agedMs = Math.min(sentAtMs, wallMs) - wallAheadMs + this.#limits.ageMsMax
    let firstExpiryMs = Number.POSITIVE_INFINITY
    let lastExpiryMs = Number.NEGATIVE_INFINITY
    for (const [i, publication] of read.publications.entries()) {
      const expiryMs = expiryOf(publication, { agedMs, wallAheadMs })
      firstExpiryMs = Math.min(firstExpiryMs, expiryMs)
      lastExpiryMs = Math.max(lastExpiryMs, expiryMs)
      if (read.directives[i]!.plain) this.#publishers.add(publication.publisher.clientId, this.#turn, this.#firstTurn)
    }
    const batch = new QueuedBatch({
      id,
      frame,
      epoch,
      lane,
      sequence,
      messages,
      agedMs,
      firstExpiryMs,
      lastExpiryMs,
      wallAheadMs,
      isResent: true,
      isKept: true,
      turn: this.#turn,
    })
    this.#turn += 1
    this.#lastId = Math.max(this.#lastId, id)
    this.#count += messages
    this.ledger.enterQueued(messages)
    this.#enter(batch, this.#backlog)
    return true
  }

  /** Drops what has expired. Returns how many messages. There may be more at once (`nextExpiryMs`): that is left to another turn. */
  sweep(steadyMs: number): number {
    const before = this.#count
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0])
      if (open.firstExpiryMs <= steadyMs) this.#seal(open, steadyMs)
    let anew = 0
    for (let i = 0; i < SWEPT_MAX && anew < SWEPT_ANEW_MAX; i += 1) {
      const batch = this.#expiry.soonest
      if (batch === undefined || batch.expiresMs > steadyMs) break
      if (batch.lastExpiryMs > steadyMs) anew += 1
      this.#expire(batch, steadyMs)
    }
    return before - this.#count
  }

  /** Of a batch that waits. */
  #expire(batch: QueuedBatch, steadyMs: number): void {
    const rest = batch.lastExpiryMs <= steadyMs ? undefined : withoutExpired(batch, steadyMs)
    if (rest === undefined) return this.#drop(batch, 'expired')
    this.#expiry.remove(batch)
    const expired = batch.messages - rest.messages
    const bytesBefore = batch.bytes
    batch.list?.rewrite(batch, rest.frame, rest.messages)
    batch.firstExpiryMs = rest.firstExpiryMs
    batch.lastExpiryMs = rest.lastExpiryMs
    this.#sealedBytes += batch.bytes - bytesBefore
    this.#expiry.add(batch)
    if (expired === 0) return
    this.#count -= expired
    this.ledger.dropQueued(expired, 'expired')
    if (batch.sequence > 0) this.#keeper?.keep(batch)
  }

  /**
   * A batch that is too long for the connection is sent in pieces. That is safe for one that may have arrived as well: its pieces
   * have no number above its own.
   */
  #cut(batch: QueuedBatch): void {
    const { list, next, epoch, lane, agedMs, wallAheadMs, isResent, turn, place } = batch
    if (list === undefined) return
    const pieces = cutBatch(batch, this.#frameBytesMax)
    const isKept = !this.#isKeeping || batch.sequence === 0
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
        wallAheadMs,
        isResent,
        isKept,
        turn,
      }
      const part = new QueuedBatch(origin)
      part.place = place
      this.#enter(part, list, batch)
      messages += piece.messages
      if (!isKept) this.#keeper?.keep(part)
    }
    if (messages < batch.messages) this.ledger.dropQueued(batch.messages - messages, 'too_large')
    this.#unlink(batch)
    this.#sealedBytes -= batch.bytes
    this.#count -= batch.messages - messages
    batch.place = 'gone'
    // Otherwise the last piece takes its place on the disk.
    if (batch.sequence === 0 || lastId === batch.id) return
    this.#keeper?.forget(batch)
    this.#holdBehind(list, next)
  }

  /** Other limits. They hold at once for bytes and count; the age holds for what comes from now on. */
  limit(limits: OutboxLimits, overflow: OverflowPolicy): void {
    this.#limits = limits
    this.#overflow = overflow
    this.#shareLimits()
    this.#keepLimits()
  }

  #shareLimits(): void {
    const { bytesMax, countMax, ageMsMax } = this.#limits
    this.#batchBytesMax = Math.min(BATCH_BYTES_MAX, bytesMax / BATCH_SHARE, this.#frameBytesMax)
    this.#batchMessagesMax = Math.min(BATCH_MESSAGES_MAX, countMax / BATCH_SHARE)
    this.#openMsMax = Math.min(OPEN_MS_MAX, ageMsMax / BATCH_SHARE)
  }

  #keepLimits(): void {
    while (this.#exceeds(0, 0)) {
      if (this.#shedQos0()) continue
      if (this.#overflow === 'drop_oldest' ? !this.#dropOldest() : !this.#dropNewest()) return
    }
  }

  /** The link is gone, and with it every message that waits or flies. */
  clear(): void {
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0]) open.writer.clear()
    for (const list of [this.#again, this.#live, this.#backlog, this.#qos0, this.#flying, this.#taken])
      for (let batch = list.first; batch !== undefined; batch = list.first) this.#forget(batch)
    this.#sealedBytes = 0
    this.#count = 0
    this.#takenCount = 0
    this.#publishers.clear()
    this.#takenMessages?.clear()
    this.ledger.dropAll('link_removed')
  }
}

/** What an open batch takes, bytes. */
function openBytes({ writer }: OpenBatch): number {
  return writer.count === 0 ? 0 : writer.byteLength + BATCH_BYTES
}

/** By the order in which they were sealed. */
function older(one: QueuedBatch | undefined, other: QueuedBatch | undefined): QueuedBatch | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.id < other.id ? one : other
}

function newer(one: QueuedBatch | undefined, other: QueuedBatch | undefined): QueuedBatch | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.id > other.id ? one : other
}
