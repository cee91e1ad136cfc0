/** The users of the built-in database that the members of a cluster share; a node that is alone keeps them for itself. */
import { readUser, type User, type UserTable } from '../broker/access/authentication/user-table.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { StorePort } from '../broker/store-port.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import { RegistersOfOne } from '../cluster/documents/registers-of-one.ts'
import type { DocumentCopy } from '../cluster/documents/shared-document.ts'
import { type RecordKind, SharedRecords } from '../cluster/documents/shared-records.ts'

type KeptUser = Omit<User, 'user_id'>

export type SharedUsersPorts = {
  readonly self: Sender
  readonly table: UserTable
  /** Has the copies. */
  readonly store: Pick<StorePort, 'entries' | 'commit'>
  /** Joined; `undefined` for a node that is alone. */
  readonly cluster: Cluster | undefined
  readonly clock: Clock
  readonly log: Logger
}

const users: RecordKind<KeptUser> = { keyPrefix: 'users/', read: readUser }

/** How long a start waits for what the others share, milliseconds: with it clients that come at once are known. */
const KNOWN_WAIT_MS = 2_000

export class SharedUsers {
  readonly #table: UserTable
  readonly #records: SharedRecords<KeptUser>
  readonly #copies: StoredCopies

  private constructor(table: UserTable, records: SharedRecords<KeptUser>, copies: StoredCopies) {
    this.#table = table
    this.#records = records
    this.#copies = copies
  }

  /** Resolves when what is shared is known, or when that takes too long. */
  static async start({ self, table, store, cluster, clock, log }: SharedUsersPorts): Promise<SharedUsers> {
    const copies = new StoredCopies(store, log)
    const ports = {
      copyOf: (key: string) => copies.of(key),
      changed: (user_id: string, user: KeptUser | null | undefined) =>
        table.share(user_id, user === undefined || user === null ? user : { user_id, ...user }),
    }
    const alone = { coordination: { self, registers: new RegistersOfOne() }, log }
    const records = cluster?.records(users, ports) ?? new SharedRecords(users, { ...alone, ...ports })
    if (cluster === undefined) records.start()
    if (cluster?.isConnected !== false) {
      let late: { cancel(): void } | undefined
      await Promise.race([records.known, new Promise<void>((resolve) => (late = clock.after(KNOWN_WAIT_MS, resolve)))])
      late?.cancel()
    }
    return new SharedUsers(table, records, copies)
  }

  /**
   * Changes a user on all members, and keeps that here. Rejects with `ClusterError` if that can't be done now, or with what `decide` throws.
   * @param decide is given what holds now, the node's own users included; `null` deletes
   */
  async change(userId: string, decide: (user: KeptUser | undefined) => KeptUser | null): Promise<void> {
    await this.#records.change(userId, (shared) =>
      decide(shared === undefined ? this.#ownOf(userId) : (shared ?? undefined)),
    )
    await this.#copies.settled()
  }

  #ownOf(userId: string): KeptUser | undefined {
    const user = this.#table.get(userId)
    if (user === undefined) return undefined
    const { user_id: _, ...kept } = user
    return kept
  }
}

/** Copies in the store, where a crash leaves the old one or the new one. */
class StoredCopies {
  readonly #store: Pick<StorePort, 'commit'>
  readonly #log: Logger
  readonly #kept: ReadonlyMap<string, Buffer>
  #written: Promise<unknown> = Promise.resolve()

  constructor(store: Pick<StorePort, 'entries' | 'commit'>, log: Logger) {
    this.#store = store
    this.#log = log
    this.#kept = new Map([...store.entries('shared')].map(([key, value]) => [key.toString(), value]))
  }

  of(key: string): DocumentCopy {
    return {
      path: `shared/${key}`,
      read: () => this.#kept.get(key),
      write: (bytes) => {
        this.#written = this.#write(key, Buffer.from(bytes))
      },
    }
  }

  /** Resolves when what was written last is on disk, or could not be, which is logged. */
  async settled(): Promise<void> {
    await this.#written
  }

  async #write(key: string, value: Buffer): Promise<void> {
    try {
      await this.#store.commit([{ table: 'shared', key: Buffer.from(key), value }])
    } catch (error) {
      this.#log.error({ err: error, document: key }, 'shared_document_copy_not_written')
    }
  }
}
