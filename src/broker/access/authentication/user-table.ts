/** The users of the built-in database: all in memory, and in the store's table `users` if there is a store. */
import type { Change, StorePort } from '../../store-port.ts'
import type { HashedPassword } from './password-hash.ts'

export type User = HashedPassword & { readonly user_id: string; readonly is_superuser: boolean }

/** How many users one transaction of the store takes at most. */
const CHANGES_MAX = 1000

export class UserTable {
  #store: StorePort | undefined
  readonly #users = new Map<string, User>()

  /** Until a store is opened users live as long as the table. */
  constructor(store?: StorePort) {
    if (store !== undefined) this.open(store)
  }

  /** Reads all users of the store, and keeps them there from now on. Throws if an entry is no user: the store is damaged. */
  open(store: StorePort): void {
    this.#store = store
    for (const [key, value] of store.entries('users')) {
      const user = decodeUser(key.toString(), value)
      this.#users.set(user.user_id, user)
    }
  }

  get size(): number {
    return this.#users.size
  }

  get(userId: string): User | undefined {
    return this.#users.get(userId)
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
      if (!this.#users.has(user.user_id) && !fresh.has(user.user_id)) fresh.set(user.user_id, user)
    }
    const added = [...fresh.values()]
    for (let at = 0; at < added.length; at += CHANGES_MAX) {
      const batch = added.slice(at, at + CHANGES_MAX)
      await this.#commit(batch.map((user) => changeOf(user.user_id, user)))
      for (const user of batch) this.#users.set(user.user_id, user)
    }
    return added.length
  }

  /** Replaces a user. Returns false if there is no such user. */
  async update(user: User): Promise<boolean> {
    if (!this.#users.has(user.user_id)) return false
    await this.#commit([changeOf(user.user_id, user)])
    this.#users.set(user.user_id, user)
    return true
  }

  /** Returns false if there is no such user. */
  async remove(userId: string): Promise<boolean> {
    if (!this.#users.has(userId)) return false
    await this.#commit([changeOf(userId, undefined)])
    return this.#users.delete(userId)
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
  const { password_hash, salt, is_superuser } = JSON.parse(value.toString()) as Partial<User>
  if (typeof password_hash !== 'string' || typeof salt !== 'string' || typeof is_superuser !== 'boolean')
    throw new TypeError(`the store holds something under users that is no user: ${JSON.stringify(user_id)}`)
  return { user_id, password_hash, salt, is_superuser }
}
