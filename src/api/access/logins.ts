/**
 * Logins of the dashboard: a token that any member accepts, for they share what proves it. It ends by itself, at the logout, with
 * another password and with its user.
 */
import { randomBytes } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { ApiError } from '../api-error.ts'
import { credentialOf, type Credentials } from './access-hook.ts'
import type { UserRecord } from './access-record.ts'
import type { Accounts } from './accounts.ts'
import type { Guesses } from './guesses.ts'
import type { Passwords } from './passwords.ts'
import type { Principal } from './principal.ts'

export type LoginPorts = {
  readonly accounts: Accounts
  readonly passwords: Passwords
  readonly guesses: Guesses
  readonly nowMs: () => number
  /** How long a login lasts, milliseconds. */
  readonly lastsMs: number
}

export type Login = { readonly token: string; readonly expiresAtMs: number; readonly user: UserRecord }

/** What a token says. */
type Claims = {
  readonly username: string
  readonly generation: string
  /** Of the login: a token that follows another has the same. */
  readonly id: string
}

const ISSUER = 'isthmus'
/** Clocks of two members may differ a little, milliseconds. */
const CLOCK_SKEW_MS = 5_000

export class Logins implements Credentials {
  readonly #ports: LoginPorts

  constructor(ports: LoginPorts) {
    this.#ports = ports
  }

  /** Rejects with `ApiError` for a wrong password, and for who has tried too often. */
  async login(username: string, password: string, from: string): Promise<Login> {
    const { accounts } = this.#ports
    const user = accounts.user(username)
    if (!(await this.isPassword(username, password, from)) || user === undefined)
      throw new ApiError(401, 'BAD_USERNAME_OR_PWD', 'the user name or the password is wrong')
    return this.#issue(user, randomBytes(9).toString('base64url'))
  }

  /** Whether it is this user's; rejects with `ApiError` for who has tried too often. */
  async isPassword(username: string, password: string, from: string): Promise<boolean> {
    const { accounts, passwords, guesses } = this.#ports
    guesses.begin(from, username)
    const isRight = await passwords.verify(password, accounts.user(username)?.password)
    if (isRight) guesses.succeeded(from, username)
    else guesses.failed(from)
    return isRight
  }

  /** Goes on with a login that has not ended: another token, which lasts as long as a new one. */
  async renew(authorization: string): Promise<Login> {
    const { user, claims } = await this.#read(tokenOf(authorization))
    return this.#issue(user, claims.id)
  }

  /** The login ends here, with all tokens that it had. */
  async logout(authorization: string): Promise<void> {
    const { accounts, nowMs, lastsMs } = this.#ports
    const { claims } = await this.#read(tokenOf(authorization))
    await accounts.endLogin(claims.username, claims.id, nowMs() + lastsMs + CLOCK_SKEW_MS)
  }

  async identify(authorization: string): Promise<Principal | undefined> {
    const token = credentialOf('Bearer', authorization)
    if (token === undefined) return undefined
    const { user } = await this.#read(token)
    return { name: user.username, role: user.role, via: 'login' }
  }

  async #issue(user: UserRecord, id: string): Promise<Login> {
    const { accounts, nowMs, lastsMs } = this.#ports
    const now = nowMs()
    const expiresAtMs = Math.floor((now + lastsMs) / 1000) * 1000
    const token = await new SignJWT({ generation: user.generation })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER)
      .setSubject(user.username)
      .setJti(id)
      .setIssuedAt(Math.floor(now / 1000))
      .setExpirationTime(expiresAtMs / 1000)
      .sign(accounts.signingKey)
    return { token, expiresAtMs, user }
  }

  async #read(token: string): Promise<{ readonly claims: Claims; readonly user: UserRecord }> {
    const { accounts } = this.#ports
    const claims = await this.#verify(token)
    const user = accounts.user(claims.username)
    const isOver = user?.generation !== claims.generation || user.ended.some(({ id }) => id === claims.id)
    if (isOver) throw badToken()
    return { claims, user }
  }

  async #verify(token: string): Promise<Claims> {
    const { accounts, nowMs } = this.#ports
    try {
      const { payload } = await jwtVerify(token, accounts.signingKey, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        requiredClaims: ['sub', 'jti', 'exp'],
        clockTolerance: CLOCK_SKEW_MS / 1000,
        currentDate: new Date(nowMs()),
      })
      const { sub = '', jti = '', generation } = payload
      return { username: sub, generation: String(generation), id: jti }
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw new ApiError(401, 'TOKEN_TIME_OUT', 'Token expired, get new token by POST /login')
      throw badToken()
    }
  }
}

const badToken = (): ApiError => new ApiError(401, 'BAD_TOKEN', 'Get a token by POST /login')

function tokenOf(authorization: string): string {
  const token = credentialOf('Bearer', authorization)
  if (token === undefined) throw badToken()
  return token
}
