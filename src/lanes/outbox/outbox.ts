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
import { BATCH_BYTES, QueuedBatch, type BatchList, type BatchOrigin } from './batch-list.ts'
import { BatchShelf } from './batch-shelf.ts'
import type { Directive, LaneMessage } from '../batches/batch-writer.ts'
import { Ledger, type DropReason, type Outcome } from '../ledger.ts'
import { LINK_TABLES_AT, writeLinkHead } from '../batches/link-frame.ts'
import { OpenBatch } from './open-batch.ts'
import type { BatchKeeper, KeptBatch, OutboxBatch } from './outbox-batch.ts'
import { type PeekedMessage, peekBatches } from './peek.ts'
import { readKeptBatch } from '../batches/read-kept-batch.ts'
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

export type LaneStanding = {
  /** 0 is live, 1 the backlog. */
  readonly lane: 0 | 1
  readonly epoch: number
  /** Of the last batch that was sealed. */
  readonly sequence: number
  /** Messages that fly, or flew on a connection that is gone. */
  readonly unacknowledged: number
  readonly waiting: number
}

const BATCH_BYTES_MAX = 65_536
const BATCH_MESSAGES_MAX = 1_024
/** Of the backlog they are smaller: live messages wait until the receiver is done with one. */
export const BACKLOG_MESSAGES_MAX = 256
/** A batch is at most this part of what the outbox holds, so that to drop one is to drop little. */
const BATCH_SHARE = 64
/** Of what the outbox holds: what it may take to know whose messages wait. */
const PUBLISHERS_SHARE = 8
/** A batch is open for so long at most, since all of it is as old as its first message. */
const OPEN_MS_MAX = 1_000
/** What may wait in lane 0 before it is a backlog. */
const LIVE_BYTES_MAX = 262_144
const head = Buffer.alloc(LINK_TABLES_AT)

export class Outbox {
  readonly ledger: Ledger
  readonly #epoch: number
  #limits: OutboxLimits
  #overflow: OverflowPolicy
  #isConnected = false
  #isHeld = false
  #frameBytesMax = Number.POSITIVE_INFINITY
  #batchBytesMax = 0
  #batchMessagesMax = 0
  #backlogMessagesMax = 0
  #openMsMax = 0

  readonly #shelf: BatchShelf
  readonly #openLive = new OpenBatch()
  readonly #openBacklog = new OpenBatch()
  readonly #openQos0 = new OpenBatch()
  readonly #publishers = new WaitingPublishers()
  /** Where the last message went, if the next one of its publisher may follow there without a second look: nothing else has happened. */
  #following: OpenBatch | undefined
  #followingMs = 0
  /** How many bytes and messages may follow. */
  #bytesFree = 0
  #messagesFree = 0
  #takenMessages: TakenMessages | undefined

  /** A batch with a number of this epoch was handed out. */
  #hasFlown = false
  #lastId = 0
  readonly #lastSequences: [number, number] = [0, 0]
  /** That of the open batch of the backlog. */
  #turn = 1

  constructor({ epoch, limits, overflow, keeper, ledger = new Ledger() }: OutboxOptions) {
    this.#epoch = epoch
    this.ledger = ledger
    this.#shelf = new BatchShelf(ledger, keeper)
    this.#limits = limits
    this.#overflow = overflow
    this.#shareLimits()
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get bytes(): number {
    return this.#shelf.bytes + openBytes(this.#openLive) + openBytes(this.#openBacklog) + openBytes(this.#openQos0)
  }

  /** Messages that wait or fly. */
  get count(): number {
    return this.#shelf.messages + this.#openLive.messages + this.#openBacklog.messages + this.#openQos0.messages
  }

  /** Messages that `next` or `take` will hand out, those that are to be sent again included. */
  get waiting(): number {
    return this.count - this.#shelf.flying.messages - this.#shelf.takenMessages
  }

  /** Those of them that wait behind live ones. */
  get backlog(): number {
    return this.#shelf.backlog.messages + this.#openBacklog.messages
  }

  /** How full it is by the limit that is nearest, 0 to 1. */
  get fill(): number {
    return Math.max(this.bytes / this.#limits.bytesMax, this.count / this.#limits.countMax)
  }

  /** Whether nothing is handed out: what comes waits, within the limits. What flies is settled as ever. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  hold(yes: boolean): void {
    this.#following = undefined
    this.#isHeld = yes
  }

  /** Whether publishers are to wait until it is so no more. */
  get isFull(): boolean {
    return this.#overflow === 'backpressure' && this.fill >= PUBLISHERS_WAIT_FILL
  }

  /** Whether a batch is open that `seal` would close. */
  get hasOpen(): boolean {
    return this.#openLive.messages + this.#openBacklog.messages + this.#openQos0.messages > 0
  }

  /** When the first came of those that wait or fly, by the steady clock, as it was before it was kept; `undefined` if there is none. */
  get oldestMs(): number | undefined {
    let oldestMs = this.#shelf.oldestMs
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0])
      if (open.messages > 0) oldestMs = Math.min(oldestMs ?? open.openedMs, open.openedMs)
    return oldestMs
  }

