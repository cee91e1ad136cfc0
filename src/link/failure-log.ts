/** What the log is told of a link's failures: the same one again is of no news to anybody. */
import type { LinkFailure } from './link-failure.ts'
import type { LinkLog } from './link-log.ts'
import type { InboundFact } from './status.ts'

/** Different failures of one connection in a row that are worth a line each: a peer that is away fails in two ways or three. */
const failuresLoggedMax = 8

export class FailureLog {
  readonly #link: string
  readonly #log: LinkLog
  readonly #inbound: () => InboundFact
  /** The failures that were logged since the last success, by who had them. */
  readonly #logged = new Map<string, Set<string>>()
  /** Why the peer is not spoken to in our own dialect, as it was logged last. */
  #disagreement: string | undefined

  constructor(link: string, log: LinkLog, inbound: () => InboundFact) {
    this.#link = link
    this.#log = log
    this.#inbound = inbound
  }

  /** It has succeeded: the next failure is news. */
  succeeded(who: string): void {
    this.#logged.delete(who)
  }

  /** Whether it has failed since its last success. */
  isFailing(who: string): boolean {
    return this.#logged.has(who)
  }

  /** A peer that is away all night is one line, not thousands. */
  failed(who: string, event: string, fields: object, { cause, reason, reasonCode, logLevel }: LinkFailure): void {
    const known = this.#logged.get(who) ?? new Set()
    const again = known.has(reason) || known.size >= failuresLoggedMax
    if (!again) this.#logged.set(who, known.add(reason))
    // That a peer which took its leave is not to be reached is what it said.
    const level = again ? 'debug' : this.#inbound().state === 'left' ? 'info' : logLevel
    this.#log[level]({ link: this.#link, ...fields, cause, reason, reason_code: reasonCode }, event)
  }

  /** The peer is not spoken to in our own dialect. */
  disagreed(reason: string): void {
    if (this.#disagreement === reason) return
    this.#disagreement = reason
    this.#log.warn({ link: this.#link, reason }, 'cluster_link_not_native')
  }
}
