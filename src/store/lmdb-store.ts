/** The store of one node: a file of LMDB in its data directory. */
import { closeSync, mkdirSync, openSync, realpathSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { Change, StorePort, Table } from '../broker/store-port.ts'
import { checkFile, damaged } from './check-file.ts'
import { StoreError } from './store-error.ts'

const TABLES: readonly Table[] = [
  'meta',
  'sessions',
  'subscriptions',
  'messages',
  'progress',
  'retained',
  'wills',
  'users',
  'shared',
  'outbox',
  'ledgers',
  'routes',
  'marks',
]
/** What stands in each table, and how. To be raised when a program that knows the old layout can't read the new one. */
const LAYOUT = 'isthmus 1'
/** In `root`, beside the tables. */
const LAYOUT_KEY = Buffer.from('layout')
/** Less room than this, and a write failed for the want of it. */
const ROOM_BYTES_MIN = 256 * 1024
/** LMDB's errors that tell of damage, by their numbers in `lmdb.h`. */
const MDB_PAGE_NOTFOUND = -30_797
const MDB_CORRUPTED = -30_796
const MDB_VERSION_MISMATCH = -30_794
const MDB_INVALID = -30_793

type Tables = Readonly<Record<Table, Database<Buffer, Buffer>>>

export class LmdbStore implements StorePort {
  /** Those of this process, where LMDB's table of readers can't tell one node from another. */
  static readonly #open = new Set<string>()
  readonly #file: string
  readonly #root: RootDatabase<Buffer, Buffer>
  readonly #tables: Tables

  private constructor(file: string, root: RootDatabase<Buffer, Buffer>, tables: Tables) {
    this.#file = file
    this.#root = root
    this.#tables = tables
  }

  /**
   * Opens the store in this file, or begins one. Throws `StoreError` if it can't be used; then nothing of it was changed.
   * @param file its directory is made if it is not there; LMDB puts a second file beside it, `<file>-lock`
   */
  static open(file: string): LmdbStore {
    const path = makeFile(file)
    if (LmdbStore.#open.has(path)) throw inUse(file, process.pid)
    checkFile(file)
    const root = openRoot(path)
    try {
      refuseIfInUse(root, file)
      claimLayout(root, file)
      const tables = TABLES.map((name) => [name, root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' })])
      // From here on this process stands in the table of readers, until it ends or the store is closed.
      root.get(LAYOUT_KEY)
      LmdbStore.#open.add(path)
      return new LmdbStore(path, root, Object.fromEntries(tables) as Tables)
    } catch (error) {
      void root.close()
      throw toStoreError(error, file)
    }
  }

  entries(table: Table): Iterable<readonly [key: Buffer, value: Buffer]> {
    return this.entriesAfter(table, undefined)
  }

  /** Those after a key, in order; from the first one on if there is none. So a table can be read bit by bit. */
  *entriesAfter(table: Table, after: Buffer | undefined): Iterable<readonly [key: Buffer, value: Buffer]> {
    const range = after === undefined ? {} : { start: after, exclusiveStart: true }
    try {
      for (const { key, value } of this.#tables[table].getRange({ ...range, snapshot: false }))
        yield [Buffer.from(key), Buffer.from(value)]
    } catch (error) {
      throw toStoreError(error, this.#file)
    }
  }

  async commit(changes: readonly Change[]): Promise<void> {
    try {
      await this.#root.batch(() => {
        for (const { table, key, value } of changes) {
          if (value === undefined) void this.#tables[table].remove(key)
          else void this.#tables[table].put(key, value)
        }
      })
    } catch (error) {
      throw this.#writeError(await underlying(error))
    }
  }

  /** What was committed stays on the disk; the file is free for another node. */
  async close(): Promise<void> {
    await this.#root.close()
    LmdbStore.#open.delete(this.#file)
  }

  #writeError(cause: unknown): StoreError {
    const isFull = roomBytes(this.#file) < ROOM_BYTES_MIN
    const what = isFull ? 'no room is left on the disk' : words(cause)
    return new StoreError('STORE_WRITE_FAILED', `${this.#file}: can't be written to: ${what}`, { cause, isFull })
  }
}

/** Makes the directory and the file where they are missing; nobody but the node reads what clients sent. Returns its real path. */
function makeFile(file: string): string {
  try {
    mkdirSync(dirname(file), { recursive: true })
    closeSync(openSync(file, 'a', 0o600))
    return realpathSync(file)
  } catch (cause) {
    throw new StoreError('STORE_UNUSABLE', `${file}: can't be opened for writing: ${words(cause)}`, { cause })
  }
}

function openRoot(file: string): RootDatabase<Buffer, Buffer> {
  try {
    return open<Buffer, Buffer>({
      path: file,
      noSubdir: true,
      maxDbs: TABLES.length,
      encoding: 'binary',
      keyEncoding: 'binary',
      cache: false,
      // A commit is on the disk when its promise resolves. To let the next one begin before that gains nothing here:
      // there is one at a time, and what it is to promise gathers meanwhile.
      overlappingSync: false,
      // A batch is whole when it is handed over, so that there is nothing to wait for.
      eventTurnBatching: false,
    })
  } catch (error) {
    throw toStoreError(error, file)
  }
}

/**
 * Each process that has read from the store stands in LMDB's table of readers, and the kernel keeps the entry only while
 * that process lives. Two nodes that wrote one store would each undo what the other keeps.
 */
function refuseIfInUse(root: RootDatabase<Buffer, Buffer>, file: string): void {
  root.readerCheck()
  root.get(LAYOUT_KEY)
  const pids = root.readerList().matchAll(/^\s*(\d+)\s/gm)
  const other = [...pids].map(([, pid]) => Number(pid)).find((pid) => pid !== process.pid)
  if (other !== undefined) throw inUse(file, other)
}

function inUse(file: string, pid: number): StoreError {
  return new StoreError(
    'STORE_IN_USE',
    `${file}: a node in process ${pid} uses this store. A data directory belongs to one node: stop the other one, or set another node.data_dir.`,
  )
}

function claimLayout(root: RootDatabase<Buffer, Buffer>, file: string): void {
  const layout = root.get(LAYOUT_KEY)?.toString()
  if (layout === LAYOUT) return
  if (layout !== undefined || root.getCount() > 0)
    throw new StoreError(
      'STORE_VERSION_UNKNOWN',
      `${file}: ${layout === undefined ? 'something else than Isthmus' : `a version of Isthmus with the layout "${layout}"`} wrote this store, and this program reads "${LAYOUT}". Start the program that wrote it, or move the file away to begin without it.`,
    )
  root.putSync(LAYOUT_KEY, Buffer.from(LAYOUT))
}

function toStoreError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === MDB_CORRUPTED || code === MDB_PAGE_NOTFOUND || code === MDB_INVALID)
    return damaged(file, words(error), error)
  if (code === MDB_VERSION_MISMATCH)
    return new StoreError('STORE_VERSION_UNKNOWN', `${file}: ${words(error)}`, { cause: error })
  return new StoreError('STORE_UNUSABLE', `${file}: can't be used: ${words(error)}`, { cause: error })
}

/** lmdb-js rejects with an error that only points to the one that tells why. */
async function underlying(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (cause) {
    return cause
  }
}

function roomBytes(file: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(file))
    return bavail * bsize
  } catch {
    // A disk that can't even be asked is no disk that is full.
    return Number.POSITIVE_INFINITY
  }
}

function words(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
