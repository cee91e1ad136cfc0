/**
 * Brings what a restart must not lose to disk, many changes at a time: while one commit is on its way, changes gather, and
 * when it is over the next begins. The broker's own state stays in memory; nothing is ever read back but at a start.
 */
import type { Publication } from '../../packets/publication.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Session } from '../sessions/session.ts'
import type { StorePort } from '../store-port.ts'
import type { Batch, StoredDelivery } from './batch.ts'
import { Gathering, type Waiter } from './gathering.ts'
import { MessageSlab } from './message-slab.ts'
import { StoredSession } from './stored-session.ts'

export type JournalOptions = {
  readonly clock: Clock
  readonly log: {
    info(fields: object, event: string): void
    error(fields: object, event: string): void
  }
  /** Calls at the end of this turn of the event loop. */
  readonly defer: (call: () => void) => void
  /** Sends what waited for a commit to be over: the session has messages of QoS 2 that are on disk now. */
  readonly wake: (session: Session) => void
}

/**
 * A commit costs about as much as sending a few hundred messages, so that under load it is better to let some gather.
 * A client that waits for each acknowledgement does not have to.
 */
const GAP_MS_MAX = 10
const GAP_MS_PER_CHANGE = 0.01
/** If nothing more came for so long, nothing is won by waiting: clients wait for what they were promised. */
const LULL_MS = 1
/**
 * How long a message that was sent to all it is kept for may wait for their acknowledgements: they come within a moment or late,
 * and what is acknowledged need not go to disk, so that its publisher is answered without.
 */
const SENT_MS = 2
/** How long a change may stay in memory that nobody waits for: a message was delivered, a client went. */
const LAZY_MS = 50
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000
/** A batch of which little is left is written anew, but not while its messages may be on the way still. */
const SPARSE_AFTER_BATCHES = 16

export class Journal {
  /** How many changes were recorded. Whoever compares it before and after knows whether something is to be waited for. */
  changes = 0
  /** Number of the commit that gathers now. */
  gatheringCommit = 1
  /** All that was recorded in commits up to this one is on disk. */
  committed = 0
  readonly #options: JournalOptions
  #store: StorePort | undefined
  #gathering = new Gathering()
  readonly #slab = new MessageSlab()
  /** `lazy`: the changes so far can wait a little. `due`: a commit begins as soon as it is its turn. */
  #state: 'idle' | 'lazy' | 'due' | 'committing' | 'failing' | 'closed' = 'idle'
  #begunAtMs = Number.NEGATIVE_INFINITY
  #gapMs = 0
  /** When the commit that is due begins at the latest, by the steady clock, and the changes when it was last looked at. */
  #latestMs = 0
  #changesSeen = 0
  #timer: Timer | undefined
  #retryMs = RETRY_MS_MIN
  #isFailing = false
  /** Whether `#skip` is to be called at the end of this turn. */
  #isToBeSkipped = false
  /** As of when the last commit began. */
  #changesBefore = 0
  #waiters: Waiter[] = []
  #nextSession = 1
  #nextBatch = 1
  /** Batches on disk that are mostly done. */
  readonly #sparse = new Set<Batch>()
  #quiet: (() => void)[] = []

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** Whether anything is kept beyond the process at all. */
  get isOpen(): boolean {
    return this.#store !== undefined
  }

  /** All that was recorded is on the disk; there is no commit to come unless something more is. */
  get isIdle(): boolean {
    return this.#state === 'idle'
  }

  /** Whether the last commit failed. Nobody should be promised anything. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /** Where deliveries gather. */
  get batch(): Batch {
    return this.#gathering.batch
  }

  /** A session as it was found in the store, under its number. */
  restore(number: number, session: Session): StoredSession {
    return new StoredSession(number, session, this)
  }

  /** @param next what was found in the store: the numbers of the next session and batch */
  open(store: StorePort, next: { readonly session: number; readonly batch: number }): void {
    this.#store = store
    this.#nextSession = next.session
    this.#nextBatch = next.batch
  }

  // ---- what is recorded

