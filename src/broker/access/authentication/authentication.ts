/**
 * Who clients are: the chain of `authentication`, in front of it those addresses that are shut out for their failures, and
 * behind it a log of those who failed. A new configuration takes the place of the old one while clients are connected.
 */
import { availableParallelism } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type {
  AuthenticationSettings,
  AuthenticatorConfig,
  EnableAuthn,
} from '../../../config/authentication/authentication-config.ts'
import { reasonCode } from '../../../packets/reason-code.ts'
import type { Logger } from '../../logger.ts'
import type { Clock } from '../../clock.ts'
import type { AuthenticationResult, Authenticator } from '../authenticator.ts'
import type { Credentials } from '../client-info.ts'
import { BcryptThread } from './bcrypt-thread.ts'
import { BuiltIn } from './built-in.ts'
import { Chain } from './chain.ts'
import { FailedLogins } from './failed-logins.ts'
import { HttpService } from './http.ts'
import { Jwt } from './jwt.ts'
import { LogThrottle } from './log-throttle.ts'
import { accepted, type ChainMember } from './outcome.ts'
import type { UserTable } from './user-table.ts'
import { WorkGate } from './work-gate.ts'

export type AuthenticationConfig = {
  readonly authentication: readonly AuthenticatorConfig[]
  readonly authentication_settings: AuthenticationSettings
}

export type AuthenticationPorts = {
  readonly users: UserTable
  readonly clock: Clock
  readonly log: Logger
  /** `enable_authn` of a listener, by type and name. */
  readonly enableAuthn: (listener: string) => EnableAuthn
}

type Member = { readonly config: AuthenticatorConfig; readonly member: ChainMember }

/** Passwords that wait to be hashed; beyond them clients are told to come again. */
const HASHES_WAITING_MAX = 1000

/** Node has four threads for this, on which files and names wait, too. */
const HASHES_AT_ONCE = Math.max(1, Math.min(3, availableParallelism() - 1))

export class Authentication implements Authenticator {
  readonly #ports: AuthenticationPorts
  readonly #failedLogins: FailedLogins
  readonly #throttle = new LogThrottle()
  readonly #bcrypt = new BcryptThread()
  readonly #gate = new WorkGate(HASHES_AT_ONCE, HASHES_WAITING_MAX)
  #config: AuthenticationConfig
  #members: readonly Member[] = []
  #chain: Chain
  #isStopped = false

  constructor(config: AuthenticationConfig, ports: AuthenticationPorts) {
    this.#ports = ports
    this.#config = config
    this.#failedLogins = new FailedLogins(config.authentication_settings.failed_logins)
    this.#chain = this.#chainOf([])
  }

  /** A chain whose members are all switched off is not empty: it lets nobody in. In EMQX it lets everybody in. */
  get isOpen(): boolean {
    return this.#config.authentication.length === 0
  }

  get users(): UserTable {
    return this.#ports.users
  }

