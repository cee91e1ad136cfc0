/** What a node keeps on disk, in one store: sessions, retained messages and users of its broker, and what its links keep. */
import { join } from 'node:path'
import type { UserTable } from '../broker/access/authentication/user-table.ts'
import type { Broker } from '../broker/broker.ts'
import { DamagedRecords } from '../broker/durable/load.ts'
import type { Logger } from '../broker/logger.ts'
import { DurableLinks } from '../link/durable/durable-links.ts'
import { DamagedOutbox } from '../link/durable/outbox-records.ts'
import { StoreError } from '../store/store-error.ts'
import type { Machine, Store } from './machine.ts'

/** In `node.data_dir`. */
export const STORE_FILE = 'store.mdb'

export type NodeStore = {
  readonly records: Store
  /** What links keep in it. */
  readonly links: DurableLinks
}

/** The broker and its users go on with what is in it. Throws `StoreError`. */
export function openStore(
  dataDir: string,
  broker: Broker,
  users: UserTable,
  { clock, openStore: open }: Pick<Machine, 'clock' | 'openStore'>,
  log: Logger,
): NodeStore {
  const records = open(join(dataDir, STORE_FILE))
  const lead = () => broker.journal.lead()
  const links = new DurableLinks(records, { clock, log, defer: setImmediate, lead }, broker.fromLinks)
  try {
    // What a client sent, and that it was taken from it, goes to disk together with what links have of it.
    broker.open({
      entries: (table) => records.entries(table),
      commit: (changes) => links.carry((own) => records.commit(own.length === 0 ? changes : [...own, ...changes])),
      get isBusy() {
        return links.isCommitting
      },
    })
    users.open(records)
  } catch (error) {
    void records.close()
    throw damagedStore(dataDir, error)
  }
  return { records, links }
}

/** Of what cannot be made sense of, the words for people; any other error is itself. */
export function damagedStore(dataDir: string, error: unknown): unknown {
  if (!(error instanceof DamagedRecords) && !(error instanceof DamagedOutbox)) return error
  return new StoreError('STORE_DAMAGED', `${join(dataDir, STORE_FILE)}: ${error.message}`, { cause: error })
}

/** Resolves when all is on disk. @param store `undefined` if it was not opened */
export async function closeStore({ journal }: Broker, store: NodeStore | undefined): Promise<void> {
  await journal.flush()
  await store?.links.flush()
  journal.close()
  store?.links.close()
  await store?.records.close()
}
