/**
 * Where every message that a peer sent us stands: in exactly one place.
 *
 *     received = accepted + duplicate + not_in_topics + link_disabled + malformed
 */

export type InboundRefusal = 'duplicate' | 'not_in_topics' | 'link_disabled' | 'malformed'

export type InboundLedgerSnapshot = { readonly received: number; readonly accepted: number } & Readonly<
  Record<InboundRefusal, number>
>

export class InboundLedger {
  #accepted = 0
  #refused: Record<InboundRefusal, number> = noRefusals()

  /** The message was handed to the broker, whether anybody here wanted it or not. */
  accept(): void {
    this.#accepted += 1
  }

  refuse(reason: InboundRefusal): void {
    this.#refused[reason] += 1
  }

  reset(): void {
    this.#accepted = 0
    this.#refused = noRefusals()
  }

  /** `received` is the sum by construction: there is no way in but the two above. */
  snapshot(): InboundLedgerSnapshot {
    const { duplicate, not_in_topics, link_disabled, malformed } = this.#refused
    const received = this.#accepted + duplicate + not_in_topics + link_disabled + malformed
    return { received, accepted: this.#accepted, ...this.#refused }
  }
}

function noRefusals(): Record<InboundRefusal, number> {
  return { duplicate: 0, not_in_topics: 0, link_disabled: 0, malformed: 0 }
}
