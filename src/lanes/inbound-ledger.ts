/**
 * Where every message that a peer sent us stands: in exactly one place.
 *
 *     received = accepted + duplicate + not_in_topics + link_disabled + malformed
 */

export type InboundRefusal = 'duplicate' | 'not_in_topics' | 'link_disabled' | 'malformed'

export type InboundLedgerSnapshot = {
  readonly received: number
  readonly accepted: number
  /** Of those received: they may have come before, to a node that can't be asked any more. Beside the sum. */
  readonly maybe_duplicate: number
} & Readonly<Record<InboundRefusal, number>>

export class InboundLedger {
  #accepted: number
  #maybeDuplicate: number
  #refused: Record<InboundRefusal, number>

  /** @param kept from before a restart; what it does not name is 0 */
  constructor(kept: Partial<InboundLedgerSnapshot> = {}) {
    this.#accepted = kept.accepted ?? 0
    this.#maybeDuplicate = kept.maybe_duplicate ?? 0
    const { duplicate = 0, not_in_topics = 0, link_disabled = 0, malformed = 0 } = kept
    this.#refused = { duplicate, not_in_topics, link_disabled, malformed }
  }

  /** The message was handed to the broker, whether anybody here wanted it or not. */
  accept(count = 1): void {
    this.#accepted += count
  }

  refuse(reason: InboundRefusal, count = 1): void {
    this.#refused[reason] += count
  }

  /** So many of those that are received may have come before. */
  maybeDuplicate(count: number): void {
    this.#maybeDuplicate += count
  }

  reset(): void {
    this.#accepted = 0
    this.#maybeDuplicate = 0
    this.#refused = noRefusals()
  }

  /** `received` is the sum by construction: there is no way in but the two above. */
  snapshot(): InboundLedgerSnapshot {
    const { duplicate, not_in_topics, link_disabled, malformed } = this.#refused
    const received = this.#accepted + duplicate + not_in_topics + link_disabled + malformed
    return { received, accepted: this.#accepted, maybe_duplicate: this.#maybeDuplicate, ...this.#refused }
  }
}

function noRefusals(): Record<InboundRefusal, number> {
  return { duplicate: 0, not_in_topics: 0, link_disabled: 0, malformed: 0 }
}
