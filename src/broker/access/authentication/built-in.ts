/** The authenticator `password_based:built_in_database`: users of the node's own, some of them from a file. */
import { readFile } from 'node:fs/promises'
import type { BuiltInConfig } from '../../../config/authentication/authentication-config.ts'
import { type BootstrapUser, parseBootstrapUsers } from '../../../config/authentication/bootstrap-users.ts'
import type { Logger } from '../../logger.ts'
import type { Credentials } from '../client-info.ts'
import type { BcryptThread } from './bcrypt-thread.ts'
import {
  accepted,
  type Attempt,
  badCredentials,
  type ChainMember,
  ignored,
  notAuthorized,
  type Outcome,
} from './outcome.ts'
import { type HashedPassword, PasswordHash } from './password-hash.ts'
import type { User, UserTable } from './user-table.ts'
import type { WorkGate } from './work-gate.ts'

export const BUILT_IN_ID = 'password_based:built_in_database'

/** How long a password may wait to be hashed, and be hashed, milliseconds. */
const HASH_DEADLINE_MS = 5_000

/** Passwords of a bootstrap file that are hashed at one time. */
const BOOTSTRAP_BATCH = 16

export type BuiltInPorts = {
  readonly users: UserTable
  readonly bcrypt: BcryptThread
  /** Through which all costly hashing of the node goes. */
  readonly gate: WorkGate
  readonly log: Logger
}

export class BuiltIn implements ChainMember {
  readonly id = BUILT_IN_ID
  readonly deadlineMs = HASH_DEADLINE_MS
  readonly #config: BuiltInConfig
  readonly #ports: BuiltInPorts
  readonly #hash: PasswordHash

  constructor(config: BuiltInConfig, ports: BuiltInPorts) {
    this.#config = config
    this.#ports = ports
    this.#hash = new PasswordHash(config.password_hash_algorithm, ports.bcrypt)
  }

  async authenticate(credentials: Credentials, attempt: Attempt): Promise<Outcome> {
    const { users } = this.#ports
    const { password } = credentials
    const userId = this.#config.user_id_type === 'username' ? credentials.username : credentials.clientId
    if (userId === undefined) return ignored('no user name')
    const user = users.get(userId)
    if (password === undefined) return user === undefined ? ignored('no such user') : badCredentials('no password')
    const verdict = await this.#verify(password, user ?? this.#hash.decoy(users.any()?.password_hash), attempt)
    if (typeof verdict === 'object') return verdict
    if (user === undefined) return ignored('no such user')
    return verdict ? accepted(user.is_superuser) : badCredentials('wrong password')
  }

  async #verify(password: Buffer, kept: HashedPassword, attempt: Attempt): Promise<boolean | Outcome> {
    if (this.#hash.isCheap) return this.#hash.verify(password, kept)
    const turn = await this.#ports.gate.run(attempt, () => this.#hash.verify(password, kept))
    if (turn.type === 'done') return turn.value
    if (turn.type === 'busy') return { type: 'busy', words: 'too many passwords wait to be hashed' }
    return notAuthorized('the attempt was given up')
  }

  /**
   * Adds the users of the bootstrap file that are not known yet. Those that are stay as they are, whatever the file says, as in
   * EMQX. Rejects if the file is no good any more; it was when the configuration was read.
   */
  async bootstrap(): Promise<void> {
    const { bootstrap_file: file, bootstrap_type, password_hash_algorithm } = this.#config
    if (file === undefined) return
    const { users, log } = this.#ports
    const result = parseBootstrapUsers(await readFile(file, 'utf8'), file, bootstrap_type, password_hash_algorithm)
    if (result.type === 'invalid') {
      const { line, message } = result.problems[0]!
      throw new TypeError(`${file}:${line}: ${message}`)
    }
    const fresh = result.users.filter(({ user_id }) => !users.isTaken(user_id))
    for (let at = 0; at < fresh.length; at += BOOTSTRAP_BATCH) {
      await users.add(await Promise.all(fresh.slice(at, at + BOOTSTRAP_BATCH).map((user) => this.#hashed(user))))
    }
    const known = result.users.length - fresh.length
    log.info(
      { file, added: fresh.length, known_already: known, users: users.size },
      'authentication_users_bootstrapped',
    )
  }

  async #hashed(user: BootstrapUser): Promise<User> {
    const { user_id, is_superuser } = user
    if (user.type === 'hash') return { user_id, is_superuser, password_hash: user.password_hash, salt: user.salt }
    return { user_id, is_superuser, ...(await this.#hash.hash(Buffer.from(user.password))) }
  }

  /** As this authenticator keeps it. Rejects for a password that its algorithm can't keep. */
  hash(password: Buffer): Promise<HashedPassword> {
    return this.#hash.hash(password)
  }

  /** The thread of bcrypt and the gate belong to the node: other members use them, too. */
  stop(): void {}
}
