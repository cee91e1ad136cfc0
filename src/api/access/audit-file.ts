/**
 * What was changed over the API of this node: JSON lines in its data directory. When the file is full it is set aside, and what was set
 * aside before it goes.
 */
import { appendFile, open, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import * as z from 'zod'
import type { ApiLog } from '../api-server.ts'
import { roles } from './principal.ts'

export const auditEntry = z.object({
  at: z.iso.datetime(),
  /** Whose API was asked. */
  node: z.string(),
  /** Who asked; of a login the name that was given. */
  name: z.string(),
  role: z.enum(roles).nullable(),
  via: z.enum(['api_key', 'login', 'local', 'nobody']),
  /** Address of who asked. */
  from: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.int(),
  duration_ms: z.number(),
  /** Without secrets. */
  body: z.unknown().optional(),
})

export type AuditEntry = z.infer<typeof auditEntry>

const FILE = 'audit.jsonl'
const FORMER = 'audit.1.jsonl'
const FILE_BYTES_MAX = 2 * 1024 * 1024
/** Entries that may wait for the disk. */
const WAITING_MAX = 10_000
/** Lines that are read in one turn of the event loop. */
const LINES_PER_TURN = 500

export class AuditFile {
  readonly #file: string
  readonly #former: string
  readonly #bytesMax: number
  readonly #log: ApiLog
  #waiting: string[] = []
  #bytes = 0
  #turn: Promise<void>

  /** @param dataDir `node.data_dir`, which is there */
  constructor(dataDir: string, log: ApiLog, bytesMax = FILE_BYTES_MAX) {
    this.#file = join(dataDir, FILE)
    this.#former = join(dataDir, FORMER)
    this.#bytesMax = bytesMax
    this.#log = log
    this.#turn = this.#begin()
  }

  add(entry: AuditEntry): void {
    this.#waiting.push(`${JSON.stringify(entry)}\n`)
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
    if (this.#waiting.length === 1) this.#turn = this.#turn.then(() => this.#write())
  }

  /** Resolves when what was added is on disk, as far as it can be. */
  flush(): Promise<void> {
    return this.#turn
  }

  /** The latest first. A line that is none, as a crash leaves it, is left out. */
  async *entries(): AsyncGenerator<AuditEntry> {
    await this.flush()
    for (const file of [this.#file, this.#former]) {
      const lines = (await textOf(file)).split('\n')
      for (let at = lines.length - 1; at >= 0; at--) {
        if (at % LINES_PER_TURN === 0) await turn()
        const entry = readEntry(lines[at]!)
        if (entry !== undefined) yield entry
      }
    }
  }

  /** A crash may have left half a line, which must not spoil the next one. */
  async #begin(): Promise<void> {
    try {
      const text = await textOf(this.#file)
      if (text !== '' && !text.endsWith('\n')) await appendFile(this.#file, '\n')
      this.#bytes = text === '' ? 0 : (await stat(this.#file)).size
    } catch (error) {
      this.#log.error({ err: error, file: this.#file }, 'audit_not_written')
    }
  }

  async #write(): Promise<void> {
    const text = this.#waiting.join('')
    this.#waiting = []
    try {
      const bytes = Buffer.byteLength(text)
      if (this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax) {
        await rename(this.#file, this.#former)
        this.#bytes = 0
      }
      const handle = await open(this.#file, 'a', 0o600)
      try {
        await handle.appendFile(text)
      } finally {
        await handle.close()
      }
      this.#bytes += bytes
    } catch (error) {
      this.#log.error({ err: error, file: this.#file }, 'audit_not_written')
    }
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

function readEntry(line: string): AuditEntry | undefined {
  if (line === '') return undefined
  try {
    return auditEntry.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
