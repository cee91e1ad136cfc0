/** A client's way through the authenticators: the first that knows it decides. */
import { reasonCode } from '../../../packets/reason-code.ts'
import type { Clock, Timer } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { AuthenticationResult } from '../authenticator.ts'
import type { Credentials } from '../client-info.ts'
import type { Attempt, ChainMember, Outcome } from './outcome.ts'

/** What is added to the members' own deadlines, milliseconds. */
const SLACK_MS = 500

/** Who decided, beside what was decided. */
export type ChainResult = { readonly result: AuthenticationResult; readonly decidedBy: string | undefined }

export class Chain {
  readonly #members: readonly ChainMember[]
  readonly #clock: Clock
  readonly #log: Logger
  readonly #deadlineMs: number

  constructor(members: readonly ChainMember[], clock: Clock, log: Logger) {
    this.#members = members
    this.#clock = clock
    this.#log = log
    this.#deadlineMs = members.reduce((sum, { deadlineMs }) => sum + deadlineMs, SLACK_MS)
  }

  /** Never rejects; settles within the sum of its members' deadlines. */
  async authenticate(credentials: Credentials, isWelcome: () => boolean): Promise<ChainResult> {
    const abort = new AbortController()
    const attempt: Attempt = { signal: abort.signal, isWelcome }
    const deadlineMs = this.#deadlineMs
    let timer: Timer | undefined
    const tooLate = new Promise<ChainResult>((resolve) => {
      timer = this.#clock.after(deadlineMs, () => {
        this.#log.error({ clientid: credentials.clientId, deadline_ms: deadlineMs }, 'authentication_timeout')
        resolve(refusal(reasonCode.serverUnavailable, 'the authentication took too long'))
      })
    })
    try {
      return await Promise.race([this.#walk(credentials, attempt), tooLate])
    } finally {
      timer?.cancel()
      // What is still under way serves nobody.
      abort.abort()
    }
  }

  async #walk(credentials: Credentials, attempt: Attempt): Promise<ChainResult> {
    let unavailable: string | undefined
    const ignored: string[] = []
    for (const member of this.#members) {
      const outcome = await this.#ask(member, credentials, attempt)
      if (outcome.type === 'accepted' || outcome.type === 'refused') return { result: outcome, decidedBy: member.id }
      if (outcome.type === 'busy') return refusal(reasonCode.serverBusy, outcome.words, member.id)
      if (outcome.type === 'unavailable') unavailable ??= outcome.words
      else ignored.push(`${member.id}: ${outcome.words}`)
    }
    // Perhaps one that could not be asked knows this client: it may come again.
    if (unavailable !== undefined) return refusal(reasonCode.serverUnavailable, unavailable)
    const words = ignored.join('; ') || 'every authenticator is switched off'
    // The same code as for a wrong password, so that nobody learns which users there are.
    const isAnonymous = credentials.username === undefined && credentials.password === undefined
    return refusal(isAnonymous ? reasonCode.notAuthorized : reasonCode.badUserNameOrPassword, words)
  }

  async #ask(member: ChainMember, credentials: Credentials, attempt: Attempt): Promise<Outcome> {
    try {
      return await member.authenticate(credentials, attempt)
    } catch (error) {
      if (!attempt.signal.aborted)
        this.#log.error(
          { err: error, authenticator: member.id, clientid: credentials.clientId },
          'authenticator_crashed',
        )
      return { type: 'unavailable', words: 'an authenticator failed' }
    }
  }
}

function refusal(reason: number, words: string, decidedBy?: string): ChainResult {
  return { result: { type: 'refused', reason, words }, decidedBy }
}
