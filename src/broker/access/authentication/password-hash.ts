/**
 * Passwords as they are kept, in EMQX's forms: a hexadecimal hash beside a salt that counts as text; bcrypt's own form;
 * scrypt, which EMQX lacks, like PBKDF2. Nothing here blocks: what takes long is done on other threads.
 */
import { isUtf8 } from 'node:buffer'
import { createHash, pbkdf2, randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { PasswordHashConfig } from '../../../config/authentication/authentication-config.ts'
import type { BcryptThread } from './bcrypt-thread.ts'

export type HashedPassword = { readonly password_hash: string; readonly salt: string }

const derivePbkdf2 = promisify(pbkdf2)
const deriveScrypt = promisify<Buffer, string, number, ScryptOptions, Buffer>(scrypt)

export class PasswordHash {
  readonly #config: PasswordHashConfig
  readonly #bcrypt: Pick<BcryptThread, 'hash' | 'compare'>

  constructor(config: PasswordHashConfig, bcrypt: Pick<BcryptThread, 'hash' | 'compare'>) {
    this.#config = config
    this.#bcrypt = bcrypt
  }

  /** Whether a hash costs so little that it is made at once. */
  get isCheap(): boolean {
    const { name } = this.#config
    return name !== 'bcrypt' && name !== 'pbkdf2' && name !== 'scrypt'
  }

  /** With a salt of its own. Rejects for a password that this algorithm cannot keep. */
  async hash(password: Buffer): Promise<HashedPassword> {
    const config = this.#config
    if ((config.name === 'bcrypt' || config.name === 'plain') && !isUtf8(password))
      throw new TypeError(`a password for ${config.name} must be UTF-8`)
    if (config.name === 'bcrypt')
      return { password_hash: await this.#bcrypt.hash(password.toString(), config.salt_rounds), salt: '' }
    const isSalted = config.name !== 'plain' && !('salt_position' in config && config.salt_position === 'disable')
    const salt = isSalted ? randomBytes(16).toString('hex') : ''
    return { password_hash: (await this.#derive(password, salt)).toString(), salt }
  }

  /** Takes as long for a wrong password as for the right one. */
  async verify(password: Buffer, { password_hash, salt }: HashedPassword): Promise<boolean> {
    if (this.#config.name === 'bcrypt') {
      const isRight = await this.#bcrypt.compare(password.toString(), password_hash)
      // Bytes that are no text would all look alike in text.
      return isRight && isUtf8(password)
    }
    const derived = await this.#derive(password, salt)
    // Hexadecimal digits of either case; a password in plain is taken as it is.
    return isSame(derived, Buffer.from(this.#config.name === 'plain' ? password_hash : password_hash.toLowerCase()))
  }

  /**
   * What to compare with when there is no such user, so that it costs the same; what comes of it is not looked at.
   * @param like the hash of some user, whose cost may differ from today's configuration
   */
  decoy(like: string | undefined): HashedPassword {
    if (this.#config.name !== 'bcrypt') return { password_hash: '', salt: '0'.repeat(32) }
    const rounds = bcryptRounds(like ?? '') ?? String(this.#config.salt_rounds).padStart(2, '0')
    return { password_hash: `$2b$${rounds}$${'.'.repeat(53)}`, salt: '' }
  }

  /** As it is kept: hexadecimal digits, or the password itself. */
  async #derive(password: Buffer, salt: string): Promise<Buffer> {
    const config = this.#config
    switch (config.name) {
      case 'bcrypt':
        throw new TypeError('a hash of bcrypt holds its own salt')
      case 'pbkdf2': {
        const digest = digestOf[config.mac_fun]
        const bytes = config.dk_length ?? createHash(digest).digest().length
        return hex(await derivePbkdf2(password, salt, config.iterations, bytes, digest))
      }
      case 'scrypt': {
        const { cost, block_size: blockSize, parallelization, dk_length } = config
        const maxmem = scryptBytes(cost, blockSize, parallelization)
        return hex(await deriveScrypt(password, salt, dk_length, { cost, blockSize, parallelization, maxmem }))
      }
      case 'plain':
      case 'md5':
      case 'sha':
      case 'sha256':
      case 'sha512': {
        const { salt_position } = config
        const salted = [salt_position === 'prefix' ? salt : '', password, salt_position === 'suffix' ? salt : '']
        const bytes = Buffer.concat(salted.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
        return config.name === 'plain' ? bytes : hex(createHash(digestOf[config.name]).update(bytes).digest())
      }
    }
  }
}

/** EMQX's names to those of OpenSSL. */
const digestOf = {
  md5: 'md5',
  sha: 'sha1',
  sha224: 'sha224',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
} as const

const hex = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('hex'))

/** More than scrypt needs (RFC 7914, 2): OpenSSL refuses to begin with less. */
function scryptBytes(cost: number, blockSize: number, parallelization: number): number {
  return 256 * blockSize * (cost + parallelization + 2)
}

/** Of unequal lengths, too, in a time that tells nothing: what is compared is a digest of each. */
function isSame(a: Buffer, b: Buffer): boolean {
  const [first, second] = [a, b].map((bytes) => createHash('sha256').update(bytes).digest())
  return timingSafeEqual(first!, second!)
}

function bcryptRounds(hash: string): string | undefined {
  return /^\$2[aby]\$(\d\d)\$/.exec(hash)?.[1]
}
