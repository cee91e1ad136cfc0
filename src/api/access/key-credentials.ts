/**
 * Basic authentication by API key. A secret that was found right is remembered by its digest, so that a script pays for scrypt with its
 * first request alone.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { ApiError } from '../api-error.ts'
import { credentialOf, type Credentials } from './access-hook.ts'
import type { KeyRecord } from './access-record.ts'
import type { Accounts } from './accounts.ts'
import type { Guesses } from './guesses.ts'
import type { Passwords } from './passwords.ts'
import type { Principal } from './principal.ts'
import { isSameSecret } from './same-secret.ts'

/** What was right, and for which kept secret. */
type Verified = { readonly digest: string; readonly kept: string }

/** Keys that are remembered; there are no more of them in any case. */
const VERIFIED_MAX = 1_000

export type KeyPorts = {
  readonly accounts: Accounts
  readonly passwords: Passwords
  readonly guesses: Guesses
  readonly nowMs: () => number
}

export class KeyCredentials implements Credentials {
  readonly #ports: KeyPorts
  readonly #pepper = randomBytes(32)
  /** By key. */
  readonly #verified = new Map<string, Verified>()
  /** By key and digest: many requests of one script at once are one question. */
  readonly #pending = new Map<string, Promise<boolean>>()

  constructor(ports: KeyPorts) {
    this.#ports = ports
  }

  async identify(authorization: string, from: string): Promise<Principal | undefined> {
    const written = credentialOf('Basic', authorization)
    if (written === undefined) return undefined
    const [, key = '', secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(written, 'base64').toString()) ?? []
    const record = this.#ports.accounts.keys.find((one) => one.key === key)
    if (!(await this.#isRight(key, secret, record, from))) throw refused()
    // It may be gone, or another, by now.
    const known = this.#ports.accounts.keys.find((one) => one.key === key && one.secret === record?.secret)
    if (known === undefined || !known.enable || this.#isExpired(known)) throw refused()
    return { name: known.name, role: known.role, via: 'api_key' }
  }

  #isExpired({ expiresAtMs }: KeyRecord): boolean {
    return expiresAtMs !== null && this.#ports.nowMs() >= expiresAtMs
  }

  #isRight(key: string, secret: string, record: KeyRecord | undefined, from: string): Promise<boolean> | boolean {
    const digest = createHmac('sha256', this.#pepper).update(secret).digest('base64')
    const verified = this.#verified.get(key)
    if (verified !== undefined && verified.kept === record?.secret && isSameSecret(verified.digest, digest)) return true
    const question = `${key}\n${digest}`
    const pending = this.#pending.get(question)
    if (pending !== undefined) return pending
    const asked = this.#ask(key, secret, digest, record, from).finally(() => this.#pending.delete(question))
    this.#pending.set(question, asked)
    return asked
  }

  async #ask(
    key: string,
    secret: string,
    digest: string,
    record: KeyRecord | undefined,
    from: string,
  ): Promise<boolean> {
    const { passwords, guesses } = this.#ports
    guesses.begin(from, key)
    const isRight = await passwords.verify(secret, record?.secret)
    if (!isRight) guesses.failed(from)
    if (!isRight || record === undefined) return false
    guesses.succeeded(from, key)
    this.#verified.delete(key)
    this.#verified.set(key, { digest, kept: record.secret })
    if (this.#verified.size > VERIFIED_MAX) this.#verified.delete(this.#verified.keys().next().value!)
    return true
  }
}

const refused = (): ApiError => new ApiError(401, 'BAD_API_KEY_OR_SECRET', 'Check api_key/api_secret')
