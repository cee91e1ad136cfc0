/** Clients and a store for tests of authentication. */
import type { Credentials } from '../../../../src/broker/access/client-info.ts'
import type { Attempt, ChainMember, Outcome } from '../../../../src/broker/access/authentication/outcome.ts'
import type { Logger } from '../../../../src/broker/logger.ts'
import type { Change, StorePort, Table } from '../../../../src/broker/store-port.ts'

export function credentials(
  more: Partial<Omit<Credentials, 'password'>> & { password?: string | Buffer } = {},
): Credentials {
  const { password, ...rest } = more
  return {
    clientId: 'client-1',
    username: undefined,
    peerHost: '192.0.2.1',
    peerPort: 54_321,
    protocolVersion: 5,
    listener: 'tcp:default',
    certificate: undefined,
    ...rest,
    password: typeof password === 'string' ? Buffer.from(password) : password,
  }
}

/** An attempt that nobody gives up. */
export function attempt(more: Partial<Attempt> = {}): Attempt {
  return { signal: new AbortController().signal, isWelcome: () => true, ...more }
}

/** A member that always says the same. */
export function member(
  id: string,
  outcome: Outcome | (() => Promise<Outcome>),
): ChainMember & { readonly asked: number } {
  let asked = 0
  return {
    id,
    deadlineMs: 1000,
    get asked() {
      return asked
    },
    authenticate: () => {
      asked++
      return typeof outcome === 'function' ? outcome() : Promise.resolve(outcome)
    },
    stop: () => {},
  }
}

export type Line = {
  readonly level: keyof Logger
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A log that keeps its lines. */
export function recordingLog(): {
  readonly log: Logger
  readonly lines: readonly Line[]
  readonly events: () => string[]
} {
  const lines: Line[] = []
  const write = (level: keyof Logger) => (fields: object, event: string) =>
    void lines.push({ level, event, fields: { ...fields } })
  return {
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    lines,
    events: () => lines.map(({ event }) => event),
  }
}

/** A promise that somebody else keeps. */
export class Latch<T = void> {
  readonly promise: Promise<T>
  #open: ((value: T) => void) | undefined
  constructor() {
    this.promise = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  open(value: T): void {
    this.#open?.(value)
  }
}

/** A store in memory. `fail`: what the next commit rejects with. */
export class MemoryStore implements StorePort {
  readonly #tables = new Map<Table, Map<string, Buffer>>()
  readonly commits: number[] = []
  fail: Error | undefined;

  *entries(table: Table): Iterable<readonly [key: Buffer, value: Buffer]> {
    const rows = [...(this.#tables.get(table) ?? new Map<string, Buffer>())]
    for (const [key, value] of rows.sort(([a], [b]) => (a < b ? -1 : 1))) yield [Buffer.from(key, 'hex'), value]
  }

  commit(changes: readonly Change[]): Promise<void> {
    const failure = this.fail
    this.fail = undefined
    if (failure !== undefined) return Promise.reject(failure)
    this.commits.push(changes.length)
    for (const { table, key, value } of changes) {
      const rows = this.#tables.get(table) ?? new Map<string, Buffer>()
      this.#tables.set(table, rows)
      if (value === undefined) rows.delete(key.toString('hex'))
      else rows.set(key.toString('hex'), value)
    }
    return Promise.resolve()
  }
}