  /** The session is to be kept from now on; `undefined` where nothing is. */
  keep(session: Session): StoredSession | undefined {
    if (this.#store === undefined) return undefined
    const stored = new StoredSession(this.#nextSession++, session, this)
    this.#gathering.nextSession = this.#nextSession
    this.sessionChanged(stored)
    return stored
  }

  sessionChanged(stored: StoredSession): void {
    this.#gathering.sessions.add(stored)
    this.#changed()
  }

  subscriptionChanged(stored: StoredSession, name: string): void {
    this.#gathering.subscriptionChanged(stored, name)
    this.#changed()
  }

  progressed(stored: StoredSession): void {
    if (stored.changedIn !== this.gatheringCommit) {
      stored.changedIn = this.gatheringCommit
      this.#gathering.identifiers.push(stored)
    }
    this.#changed()
  }

  retained(topic: string, publication: Publication | undefined): void {
    if (this.#store === undefined) return
    this.#gathering.retained.set(topic, publication)
    this.#changed()
  }

  added(delivery: StoredDelivery): void {
    this.#gathering.batch.add(delivery)
    this.#changed(delivery.wasSent ? SENT_MS : 0)
  }

  /** That it was sent is worth a record of its own. */
  sent({ batch }: StoredDelivery): void {
    // What is yet to be written says so itself.
    if (batch.isWritten) this.#batchChanged(batch)
  }

  settled(delivery: StoredDelivery): void {
    const { batch } = delivery
    batch.remove(delivery)
    // What was done before its commit began leaves no trace.
    if (batch.isWritten) this.#batchChanged(batch)
    else if (batch.left === 0 && this.#state === 'due' && !this.#isToBeSkipped) {
      this.#isToBeSkipped = true
      this.#options.defer(this.#skip)
    }
  }

  #batchChanged(batch: Batch): void {
    if (batch.left === 0) {
      this.#gathering.emptied.push(batch.number)
      this.#sparse.delete(batch)
    } else if (batch.changedIn !== this.gatheringCommit) {
      batch.changedIn = this.gatheringCommit
      this.#gathering.batches.push(batch)
    }
    this.#changedQuietly()
  }

  /** Batches found at the start of which nothing is left. */
  emptied(batch: number): void {
    this.#gathering.emptied.push(batch)
    this.#changedQuietly()
  }

  #changed(patienceMs = 0): void {
    this.changes++
    if (this.#state === 'idle' || this.#state === 'lazy') this.#schedule(patienceMs)
  }

  /** Nobody waits for it, so that it may go with what others wait for. */
  #changedQuietly(): void {
    this.changes++
    if (this.#state === 'idle') this.#delay()
  }

  // ---- commits

  /** Is told when a commit is over or failed, until it says that it waits no more. */
  wait(waiter: Waiter): void {
    this.#waiters.push(waiter)
  }

  /** Resolves when nothing waits for the disk any more, or the disk takes nothing. */
  async flush(): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'closed' || this.#state === 'failing') return
    if (this.#state === 'lazy') this.#schedule()
    await new Promise<void>((resolve) => this.#quiet.push(resolve))
  }

  /** Nothing more goes to disk. */
  close(): void {
    this.#state = 'closed'
    this.#timer?.cancel()
  }

  #delay(): void {
    this.#state = 'lazy'
    this.#timer = this.#options.clock.after(LAZY_MS, () => this.#schedule())
  }

  /** @param patienceMs how long it is worth waiting whatever comes */
  #schedule(patienceMs = 0): void {
    this.#timer?.cancel()
    this.#state = 'due'
    const { clock, defer } = this.#options
    const nowMs = clock.steadyMs()
    this.#latestMs = Math.max(nowMs + patienceMs, this.#begunAtMs + this.#gapMs)
    this.#changesSeen = this.changes
    if (this.#latestMs - nowMs < LULL_MS) defer(this.#begin)
    else this.#timer = clock.after(Math.max(patienceMs, LULL_MS), this.#look)
  }

  /** Begins in a lull, or when it has waited long enough. */
  readonly #look = (): void => {
    const { clock } = this.#options
    if (this.changes === this.#changesSeen || clock.steadyMs() >= this.#latestMs) return this.#begin()
    this.#changesSeen = this.changes
    this.#timer = clock.after(LULL_MS, this.#look)
  }

  /** All that was to be written is done meanwhile: what was promised is kept without the disk. */
  readonly #skip = (): void => {
    this.#isToBeSkipped = false
    if (this.#state === 'due' && this.#gathering.isEmpty) this.#begin()
  }

  /**
   * Commits now what there is to be committed, in this call: somebody has changes that belong to it. `busy`: one is on its way.
   */
  lead(): 'carried' | 'nothing' | 'busy' {
    if (this.#state === 'committing') return 'busy'
    if (this.#state === 'idle' || this.#state === 'closed' || this.#gathering.isEmpty) return 'nothing'
    if (this.#state === 'lazy') this.#state = 'due'
    const commit = this.gatheringCommit
    this.#begin()
    return this.gatheringCommit > commit ? 'carried' : 'busy'
  }

  readonly #begin = (): void => {
    if (this.#state !== 'due' && this.#state !== 'failing') return
    this.#timer?.cancel()
    if (this.#store?.isBusy === true) {
      this.#timer = this.#options.clock.after(LULL_MS, this.#begin)
      return
    }
    // If nothing is left to write, only a write tells whether the disk takes something again.
    if (this.#isFailing) this.#gathering.nextSession = this.#nextSession
    this.#compact()
    const gathering = this.#gathering
    const commit = this.gatheringCommit
    this.#state = 'committing'
    this.#gathering = new Gathering()
    this.gatheringCommit++
    this.#gapMs = Math.min(GAP_MS_MAX, (this.changes - this.#changesBefore) * GAP_MS_PER_CHANGE)
    this.#changesBefore = this.changes
    const { batch } = gathering
    batch.close(this.#slab)
    if (batch.left > 0) {
      batch.number = this.#nextBatch++
      batch.isWritten = true
    }
    const changes = gathering.changes()
    if (changes.length === 0) return this.#done(gathering, commit)
    this.#begunAtMs = this.#options.clock.steadyMs()
    this.#store!.commit(changes).then(
      () => this.#written(gathering, commit),
      (error: unknown) => this.#failed(gathering, error),
    )
  }

  /** Moves what is left of old batches into the one about to be written, so that a slow session can't hold on to the disk. */
  #compact(): void {
    for (const batch of this.#gathering.batches) if (batch.left > 0 && batch.isSparse) this.#sparse.add(batch)
    for (const batch of this.#sparse) {
      if (this.#nextBatch - batch.number < SPARSE_AFTER_BATCHES) continue
      this.#sparse.delete(batch)
      batch.moveTo(this.#gathering.batch)
      this.#gathering.emptied.push(batch.number)
    }
  }

  #written(gathering: Gathering, commit: number): void {
    if (this.#isFailing && this.#state !== 'closed') {
      this.#isFailing = false
      this.#retryMs = RETRY_MS_MIN
      this.#options.log.info({}, 'store_write_recovered')
    }
    this.#done(gathering, commit)
  }

  #done(gathering: Gathering, commit: number): void {
    if (this.#state === 'closed') return
    this.committed = commit
    this.#waiters = this.#waiters.filter((waiter) => waiter.committed(commit))
    this.#wake(gathering.batch)
    this.#state = 'idle'
    if (this.changes === this.#changesBefore) this.#tellQuiet()
    else if (this.#waiters.length > 0 || this.#quiet.length > 0) this.#schedule()
    else this.#delay()
  }

  #wake({ deliveries }: Batch): void {
    const sessions = new Set<Session>()
    for (const delivery of deliveries) {
      if (delivery === undefined || delivery.isCommitted) continue
      const isAwaited = delivery.qos === 2 || delivery.isHeld
      delivery.committed()
      if (isAwaited) sessions.add(delivery.owner.session)
    }
    for (const session of sessions) this.#options.wake(session)
  }

  /** What could not be written is still in memory, and is tried again until it can be. */
  #failed(gathering: Gathering, error: unknown): void {
    if (this.#state === 'closed') return
    gathering.batch.isWritten = false
    this.#gathering.absorb(gathering)
    if (!this.#isFailing) {
      this.#isFailing = true
      this.#options.log.error({ err: error }, 'store_write_failed')
    }
    const waiters = this.#waiters
    this.#waiters = waiters.filter((waiter) => waiter.failed(error))
    this.#state = 'failing'
    this.#timer = this.#options.clock.after(this.#retryMs, this.#begin)
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2)
    this.#tellQuiet()
  }

  #tellQuiet(): void {
    for (const resolve of this.#quiet.splice(0)) resolve()
  }
}
