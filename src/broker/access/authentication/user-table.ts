/**
 * The users of the built-in database: all in memory. Those of a bootstrap file are the node's own, and in the store's table `users` if
 * there is a store. Those of the API are shared by the cluster, and go before the node's own.
 */
import type { Change, StorePort } from '../../store-port.ts'
import type { HashedPassword } from './password-hash.ts'

export type User = HashedPassword & { readonly user_id: string; readonly is_superuser: boolean }

/** How many users one transaction of the store takes at most. */
const CHANGES_MAX = 1000

export class UserTable {
  #store: StorePort | undefined
  /** All that hold. */
  readonly #users = new Map<string, User>()
  /** The node's own. */
  readonly #own = new Map<string, User>()
  /** What the cluster shares; `null`: it was deleted, whoever has it in a file. */
  readonly #shared = new Map<string, User | null>()

  /** Until a store is opened users live as long as the table. */
  constructor(store?: StorePort) {
    if (store !== undefined) this.open(store)
  }

  /** Reads all users of the store, and keeps them there from now on. Throws if an entry is no user: the store is damaged. */
  open(store: StorePort): void {
    this.#store = store
    for (const [key, value] of store.entries('users')) {
      const user = decodeUser(key.toString(), value)
      this.#setOwn(user.user_id, user)
    }
  }

  get size(): number {
    return this.#users.size
  }

  get(userId: string): User | undefined {
    return this.#users.get(userId)
  }

  /** Whether nobody else can have that name: there is such a user, or there was and it was deleted for all. */
  isTaken(userId: string): boolean {
    return this.#users.has(userId) || this.#shared.has(userId)
  }

  /** What the cluster shares of a user; `null`: it is deleted, whoever has it in a file; `undefined`: nothing. */
  share(userId: string, user: User | null | undefined): void {
    if (user === undefined) this.#shared.delete(userId)
    else this.#shared.set(userId, user)
    this.#settle(userId)
  }

  /** In no order; they may change meanwhile. */
  all(): Iterable<User> {
    return this.#users.values()
  }

  #setOwn(userId: string, user: User | undefined): void {
    if (user === undefined) this.#own.delete(userId)
    else this.#own.set(userId, user)
    this.#settle(userId)
  }

  #settle(userId: string): void {
    const shared = this.#shared.get(userId)
    const user = shared === undefined ? this.#own.get(userId) : shared
    if (user === undefined || user === null) this.#users.delete(userId)
    else this.#users.set(userId, user)
  }

  /** Some user, if there is one. */
  any(): User | undefined {
    return this.#users.values().next().value
  }

  /** All users by `user_id`. */
  list(): readonly User[] {
    return [...this.#users.values()].sort((a, b) => (a.user_id < b.user_id ? -1 : a.user_id > b.user_id ? 1 : 0))
  }

  /** Adds those that are not there yet; of two with one name the first. Returns how many it added; rejects as the store does. */
  async add(users: readonly User[]): Promise<number> {
    const fresh = new Map<string, User>()
    for (const user of users) {
      if (!this.isTaken(user.user_id) && !fresh.has(user.user_id)) fresh.set(user.user_id, user)
    }
    const added = [...fresh.values()]
    for (let at = 0; at < added.length; at += CHANGES_MAX) {
      const batch = added.slice(at, at + CHANGES_MAX)
      await this.#commit(batch.map((user) => changeOf(user.user_id, user)))
      for (const user of batch) this.#setOwn(user.user_id, user)
    }
    return added.length
  }

  /** Replaces a user of the node's own. Returns false if there is no such user. */
  async update(user: User): Promise<boolean> {
    if (!this.#own.has(user.user_id)) return false
    await this.#commit([changeOf(user.user_id, user)])
    this.#setOwn(user.user_id, user)
    return true
  }

  /** Of the node's own. Returns false if there is no such user. */
  async remove(userId: string): Promise<boolean> {
    if (!this.#own.has(userId)) return false
    await this.#commit([changeOf(userId, undefined)])
    this.#setOwn(userId, undefined)
    return true
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    await this.#store?.commit(changes)
  }
}

function changeOf(userId: string, user: User | undefined): Change {
  const { user_id: _, ...rest } = user ?? { user_id: userId }
  return {
    table: 'users',
    key: Buffer.from(userId),
    value: user === undefined ? undefined : Buffer.from(JSON.stringify(rest)),
  }
}

function decodeUser(user_id: string, value: Buffer): User {
  const user = readUser(JSON.parse(value.toString()))
  if (user === undefined)
    throw new TypeError(`the store holds something under users that is no user: ${JSON.stringify(user_id)}`)
  return { user_id, ...user }
}

/** What is kept of a user under its name, of plain JSON; `undefined` if that is none. */
export function readUser(plain: unknown): Omit<User, 'user_id'> | undefined {
  if (typeof plain !== 'object' || plain === null) return undefined
  const { password_hash, salt, is_superuser } = plain as Partial<User>
  if (typeof password_hash !== 'string' || typeof salt !== 'string' || typeof is_superuser !== 'boolean')
    return undefined
  return { password_hash, salt, is_superuser }
}
