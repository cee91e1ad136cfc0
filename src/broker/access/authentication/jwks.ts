/**
 * A set of public keys behind an address (RFC 7517, 5), kept and renewed in time. Nothing waits for it but a token that comes
 * while there are no keys yet, or that names a key which is not among them: then it may be a new one.
 */
import { compactVerify, type CompactVerifyResult, createLocalJWKSet, errors, type JSONWebKeySet } from 'jose'
import type { JwtKeys } from '../../../config/authentication/authentication-config.ts'
import type { Logger } from '../../logger.ts'
import type { Clock } from '../../clock.ts'
import { HttpClient } from './http-client.ts'
import { shownAddress } from './shown-address.ts'

export type JwksConfig = Extract<JwtKeys, { readonly type: 'jwks' }>
type KeySet = ReturnType<typeof createLocalJWKSet>

/** How long one fetch may take, milliseconds. */
const FETCH_TIMEOUT_MS = 5_000

/** After a fetch that failed the next one waits so long, and so does one for an unknown key: strangers may name any. */
const FETCH_GAP_MS = 5_000

const SET_BYTES_MAX = 1_048_576

export class Jwks {
  readonly #config: JwksConfig
  readonly #clock: Clock
  readonly #log: Logger
  readonly #client: HttpClient
  readonly #stopped = new AbortController()
  #set: KeySet | undefined
  /** The last fetch, by the steady clock. */
  #triedAtMs = Number.NEGATIVE_INFINITY
  #fetchedAtMs = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  /** Begins to fetch. */
  constructor(config: JwksConfig, clock: Clock, log: Logger) {
    this.#config = config
    this.#clock = clock
    this.#log = log
    const limits = { poolSize: config.pool_size, timeoutMs: FETCH_TIMEOUT_MS, answerBytesMax: SET_BYTES_MAX }
    this.#client = new HttpClient(config.ssl, limits)
    void this.#fetch()
  }

  /** Undefined: there are no keys. Rejects with a `JOSEError` for a token that none of them proves. */
  async verify(token: string, options: { readonly algorithms: string[] }): Promise<CompactVerifyResult | undefined> {
    if (this.#set === undefined) await this.#fetchUnlessJustTried()
    else if (this.#clock.steadyMs() - this.#fetchedAtMs > this.#config.refresh_interval)
      void this.#fetchUnlessJustTried()
    const set = this.#set
    if (set === undefined) return undefined
    try {
      return await verifyWith(set, token, options)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await this.#fetchUnlessJustTried()
      if (this.#set === set) throw error
      return verifyWith(this.#set ?? set, token, options)
    }
  }

  #fetchUnlessJustTried(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    if (this.#clock.steadyMs() - this.#triedAtMs < FETCH_GAP_MS) return Promise.resolve()
    return this.#fetch()
  }

  /** Never rejects. */
  #fetch(): Promise<void> {
    this.#triedAtMs = this.#clock.steadyMs()
    this.#fetching = this.#take().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #take(): Promise<void> {
    const { endpoint, headers } = this.#config
    const shown = shownAddress(endpoint)
    try {
      const url = new URL(endpoint)
      const request = { method: 'GET', url, headers: { accept: 'application/json', ...headers } } as const
      const { status, body } = await this.#client.send(request, this.#stopped.signal)
      if (status !== 200) throw new TypeError(`status ${status}`)
      const set = JSON.parse(body) as JSONWebKeySet
      this.#set = createLocalJWKSet(set)
      this.#fetchedAtMs = this.#clock.steadyMs()
      this.#log.debug({ endpoint: shown, keys: set.keys.length }, 'authentication_jwks_fetched')
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      const fields = { endpoint: shown, reason: String(error), has_keys: this.#set !== undefined }
      this.#log.warn(fields, 'authentication_jwks_failed')
    }
  }

  stop(): void {
    this.#stopped.abort()
    this.#client.stop()
  }
}

async function verifyWith(
  set: KeySet,
  token: string,
  options: { readonly algorithms: string[] },
): Promise<CompactVerifyResult> {
  try {
    return await compactVerify(token, set, options)
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    // The token does not say which key it means.
    for await (const key of error) {
      try {
        return await compactVerify(token, key, options)
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}
