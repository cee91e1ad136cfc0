/** What durable links need of a disk. The node's store satisfies it, and carries what the broker keeps as well. */

/** `outbox`: batches that wait to cross. `ledgers`: where the messages of each link stand. `routes`: what the peers want. `marks`: what was
 * taken of them. */
export type LinkTable = 'outbox' | 'ledgers' | 'routes' | 'marks'

/** A new value for a key of a table, or `undefined` to remove it. */
export type LinkChange = { readonly table: LinkTable; readonly key: Buffer; readonly value: Buffer | undefined }

export interface OutboxStore {
  /** Entries behind a key, or from the first one on, in the order of their keys, byte by byte. */
  entriesAfter(table: LinkTable, after: Buffer | undefined): Iterable<readonly [key: Buffer, value: Buffer]>
  /** Makes all of these changes or none. Resolves once they are on the disk; rejects if they could not be made, and then none was. */
  commit(changes: readonly LinkChange[]): Promise<void>
}
