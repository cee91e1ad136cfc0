/**
 * What was taken of the nodes of each durable link's peer, for the next process. It goes to the disk in the transaction in which goes
 * what the broker keeps of the same batches (`begin`), so that a crash never parts the two: a batch whose messages are on the disk is
 * known when it comes again, and one whose messages are not is taken. Of batches that left nothing to keep it is written a moment later,
 * when all that they brought is safe.
 */
import type { KeptMarks } from '../../lanes/high-water-marks.ts'
import type { InboundMarks, KeptSender, MarksToKeep } from '../inbound/inbound-ports.ts'
import type { LinkClock } from '../link-clock.ts'
import { decodeMarks, encodeMarks, marksKey, readMarksKey } from './mark-records.ts'
import type { LinkChange } from './outbox-store.ts'

/** What the broker says of all that came from peers. */
export interface Safety {
  /** Whether other nodes of the cluster have what is for them. */
  readonly isSettled: boolean
  /** And the disk as well. */
  readonly isKept: boolean
  /** Calls when that holds of all that came so far. */
  whenKept(call: () => void): void
}

export type MarkBookPorts = {
  readonly clock: LinkClock
  readonly safety: Safety
  /** Commits changes, which are asked for when it is their turn. Rejects if that fails. */
  readonly commit: (changes: () => readonly LinkChange[]) => Promise<void>
}

/** How long a mark may stay in memory that goes with nothing else. */
const LAZY_MS = 50
const RETRY_MS = 1_000

type Entry = {
  readonly key: Buffer
  /** `undefined`: the record goes. */
  source: MarksToKeep | undefined
  isRecorded: boolean
  /** How often it was touched, and how often it had been when it was read for the last commit. */
  touches: number
  written: number
}

/** As of one moment. */
export type MarkChange = { readonly entry: Entry; readonly version: number; readonly marks: KeptMarks | undefined }

export class MarkBook implements InboundMarks {
  readonly #ports: MarkBookPorts
  readonly #entries = new Map<string, Entry>()
  /** As it was found at the start, until somebody asks. */
  readonly #found = new Map<string, KeptMarks>()
  #timer: { cancel(): void } | undefined
  #isFlushing = false
  #isClosed = false

  constructor(ports: MarkBookPorts) {
    this.#ports = ports
  }

  /** A record of the store. Throws `DamagedOutbox`. */
  found(key: Buffer, record: Buffer): void {
    const { link, node } = readMarksKey(key)
    this.#found.set(nameOf(link, node), decodeMarks(key, record))
    this.#entry(link, node).isRecorded = true
  }

  claim(link: string, node: string): KeptMarks | undefined {
    const found = this.#found.get(nameOf(link, node))
    this.#found.delete(nameOf(link, node))
    return found
  }

  keep(link: string, node: string, source: MarksToKeep): KeptSender {
    const entry = this.#entry(link, node)
    entry.source = source
    return { touch: () => this.#touch(entry) }
  }

  forget(link: string, node?: string): void {
    for (const [name, entry] of this.#entries) {
      if (node === undefined ? !name.startsWith(nameOf(link, '')) : name !== nameOf(link, node)) continue
      this.#found.delete(name)
      entry.source = undefined
      if (entry.isRecorded) this.#touch(entry)
      else this.#entries.delete(name)
    }
  }

  /** Gives up what was found of links that are not configured any more. */
  dropOthers(configured: ReadonlySet<string>): void {
    const links = new Set(Array.from(this.#found.keys(), (name) => name.slice(0, name.indexOf('\0'))))
    for (const link of links) if (!configured.has(link)) this.forget(link)
  }

  /** There is something to write, which is safe. */
  get isDue(): boolean {
    if (!this.#ports.safety.isKept) return false
    for (const entry of this.#entries.values()) if (isTouched(entry)) return true
    return false
  }

  /** As it is now, for a commit that takes along all that batches brought until now. Nothing, if others are yet to get some of that. */
  begin(): readonly MarkChange[] {
    return this.#ports.safety.isSettled ? this.#read() : []
  }

  /** Until it is on its way to the disk it may go with another commit as well. */
  #read(): readonly MarkChange[] {
    const read: MarkChange[] = []
    for (const entry of this.#entries.values())
      if (isTouched(entry)) read.push({ entry, version: entry.touches, marks: entry.source?.kept() })
    return read
  }

  /** To be called when the commit goes: what is newer may have gone before. */
  changes(read: readonly MarkChange[]): LinkChange[] {
    const changes: LinkChange[] = []
    for (const { entry, version, marks } of read) {
      if (version <= entry.written) continue
      entry.written = version
      entry.isRecorded = true
      changes.push({ table: 'marks', key: entry.key, value: marks === undefined ? undefined : encodeMarks(marks) })
    }
    return changes
  }

  written(read: readonly MarkChange[]): void {
    for (const { entry, marks } of read) {
      const isGone = marks === undefined && entry.source === undefined && !isTouched(entry)
      if (isGone) this.#entries.delete(entry.key.toString())
    }
  }

  /** They are for a later commit. */
  failed(read: readonly MarkChange[]): void {
    for (const { entry } of read) entry.touches += 1
    this.#schedule(RETRY_MS)
  }

  /** Writes what is not written yet, as soon as that is safe. */
  async flush(): Promise<void> {
    if (this.#isFlushing) return this.#schedule(LAZY_MS)
    const read = this.#read()
    if (read.length === 0 || this.#isClosed) return
    this.#isFlushing = true
    await new Promise<void>((resolve) => this.#ports.safety.whenKept(resolve))
    if (this.#isClosed) return
    try {
      await this.#ports.commit(() => this.changes(read))
      this.written(read)
    } catch {
      // Whoever committed has told of it.
      this.failed(read)
    } finally {
      this.#isFlushing = false
    }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #entry(link: string, node: string): Entry {
    const known = this.#entries.get(nameOf(link, node))
    if (known !== undefined) return known
    const key = marksKey(link, node)
    const entry = { key, source: undefined, isRecorded: false, touches: 0, written: 0 }
    this.#entries.set(nameOf(link, node), entry)
    return entry
  }

  /** For each batch. */
  #touch(entry: Entry): void {
    entry.touches += 1
    this.#schedule(LAZY_MS)
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return
    this.#timer ??= this.#ports.clock.after(ms, () => {
      this.#timer = undefined
      void this.flush()
    })
  }
}

function isTouched({ touches, written }: Entry): boolean {
  return touches > written
}

function nameOf(link: string, node: string): string {
  return `${link}\0${node}`
}
