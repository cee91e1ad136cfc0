/** Connections that a listener turned away: all are counted, and the log gets a line now and then, not one each. */
import type { Logger } from '../logger.ts'

export type RefusalReason =
  | 'access_rules'
  | 'max_connections'
  | 'max_conn_rate'
  | 'proxy_protocol'
  | 'tls_handshake'
  | 'websocket_handshake'
  /** Of any of these handshakes. */
  | 'handshake_timeout'

/** Between two lines of one listener, milliseconds. */
const LOG_MS = 10_000

export class Refusals {
  readonly #listener: string
  readonly #log: Logger
  readonly #total: Partial<Record<RefusalReason, number>> = {}
  #since: Partial<Record<RefusalReason, number>> = {}
  #last: { readonly peer: string; readonly reason: RefusalReason; readonly words: string } | undefined
  #loggedAtMs = Number.NEGATIVE_INFINITY

  constructor(listener: string, log: Logger) {
    this.#listener = listener
    this.#log = log
  }

  /** Since the listener was first started. */
  get total(): Readonly<Partial<Record<RefusalReason, number>>> {
    return { ...this.#total }
  }

  count(reason: RefusalReason, peer: string, words: string): void {
    this.#total[reason] = (this.#total[reason] ?? 0) + 1
    this.#since[reason] = (this.#since[reason] ?? 0) + 1
    this.#last = { peer, reason, words }
  }

  /** Called about once a second. */
  report(steadyMs: number): void {
    if (this.#last === undefined || steadyMs - this.#loggedAtMs < LOG_MS) return
    this.#loggedAtMs = steadyMs
    const { peer, words } = this.#last
    this.#log.warn(
      { listener: this.#listener, refused: this.#since, last_peer: peer, reason: words },
      'listener_connections_refused',
    )
    this.#since = {}
    this.#last = undefined
  }
}
