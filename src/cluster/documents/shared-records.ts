/**
 * Many small records by name that are the same on every member of a cluster: spread by a hash of their names over documents, so that a
 * change writes little. A document that nothing was ever written to does not exist. One watch tells of all of them.
 */
import { crc32 } from 'node:zlib'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Registers, RegisterWatcher } from '../coordination.ts'
import { type DocumentCopy, type DocumentKind, type Shared, SharedDocument } from './shared-document.ts'

/** `null`: it was deleted, which is also remembered where the others had it from elsewhere. */
export type RecordOf<Value> = Value | null

export type RecordKind<Value> = {
  /** Of the registers: `users/`. */
  readonly keyPrefix: string
  /** Of plain JSON; `undefined` if that is none. Never throws. */
  readonly read: (plain: unknown) => Value | undefined
}

export type SharedRecordsPorts<Value> = {
  readonly coordination: Pick<Coordination, 'self' | 'registers'>
  readonly log: ClusterLog
  /** This member's own copy of a document. */
  readonly copyOf: (key: string) => DocumentCopy
  /** A record says something else now; `undefined`: nobody knows anything of it any more. */
  readonly changed: (name: string, record: RecordOf<Value> | undefined) => void
}

type Records<Value> = ReadonlyMap<string, RecordOf<Value>>

const DOCUMENTS = 64
/** Of one document, bytes: well below what a register takes. */
const DOCUMENT_BYTES_MAX = 512 * 1024
/** Deletions that one document remembers; the oldest go first. */
const DELETIONS_MAX = 500

export class SharedRecords<Value> {
  /** Resolves when what is shared is known for the first time. */
  readonly known: Promise<void>
  #isKnown: () => void = () => undefined
  readonly #kind: RecordKind<Value>
  readonly #ports: SharedRecordsPorts<Value>
  readonly #documents = new Map<string, SharedDocument<Records<Value>>>()
  readonly #watchers = new Map<string, RegisterWatcher>()
  #stopWatching: (() => void) | undefined

  constructor(kind: RecordKind<Value>, ports: SharedRecordsPorts<Value>) {
    this.#kind = kind
    this.#ports = ports
    this.known = new Promise((resolve) => (this.#isKnown = resolve))
  }

  /** Begins with this node's own copies; tells of all that stands in them. Throws `ClusterError` if they can't be read. */
  start(): void {
    const { coordination } = this.#ports
    for (let number = 0; number < DOCUMENTS; number++) this.#open(this.#keyOf(number))
    this.#stopWatching = coordination.registers.watch(this.#kind.keyPrefix, {
      changed: (register) => this.#watchers.get(register.key)?.changed(register),
      ready: (keys) => {
        for (const [key, document] of this.#documents) {
          // Nobody has written what nobody needs.
          if (keys.has(key) || document.version > 0) this.#watchers.get(key)?.ready(keys)
        }
        this.#isKnown()
      },
    })
  }

  stop(): void {
    this.#stopWatching?.()
  }

  /**
   * Changes a record on all members; resolves with what it says then. Rejects with `ClusterError` if that is not possible now, or with
   * what `decide` throws; then nothing has changed.
   * @param decide is given what is shared of it now, and asked again when another was faster
   */
  async change(
    name: string,
    decide: (record: RecordOf<Value> | undefined) => RecordOf<Value>,
  ): Promise<RecordOf<Value>> {
    const key = this.#keyOf(crc32(name) % DOCUMENTS)
    let decided: RecordOf<Value> = null
    await this.#documents.get(key)?.change((records) => {
      const before = records.get(name)
      decided = decide(before)
      return decided === before ? records : this.#with(records, name, decided)
    })
    return decided
  }

  #with(records: Records<Value>, name: string, record: RecordOf<Value>): Records<Value> {
    const next = new Map(records)
    next.delete(name)
    next.set(name, record)
    const deletions = [...next].filter(([, value]) => value === null)
    for (const [oldest] of deletions.slice(0, Math.max(0, deletions.length - DELETIONS_MAX))) next.delete(oldest)
    const { byteLength } = encode({ version: Number.MAX_SAFE_INTEGER, value: next, changedOn: '' })
    if (record !== null && byteLength > DOCUMENT_BYTES_MAX)
      throw new ClusterError(
        'DOCUMENT_FULL',
        `${this.#kind.keyPrefix}: no room for ${JSON.stringify(name)}: there are too many`,
      )
    return next
  }

  #keyOf(number: number): string {
    return `${this.#kind.keyPrefix}${String(number).padStart(2, '0')}`
  }

  #open(key: string): void {
    const { coordination, log, copyOf, changed } = this.#ports
    const registers = this.#watchedOnce(coordination.registers)
    let told: Records<Value> = new Map()
    const tell = (records: Records<Value>): void => {
      const before = told
      told = records
      for (const [name, record] of records) if (before.get(name) !== record) changed(name, record)
      for (const name of before.keys()) if (!records.has(name)) changed(name, undefined)
    }
    const kind: DocumentKind<Records<Value>> = { key, encode, decode: (bytes) => decode(bytes, this.#kind) }
    const ports = { coordination: { self: coordination.self, registers }, log, copy: copyOf(key), changed: tell }
    const document = new SharedDocument(kind, ports, told)
    this.#documents.set(key, document)
    document.start()
    tell(document.value)
  }

  /** Documents are told by the one watch of all. */
  #watchedOnce(registers: Registers): Registers {
    return {
      read: (key) => registers.read(key),
      write: (key, value, revision) => registers.write(key, value, revision),
      remove: (key, revision) => registers.remove(key, revision),
      watch: (key, watcher) => {
        this.#watchers.set(key, watcher)
        return () => void this.#watchers.delete(key)
      },
    }
  }
}

const malformed = (reason: string) => ({ type: 'malformed', reason }) as const

/** Pairs, for a name such as `__proto__` is one like any other. */
function encode({ version, value, changedOn }: Shared<Records<unknown>>): Uint8Array {
  return Buffer.from(JSON.stringify({ version, changed_on: changedOn, records: [...value] }))
}

function decode<Value>(bytes: Uint8Array, kind: RecordKind<Value>): ReturnType<DocumentKind<Records<Value>>['decode']> {
  let plain: unknown
  try {
    plain = JSON.parse(Buffer.from(bytes).toString())
  } catch (error) {
    return malformed(error instanceof Error ? error.message : 'no JSON')
  }
  if (
    typeof plain !== 'object' ||
    plain === null ||
    !('version' in plain && 'changed_on' in plain && 'records' in plain)
  )
    return malformed('no document of records')
  const { version, changed_on: changedOn, records } = plain
  if (!Number.isSafeInteger(version) || typeof version !== 'number' || version < 1) return malformed('no version')
  if (typeof changedOn !== 'string' || !Array.isArray(records)) return malformed('no document of records')
  const value = new Map<string, RecordOf<Value>>()
  for (const entry of records) {
    const [name, written]: unknown[] = Array.isArray(entry) ? entry : []
    const record = written === null ? null : kind.read(written)
    if (typeof name !== 'string' || record === undefined) return malformed('something in it is no record')
    value.set(name, record)
  }
  return { type: 'ok', shared: { version, value, changedOn } }
}
