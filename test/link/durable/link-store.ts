/** A store in memory for durable links: commits wait until a test lets them go, or fail. */
import type { LinkChange, LinkTable, OutboxStore } from '../../../src/link/durable/outbox-store.ts'

type Tables = Record<LinkTable, Map<string, Buffer>>

export class LinkStore implements OutboxStore {
  readonly #tables: Tables
  /** Commits on their way, oldest first. */
  readonly pending: { readonly changes: readonly LinkChange[]; settle(error?: Error): void }[] = []
  /** Whether commits are over at once. */
  isPrompt = false
  commits = 0

  constructor(tables: Tables = { outbox: new Map(), ledgers: new Map(), routes: new Map(), marks: new Map() }) {
    this.#tables = tables
  }

  /** What a new process finds. */
  afterCrash(): LinkStore {
    const { outbox, ledgers, routes, marks } = this.#tables
    return new LinkStore({
      outbox: new Map(outbox),
      ledgers: new Map(ledgers),
      routes: new Map(routes),
      marks: new Map(marks),
    })
  }

  *entriesAfter(table: LinkTable, after: Buffer | undefined): Iterable<readonly [Buffer, Buffer]> {
    for (const hex of [...this.#tables[table].keys()].toSorted()) {
      const key = Buffer.from(hex, 'hex')
      if (after === undefined || Buffer.compare(key, after) > 0) yield [key, this.#tables[table].get(hex)!]
    }
  }

  count(table: LinkTable): number {
    return this.#tables[table].size
  }

  /** Damages the only record of a table. */
  damage(table: LinkTable): void {
    for (const value of this.#tables[table].values()) value[value.length - 1]! ^= 1
  }

  commit(changes: readonly LinkChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const copies = changes.map((change) => ({ ...change, ...(change.value && { value: Buffer.from(change.value) }) }))
      const settle = (error?: Error): void => {
        if (error !== undefined) return reject(error)
        this.#apply(copies)
        resolve()
      }
      if (this.isPrompt) settle()
      else this.pending.push({ changes: copies, settle })
    })
  }

  /** Ends the oldest commit on its way. */
  async settle(error?: Error): Promise<void> {
    this.pending.shift()?.settle(error)
    await new Promise((resolve) => setImmediate(resolve))
  }

  #apply(changes: readonly LinkChange[]): void {
    this.commits += 1
    for (const { table, key, value } of changes) {
      if (value === undefined) this.#tables[table].delete(key.toString('hex'))
      else this.#tables[table].set(key.toString('hex'), value)
    }
  }
}
