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
import { BATCH_BYTES, QueuedBatch } from './batch-list.ts'
import { BatchShelf } from './batch-shelf.ts'
import { Departures } from './departures.ts'
import type { Directive, LaneMessage } from '../batches/batch-writer.ts'
import { Ledger, type DropReason, type Outcome } from '../ledger.ts'
import type { OpenBatch } from './open-batch.ts'
import { OpenBatches } from './open-batches.ts'
import type { BatchKeeper, KeptBatch, OutboxBatch } from './outbox-batch.ts'
import { type OutboxLimits, type OverflowPolicy, PUBLISHERS_WAIT_FILL } from './outbox-limits.ts'
import { Overflow, type TakenMessages } from './overflow.ts'
import { type PeekedMessage, peekBatches } from './peek.ts'
import { readKeptBatch } from '../batches/read-kept-batch.ts'
import { WaitingPublishers } from './waiting-publishers.ts'

export type OutboxOptions = {
  /** Above that of every outbox that this node had for this link before. */
  readonly epoch: number
  readonly limits: OutboxLimits
  readonly overflow: OverflowPolicy
  /** Of a durable link: nothing of QoS 1 and 2 is launched before it is kept. */
  readonly keeper?: BatchKeeper | undefined
  readonly ledger?: Ledger
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

export class Outbox {
  readonly ledger: Ledger
  #limits: OutboxLimits
  #isConnected = false
  #isHeld = false
  #batchBytesMax = 0
  #batchMessagesMax = 0
  #backlogMessagesMax = 0
  #openMsMax = 0

  readonly #shelf: BatchShelf
  readonly #open: OpenBatches
  readonly #departures: Departures
  readonly #overflow: Overflow
  /** Those of them, where each message looks. */
  readonly #openLive: OpenBatch
  readonly #openBacklog: OpenBatch
  readonly #openQos0: OpenBatch
  readonly #publishers = new WaitingPublishers()
  /** Where the last message went, if the next one of its publisher may follow there without a second look: nothing else has happened. */
  #following: OpenBatch | undefined
  #followingMs = 0
  /** How many bytes and messages may follow. */
  #bytesFree = 0
  #messagesFree = 0

  constructor({ epoch, limits, overflow, keeper, ledger = new Ledger() }: OutboxOptions) {
    this.ledger = ledger
    const shelf = new BatchShelf(ledger, keeper)
    const open = new OpenBatches(epoch, shelf)
    this.#shelf = shelf
    this.#open = open
    this.#openLive = open.live
    this.#openBacklog = open.backlog
    this.#openQos0 = open.qos0
    this.#departures = new Departures(shelf, open, limits)
    this.#overflow = new Overflow({ shelf, open, ledger, limits, policy: overflow })
    this.#limits = limits
    this.#shareLimits()
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get bytes(): number {
    return this.#shelf.bytes + this.#open.bytes
  }

  /** Messages that wait or fly. */
  get count(): number {
    return this.#shelf.messages + this.#open.messages
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
    return this.#overflow.policy === 'backpressure' && this.fill >= PUBLISHERS_WAIT_FILL
  }

  /** Whether a batch is open that `seal` would close. */
  get hasOpen(): boolean {
    return this.#open.messages > 0
  }

  /** When the first came of those that wait or fly, by the steady clock, as it was before it was kept; `undefined` if there is none. */
  get oldestMs(): number | undefined {
    const [sealedMs, openMs] = [this.#shelf.oldestMs, this.#open.oldestMs]
    return sealedMs === undefined || openMs === undefined ? (sealedMs ?? openMs) : Math.min(sealedMs, openMs)
  }

  /** When a waiting message expires next, by the steady clock; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    return Math.min(this.#shelf.nextExpiryMs, this.#open.nextExpiryMs)
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
      this.#publishers.add(message.publisher.clientId, this.#open.turn, this.#firstTurn)
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
    return this.#shelf.backlog.first?.turn ?? this.#open.turn
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
      this.#open.seal(open)
      cost = writer.costOf(message, directive)
    }
    if (writer.count === 0) cost += writer.byteLength + BATCH_BYTES
    return this.#overflow.isAt(cost, 1) ? this.#overflow.makeRoom(open, message, directive) : undefined
  }

  /** Closes the open batches: when a keeper is to have them. Without one nobody need call it. */
  seal(): void {
    this.#following = undefined
    this.#open.sealAll()
  }

  /** @param frameBytesMax the longest frame that the connection takes, bytes: what is longer is cut in pieces */
  connected(frameBytesMax = Number.POSITIVE_INFINITY): void {
    this.#following = undefined
    this.#isConnected = true
    this.#departures.frameBytesMax = frameBytesMax
    this.#shareLimits()
  }

  /** The connection is gone: what flew on it is to be sent again, first and in the same order. */
  disconnected(): void {
    this.#following = undefined
    this.#isConnected = false
    this.#departures.frameBytesMax = Number.POSITIVE_INFINITY
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
    return this.#isHeld ? undefined : this.#departures.next(steadyMs, mayDrain, mayNumber)
  }

  /** The epoch of its batches, as long as none was handed out that has a number of it: nobody can have taken any. */
  get unusedEpoch(): number | undefined {
    return this.#departures.unusedEpoch
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
    return this.#isHeld ? undefined : this.#departures.take(steadyMs)
  }

  /** So many messages of a batch that was taken are done with, of so many bytes. The ledger is the caller's business. */
  release(batch: OutboxBatch, messages: number, bytes: number): void {
    if (batch instanceof QueuedBatch && batch.place === 'taken') this.#shelf.release(batch, messages, bytes)
  }

  /** Who has the messages of the batches that are taken. */
  takenBy(messages: TakenMessages | undefined): void {
    this.#overflow.takenMessages = messages
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
    this.#overflow.keepLimits()
    return refused
  }

  #restore(kept: KeptBatch, steadyMs: number, wallMs: number): boolean {
    this.#following = undefined
    const found = readKeptBatch(kept, steadyMs, wallMs, this.#limits.ageMsMax)
    if (found === undefined || found.batch.epoch >= this.#open.epoch) return false
    for (const clientId of found.publishers) this.#publishers.add(clientId, this.#open.turn, this.#firstTurn)
    this.ledger.enterQueued(found.batch.messages)
    this.#open.restore(found.batch)
    return true
  }

  /** Drops what has expired. Returns how many messages. There may be more at once (`nextExpiryMs`): that is left to another turn. */
  sweep(steadyMs: number): number {
    this.#following = undefined
    const before = this.count
    this.#open.sealExpired(steadyMs)
    this.#shelf.sweep(steadyMs)
    return before - this.count
  }

  /** Other limits. They hold at once for bytes and count; the age holds for what comes from now on. */
  limit(limits: OutboxLimits, overflow: OverflowPolicy): void {
    this.#following = undefined
    this.#limits = limits
    this.#departures.limits = limits
    this.#overflow.limits = limits
    this.#overflow.policy = overflow
    this.#shareLimits()
    this.#overflow.keepLimits()
  }

  #shareLimits(): void {
    const { bytesMax, countMax, ageMsMax } = this.#limits
    this.#publishers.limit(bytesMax / PUBLISHERS_SHARE)
    this.#batchBytesMax = Math.min(BATCH_BYTES_MAX, bytesMax / BATCH_SHARE, this.#departures.frameBytesMax)
    this.#batchMessagesMax = Math.min(BATCH_MESSAGES_MAX, countMax / BATCH_SHARE)
    this.#backlogMessagesMax = Math.min(BACKLOG_MESSAGES_MAX, this.#batchMessagesMax)
    this.#openMsMax = Math.min(OPEN_MS_MAX, ageMsMax / BATCH_SHARE)
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
      epoch: this.#open.epoch,
      sequence: this.#open.lastSequences[lane],
      unacknowledged: unacknowledged[lane],
      waiting: waiting[lane],
    }))
  }

  /** What `purge` is to be told, so that it gives up what waits now and not what comes while it goes on. */
  beginPurge(): number {
    this.seal()
    return this.#open.lastId
  }

  /**
   * Gives up what waits, up to that mark: so many batches at most, or messages of those that were taken apart. What flies is let be.
   * Returns whether there may be more.
   */
  purge(upToId: number, batchesMax: number): boolean {
    this.#following = undefined
    return this.#overflow.purge(upToId, batchesMax)
  }

  /** The link is gone, and with it every message that waits or flies. */
  clear(): void {
    this.#following = undefined
    this.#open.clear()
    this.#shelf.clear()
    this.#publishers.clear()
    this.#overflow.takenMessages?.clear()
    this.ledger.dropAll('link_removed')
  }
}
