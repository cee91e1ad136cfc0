/** Who guesses passwords waits: failures are counted for an address with each name that it tries, and for the address alone. */
import { createHash } from 'node:crypto'
import { addressKey, FailedLogins } from '../../broker/access/authentication/failed-logins.ts'
import { ApiError } from '../api-error.ts'

const MINUTE_MS = 60_000

/** Of one name from one address, and of one address with whatever names. */
const FOR_NAME = { enable: true, max_count: 5, window_time: 5 * MINUTE_MS, ban_time: 5 * MINUTE_MS } as const
const FOR_ADDRESS = { enable: true, max_count: 50, window_time: MINUTE_MS, ban_time: 5 * MINUTE_MS } as const

export class Guesses {
  readonly #names = new FailedLogins(FOR_NAME)
  readonly #addresses = new FailedLogins(FOR_ADDRESS)
  readonly #steadyMs: () => number

  /** @param steadyMs a clock that is never set back */
  constructor(steadyMs: () => number) {
    this.#steadyMs = steadyMs
  }

  /**
   * Of each attempt, before it is looked at: who tries many at once gets no more of them through. Throws `ApiError` for who has failed too
   * often.
   */
  begin(address: string, name: string): void {
    const nowMs = this.#steadyMs()
    const key = keyOf(address, name)
    if (this.#names.isBanned(key, nowMs) || this.#addresses.isBanned(address, nowMs))
      throw new ApiError(429, 'TOO_MANY_REQUESTS', 'too many failed attempts; try again in five minutes')
    this.#names.failed(key, nowMs)
  }

  failed(address: string): void {
    this.#addresses.failed(address, this.#steadyMs())
  }

  succeeded(address: string, name: string): void {
    this.#names.succeeded(keyOf(address, name))
  }
}

/** Of a length that does not depend on what was sent. */
function keyOf(address: string, name: string): string {
  return createHash('sha256')
    .update(`${addressKey(address)}\n${name}`)
    .digest('hex')
}
