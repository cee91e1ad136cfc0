/** The messages that wait to cross one link. It belongs to the link, not to a connection: it outlives reconnects and edits. */
import type { Directive, LaneMessage } from './batch-writer.ts'
import { Ledger, type DropReason, type Outcome } from './ledger.ts'
import type { BatchKeeper, KeptBatch, OutboxBatch } from './outbox-batch.ts'

export type OutboxLimits = {
  /** All that waits or flies, bytes of memory, roughly. */
  readonly bytesMax: number
  readonly countMax: number
  /** How long a message may wait, milliseconds; `Infinity` for as long as its own expiry allows. */
  readonly ageMsMax: number
}

export type OverflowPolicy = 'drop_oldest' | 'drop_newest' | 'backpressure'

export type OutboxOptions = {
  /** Above that of every outbox that this node had for this link before. */
  readonly epoch: number
  readonly limits: OutboxLimits
  readonly overflow: OverflowPolicy
  /** Of a durable link: nothing of QoS 1 and 2 is launched before it is kept. */
  readonly keeper?: BatchKeeper
  readonly ledger?: Ledger
}

/** Who unpacks batches that were taken: messages that still wait there can be given up one by one. */
export interface TakenMessages {
  /** Gives up the oldest that waits, of QoS 0 alone if asked so. False if there is none. */
  dropOldest(reason: DropReason, qos0Only: boolean): boolean
  /** Forgets all, counting nothing: the outbox did. */
  clear(): void
}

export class Outbox {
  readonly ledger: Ledger

  constructor(options: OutboxOptions) {
    this.ledger = options.ledger ?? new Ledger()
  }

  /** Takes a message that matched; its bytes are copied. `not_ours`: it came over a link, and is not counted. */
  accept(
    _message: LaneMessage,
    _directive: Directive,
    _steadyMs: number,
    _wallMs: number,
  ): 'taken' | 'not_ours' | DropReason {
    return 'queue_full'
  }

  /** Closes the open batches: at the end of the turn in which a keeper is to have them. Without a keeper nobody need call it. */
  seal(_steadyMs: number): void {}

  /** Whether a batch is open that `seal` would close. */
  get hasOpen(): boolean {
    return false
  }

  get isConnected(): boolean {
    return false
  }

  /** @param frameBytesMax the largest frame that the connection takes, bytes; what is longer is cut in pieces */
  connected(_frameBytesMax = Number.POSITIVE_INFINITY): void {}

  /** All that flies is to be sent again first. */
  disconnected(): void {}

  /**
   * The batch that goes next over a native connection, flying from then on; one of QoS 0 is done with.
   * @param mayDrain whether a batch of the backlog may go
   * @param mayNumber whether the window has room: else only QoS 0 goes
   */
  next(_steadyMs: number, _mayDrain: boolean, _mayNumber = true): OutboxBatch | undefined {
    return undefined
  }

  /** What became of a batch that flies. One that does not (any more) is left alone. */
  settle(_batch: OutboxBatch, _outcome: Outcome): void {}

  /** The next batch, to be unpacked for a connection that is not native; oldest first. It stays counted until it is released. */
  take(_steadyMs: number): OutboxBatch | undefined {
    return undefined
  }

  /** So many messages of a batch that was taken are done with, of so many bytes. The ledger is the caller's business. */
  release(_batch: OutboxBatch, _messages: number, _bytes: number): void {}

  /** Who has the messages of taken batches. */
  takenBy(_messages: TakenMessages | undefined): void {}

  /** The keeper has it on the disk. */
  kept(_batch: OutboxBatch): void {}

  /** Takes back what was found on the disk, in order; before anything is accepted. Returns those that can't be read: not taken, not counted. */
  restore(_batches: readonly KeptBatch[], _steadyMs: number, _wallMs: number): KeptBatch[] {
    return []
  }

  /** Drops what has expired. Returns how many messages; there may be more at once (`nextExpiryMs`), which is left to the next turn. */
  sweep(_steadyMs: number): number {
    return 0
  }

  /** When a waiting message expires next, by the steady clock; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    return Number.POSITIVE_INFINITY
  }

  /** Other limits. They hold at once for bytes and count; the age holds for what comes from now on. */
  limit(_limits: OutboxLimits, _overflow: OverflowPolicy): void {}

  /** The link is gone, and with it every message that waits or flies. */
  clear(): void {}

  /** How full it is by the limit that is nearest, 0 to 1. */
  get fill(): number {
    return 0
  }

  get bytes(): number {
    return 0
  }

  /** Messages that wait or fly. */
  get count(): number {
    return 0
  }

  /** Messages that `next` or `take` will hand out, those that are to be sent again included. */
  get waiting(): number {
    return 0
  }

  /** Those of them that wait behind live ones. */
  get backlog(): number {
    return 0
  }

  /** Under `backpressure`: publishers are to wait until it is not any more. */
  get isFull(): boolean {
    return false
  }
}
