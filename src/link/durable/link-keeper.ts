/** What one durable link has on the disk, and what is to get there with the next commit: see `OutboxJournal`. */
import type { BatchKeeper, KeptBatch, OutboxBatch } from '../../lanes/outbox/outbox-batch.ts'
import type { Debt } from '../broker-port.ts'
import type { LinkChange } from './outbox-store.ts'
import { batchKey, encodeBatch } from './outbox-records.ts'

/** What a keeper does with an outbox. */
export interface KeptOutbox {
  readonly hasOpen: boolean
  seal(steadyMs: number): void
  kept(batch: OutboxBatch): void
}

/** What a keeper asks of the journal. */
export interface KeeperOwner {
  /** What is paid when all that was taken so far is on the disk. */
  readonly debt: Debt
  /** The same, if anything was taken that is not there yet. */
  readonly unpaid: Debt | undefined
  readonly isFailing: boolean
  /** Publishers wait for it. */
  changed(): void
  /** Nobody waits for it. */
  changedQuietly(): void
}

/** Of one commit. */
export type KeeperChanges = {
  readonly keeper: LinkKeeper
  readonly batches: ReadonlyMap<number, OutboxBatch>
  readonly gone: readonly number[]
}

export class LinkKeeper implements BatchKeeper {
  readonly link: string
  readonly #owner: KeeperOwner
  #outbox: KeptOutbox | undefined
  #landed: () => void = () => undefined
  /** The link is gone: once what it had is removed from the disk, nothing more will come. */
  isRetired = false
  #isKeeping = true
  /** Whether messages wait in an open batch for the next commit. */
  #hasTaken = false
  /** By their numbers: what the next commit writes. */
  #pending = new Map<number, OutboxBatch>()
  /** Batches of which there is a record, or one is on its way to the disk. */
  readonly #recorded = new Set<number>()
  /** Those of them that are done with. */
  #gone: number[] = []

  /** @param restored what was found on the disk */
  constructor(link: string, owner: KeeperOwner, restored: readonly KeptBatch[]) {
    this.link = link
    this.#owner = owner
    for (const { id } of restored) this.#recorded.add(id)
  }

  /**
   * Whose batches these are.
   * @param landed called after a commit: more of them may be launched
   */
  attach(outbox: KeptOutbox, landed: () => void): void {
    this.#outbox = outbox
    this.#landed = landed
  }

  get isKeeping(): boolean {
    return this.#isKeeping
  }

  /** Whether what is sealed from now on is to be kept. What it was given before it keeps until that is done with. */
  set isKeeping(isKeeping: boolean) {
    if (isKeeping === this.#isKeeping) return
    this.#isKeeping = isKeeping
    if (isKeeping) this.touch()
  }

  /** Whether the last commit failed. */
  get isFailing(): boolean {
    return this.isKeeping && this.#owner.isFailing
  }

  /** The outbox took a message of QoS 1 or 2. Returns what its publisher is to wait for. */
  taken(): Debt {
    this.touch()
    return this.#owner.debt
  }

  /** There may be something in an open batch that is to be kept. */
  touch(): void {
    this.#hasTaken = true
    this.#owner.changed()
  }

  /** What is paid when all that the outbox has taken is on the disk; `undefined` if it is. */
  get owed(): Debt | undefined {
    return this.#owner.unpaid
  }

  keep(batch: OutboxBatch): void {
    if (!this.#isKeeping && !this.#recorded.has(batch.id)) return
    this.#pending.set(batch.id, batch)
    this.#owner.changed()
  }

  forget({ id }: OutboxBatch): void {
    // What was done with before its commit began leaves no trace.
    this.#pending.delete(id)
    if (!this.#recorded.delete(id)) return
    this.#gone.push(id)
    this.#owner.changedQuietly()
  }

  // ---- for the journal

  get isIdle(): boolean {
    return !this.#hasTaken && this.#pending.size === 0 && this.#gone.length === 0
  }

  /** How many batches it has on the disk, or on their way there. */
  get recorded(): number {
    return this.#recorded.size
  }

  /** All that is for the commit that begins now; `undefined` if there is nothing. */
  begin(steadyMs: number): KeeperChanges | undefined {
    this.#hasTaken = false
    if (this.#outbox?.hasOpen === true) this.#outbox.seal(steadyMs)
    if (this.#pending.size === 0 && this.#gone.length === 0) return undefined
    const changes = { keeper: this, batches: this.#pending, gone: this.#gone }
    this.#pending = new Map()
    this.#gone = []
    for (const id of changes.batches.keys()) this.#recorded.add(id)
    return changes
  }

  /** The commit is over. */
  written({ batches }: KeeperChanges): void {
    for (const [id, batch] of batches)
      // What was changed again meanwhile is to be on the disk as it is now.
      if (this.#recorded.has(id) && !this.#pending.has(id)) this.#outbox?.kept(batch)
  }

  landed(): void {
    this.#landed()
  }

  /** Nothing of the commit was made: it is for the next one. */
  failed({ batches, gone }: KeeperChanges): void {
    const later = this.#pending
    this.#pending = new Map()
    for (const [id, batch] of batches) if (this.#recorded.has(id)) this.#pending.set(id, batch)
    for (const [id, batch] of later) this.#pending.set(id, batch)
    this.#gone.unshift(...gone)
  }

  /** The link is not to be kept any more, or is gone: as if nothing of it had been on the disk ever. */
  clear(): void {
    this.#pending.clear()
    for (const id of this.#recorded) this.#gone.push(id)
    this.#recorded.clear()
    this.#hasTaken = false
    this.isRetired = true
    this.#owner.changedQuietly()
  }
}

export function changesOf({ keeper: { link }, batches, gone }: KeeperChanges): LinkChange[] {
  const changes: LinkChange[] = gone.map((id) => ({ table: 'outbox', key: batchKey(link, id), value: undefined }))
  for (const [id, { frame }] of batches)
    changes.push({ table: 'outbox', key: batchKey(link, id), value: encodeBatch(frame) })
  return changes
}
