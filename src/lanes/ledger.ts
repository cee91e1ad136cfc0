/**
 * Where every message that entered a link stands: in exactly one place, at every instant.
 *
 *     matched = delivered + inflight + queued + dropped(reason) + failed(reason)
 *
 * A message enters once and then only moves, so the sum holds by construction. They move by whole batches. Not a log: the counters are all there is.
 */

export type DropReason = 'queue_full' | 'expired' | 'too_large' | 'link_removed' | 'shed_qos0' | 'purged'
/** The reason code (MQTT 5) with which the peer refused it, in hexadecimal: `refused_by_peer(0x97)`. */
export type FailReason = `refused_by_peer(${string})`

export type Outcome =
  | { readonly type: 'delivered' }
  | { readonly type: 'dropped'; readonly reason: DropReason }
  | { readonly type: 'failed'; readonly reason: FailReason }

export type LedgerSnapshot = {
  readonly matched: number
  readonly delivered: number
  readonly inflight: number
  readonly queued: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  readonly failed: Readonly<Partial<Record<FailReason, number>>>
  /** Times that a message went back into the queue after its connection was lost. Stands beside the sum. */
  readonly retried: number
}

export function refusedByPeer(reasonCode: number): FailReason {
  return `refused_by_peer(0x${reasonCode.toString(16).padStart(2, '0')})`
}

export class Ledger {
  #matched = 0
  #delivered = 0
  #inflight = 0
  #queued = 0
  #retried = 0
  #dropped: Partial<Record<DropReason, number>> = {}
  #failed: Partial<Record<FailReason, number>> = {}

  /** @param kept from before a restart. What waited or flew then enters anew, as far as it was found again (`Outbox.restore`) */
  constructor(kept?: LedgerSnapshot) {
    if (kept === undefined) return
    this.#delivered = kept.delivered
    this.#retried = kept.retried
    this.#dropped = { ...kept.dropped }
    this.#failed = { ...kept.failed }
    this.#matched = kept.delivered + total(kept.dropped) + total(kept.failed)
  }

  get queued(): number {
    return this.#queued
  }

  get inflight(): number {
    return this.#inflight
  }

  /** So many messages matched a route of the peer and wait to cross. */
  enterQueued(count: number): void {
    this.#matched += count
    this.#queued += count
  }

  /** They matched a route of the peer and were given up before they were ever queued. */
  enterDropped(count: number, reason: DropReason): void {
    this.#matched += count
    this.#drop(count, reason)
  }

  /** From the queue to a connection. */
  send(count: number): void {
    this.#queued -= count
    this.#inflight += count
  }

  /** From a lost connection back to the queue. */
  putBack(count: number): void {
    this.#inflight -= count
    this.#queued += count
    this.#retried += count
  }

  dropQueued(count: number, reason: DropReason): void {
    this.#queued -= count
    this.#drop(count, reason)
  }

  /** What became of so many messages in flight. */
  settle(count: number, outcome: Outcome): void {
    this.#inflight -= count
    switch (outcome.type) {
      case 'delivered':
        this.#delivered += count
        return
      case 'dropped':
        return this.#drop(count, outcome.reason)
      case 'failed':
        this.#failed[outcome.reason] = (this.#failed[outcome.reason] ?? 0) + count
    }
  }

  /** Gives up all that waits or flies. */
  dropAll(reason: DropReason): void {
    const count = this.#queued + this.#inflight
    this.#queued = 0
    this.#inflight = 0
    if (count > 0) this.#drop(count, reason)
  }

  /** Forgets what is over; what still waits or flies stays, and is what has matched from now on. */
  reset(): void {
    this.#delivered = 0
    this.#retried = 0
    this.#dropped = {}
    this.#failed = {}
    this.#matched = this.#queued + this.#inflight
  }

  snapshot(): LedgerSnapshot {
    return {
      matched: this.#matched,
      delivered: this.#delivered,
      inflight: this.#inflight,
      queued: this.#queued,
      dropped: { ...this.#dropped },
      failed: { ...this.#failed },
      retried: this.#retried,
    }
  }

  #drop(count: number, reason: DropReason): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count
  }
}

/** What the ledger lacks or has too much; 0 when it balances. */
export function imbalance({ matched, delivered, inflight, queued, dropped, failed }: LedgerSnapshot): number {
  return matched - (delivered + inflight + queued + total(dropped) + total(failed))
}

/** How many there are under all reasons together. */
export function total(counts: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(counts).reduce<number>((sum, count) => sum + (count ?? 0), 0)
}