  /**
   * Goes over to this chain; to be awaited before clients come, and again at every change. Bootstrap files are read each time;
   * members that did not change stay, with what they know. Rejects if a bootstrap file is no good, and then the old chain stays.
   */
  async configure(config: AuthenticationConfig): Promise<void> {
    const members = config.authentication.filter(({ enable }) => enable).map((member) => this.#member(member))
    for (const { member } of members) if (member instanceof BuiltIn) await member.bootstrap()
    const old = this.#members
    this.#members = members
    this.#chain = this.#chainOf(members)
    this.#config = config
    this.#failedLogins.configure(config.authentication_settings.failed_logins)
    for (const { member } of old) if (!members.some((kept) => kept.member === member)) member.stop()
    if (config.authentication.length > 0 && members.length === 0)
      this.#ports.log.warn({ authenticators: config.authentication.length }, 'authentication_lets_nobody_in')
  }

  /** The built-in database, while it is configured and enabled. */
  get builtIn(): Pick<BuiltIn, 'hash'> | undefined {
    return this.#members.map(({ member }) => member).find((member) => member instanceof BuiltIn)
  }

  stop(): void {
    this.#isStopped = true
    for (const { member } of this.#members) member.stop()
    this.#bcrypt.stop()
  }

  async authenticate(credentials: Credentials): Promise<AuthenticationResult> {
    const enableAuthn = this.#ports.enableAuthn(credentials.listener)
    if (enableAuthn === false) return accepted()
    if (enableAuthn === 'quick_deny_anonymous' && credentials.username === undefined)
      return this.#refuse(credentials, reasonCode.notAuthorized, 'no user name')
    if (this.isOpen) return accepted()
    if (this.#isBanned(credentials)) return this.#refuse(credentials, reasonCode.connectionRateExceeded, 'shut out')
    const isWelcome = (): boolean => !this.#isStopped && !this.#isBanned(credentials)
    const { result, decidedBy } = await this.#chain.authenticate(credentials, isWelcome)
    if (result.type === 'refused') return this.#judgeRefusal(credentials, result.reason, result.words, decidedBy)
    this.#failedLogins.succeeded(credentials.peerHost)
    return result
  }

  #isBanned({ peerHost }: Credentials): boolean {
    return this.#failedLogins.isBanned(peerHost, this.#ports.clock.steadyMs())
  }

  /** What was wrong with the client's proof counts against its address; what was wrong with us does not. */
  #judgeRefusal(
    credentials: Credentials,
    reason: number,
    words: string,
    decidedBy: string | undefined,
  ): AuthenticationResult {
    // Shut out while this attempt was under way.
    if (this.#isBanned(credentials)) return this.#refuse(credentials, reasonCode.connectionRateExceeded, 'shut out')
    const { clock, log } = this.#ports
    const { peerHost } = credentials
    const isFailure = reason === reasonCode.badUserNameOrPassword || reason === reasonCode.notAuthorized
    if (isFailure && this.#failedLogins.failed(peerHost, clock.steadyMs())) {
      const { max_count, ban_time } = this.#config.authentication_settings.failed_logins
      log.warn({ peer: peerHost, failures: max_count, ban_ms: ban_time }, 'authentication_address_shut_out')
    }
    return this.#refuse(credentials, reason, words, decidedBy)
  }

  /** What the client is told gives nothing away; what the log is told does. */
  #refuse(credentials: Credentials, reason: number, words: string, decidedBy?: string): AuthenticationResult {
    const { clock, log } = this.#ports
    const line = this.#throttle.admit(clock.steadyMs())
    if (line !== undefined) {
      const { clientId, peerHost, listener } = credentials
      const fields = { clientid: clientId, ...this.#shownUsername(credentials), peer: peerHost, listener }
      log.warn(
        { ...fields, reason_code: reason, reason: words, authenticator: decidedBy, ...line },
        'authentication_failed',
      )
    }
    return { type: 'refused', reason, words: wordsFor.get(reason) ?? 'refused' }
  }

  /** A token is as good as a password. */
  #shownUsername({ username }: Credentials): { readonly username?: string | undefined } {
    const holdsToken = this.#config.authentication.some(
      (member) => member.mechanism === 'jwt' && member.from === 'username',
    )
    return holdsToken ? {} : { username }
  }

  #chainOf(members: readonly Member[]): Chain {
    const { clock, log } = this.#ports
    return new Chain(
      members.map(({ member }) => member),
      clock,
      log,
    )
  }

  #member(config: AuthenticatorConfig): Member {
    return (
      this.#members.find((old) => isDeepStrictEqual(old.config, config)) ?? { config, member: this.#create(config) }
    )
  }

  #create(config: AuthenticatorConfig): ChainMember {
    const { users, clock, log } = this.#ports
    if (config.mechanism === 'jwt') return new Jwt(config, clock, log)
    if (config.backend === 'http') return new HttpService(config, clock, log)
    return new BuiltIn(config, { users, log, bcrypt: this.#bcrypt, gate: this.#gate })
  }
}

const wordsFor: ReadonlyMap<number, string> = new Map([
  [reasonCode.badUserNameOrPassword, 'bad user name or password'],
  [reasonCode.notAuthorized, 'not authorized'],
  [reasonCode.serverUnavailable, 'authentication is not available now'],
  [reasonCode.serverBusy, 'too many logins at once'],
  [reasonCode.connectionRateExceeded, 'too many failed logins from this address'],
])
