/**
 * The data directory of one node. It outlives the node's processes: what a dead one had been promised is there, and what it was still
 * waiting for is there as a whole or not at all. A disk may be slow, and have no room left for some or for all that is to be written.
 */
import type { Change, Table } from '../../../src/broker/store-port.ts'
import type { Files } from '../../../src/cluster/files.ts'
import type { Store } from '../../../src/node/machine.ts'
import { StoreError } from '../../../src/store/store-error.ts'
import type { ProcessTurns } from './process-turns.ts'
import type { SeededRandom } from './random.ts'
import { KeptFiles, SimulatedFiles } from './simulated-files.ts'
import type { VirtualTime } from './virtual-time.ts'

/** As a disk of the cloud takes them, with an fsync each. */
const COMMIT_MS = { minMs: 0.3, maxMs: 4 }

export class SimulatedDisk {
  /** How long a transaction takes from now on. */
  commitMs: { readonly minMs: number; readonly maxMs: number } = COMMIT_MS
  /** How likely each write finds no room: 0 for none, 1 for every one. */
  fullChance = 0
  /** Transactions that were made, and those for which there was no room. */
  commits = 0
  failures = 0
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #stores = new Map<string, KeptTables>()
  readonly #files = new KeptFiles()

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time
    this.#random = random
  }

  /** As it comes from the shop. */
  heal(): void {
    this.commitMs = COMMIT_MS
    this.fullChance = 0
  }

  /** Another disk, with nothing on it. No process may run on it. */
  wipe(): void {
    this.#stores.clear()
    this.#files.wipe()
  }

  filesOf(process: ProcessTurns): Files {
    return new SimulatedFiles(this.#files, this, process, this.#time)
  }

  /** Throws `StoreError` if another process that lives has it open. */
  openStore(file: string, process: ProcessTurns): SimulatedStore {
    const kept = this.#stores.get(file) ?? { tables: new Map<Table, KeptTable>(), user: undefined }
    this.#stores.set(file, kept)
    if (kept.user?.isDead === false)
      throw new StoreError('STORE_IN_USE', `${file}: another process uses this store, which belongs to one node`)
    kept.user = process
    return new SimulatedStore({ file, kept, process, disk: this, time: this.#time })
  }

  /** Asked once for each write. */
  isFullNow(): boolean {
    const isFull = this.fullChance > 0 && this.#random.chance(this.fullChance)
    if (isFull) this.failures += 1
    return isFull
  }

  nextCommitMs(): number {
    return this.#random.between(this.commitMs.minMs, this.commitMs.maxMs)
  }
}

/** What is on the disk. */
type KeptTables = { readonly tables: Map<Table, KeptTable>; user: ProcessTurns | undefined }

class KeptTable {
  /** By the key in hexadecimal, whose order is that of the bytes. */
  readonly #values = new Map<string, Buffer>()
  #keys: string[] | undefined
  /** Grows with each change. */
  version = 0

  set(key: string, value: Buffer | undefined): void {
    const isKnown = this.#values.has(key)
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
    if (isKnown === (value !== undefined)) return
    this.#keys = undefined
    this.version += 1
  }

  get(key: string): Buffer | undefined {
    return this.#values.get(key)
  }

  keys(): readonly string[] {
    return (this.#keys ??= [...this.#values.keys()].toSorted((a, b) => (a < b ? -1 : 1)))
  }
}

type Transaction = {
  readonly changes: readonly { readonly table: Table; readonly key: string; readonly value: Buffer | undefined }[]
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

type StorePorts = {
  readonly file: string
  readonly kept: KeptTables
  readonly process: ProcessTurns
  readonly disk: SimulatedDisk
  readonly time: VirtualTime
}

/** What the store over LMDB is to a real node: transactions one after the other, each as a whole, and what was made is on the disk. */
export class SimulatedStore implements Store {
  readonly #ports: StorePorts
  readonly #waiting: Transaction[] = []
  #isBusy = false
  #closed: (() => void) | undefined

  constructor(ports: StorePorts) {
    this.#ports = ports
  }

  entries(table: Table): Iterable<readonly [key: Buffer, value: Buffer]> {
    return this.entriesAfter(table, undefined)
  }

  /** In the order of their keys, byte by byte. What changes behind the place that was reached is seen as it is then. */
  *entriesAfter(table: Table, after: Buffer | undefined): Iterable<readonly [key: Buffer, value: Buffer]> {
    const kept = this.#table(table)
    let last = after?.toString('hex')
    let version = -1
    let keys: readonly string[] = []
    for (let at = 0; ; at += 1) {
      if (version !== kept.version) {
        version = kept.version
        keys = kept.keys()
        at = last === undefined ? 0 : firstAfter(keys, last)
      }
      const key = keys[at]
      if (key === undefined) return
      last = key
      yield [Buffer.from(key, 'hex'), Buffer.from(kept.get(key)!)]
    }
  }

  /**
   * Resolves when all is on the disk; rejects with `StoreError` if there was no room, and then nothing is. Values are read when they
   * are written, as LMDB reads them: they must not change before it is over.
   */
  commit(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const copied = changes.map(({ table, key, value }) => ({ table, key: key.toString('hex'), value }))
      this.#waiting.push({ changes: copied, resolve, reject })
      if (!this.#isBusy) this.#next()
    })
  }

  /** After what is being written. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = () => {
        this.#ports.kept.user = undefined
        resolve()
      }
      if (!this.#isBusy) this.#closed()
    })
  }

  #next(): void {
    const transaction = this.#waiting.shift()
    this.#isBusy = transaction !== undefined
    if (transaction === undefined) return this.#closed?.()
    const { disk, time, process } = this.#ports
    const ms = disk.nextCommitMs()
    // It is on the disk before its process knows of it, and who is killed between the two finds it there.
    time.after(ms * 0.8, () =>
      process.turn(() => {
        const failure = this.#write(transaction)
        time.after(ms * 0.2, () =>
          process.turn(() => {
            if (failure === undefined) transaction.resolve()
            else transaction.reject(failure)
            this.#next()
          }),
        )
      }),
    )
  }

  #write({ changes }: Transaction): StoreError | undefined {
    const { disk, file } = this.#ports
    if (disk.isFullNow()) {
      const cause = new Error('No space left on device')
      const words = `${file}: can't be written to: no room is left on the disk`
      return new StoreError('STORE_WRITE_FAILED', words, { cause, isFull: true })
    }
    for (const { table, key, value } of changes)
      this.#table(table).set(key, value === undefined ? undefined : Buffer.from(value))
    disk.commits += 1
    return undefined
  }

  #table(name: Table): KeptTable {
    const { tables } = this.#ports.kept
    const table = tables.get(name) ?? new KeptTable()
    tables.set(name, table)
    return table
  }
}

/** Where the first key behind this one stands. */
function firstAfter(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! <= key) low = middle + 1
    else high = middle
  }
  return low
}
