/** Coordination of a node that is alone: messages to nobody, registers in one small file of the data directory. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Bus, Coordination, Register, Registers, RegisterWatcher, Sender, WriteResult } from '../coordination.ts'

const FILE = 'registers.json'

/** Nothing is ever sent; others rely on a limit all the same. */
const payloadBytesMax = 1_048_576
/** What was deleted is remembered for who still knows its revision; the oldest go. */
const deletedMax = 1000

export type SoloOptions = {
  readonly self: Sender
  /** `node.data_dir`; made if it is not there. */
  readonly dataDir: string
  readonly log: ClusterLog
}

type Watch = {
  readonly keyPrefix: string
  readonly watcher: RegisterWatcher
  /** Changes before the beginning was told are part of it. */
  hasBegun: boolean
}

export class SoloCoordination implements Coordination, Registers {
  readonly self: Sender
  readonly bus: Bus
  readonly #file: string
  readonly #log: ClusterLog
  readonly #registers: Map<string, Register>
  readonly #deleted = new Map<string, Register>()
  readonly #watches = new Set<Watch>()
  readonly #connectionListeners = new Set<(isConnected: boolean) => void>()
  #revision: number
  #isOpen = true

  /** Throws `ClusterError` `DATA_DIR_UNUSABLE`. */
  constructor({ self, dataDir, log }: SoloOptions) {
    this.self = self
    this.bus = busToNobody
    this.#file = join(dataDir, FILE)
    this.#log = log
    try {
      mkdirSync(dataDir, { recursive: true })
    } catch (cause) {
      throw unusable(`can't make the directory ${dataDir}`, cause)
    }
    const { revision, registers } = readRegisters(this.#file)
    this.#revision = revision
    this.#registers = new Map(registers.map((register) => [register.key, register]))
  }

  get registers(): Registers {
    return this
  }

  get isConnected(): boolean {
    return this.#isOpen
  }

  onConnection(listener: (isConnected: boolean) => void): () => void {
    this.#connectionListeners.add(listener)
    return () => void this.#connectionListeners.delete(listener)
  }

  async read(key: string): Promise<Register> {
    this.#mustBeOpen()
    return this.#find(key)
  }

  async write(key: string, value: Uint8Array, revision: number): Promise<WriteResult> {
    return this.#set(key, Buffer.from(value), revision)
  }

  async remove(key: string, revision: number): Promise<WriteResult> {
    return this.#set(key, undefined, revision)
  }

  #find(key: string): Register {
    return this.#registers.get(key) ?? this.#deleted.get(key) ?? { key, value: undefined, revision: 0 }
  }

  #set(key: string, value: Uint8Array | undefined, revision: number): WriteResult {
    this.#mustBeOpen()
    const known = this.#find(key)
    if (revision === 0 ? known.value !== undefined : known.revision !== revision) return { type: 'conflict' }
    const register = { key, value, revision: this.#revision + 1 }
    const live = [...this.#registers.values()].filter((other) => other.key !== key)
    if (value !== undefined) live.push(register)
    // On disk first: a register that was seen is still there after a crash.
    writeRegisters(this.#file, register.revision, live)
    this.#revision = register.revision
    this.#remember(register)
    queueMicrotask(() => {
      for (const watch of this.#watches)
        if (watch.hasBegun && key.startsWith(watch.keyPrefix)) this.#tell(watch, () => watch.watcher.changed(register))
    })
    return { type: 'written', revision: register.revision }
  }

  #remember(register: Register): void {
    const { key } = register
    this.#registers.delete(key)
    this.#deleted.delete(key)
    if (register.value !== undefined) {
      this.#registers.set(key, register)
      return
    }
    this.#deleted.set(key, register)
    const [oldest] = this.#deleted.keys()
    if (this.#deleted.size > deletedMax && oldest !== undefined) this.#deleted.delete(oldest)
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    const watch = { keyPrefix, watcher, hasBegun: false }
    this.#watches.add(watch)
    queueMicrotask(() => {
      const found = [...this.#registers.values()].filter(({ key }) => key.startsWith(keyPrefix))
      watch.hasBegun = true
      for (const register of found) this.#tell(watch, () => watcher.changed(register))
      this.#tell(watch, () => watcher.ready(new Set(found.map(({ key }) => key))))
    })
    return () => void this.#watches.delete(watch)
  }

  #tell(watch: Watch, call: () => void): void {
    if (!this.#watches.has(watch)) return
    try {
      call()
    } catch (error) {
      this.#log.error({ keyPrefix: watch.keyPrefix, error }, 'register_watcher_failed')
    }
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw new ClusterError('COORDINATION_LOST', 'the node has ended')
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#watches.clear()
    for (const listener of this.#connectionListeners) listener(false)
  }
}

const busToNobody: Bus = {
  payloadBytesMax,
  broadcast: (_, payload) => mustFit(payload),
  send: (_, __, payload) => mustFit(payload),
  listen: () => () => undefined,
}

/** What is too long in a cluster is too long here, too: else it is found late. */
function mustFit(payload: Uint8Array): void {
  if (payload.length > payloadBytesMax) throw new RangeError(`a message of ${payload.length} bytes`)
}

type Recorded = { readonly revision: number; readonly registers: readonly Register[] }

function writeRegisters(file: string, revision: number, registers: readonly Register[]): void {
  const recorded = registers.map(({ key, value = new Uint8Array(0), revision: own }) => {
    return [key, Buffer.from(value).toString('base64'), own]
  })
  const draft = `${file}.new`
  try {
    writeFileSync(draft, `${JSON.stringify({ revision, registers: recorded })}\n`, { flush: true })
    renameSync(draft, file)
  } catch (cause) {
    throw unusable(`can't write ${file}`, cause)
  }
}

function readRegisters(file: string): Recorded {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { revision: 0, registers: [] }
    throw unusable(`can't read ${file}`, cause)
  }
  const recorded = parseRegisters(text)
  if (recorded !== undefined) return recorded
  const message = `node.data_dir: ${file} is damaged; without it the node begins anew with what its configuration says`
  throw new ClusterError('DATA_DIR_UNUSABLE', message)
}

function parseRegisters(text: string): Recorded | undefined {
  const parsed = parseJson(text)
  if (typeof parsed !== 'object' || parsed === null || !('revision' in parsed) || !('registers' in parsed))
    return undefined
  const { revision, registers } = parsed
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || !Array.isArray(registers)) return undefined
  const found = registers.map(readRegister)
  return found.every((register) => register !== undefined) ? { revision, registers: found } : undefined
}

function readRegister(recorded: unknown): Register | undefined {
  if (!Array.isArray(recorded)) return undefined
  const [key, value, revision] = recorded as readonly unknown[]
  if (typeof key !== 'string' || typeof value !== 'string' || typeof revision !== 'number') return undefined
  return { key, value: Buffer.from(value, 'base64'), revision }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unusable(what: string, cause: unknown): ClusterError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: ${what}: ${words}`, { cause })
}
