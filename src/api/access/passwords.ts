/**
 * Passwords and secrets of API keys as they are kept: scrypt, with its cost beside it. It is done on threads of Node's pool, and
 * only a few at a time: files and names are looked up there, too.
 */
import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { type Turn, WorkGate } from '../../broker/access/authentication/work-gate.ts'
import { ApiError } from '../api-error.ts'

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/** 16 MiB and some 50 ms, as scrypt's author advises for logins; guessing over the API is bounded besides. */
const COST = { cost: 16_384, blockSize: 8, parallelization: 1 } as const
const HASH_BYTES = 32
/** Hashes under way at once, and how many more may wait. */
const CONCURRENCY = 2
const WAITING_MAX = 64

/** `scrypt$16384$8$1$<salt>$<hash>`, both in Base64. */
const FORM = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w+/=]{1,100})\$([\w+/=]{44})$/

/** What is compared where there is no such user: it costs the same, and is nobody's password. */
const DECOY = format(randomBytes(16), randomBytes(HASH_BYTES))

const always = { signal: new AbortController().signal, isWelcome: () => true }

export class Passwords {
  readonly #gate = new WorkGate(CONCURRENCY, WAITING_MAX)

  /** With a salt of its own. Rejects with `ApiError` if too many wait. */
  hash(password: string): Promise<string> {
    const salt = randomBytes(16)
    return this.#run(async () => format(salt, await derive(password, salt, HASH_BYTES, COST)))
  }

  /**
   * Takes as long for a wrong password as for the right one, and for nobody's as for somebody's. Rejects with `ApiError` if too many
   * wait.
   * @param kept `undefined` if there is no such user: never right
   */
  async verify(password: string, kept: string | undefined): Promise<boolean> {
    const match = FORM.exec(kept ?? DECOY)
    if (match === null) return false
    const [, cost, blockSize, parallelization, salt = '', hash = ''] = match
    const options = { cost: Number(cost), blockSize: Number(blockSize), parallelization: Number(parallelization) }
    const maxmem = 256 * options.blockSize * (options.cost + options.parallelization + 2)
    const derived = await this.#run(() => {
      return derive(password, Buffer.from(salt, 'base64'), HASH_BYTES, { ...options, maxmem })
    })
    return timingSafeEqual(derived, Buffer.from(hash, 'base64')) && kept !== undefined
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    const turn: Turn<T> = await this.#gate.run(always, work)
    if (turn.type === 'done') return turn.value
    throw new ApiError(503, 'SERVICE_UNAVAILABLE', 'too many passwords are being checked; try again in a moment')
  }
}

function format(salt: Buffer, hash: Buffer): string {
  const { cost, blockSize, parallelization } = COST
  return ['scrypt', cost, blockSize, parallelization, salt.toString('base64'), hash.toString('base64')].join('$')
}
