/** Which batch of an outbox goes next: over a native connection with its number, or to be taken apart for a peer that knows none. */
import { type BatchList, older, type QueuedBatch } from './batch-list.ts'
import type { BatchShelf } from './batch-shelf.ts'
import type { OpenBatch } from './open-batch.ts'
import type { OpenBatches } from './open-batches.ts'
import type { OutboxBatch } from './outbox-batch.ts'
import type { OutboxLimits } from './outbox-limits.ts'

export class Departures {
  limits: OutboxLimits
  /** The longest frame that the connection takes, bytes: what is longer is cut in pieces. */
  frameBytesMax = Number.POSITIVE_INFINITY
  readonly #shelf: BatchShelf
  readonly #open: OpenBatches
  /** A batch with a number of this epoch was handed out. */
  #hasFlown = false

  constructor(shelf: BatchShelf, open: OpenBatches, limits: OutboxLimits) {
    this.#shelf = shelf
    this.#open = open
    this.limits = limits
  }

  /** See `Outbox.next`. */
  next(steadyMs: number, mayDrain: boolean, mayNumber: boolean): OutboxBatch | undefined {
    if (mayNumber) {
      const batch = this.#first(this.#shelf.again, steadyMs) ?? this.#firstLive(steadyMs)
      if (batch !== undefined) return this.#launch(batch)
    }
    const qos0 = this.#first(this.#shelf.qos0, steadyMs, this.#open.qos0)
    if (qos0 !== undefined) return this.#shelf.launchQos0(qos0)
    const batch = mayNumber && mayDrain ? this.#firstOfBacklog(steadyMs) : undefined
    return batch === undefined ? undefined : this.#launch(batch)
  }

  #launch(batch: QueuedBatch): OutboxBatch {
    if (batch.epoch === this.#open.epoch) this.#hasFlown = true
    return this.#shelf.launch(batch)
  }

  /** See `Outbox.unusedEpoch`. */
  get unusedEpoch(): number | undefined {
    return this.#hasFlown ? undefined : this.#open.epoch
  }

  #firstLive(steadyMs: number): QueuedBatch | undefined {
    // A number must not overtake a lower one, which may wait for the keeper.
    if (this.#shelf.again.first !== undefined || this.#isFlyingFull) return undefined
    return this.#first(this.#shelf.live, steadyMs, this.#open.live)
  }

  #firstOfBacklog(steadyMs: number): QueuedBatch | undefined {
    if (this.#shelf.again.first !== undefined || this.#isFlyingFull) return undefined
    if (this.#shelf.live.first !== undefined || this.#open.live.messages > 0) return undefined
    return this.#first(this.#shelf.backlog, steadyMs, this.#open.backlog)
  }

  /** Half of the outbox at most: else there would be nothing that may be dropped. */
  get #isFlyingFull(): boolean {
    const { bytes, messages } = this.#shelf.flying
    return bytes * 2 >= this.limits.bytesMax || messages * 2 >= this.limits.countMax
  }

  /** The first of a list that can go, or of what is open behind it; not expired, not too long. */
  #first(list: BatchList, steadyMs: number, open?: OpenBatch): QueuedBatch | undefined {
    const batch = this.#shelf.first(list, steadyMs, this.frameBytesMax)
    if (batch !== undefined || list.first !== undefined || open === undefined || open.messages === 0) return batch
    // What a keeper is to have is sealed when it asks for it.
    if (this.#shelf.isKeeping && open !== this.#open.qos0) return undefined
    this.#open.seal(open, true)
    return this.#shelf.first(list, steadyMs, this.frameBytesMax)
  }

  /** See `Outbox.take`. */
  take(steadyMs: number): OutboxBatch | undefined {
    const batch = this.#first(this.#shelf.again, steadyMs) ?? this.#firstOfAll(steadyMs)
    return batch === undefined ? undefined : this.#shelf.take(batch)
  }

  #firstOfAll(steadyMs: number): QueuedBatch | undefined {
    if (this.#shelf.again.first !== undefined) return this.#first(this.#shelf.qos0, steadyMs, this.#open.qos0)
    const live = this.#first(this.#shelf.live, steadyMs, this.#open.live)
    const backlog = this.#first(this.#shelf.backlog, steadyMs, this.#open.backlog)
    // What the keeper has yet to get may be older than what it has.
    const isOvertaking =
      backlog !== undefined && this.#shelf.live.first !== undefined && this.#shelf.live.first.id < backlog.id
    const numbered = isOvertaking ? live : (backlog ?? live)
    return older(numbered, this.#first(this.#shelf.qos0, steadyMs, this.#open.qos0))
  }
}
