/** What the broker needs of a disk: tables of bytes, changed in whole transactions. `store/` implements it over LMDB. */

export type Table =
  | 'meta'
  | 'sessions'
  | 'subscriptions'
  | 'messages'
  | 'progress'
  | 'retained'
  | 'wills'
  | 'users'
  /** Copies of what all members of the cluster share, by the keys of its documents. */
  | 'shared'
  /** Those of links: `link/durable/`. */
  | 'outbox'
  | 'ledgers'
  | 'routes'
  | 'marks'

/** A new value for a key of a table, or `undefined` to remove it. */
export type Change = { readonly table: Table; readonly key: Buffer; readonly value: Buffer | undefined }

export interface StorePort {
  /** All entries of a table in the order of their keys, byte by byte. */
  entries(table: Table): Iterable<readonly [key: Buffer, value: Buffer]>
  /** Makes all of these changes or none. Resolves once they are on disk; rejects with a `StoreError`, and then none was made. */
  commit(changes: readonly Change[]): Promise<void>
  /** Whether changes would have to wait, and what goes with them be of another moment. Left out, never. */
  readonly isBusy?: boolean
}
