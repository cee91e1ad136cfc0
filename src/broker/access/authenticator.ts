/** The port through which a connection asks who its client is. */
import type { Credentials } from './client-info.ts'

export interface Authenticator {
  /** Whether nobody is asked for anything: the chain is empty, anyone may connect under any name. */
  readonly isOpen: boolean
  /** Never rejects: what goes wrong within an authenticator is a refusal, and logged. Settles within a deadline of its own. */
  authenticate(credentials: Credentials): Promise<AuthenticationResult>
}

export type AuthenticationResult =
  | {
      readonly type: 'accepted'
      readonly isSuperuser: boolean
      readonly attributes: Readonly<Record<string, string>>
      /** When what was proved runs out (a token's `exp`) and the client is to be disconnected, milliseconds since 1970. */
      readonly expiresAtMs: number | undefined
    }
  | {
      readonly type: 'refused'
      /** For CONNACK: 0x86 bad user name or password, 0x87 not authorized, 0x88 server unavailable, 0x89 server busy, 0x9F too many failures. */
      readonly reason: number
      /** For the log and, in so far as it gives nothing away, for the client. */
      readonly words: string
    }

/** Lets everybody in as whoever they say they are: an empty chain. */
export const openAuthenticator: Authenticator = {
  isOpen: true,
  authenticate: () => Promise.resolve({ type: 'accepted', isSuperuser: false, attributes: {}, expiresAtMs: undefined }),
}
