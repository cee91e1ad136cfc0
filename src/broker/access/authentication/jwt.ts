/** The authenticator `jwt`: a token that CONNECT holds as password or user name, proved by its signature. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { compactVerify, type CompactVerifyResult, errors } from 'jose'
import type { JwtConfig } from '../../../config/authentication/authentication-config.ts'
import type { Logger } from '../../logger.ts'
import type { Clock } from '../../clock.ts'
import type { Credentials } from '../client-info.ts'
import { attributesOf, type Claims, claimsProblem, expiryOf, isTrue } from './claims.ts'
import { Jwks } from './jwks.ts'
import {
  accepted,
  type Attempt,
  badCredentials,
  type ChainMember,
  ignored,
  notAuthorized,
  type Outcome,
  unavailable,
} from './outcome.ts'
import { parseTemplate, render, type Template } from './placeholders.ts'

export const JWT_ID = 'jwt'

/** How long one token may take, a fetch of keys included, milliseconds. */
const TOKEN_DEADLINE_MS = 6_000

/** EMQX's name of the claim that holds rules. */
const ACL_CLAIM = 'acl'

/** Where keys come from: `algorithms` that fit no other kind of key, so that a public key is never taken for a secret. */
type Keys = { readonly algorithms: readonly string[] } & (
  | { readonly type: 'one'; readonly key: KeyObject | Uint8Array }
  | { readonly type: 'set'; readonly set: Jwks }
)

const hmacAlgorithms = ['HS256', 'HS384', 'HS512']
const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const curveAlgorithms = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

export class Jwt implements ChainMember {
  readonly id = JWT_ID
  readonly deadlineMs = TOKEN_DEADLINE_MS
  readonly #config: JwtConfig
  readonly #clock: Clock
  readonly #keys: Keys
  readonly #expected: readonly (readonly [claim: string, value: Template])[]

  constructor(config: JwtConfig, clock: Clock, log: Logger) {
    this.#config = config
    this.#clock = clock
    this.#keys = keysOf(config, clock, log)
    this.#expected = Object.entries(config.verify_claims).map(([claim, value]) => [claim, parseTemplate(value)])
  }

  async authenticate(credentials: Credentials, _attempt: Attempt): Promise<Outcome> {
    const token = this.#config.from === 'username' ? credentials.username : credentials.password?.toString('latin1')
    // What does not look like a token is somebody else's password.
    if (token === undefined || !looksLikeToken(token)) return ignored('no token')
    const verified = await this.#verify(token)
    if ('type' in verified) return verified
    const claims = claimsOf(verified.payload)
    if (claims === undefined) return badCredentials('the token holds no claims')
    const expected = Object.fromEntries(this.#expected.map(([claim, value]) => [claim, render(value, credentials)]))
    const problem = claimsProblem(claims, expected, this.#clock.nowMs())
    if (problem !== undefined) return badCredentials(problem)
    // Rules that are not kept would give the client more than its issuer wants to.
    if (Object.hasOwn(claims, ACL_CLAIM))
      return notAuthorized('the token holds an acl, which this version does not support')
    const expiresAtMs = this.#config.disconnect_after_expire ? expiryOf(claims) : undefined
    return accepted(isTrue(claims['is_superuser']), attributesOf(claims['client_attrs']), expiresAtMs)
  }

  async #verify(token: string): Promise<CompactVerifyResult | Outcome> {
    const options = { algorithms: [...this.#keys.algorithms] }
    try {
      if (this.#keys.type === 'one') return await compactVerify(token, this.#keys.key, options)
      const { set } = this.#keys
      const result = await set.verify(token, options)
      return result ?? unavailable('the key set cannot be fetched')
    } catch (error) {
      if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error
      return ignored(`the token is not proved: ${error.message}`)
    }
  }

  stop(): void {
    if (this.#keys.type === 'set') this.#keys.set.stop()
  }
}

function keysOf({ keys }: JwtConfig, clock: Clock, log: Logger): Keys {
  if (keys.type === 'hmac') return { type: 'one', key: new Uint8Array(keys.secret), algorithms: hmacAlgorithms }
  if (keys.type === 'jwks')
    return { type: 'set', set: new Jwks(keys, clock, log), algorithms: [...rsaAlgorithms, ...curveAlgorithms] }
  const key = createPublicKey(keys.pem)
  const isRsa = key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss'
  return { type: 'one', key, algorithms: isRsa ? rsaAlgorithms : curveAlgorithms }
}

/** Three parts with dots, the first of them an object with `alg` (RFC 7515, 3.1). */
function looksLikeToken(text: string): boolean {
  const parts = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/.exec(text)
  if (parts === null) return false
  const header = parseObject(Buffer.from(parts[1] ?? '', 'base64url').toString())
  return header !== undefined && 'alg' in header
}

function claimsOf(payload: Uint8Array): Claims | undefined {
  return parseObject(Buffer.from(payload).toString())
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
