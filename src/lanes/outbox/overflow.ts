/** What a full outbox gives up: QoS 0 first, then what its policy says. What flies is never given up, for it may have arrived. */
import type { Directive, LaneMessage } from '../batches/batch-writer.ts'
import type { DropReason, Ledger } from '../ledger.ts'
import { BATCH_BYTES, newer, older } from './batch-list.ts'
import type { BatchShelf } from './batch-shelf.ts'
import type { OpenBatch } from './open-batch.ts'
import type { OpenBatches } from './open-batches.ts'
import type { OutboxLimits, OverflowPolicy } from './outbox-limits.ts'

/** Who takes apart the batches that were taken: messages that still wait there can be given up one by one. */
export interface TakenMessages {
  /** Gives up the oldest that waits, of QoS 0 alone if asked so. False if there is none. */
  dropOldest(reason: DropReason, qos0Only: boolean): boolean
  /** Forgets all, counting nothing: the outbox did. */
  clear(): void
}

export type OverflowOptions = {
  readonly shelf: BatchShelf
  readonly open: OpenBatches
  readonly ledger: Ledger
  readonly limits: OutboxLimits
  readonly policy: OverflowPolicy
}

export class Overflow {
  limits: OutboxLimits
  policy: OverflowPolicy
  takenMessages: TakenMessages | undefined
  readonly #shelf: BatchShelf
  readonly #open: OpenBatches
  readonly #ledger: Ledger

  constructor({ shelf, open, ledger, limits, policy }: OverflowOptions) {
    this.#shelf = shelf
    this.#open = open
    this.#ledger = ledger
    this.limits = limits
    this.policy = policy
  }

  /** Whether there would be too much with so much more. */
  isAt(bytes: number, count: number): boolean {
    const { bytesMax, countMax } = this.limits
    return (
      this.#shelf.bytes + this.#open.bytes + bytes > bytesMax ||
      this.#shelf.messages + this.#open.messages + count > countMax
    )
  }

  /** Gives up what has to go for a message. Returns why that one is refused instead, if it is. */
  makeRoom({ writer }: OpenBatch, message: LaneMessage, directive: Directive): DropReason | undefined {
    const isQos0 = message.view.qos === 0 && directive.plain
    const refused = isQos0 ? 'shed_qos0' : 'queue_full'
    if (isQos0 && this.policy !== 'drop_oldest') return refused
    const { flying, again } = this.#shelf
    const alone = writer.costAlone(message, directive) + BATCH_BYTES
    // Whatever may be dropped would not be enough.
    if (flying.bytes + again.bytes + alone > this.limits.bytesMax) return refused
    if (flying.messages + again.messages + 1 > this.limits.countMax) return refused
    for (;;) {
      // The batch that it was to continue may be gone.
      const cost = writer.costOf(message, directive) + (writer.count === 0 ? writer.byteLength + BATCH_BYTES : 0)
      if (!this.isAt(cost, 1)) return undefined
      if (this.#shedQos0()) continue
      if (isQos0 || this.policy !== 'drop_oldest' || !this.#dropOldest()) return refused
    }
  }

  /** Gives up what is too much by the limits as they are now. */
  keepLimits(): void {
    while (this.isAt(0, 0)) {
      if (this.#shedQos0()) continue
      if (this.policy === 'drop_oldest' ? !this.#dropOldest() : !this.#dropNewest()) return
    }
  }

  /** False if there is none. */
  #shedQos0(): boolean {
    if (this.takenMessages?.dropOldest('shed_qos0', true)) return true
    const batch = this.#shelf.qos0.first
    if (batch === undefined) return this.#dropOpen(this.#open.qos0, 'shed_qos0')
    this.#shelf.drop(batch, 'shed_qos0')
    return true
  }

  /** Of all that never was sent. False if there is nothing. */
  #dropOldest(): boolean {
    if (this.takenMessages?.dropOldest('queue_full', false)) return true
    const batch = older(this.#shelf.live.first, this.#shelf.backlog.first)
    if (batch !== undefined) {
      this.#shelf.drop(batch, 'queue_full')
      return true
    }
    return this.#dropOpen(this.#open.live, 'queue_full') || this.#dropOpen(this.#open.backlog, 'queue_full')
  }

  #dropNewest(): boolean {
    if (this.#dropOpen(this.#open.backlog, 'queue_full') || this.#dropOpen(this.#open.live, 'queue_full')) return true
    const batch = newer(this.#shelf.live.last, this.#shelf.backlog.last)
    if (batch === undefined) return this.takenMessages?.dropOldest('queue_full', false) ?? false
    this.#shelf.drop(batch, 'queue_full')
    return true
  }

  #dropOpen(open: OpenBatch, reason: DropReason): boolean {
    const { messages } = open
    if (messages === 0) return false
    open.writer.clear()
    this.#ledger.dropQueued(messages, reason)
    return true
  }

  /** See `Outbox.purge`. */
  purge(upToId: number, batchesMax: number): boolean {
    let left = batchesMax
    while (left > 0 && this.takenMessages?.dropOldest('purged', false) === true) left -= 1
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
}
