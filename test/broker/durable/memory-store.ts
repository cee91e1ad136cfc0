/** A store in memory, which can be told to fail, and whose commits wait until a test lets them go. */
import type { Change, StorePort, Table } from '../../../src/broker/store-port.ts'

export class MemoryStore implements StorePort {
  readonly #tables: Map<Table, Map<string, Buffer>>
  /** Commits that are on their way, oldest first. */
  readonly pending: { readonly changes: readonly Change[]; commit(): void; fail(error: Error): void }[] = []
  /** Whether commits are over at once. */
  isPrompt: boolean
  /** What every commit fails with, while there is something. */
  failure: Error | undefined
  commits = 0

  constructor(isPrompt = true, tables: Map<Table, Map<string, Buffer>> = new Map()) {
    this.isPrompt = isPrompt
    this.#tables = tables
  }

  /** What a new process finds. */
  afterCrash(): MemoryStore {
    return new MemoryStore(this.isPrompt, new Map([...this.#tables].map(([name, table]) => [name, new Map(table)])))
  }

  entries(table: Table): Iterable<readonly [key: Buffer, value: Buffer]> {
    const entries = [...(this.#tables.get(table) ?? [])].map(
      ([key, value]) => [Buffer.from(key, 'hex'), Buffer.from(value)] as const,
    )
    return entries.sort(([a], [b]) => Buffer.compare(a, b))
  }

  /** How many records a table has. */
  count(table: Table): number {
    return this.#tables.get(table)?.size ?? 0
  }

  /** How many bytes its values have. */
  bytes(table: Table): number {
    return [...(this.#tables.get(table)?.values() ?? [])].reduce((sum, { length }) => sum + length, 0)
  }

  commit(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      // As they are now: the caller may use the memory again once the commit is over.
      const copies = changes.map(({ table, key, value }) => ({
        table,
        key: Buffer.from(key),
        value: value === undefined ? undefined : Buffer.from(value),
      }))
      this.pending.push({
        changes: copies,
        commit: () => {
          this.#apply(copies)
          resolve()
        },
        fail: reject,
      })
      if (this.isPrompt) this.settle()
    })
  }

  /** Ends the oldest commit on its way. */
  settle(): void {
    const oldest = this.pending.shift()
    if (this.failure === undefined) oldest?.commit()
    else oldest?.fail(this.failure)
  }

  #apply(changes: readonly Change[]): void {
    this.commits++
    for (const { table, key, value } of changes) {
      const entries = this.#tables.get(table) ?? new Map<string, Buffer>()
      this.#tables.set(table, entries)
      if (value === undefined) entries.delete(key.toString('hex'))
      else entries.set(key.toString('hex'), value)
    }
  }
}
