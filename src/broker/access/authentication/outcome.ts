/** What one authenticator of a chain says about a client, and what it is told about the attempt. */
import { reasonCode } from '../../../packets/reason-code.ts'
import type { AuthenticationResult } from '../authenticator.ts'
import type { Credentials } from '../client-info.ts'

export type Outcome =
  | AuthenticationResult
  /** It does not know this client: the next one is asked. */
  | { readonly type: 'ignored'; readonly words: string }
  /** It cannot say, because what it depends on does not answer: the next one is asked, but nobody is refused for good. */
  | { readonly type: 'unavailable'; readonly words: string }
  /** Too many wait already. */
  | { readonly type: 'busy'; readonly words: string }

/** One CONNECT on its way through the chain. */
export interface Attempt {
  /** Aborted once nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** Whether the client's address has not been shut out since the attempt began; to be asked before costly work. */
  readonly isWelcome: () => boolean
}

/** One member of the chain. */
export interface ChainMember {
  /** EMQX's name: `password_based:built_in_database`. */
  readonly id: string
  /** How long one attempt may take here, milliseconds. */
  readonly deadlineMs: number
  /** May reject: then it counts as unavailable. */
  authenticate(credentials: Credentials, attempt: Attempt): Promise<Outcome>
  /** Gives back what it holds. */
  stop(): void
}

export const ignored = (words: string): Outcome => ({ type: 'ignored', words })
export const unavailable = (words: string): Outcome => ({ type: 'unavailable', words })
export const badCredentials = (words: string): Outcome => {
  return { type: 'refused', reason: reasonCode.badUserNameOrPassword, words }
}
export const notAuthorized = (words: string): Outcome => ({ type: 'refused', reason: reasonCode.notAuthorized, words })

export function accepted(
  isSuperuser = false,
  attributes: Readonly<Record<string, string>> = {},
  expiresAtMs?: number,
): AuthenticationResult {
  return { type: 'accepted', isSuperuser, attributes, expiresAtMs }
}
