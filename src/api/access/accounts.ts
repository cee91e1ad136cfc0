/** Users of the dashboard and API keys, the same on every member: each change is one of the shared document. */
import { randomBytes } from 'node:crypto'
import { ApiError } from '../api-error.ts'
import type { AccessRecord, KeyRecord, UserRecord } from './access-record.ts'
import type { Passwords } from './passwords.ts'
import type { Role } from './principal.ts'

/** What members share of it; `SharedDocument` is one. */
export interface AccessDocument {
  readonly value: AccessRecord
  /** Resolves when it is known what the others have. */
  readonly known: Promise<void>
  /** See `SharedDocument.change`. */
  change(decide: (value: AccessRecord) => AccessRecord): Promise<AccessRecord>
}

/** The document must fit into one register. */
const USERS_MAX = 500
const KEYS_MAX = 1_000
/** Ended logins that one user may have; beyond them all of them end. */
const ENDED_MAX = 50

export type NewUser = {
  readonly username: string
  readonly password: string
  readonly role: Role
  readonly description: string
}
export type NewKey = Omit<KeyRecord, 'secret' | 'createdAtMs'> & { readonly secret: string }

export class Accounts {
  readonly #document: AccessDocument
  readonly #passwords: Passwords
  readonly #nowMs: () => number

  constructor(document: AccessDocument, passwords: Passwords, nowMs: () => number) {
    this.#document = document
    this.#passwords = passwords
    this.#nowMs = nowMs
  }

  /** Resolves when it is known what the others have. */
  get known(): Promise<void> {
    return this.#document.known
  }

