/** What all registers are now, and each change, for however many watch: reads the log of the bucket on, as the product's own does. */
import type { Register, RegisterWatcher } from '../../../../src/cluster/coordination.ts'
import type { RegisterAnswer, RegisterRequest } from './bucket.ts'

export type ReaderPorts = {
  /** Rejects if there is no answer in time. */
  readonly ask: (request: RegisterRequest) => Promise<RegisterAnswer>
  readonly look: (known: { readonly created: number; readonly sequence: number }) => 'same' | 'more' | 'other'
  readonly after: (ms: number, call: () => void) => { cancel(): void }
  readonly random: () => number
  /** Calls a listener of the product, and makes of what it throws what the product does. */
  readonly tell: (call: () => void) => void
}

type Watch = { readonly keyPrefix: string; readonly watcher: RegisterWatcher }

/** What was read of one bucket; another bucket, and another connection, begins with a new one. */
type Copy = { created: number; sequence: number; readonly registers: Map<string, Register>; isComplete: boolean }

const LOOK_MS = 1000
const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 1000

export class RegisterReader {
  readonly #ports: ReaderPorts
  readonly #watches = new Set<Watch>()
  #copy = emptyCopy()
  #isAttached = false
  #isReading = false
  /** There may be more than what was read when it was last asked for. */
  #isStale = false
  #pause: { cancel(): void } | undefined

  constructor(ports: ReaderPorts) {
    this.#ports = ports
  }

  attach(): void {
    this.#isAttached = true
    this.beginAgain()
  }

  detach(): void {
    this.#isAttached = false
    this.#pause?.cancel()
    this.#copy = emptyCopy()
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    const watch = { keyPrefix, watcher }
    this.#watches.add(watch)
    if (this.#watches.size === 1) this.beginAgain()
    else if (this.#copy.isComplete) queueMicrotask(() => this.#copy.isComplete && this.#tellAll(watch))
    return () => void this.#watches.delete(watch)
  }

  beginAgain(): void {
    this.#copy = emptyCopy()
    this.#wake()
  }

  /** A node, or ours, wrote what has this sequence. */
  hear(sequence: number): void {
    if (sequence > this.#copy.sequence) this.#wake()
  }

  #wake(): void {
    this.#isStale = true
    if (!this.#isReading && this.#isAttached && this.#watches.size > 0) void this.#read()
  }

  async #read(): Promise<void> {
    this.#isReading = true
    this.#pause?.cancel()
    let pauseMs = LOOK_MS
    while (this.#isAttached && this.#isStale) {
      this.#isStale = false
      try {
        await this.#catchUp(this.#copy)
      } catch {
        // No answer in time; and what is told in the meantime is read then.
        this.#isStale = false
        const { random } = this.#ports
        pauseMs = RETRY_MS_MIN + random() * (RETRY_MS_MAX - RETRY_MS_MIN)
        break
      }
    }
    this.#isReading = false
    // A connection that came meanwhile begins at once.
    if (this.#isAttached && this.#isStale) return this.#read()
    if (this.#isAttached) this.#lookAfter(pauseMs)
  }

  #lookAfter(ms: number): void {
    this.#pause = this.#ports.after(ms, () => {
      const copy = this.#copy
      const found = copy.isComplete ? this.#ports.look(copy) : 'more'
      if (found === 'other') this.beginAgain()
      else if (found === 'more') this.#wake()
      else this.#lookAfter(LOOK_MS)
    })
  }

  async #catchUp(copy: Copy): Promise<void> {
    const isCurrent = (): boolean => this.#isAttached && this.#copy === copy
    for (let isLast = false; !isLast;) {
      const answer = await this.#ports.ask({ type: 'next', sequence: copy.sequence })
      if (!isCurrent()) return
      if (answer.type === 'no_bucket') {
        await this.#ports.ask({ type: 'ensure' })
        if (isCurrent()) this.beginAgain()
        return
      }
      if (answer.type !== 'next') return
      if (copy.created !== 0 && copy.created !== answer.created) return this.beginAgain()
      copy.created = answer.created
      isLast = answer.isLast
      if (answer.register !== undefined) this.#take(copy, answer.register)
      if (!isCurrent()) return
    }
    if (copy.isComplete) return
    copy.isComplete = true
    for (const watch of this.#watches) this.#tellAll(watch)
  }

  #take(copy: Copy, register: Register): void {
    const { key, value, revision } = register
    copy.sequence = revision
    if (value === undefined) copy.registers.delete(key)
    else copy.registers.set(key, register)
    if (!copy.isComplete) return
    for (const watch of this.#watches)
      if (key.startsWith(watch.keyPrefix)) this.#tell(watch, () => watch.watcher.changed(ownRegister(register)))
  }

  #tellAll(watch: Watch): void {
    const keys = new Set<string>()
    for (const [key, register] of this.#copy.registers) {
      if (!key.startsWith(watch.keyPrefix)) continue
      keys.add(key)
      this.#tell(watch, () => watch.watcher.changed(ownRegister(register)))
    }
    this.#tell(watch, () => watch.watcher.ready(keys))
  }

  #tell(watch: Watch, call: () => void): void {
    if (this.#watches.has(watch)) this.#ports.tell(call)
  }
}

/** Its reader may do with it what it wants. */
export function ownRegister({ key, value, revision }: Register): Register {
  return { key, value: value === undefined ? undefined : Buffer.from(value), revision }
}

function emptyCopy(): Copy {
  return { created: 0, sequence: 0, registers: new Map(), isComplete: false }
}
