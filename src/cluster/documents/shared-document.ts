/**
 * A small document that is the same on every member of a cluster: a change on one is written to a register and holds on all. The
 * first member writes what it begins with; whoever comes later follows what is there.
 *
 * Each member remembers what it saw last, also over a restart. If the register is gone, because its whole keeper is, the
 * highest version that anybody remembers becomes the shared one again. A node that is alone has the same over registers of its own.
 */
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Register } from '../coordination.ts'

export type Shared<Value> = {
  /** Grows by one with each change. */
  readonly version: number
  readonly value: Value
  /** The member on which the last change was made. */
  readonly changedOn: string
}

export type SharedResult<Value> =
  | { readonly type: 'ok'; readonly shared: Shared<Value> }
  | { readonly type: 'malformed'; readonly reason: string }

/** What a document is. */
export type DocumentKind<Value> = {
  /** Of its register: `config/links`. */
  readonly key: string
  readonly encode: (shared: Shared<Value>) => Uint8Array
  /** Never throws, whatever the bytes are. */
  readonly decode: (bytes: Uint8Array) => SharedResult<Value>
}

/** A member's own copy of a document. */
export interface DocumentCopy {
  readonly path: string
  /** `undefined` if there is none yet. Throws `ClusterError` if it can't be read. */
  read(): Uint8Array | undefined
  /** Throws `ClusterError` if it can't be written. */
  write(bytes: Uint8Array): void
}

export type SharedDocumentPorts<Value> = {
  readonly coordination: Pick<Coordination, 'self' | 'registers'>
  readonly log: ClusterLog
  readonly copy: DocumentCopy
  /** It says something else now. */
  readonly changed: (value: Value) => void
}

/** Others may change the register between our reading and our writing; so often is no coincidence any more. */
const TRIES_MAX = 20

export class SharedDocument<Value> {
  /** Resolves when what is shared is known for the first time, be it that we shared it. */
  readonly known: Promise<void>
  #isKnown: () => void = () => undefined
  readonly #kind: DocumentKind<Value>
  readonly #ports: SharedDocumentPorts<Value>
  readonly #initial: Value
  #last: Shared<Value> | undefined
  #stopWatching: (() => void) | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** @param initial what it says until anything is shared, and what is shared if nobody shared anything before */
  constructor(kind: DocumentKind<Value>, ports: SharedDocumentPorts<Value>, initial: Value) {
    this.#kind = kind
    this.#ports = ports
    this.#initial = initial
    this.known = new Promise((resolve) => (this.#isKnown = resolve))
  }

  /** What it says as far as is known now. */
  get value(): Value {
    return this.#last?.value ?? this.#initial
  }

  /** 0 until anything shared is known. */
  get version(): number {
    return this.#last?.version ?? 0
  }

  /** Begins with this node's own copy; throws `ClusterError` if that can't be read. A damaged one is logged and not used. */
  start(): void {
    const { coordination, copy, log } = this.#ports
    const { key, decode } = this.#kind
    const bytes = copy.read()
    const kept = bytes === undefined ? undefined : decode(bytes)
    if (kept?.type === 'ok') this.#last = kept.shared
    else if (kept !== undefined)
      log.error({ document: key, file: copy.path, reason: kept.reason }, 'shared_document_copy_damaged')
    this.#stopWatching = coordination.registers.watch(key, {
      changed: (register) => {
        if (register.key === key) this.#take(register)
      },
      ready: (keys) => {
        if (!keys.has(key)) void this.#inTurn(() => this.#establish())
      },
    })
  }

  stop(): void {
    this.#stopWatching?.()
  }

  /**
   * Changes it for the whole cluster; resolves with what it says then. Rejects with `ClusterError` if that is not possible now, or
   * with what `decide` throws; then nothing has changed.
   * @param decide is asked again when another was faster; who gives back what it was given changes nothing
   */
  change(decide: (value: Value) => Value): Promise<Value> {
    return this.#inTurn(() => this.#change(decide))
  }

  async #change(decide: (value: Value) => Value): Promise<Value> {
    const { coordination } = this.#ports
    const { key } = this.#kind
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const register = await coordination.registers.read(key)
      const shared = this.#read(register) ?? this.#own
      const value = decide(shared.value)
      if (value === shared.value) return value
      const next = { version: shared.version + 1, value, changedOn: coordination.self.node }
      if (await this.#write(next, register.revision)) return value
    }
    throw new ClusterError('COORDINATION_LOST', `others change ${key} of the cluster all the time; try again later`)
  }

  /** Nothing is shared: we are the first, or all state was lost. */
  async #establish(): Promise<void> {
    const { coordination } = this.#ports
    try {
      const register = await coordination.registers.read(this.#kind.key)
      if (register.value !== undefined) return this.#take(register)
      await this.#write({ ...this.#own, version: Math.max(1, this.version) }, 0)
    } catch (error) {
      // The watch begins again when the connection is back, and finds again that nothing is there.
      this.#notWritten(error)
    }
  }

  get #own(): Shared<Value> {
    return this.#last ?? { version: 0, value: this.#initial, changedOn: this.#ports.coordination.self.node }
  }

  async #write(shared: Shared<Value>, revision: number): Promise<boolean> {
    const { coordination } = this.#ports
    const { key, encode } = this.#kind
    const { type } = await coordination.registers.write(key, encode(shared), revision)
    if (type === 'written') this.#follow(shared)
    return type === 'written'
  }

  #take(register: Register): void {
    if (register.value === undefined) return
    const shared = this.#read(register)
    if (shared === undefined) return
    if (shared.version >= this.version) return this.#follow(shared)
    // It was written by somebody who knows less than we do, after all state was lost.
    void this.#inTurn(() => this.#restore(register))
  }

  async #restore(register: Register): Promise<void> {
    try {
      await this.#write(this.#own, register.revision)
    } catch (error) {
      this.#notWritten(error)
    }
  }

  #notWritten(error: unknown): void {
    this.#ports.log.warn({ err: error, document: this.#kind.key }, 'shared_document_not_written')
  }

  #read({ value }: Register): Shared<Value> | undefined {
    if (value === undefined) return undefined
    const decoded = this.#kind.decode(value)
    if (decoded.type === 'ok') return decoded.shared
    this.#ports.log.error({ document: this.#kind.key, reason: decoded.reason }, 'shared_document_malformed')
    return undefined
  }

  #follow(shared: Shared<Value>): void {
    const { copy, log, changed } = this.#ports
    const { key, encode } = this.#kind
    const isNew = this.#last?.version !== shared.version || this.#last.changedOn !== shared.changedOn
    this.#isKnown()
    if (!isNew) return
    this.#last = shared
    const { version, changedOn, value } = shared
    log.info({ document: key, version, changed_on: changedOn }, 'shared_document_changed')
    try {
      copy.write(encode(shared))
    } catch (error) {
      // It holds all the same; only a start without the others would find an older one.
      log.error({ err: error, document: key }, 'shared_document_copy_not_written')
    }
    changed(value)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = Promise.allSettled([result])
    return result
  }
}