  get signingKey(): Uint8Array {
    return Buffer.from(this.#document.value.signingKey, 'base64')
  }

  get users(): readonly UserRecord[] {
    return this.#document.value.users
  }

  get keys(): readonly KeyRecord[] {
    return this.#document.value.keys
  }

  user(username: string): UserRecord | undefined {
    return this.users.find((user) => user.username === username)
  }

  // ---- users

  /** Rejects with `ApiError` if there is such a user. */
  async addUser(user: NewUser): Promise<UserRecord> {
    const added = await this.#userOf(user)
    await this.#document.change((access) => {
      if (access.users.some(({ username }) => username === user.username))
        throw new ApiError(400, 'ALREADY_EXISTS', `there is a user ${user.username} already`)
      if (access.users.length >= USERS_MAX)
        throw new ApiError(400, 'BAD_REQUEST', `there are ${USERS_MAX} users already`)
      return { ...access, users: [...access.users, added] }
    })
    return added
  }

  /** Makes this user if there is none at all; of several members that do it at once one does. Returns whether it was this one. */
  async addFirstUser(user: NewUser): Promise<boolean> {
    const added = await this.#userOf(user)
    const { users } = await this.#document.change((access) => {
      return access.users.length > 0 ? access : { ...access, users: [added] }
    })
    return users.some(({ generation }) => generation === added.generation)
  }

  async changeUser(
    username: string,
    change: { readonly role: Role; readonly description: string },
  ): Promise<UserRecord> {
    return this.#editUser(username, (user, users) => {
      if (user.role === 'administrator' && change.role !== 'administrator') mustNotBeLast(users)
      return { ...user, ...change }
    })
  }

  /** All logins of that user end. */
  async changePassword(username: string, password: string): Promise<UserRecord> {
    const hashed = await this.#passwords.hash(password)
    return this.#editUser(username, (user) => ({ ...user, password: hashed, generation: newGeneration(), ended: [] }))
  }

  async removeUser(username: string): Promise<void> {
    await this.#document.change((access) => {
      const user = access.users.find((one) => one.username === username)
      if (user === undefined) throw noSuchUser()
      if (user.role === 'administrator') mustNotBeLast(access.users)
      return { ...access, users: access.users.filter((one) => one !== user) }
    })
  }

  /** One login ends before its time. */
  async endLogin(username: string, id: string, untilMs: number): Promise<void> {
    await this.#editUser(username, (user) => {
      const ended = [...user.ended.filter((one) => one.untilMs > this.#nowMs()), { id, untilMs }]
      return ended.length > ENDED_MAX ? { ...user, generation: newGeneration(), ended: [] } : { ...user, ended }
    })
  }

  async #userOf({ password, ...user }: NewUser): Promise<UserRecord> {
    return { ...user, password: await this.#passwords.hash(password), generation: newGeneration(), ended: [] }
  }

  async #editUser(
    username: string,
    edit: (user: UserRecord, users: readonly UserRecord[]) => UserRecord,
  ): Promise<UserRecord> {
    const { users } = await this.#document.change((access) => {
      if (!access.users.some((one) => one.username === username)) throw noSuchUser()
      const users = access.users.map((one) => (one.username === username ? edit(one, access.users) : one))
      return { ...access, users }
    })
    return users.find((one) => one.username === username)!
  }

  // ---- API keys

  async addKey({ secret, ...key }: NewKey): Promise<KeyRecord> {
    const added: KeyRecord = { ...key, secret: await this.#passwords.hash(secret), createdAtMs: this.#nowMs() }
    await this.#document.change((access) => {
      if (access.keys.some((one) => one.name === key.name || one.key === key.key))
        throw new ApiError(400, 'ALREADY_EXISTS', `there is an API key ${key.name} already`)
      if (access.keys.length >= KEYS_MAX)
        throw new ApiError(400, 'BAD_REQUEST', `there are ${KEYS_MAX} API keys already`)
      return { ...access, keys: [...access.keys, added] }
    })
    return added
  }

  /** Rejects with `ApiError` if there is no key of this name. */
  async changeKey(name: string, change: Partial<Omit<KeyRecord, 'name' | 'key' | 'secret'>>): Promise<KeyRecord> {
    const { keys } = await this.#document.change((access) => {
      if (!access.keys.some((one) => one.name === name)) throw noSuchKey()
      return { ...access, keys: access.keys.map((one) => (one.name === name ? { ...one, ...change } : one)) }
    })
    return keys.find((one) => one.name === name)!
  }

  async removeKey(name: string): Promise<void> {
    await this.#document.change((access) => {
      const keys = access.keys.filter((one) => one.name !== name)
      if (keys.length === access.keys.length) throw noSuchKey()
      return { ...access, keys }
    })
  }

  /** Adds those that are not there; of those that are, secret and role become what is given here. */
  async bootstrapKeys(
    given: readonly { readonly key: string; readonly secret: string; readonly role: Role }[],
  ): Promise<void> {
    const changed: KeyRecord[] = []
    for (const { key, secret, role } of given) {
      const known = this.keys.find((one) => one.key === key)
      const isSame = known?.role === role && (await this.#passwords.verify(secret, known.secret))
      if (isSame) continue
      const fresh = { name: `bootstrap-${key}`, key, enable: true, expiresAtMs: null, createdAtMs: this.#nowMs() }
      const description = 'from api_key.bootstrap_file'
      changed.push({ ...fresh, description, ...known, role, secret: await this.#passwords.hash(secret) })
    }
    if (changed.length === 0) return
    const names = new Set(changed.map(({ key }) => key))
    await this.#document.change((access) => {
      const keys = [...access.keys.filter(({ key }) => !names.has(key)), ...changed]
      if (keys.length > KEYS_MAX) throw new ApiError(400, 'BAD_REQUEST', `these are more than ${KEYS_MAX} API keys`)
      return { ...access, keys }
    })
  }
}

const newGeneration = (): string => randomBytes(9).toString('base64url')
const noSuchUser = (): ApiError => new ApiError(404, 'USER_NOT_FOUND', 'User not found')
const noSuchKey = (): ApiError => new ApiError(404, 'NOT_FOUND', 'API key not found')

/** Else nobody could make another one. */
function mustNotBeLast(users: readonly UserRecord[]): void {
  if (users.filter(({ role }) => role === 'administrator').length > 1) return
  throw new ApiError(400, 'BAD_REQUEST', 'this is the last administrator; make another one first')
}
