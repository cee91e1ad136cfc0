/** What the API asks of the broker of its own node about clients; `Broker` has it all but `kick`. */
import type { KnownClient } from '../../broker/known-clients.ts'
import type { Session } from '../../broker/sessions/session.ts'

export interface ClientsPort {
  readonly sessions: {
    readonly count: number
    all(): Iterable<Session>
    get(clientId: string): Session | undefined
  }
  /** Of all sessions. */
  readonly subscriptionCount: number
  known(session: Session): KnownClient
  /** Ends its session and its connection; false if it has none here. */
  kick(clientId: string): boolean
}