  /** When a waiting message expires next, by the steady clock; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    let soonestMs = this.#shelf.nextExpiryMs
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0])
      if (open.messages > 0) soonestMs = Math.min(soonestMs, open.firstExpiryMs)
    return soonestMs
  }

  /**
   * Takes a message that matched. Returns why not, if so; the ledger knows. `not_ours`: it came over a link, and neither waits nor
   * counts.
   * @param steadyMs by the clock that all methods here go by
   * @param wallMs milliseconds since 1970, by which messages say when they were published
   * @param isLasting whether nobody changes any more what the view shows: otherwise it is copied at once
   */
  accept(
    message: LaneMessage,
    directive: Directive,
    steadyMs: number,
    wallMs: number,
    isLasting = false,
  ): 'taken' | 'not_ours' | DropReason {
    if (isLasting && this.#follows(message, directive, steadyMs)) return 'taken'
    this.#following = undefined
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
    open.add(message, directive, expiryMs, isLasting)
    if (open === this.#openBacklog && directive.plain)
      this.#publishers.add(message.publisher.clientId, this.#turn, this.#firstTurn)
    this.ledger.enterQueued(1)
    if (isLasting) this.#mayFollow(open, steadyMs)
    return 'taken'
  }

  /** One more of the publisher, in the same turn: of what is asked of others, everything stands as it stood for the one before. */
  #follows(message: LaneMessage, directive: Directive, steadyMs: number): boolean {
    const { view } = message
    const open = this.#following
    if (open === undefined || steadyMs !== this.#followingMs || view.messageExpiryInterval >= 0) return false
    if ((view.qos === 0) !== (open === this.#openQos0)) return false
    const bytes = view.end - view.start
    if (bytes > this.#bytesFree || this.#messagesFree <= 0 || !open.writer.extend(message, directive)) return false
    this.#bytesFree -= bytes
    this.#messagesFree -= 1
    open.lastExpiryMs = open.agedMs
    this.ledger.enterQueued(1)
    return true
  }

  #mayFollow(open: OpenBatch, steadyMs: number): void {
    const { byteLength, count } = open.writer
    const { bytesMax, countMax } = this.#limits
    this.#following = open
    this.#followingMs = steadyMs
    this.#bytesFree = Math.min(this.#batchBytesMax - byteLength, bytesMax - this.bytes)
    if (open === this.#openLive)
      this.#bytesFree = Math.min(this.#bytesFree, LIVE_BYTES_MAX - this.#shelf.live.bytes - byteLength)
    this.#messagesFree = Math.max(0, Math.min(this.#batchMessagesMaxOf(open) - count, countMax - this.count))
  }

  #batchMessagesMaxOf(open: OpenBatch): number {
    return open === this.#openBacklog ? this.#backlogMessagesMax : this.#batchMessagesMax
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
    if (this.#shelf.live.bytes + this.#openLive.writer.byteLength > LIVE_BYTES_MAX) return this.#openBacklog
    if (this.backlog > 0)
      return this.#publishers.isBehind(publisher.clientId, this.#firstTurn) ? this.#openBacklog : this.#openLive
    this.#publishers.clear()
    return this.#openLive
  }

  /** The first batch of the backlog that waits; the open one if there is none. */
  get #firstTurn(): number {
    return this.#shelf.backlog.first?.turn ?? this.#turn
  }

  /** Sees to it that the message has its place in the open batch. Returns why it can't have one. */
  #prepare(open: OpenBatch, message: LaneMessage, directive: Directive, steadyMs: number): DropReason | undefined {
    const { writer } = open
    let cost = writer.costOf(message, directive)
    const isOver =
      writer.byteLength + cost > this.#batchBytesMax ||
      writer.count >= this.#batchMessagesMaxOf(open) ||
      steadyMs - open.openedMs > this.#openMsMax
    if (isOver && writer.count > 0) {
      this.#seal(open)
      cost = writer.costOf(message, directive)
    }
    if (writer.count === 0) cost += writer.byteLength + BATCH_BYTES
    return this.#exceeds(cost, 1) ? this.#makeRoom(open, message, directive) : undefined
  }

  #exceeds(bytes: number, count: number): boolean {
    return this.bytes + bytes > this.#limits.bytesMax || this.count + count > this.#limits.countMax
  }

  #makeRoom({ writer }: OpenBatch, message: LaneMessage, directive: Directive): DropReason | undefined {
    const isQos0 = message.view.qos === 0 && directive.plain
    const refused = isQos0 ? 'shed_qos0' : 'queue_full'
    if (isQos0 && this.#overflow !== 'drop_oldest') return refused
    const { flying, again } = this.#shelf
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
    const batch = this.#shelf.qos0.first
    if (batch === undefined) return this.#dropOpen(this.#openQos0, 'shed_qos0')
    this.#shelf.drop(batch, 'shed_qos0')
    return true
  }

  /** Of all that never was sent. False if there is nothing. */
  #dropOldest(): boolean {
    if (this.#takenMessages?.dropOldest('queue_full', false)) return true
    const batch = older(this.#shelf.live.first, this.#shelf.backlog.first)
    if (batch !== undefined) {
      this.#shelf.drop(batch, 'queue_full')
      return true
    }
    return this.#dropOpen(this.#openLive, 'queue_full') || this.#dropOpen(this.#openBacklog, 'queue_full')
  }

  #dropNewest(): boolean {
    if (this.#dropOpen(this.#openBacklog, 'queue_full') || this.#dropOpen(this.#openLive, 'queue_full')) return true
    const batch = newer(this.#shelf.live.last, this.#shelf.backlog.last)
    if (batch === undefined) return this.#takenMessages?.dropOldest('queue_full', false) ?? false
    this.#shelf.drop(batch, 'queue_full')
    return true
  }

  #dropOpen(open: OpenBatch, reason: DropReason): boolean {
    this.#following = undefined
    const { messages } = open
    if (messages === 0) return false
    open.writer.clear()
    this.ledger.dropQueued(messages, reason)
    return true
  }

  /** Closes the open batches: when a keeper is to have them. Without one nobody need call it. */
  seal(): void {
    this.#seal(this.#openBacklog)
    this.#seal(this.#openLive)
    this.#seal(this.#openQos0)
  }

  /** @param goesNow whether it is launched at once: what may wait for long gets memory of its own */
  #seal(open: OpenBatch, goesNow = false): void {
    this.#following = undefined
    const { messages, agedMs, firstExpiryMs, lastExpiryMs, wallAheadMs, openedMs } = open
    if (messages === 0) return
    // A publisher's messages may stand in both, and those of lane 0 are older.
    if (open === this.#openBacklog) this.#seal(this.#openLive)
    const isQos0 = open === this.#openQos0
    const lane: 0 | 1 = open === this.#openBacklog ? 1 : 0
    const epoch = this.#epoch
    this.#lastId += messages
    const sequence = isQos0 ? 0 : (this.#lastSequences[lane] += messages)
    const writtenAtMs = Math.max(0, Math.trunc(openedMs + wallAheadMs))
    writeLinkHead(head, { epoch, lane, sequence, sentAtMs: writtenAtMs })
    const frame = open.writer.finishAfter(head, !goesNow)
    const { live, backlog, qos0, isKeeping } = this.#shelf
    const batch: BatchOrigin = {
      id: this.#lastId,
      frame,
      epoch,
      lane,
      sequence,
      messages,
      agedMs,
      firstExpiryMs,
      lastExpiryMs,
      writtenAtMs,
      wallAheadMs,
      isResent: false,
      isKept: isQos0 || !isKeeping,
      turn: this.#turn,
    }
    if (lane === 1) this.#turn += 1
    this.#shelf.add(batch, isQos0 ? qos0 : lane === 1 ? backlog : live)
  }

  /** @param frameBytesMax the longest frame that the connection takes, bytes: what is longer is cut in pieces */
  connected(frameBytesMax = Number.POSITIVE_INFINITY): void {
    this.#following = undefined
    this.#isConnected = true
    this.#frameBytesMax = frameBytesMax
    this.#shareLimits()
  }

  /** The connection is gone: what flew on it is to be sent again, first and in the same order. */
  disconnected(): void {
    this.#following = undefined
    this.#isConnected = false
    this.#frameBytesMax = Number.POSITIVE_INFINITY
    this.#shareLimits()
    this.#shelf.putBack()
  }

  /**
   * The batch that goes next over a native connection, flying from then on; one of QoS 0 is done with. To be marked (`markSent`).
   * @param mayDrain whether a batch of the backlog may go, which it does only if nothing else is there
   * @param mayNumber whether the window has room: else only QoS 0 goes
   */
  next(steadyMs: number, mayDrain: boolean, mayNumber = true): OutboxBatch | undefined {
    this.#following = undefined
    if (this.#isHeld) return undefined
    if (mayNumber) {
      const batch = this.#first(this.#shelf.again, steadyMs) ?? this.#firstLive(steadyMs)
      if (batch !== undefined) return this.#launch(batch)
    }
    const qos0 = this.#first(this.#shelf.qos0, steadyMs, this.#openQos0)
    if (qos0 !== undefined) return this.#shelf.launchQos0(qos0)
    const batch = mayNumber && mayDrain ? this.#firstOfBacklog(steadyMs) : undefined
    return batch === undefined ? undefined : this.#launch(batch)
  }

  #launch(batch: QueuedBatch): OutboxBatch {
    if (batch.epoch === this.#epoch) this.#hasFlown = true
    return this.#shelf.launch(batch)
  }

  /** The epoch of its batches, as long as none was handed out that has a number of it: nobody can have taken any. */
  get unusedEpoch(): number | undefined {
    return this.#hasFlown ? undefined : this.#epoch
  }

  #firstLive(steadyMs: number): QueuedBatch | undefined {
    // A number must not overtake a lower one, which may wait for the keeper.
    if (this.#shelf.again.first !== undefined || this.#isFlyingFull) return undefined
    return this.#first(this.#shelf.live, steadyMs, this.#openLive)
  }

  #firstOfBacklog(steadyMs: number): QueuedBatch | undefined {
    if (this.#shelf.again.first !== undefined || this.#isFlyingFull) return undefined
    if (this.#shelf.live.first !== undefined || this.#openLive.messages > 0) return undefined
    return this.#first(this.#shelf.backlog, steadyMs, this.#openBacklog)
  }

  /** Half of the outbox at most: else there would be nothing that may be dropped. */
  get #isFlyingFull(): boolean {
    const { bytes, messages } = this.#shelf.flying
    return bytes * 2 >= this.#limits.bytesMax || messages * 2 >= this.#limits.countMax
  }

  /** The first of a list that can go, or of what is open behind it; not expired, not too long. */
  #first(list: BatchList, steadyMs: number, open?: OpenBatch): QueuedBatch | undefined {
    const first = () => this.#shelf.first(list, steadyMs, this.#frameBytesMax)
    const batch = first()
    if (batch !== undefined || list.first !== undefined || open === undefined || open.messages === 0) return batch
    // What a keeper is to have is sealed when it asks for it.
    if (this.#shelf.isKeeping && open !== this.#openQos0) return undefined
    this.#seal(open, true)
    return first()
  }

  /** What became of a batch that flies. One that does not (any more) is left alone: a late answer changes nothing. */
  settle(batch: OutboxBatch, outcome: Outcome): void {
    if (!(batch instanceof QueuedBatch) || batch.place !== 'flying') return
    this.#shelf.settle(batch, outcome)
  }

  /**
   * The next batch, to be taken apart for a peer that knows none: the oldest, so that no publisher waits for others. It counts until
   * it is released.
   */
  take(steadyMs: number): OutboxBatch | undefined {
    this.#following = undefined
    if (this.#isHeld) return undefined
    const batch = this.#first(this.#shelf.again, steadyMs) ?? this.#firstOfAll(steadyMs)
    return batch === undefined ? undefined : this.#shelf.take(batch)
  }

  #firstOfAll(steadyMs: number): QueuedBatch | undefined {
    if (this.#shelf.again.first !== undefined) return this.#first(this.#shelf.qos0, steadyMs, this.#openQos0)
    const live = this.#first(this.#shelf.live, steadyMs, this.#openLive)
    const backlog = this.#first(this.#shelf.backlog, steadyMs, this.#openBacklog)
    // What the keeper has yet to get may be older than what it has.
    const isOvertaking =
      backlog !== undefined && this.#shelf.live.first !== undefined && this.#shelf.live.first.id < backlog.id
    const numbered = isOvertaking ? live : (backlog ?? live)
    return older(numbered, this.#first(this.#shelf.qos0, steadyMs, this.#openQos0))
  }

  /** So many messages of a batch that was taken are done with, of so many bytes. The ledger is the caller's business. */
  release(batch: OutboxBatch, messages: number, bytes: number): void {
    if (batch instanceof QueuedBatch && batch.place === 'taken') this.#shelf.release(batch, messages, bytes)
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

  #restore(kept: KeptBatch, steadyMs: number, wallMs: number): boolean {
    this.#following = undefined
    const found = readKeptBatch(kept, steadyMs, wallMs, this.#limits.ageMsMax)
    if (found === undefined || found.batch.epoch >= this.#epoch) return false
    for (const clientId of found.publishers) this.#publishers.add(clientId, this.#turn, this.#firstTurn)
    this.ledger.enterQueued(found.batch.messages)
    this.#shelf.add({ ...found.batch, turn: this.#turn }, this.#shelf.backlog)
    this.#turn += 1
    this.#lastId = Math.max(this.#lastId, kept.id)
    return true
  }

  /** Drops what has expired. Returns how many messages. There may be more at once (`nextExpiryMs`): that is left to another turn. */
  sweep(steadyMs: number): number {
    const before = this.count
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0])
      if (open.firstExpiryMs <= steadyMs) this.#seal(open)
    this.#shelf.sweep(steadyMs)
    return before - this.count
  }

  /** Other limits. They hold at once for bytes and count; the age holds for what comes from now on. */
  limit(limits: OutboxLimits, overflow: OverflowPolicy): void {
    this.#following = undefined
    this.#limits = limits
    this.#overflow = overflow
    this.#shareLimits()
    this.#keepLimits()
  }

  #shareLimits(): void {
    const { bytesMax, countMax, ageMsMax } = this.#limits
    this.#publishers.limit(bytesMax / PUBLISHERS_SHARE)
    this.#batchBytesMax = Math.min(BATCH_BYTES_MAX, bytesMax / BATCH_SHARE, this.#frameBytesMax)
    this.#batchMessagesMax = Math.min(BATCH_MESSAGES_MAX, countMax / BATCH_SHARE)
    this.#backlogMessagesMax = Math.min(BACKLOG_MESSAGES_MAX, this.#batchMessagesMax)
    this.#openMsMax = Math.min(OPEN_MS_MAX, ageMsMax / BATCH_SHARE)
  }

  #keepLimits(): void {
    while (this.#exceeds(0, 0)) {
      if (this.#shedQos0()) continue
      if (this.#overflow === 'drop_oldest' ? !this.#dropOldest() : !this.#dropNewest()) return
    }
  }

  /** The first so many messages of the batches that fly or wait, in the order in which they go. Those taken apart are elsewhere. */
  peek(limit: number): PeekedMessage[] {
    this.seal()
    const { flying, again, live, qos0, backlog } = this.#shelf
    return peekBatches([flying, again, live, qos0, backlog], limit)
  }

  /** Where each lane stands. Messages of QoS 0 are in none, and those taken apart for a peer that knows no lanes wait in none. */
  lanes(): LaneStanding[] {
    const { flying, again, live, backlog } = this.#shelf
    const unacknowledged: [number, number] = [0, 0]
    for (const list of [flying, again])
      for (let batch = list.first; batch !== undefined; batch = batch.next) unacknowledged[batch.lane] += batch.messages
    const waiting = [live.messages + this.#openLive.messages, backlog.messages + this.#openBacklog.messages] as const
    return ([0, 1] as const).map((lane) => ({
      lane,
      epoch: this.#epoch,
      sequence: this.#lastSequences[lane],
      unacknowledged: unacknowledged[lane],
      waiting: waiting[lane],
    }))
  }

  /** What `purge` is to be told, so that it gives up what waits now and not what comes while it goes on. */
  beginPurge(): number {
    this.seal()
    return this.#lastId
  }

  /**
   * Gives up what waits, up to that mark: so many batches at most, or messages of those that were taken apart. What flies is let be.
   * Returns whether there may be more.
   */
  purge(upToId: number, batchesMax: number): boolean {
    this.#following = undefined
    let left = batchesMax
    while (left > 0 && this.#takenMessages?.dropOldest('purged', false) === true) left -= 1
    // From the end: what follows one that is given up would have to be kept anew. The backlog may follow all others.
    const { again, live, backlog, qos0 } = this.#shelf
    for (const list of [qos0, backlog, live, again])
      for (let batch = list.last; batch !== undefined && left > 0;) {
        const { previous } = batch
        if (batch.id <= upToId) {
          this.#shelf.drop(batch, 'purged')
          left -= 1
        }
        batch = previous
      }
    return left === 0
  }

  /** The link is gone, and with it every message that waits or flies. */
  clear(): void {
    this.#following = undefined
    for (const open of [this.#openLive, this.#openBacklog, this.#openQos0]) open.writer.clear()
    this.#shelf.clear()
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
