/**
 * Brings what waits in the outboxes of durable links to disk, that of all links with one commit: while one is on its way, messages
 * gather in open batches, and when it is over these are sealed and the next begins. A publisher waits for the commit that has its
 * message; a batch is sent only after it, so that no peer has what the disk has not, and nobody need wait for the peer instead. What
 * is delivered or dropped is removed with a later commit.
 *
 * With each commit goes where the messages of each link stand (`keepLedger`), as of the same moment, and now and then what peers want.
 */
import type { Debt } from '../broker-port.ts'
import type { LinkClock } from '../link-clock.ts'
import type { LinkLog } from '../link-log.ts'
import { OpenDebt } from '../open-debt.ts'
import { changesOf, type KeeperChanges, type KeeperOwner, type LinkKeeper } from './link-keeper.ts'
import type { LedgerBook, LedgerChanges } from './ledger-book.ts'
import type { LinkChange, OutboxStore } from './outbox-store.ts'
import { RouteBook, type RouteChanges } from './route-book.ts'

export type OutboxJournalOptions = {
  readonly clock: LinkClock
  readonly log: LinkLog
  /** Calls in the next turn of the event loop. */
  readonly defer: (call: () => void) => void
  /**
   * Asks who else writes to the store to write now what it has to, which comes with `carry` within the call: so that no commit has a
   * message that was taken from a client without the word that it was. `busy`: it can't just now.
   */
  readonly lead?: () => Leading
}

/** `carried`: `carry` was called. `nothing`: there is nothing to write. */
export type Leading = 'carried' | 'nothing' | 'busy'

/** Under load it is better to let some messages gather; one that comes alone does not have to wait. As the broker's journal has it. */
const GAP_MS_MAX = 10
const GAP_MS_PER_MESSAGE = 0.01
/** If nothing more came for so long, nothing is won by waiting. */
const LULL_MS = 1
/** How long a removal may stay in memory. */
const LAZY_MS = 50
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000

/** One commit, of all links. */
type Attempt = {
  readonly keepers: readonly KeeperChanges[]
  readonly ledgers: LedgerChanges
  readonly routes: RouteChanges
  readonly debts: readonly OpenDebt[]
}

type Write = (changes: readonly LinkChange[]) => Promise<void>

export class OutboxJournal implements KeeperOwner {
  readonly routes: RouteBook
  readonly #options: OutboxJournalOptions
  readonly #store: OutboxStore
  readonly #ledgers: LedgerBook
  readonly #keepers = new Set<LinkKeeper>()
  /** `lazy`: what there is can wait a little. `due`: a commit begins as soon as it is its turn. */
  #state: 'idle' | 'lazy' | 'due' | 'committing' | 'failing' | 'closed' = 'idle'
  #timer: { cancel(): void } | undefined
  #underWay: Promise<void> | undefined
  /** Of all that was taken since the last commit began; before them, those of commits that failed. */
  #debts: OpenDebt[] = []
  #debt: OpenDebt | undefined
  #attempt: Attempt | undefined
  /** Messages and batches that were taken. */
  #changes = 0
  #changesSeen = 0
  #changesBefore = 0
  #begunAtMs = Number.NEGATIVE_INFINITY
  #gapMs = 0
  #latestMs = 0
  #retryMs = RETRY_MS_MIN
  #isFailing = false

  constructor(store: OutboxStore, ledgers: LedgerBook, options: OutboxJournalOptions) {
    this.#store = store
    this.#ledgers = ledgers
    this.#options = options
    this.routes = new RouteBook(options.clock, () => this.changedQuietly())
  }

  /** What this link keeps is written from now on. */
  add(keeper: LinkKeeper): void {
    this.#keepers.add(keeper)
  }

  // ---- what keepers ask for (KeeperOwner)

  get isFailing(): boolean {
    return this.#isFailing
  }

  get debt(): Debt {
    if (this.#debt === undefined) {
      this.#debt = new OpenDebt()
      this.#debts.push(this.#debt)
    }
    return this.#debt
  }

  get unpaid(): Debt | undefined {
    return this.#debts.at(-1) ?? this.#attempt?.debts.at(-1)
  }

  changed(): void {
    this.#changes++
    if (this.#state === 'idle' || this.#state === 'lazy') this.#schedule()
  }

  changedQuietly(): void {
    if (this.#state !== 'idle') return
    this.#state = 'lazy'
    this.#timer = this.#options.clock.after(LAZY_MS, () => this.#schedule())
  }

  // ---- commits

  /**
   * Lets changes of somebody else go to disk together with all that links have to write: both are made or neither is. So what was
   * taken from a client, and that it was taken, can't be parted by a crash. If nothing is to be written for links, it is as if they
   * were not there.
   * @param write commits these changes of links and its own; rejects if that fails
   */
  carry(write: Write): Promise<void> {
    return this.#underWay === undefined && this.#hasNothing ? write([]) : this.#carry(write)
  }

  /** Lets somebody write when no commit is on its way, and takes nothing along: what links have may be of another moment. */
  async alone(write: () => Promise<void>): Promise<void> {
    while (this.#underWay !== undefined) await this.#underWay
    await write()
  }

  async #carry(write: Write): Promise<void> {
    // What the commit that is under way writes came before, and may have to be written anew.
    while (this.#underWay !== undefined) await this.#underWay
    await (this.#hasNothing || this.#state === 'closed' ? write([]) : this.#commit(write))
  }

  /** Resolves when all is on the disk, or the disk takes nothing. */
  async flush(): Promise<void> {
    while (this.#state !== 'failing' && this.#state !== 'closed') {
      if (this.#underWay !== undefined) await this.#underWay
      else if (this.#hasNothing && !this.#ledgers.hasChanged && !this.routes.hasChanged) return
      else await this.#commit(this.#write, true).catch(ignoreTold)
    }
  }

  /** Resolves when what was given up until now is on the disk, and what was taken. Rejects if the disk takes nothing just now. */
  settle(): Promise<void> {
    if (this.#state === 'closed' || (this.#underWay === undefined && this.#hasNothing)) return Promise.resolve()
    const { debt } = this
    this.changed()
    return new Promise((resolve, reject) => debt.whenPaid((error) => (error === undefined ? resolve() : reject(error))))
  }

  /** Nothing more goes to disk. */
  close(): void {
    this.#state = 'closed'
    this.#timer?.cancel()
    this.routes.close()
  }

  /** Whether a commit is on its way: what is to be carried would wait for it, and by then be of another moment. */
  get isCommitting(): boolean {
    return this.#underWay !== undefined
  }

  get #hasNothing(): boolean {
    for (const keeper of this.#keepers) if (!keeper.isIdle) return false
    return true
  }

  readonly #write: Write = (changes) => this.#store.commit(changes)

  #schedule(): void {
    this.#timer?.cancel()
    this.#state = 'due'
    const { clock, defer } = this.#options
    const nowMs = clock.steadyMs()
    this.#latestMs = Math.max(nowMs, this.#begunAtMs + this.#gapMs)
    this.#changesSeen = this.#changes
    // A turn later than the broker's journal, which takes along what is here.
    if (this.#latestMs - nowMs < LULL_MS) defer(() => defer(this.#begin))
    else this.#timer = clock.after(LULL_MS, this.#look)
  }

  /** Begins in a lull, or when it has waited long enough. */
  readonly #look = (): void => {
    const { clock } = this.#options
    if (this.#changes === this.#changesSeen || clock.steadyMs() >= this.#latestMs) return this.#begin()
    this.#changesSeen = this.#changes
    this.#timer = clock.after(LULL_MS, this.#look)
  }

  readonly #begin = (): void => {
    if (this.#state !== 'due' && this.#state !== 'failing') return
    const leading = this.#options.lead?.() ?? 'nothing'
    if (leading === 'nothing') this.#commit(this.#write).catch(ignoreTold)
    // If it was not for us it may have had nothing of ours to take along.
    else if (leading === 'busy' || this.#isWaiting) this.#timer = this.#options.clock.after(LULL_MS, this.#begin)
  }

  get #isWaiting(): boolean {
    return this.#state === 'due' || this.#state === 'failing'
  }

  /** @param all also what could wait */
  #commit(write: Write, all = false): Promise<void> {
    this.#timer?.cancel()
    this.#state = 'committing'
    const { clock } = this.#options
    this.#begunAtMs = clock.steadyMs()
    this.#gapMs = Math.min(GAP_MS_MAX, (this.#changes - this.#changesBefore) * GAP_MS_PER_MESSAGE)
    const attempt = this.#take(all)
    this.#attempt = attempt
    this.#changesBefore = this.#changes
    const { keepers, ledgers, routes } = attempt
    const changes = [...keepers.flatMap(changesOf), ...ledgers.changes, ...routes.changes]
    const written = write(changes).then(
      () => this.#written(attempt),
      (error: unknown) => {
        this.#failed(attempt, error)
        throw error
      },
    )
    this.#underWay = written.catch(ignoreTold)
    return written
  }

  /** All batches are sealed first, so that what is counted and what is written are of one moment. */
  #take(all: boolean): Attempt {
    const keepers: KeeperChanges[] = []
    for (const keeper of this.#keepers) {
      const changes = keeper.begin(this.#begunAtMs)
      if (changes !== undefined) keepers.push(changes)
    }
    const debts = this.#debts
    this.#debts = []
    this.#debt = undefined
    // Where the disk took nothing, only a write tells whether it takes something again.
    return { keepers, debts, ledgers: this.#ledgers.begin(this.#isFailing), routes: this.routes.begin(all) }
  }

  #written({ keepers, ledgers, routes, debts }: Attempt): void {
    this.#attempt = this.#underWay = undefined
    if (this.#state === 'closed') return
    if (this.#isFailing) {
      this.#isFailing = false
      this.#retryMs = RETRY_MS_MIN
      this.#options.log.info({}, 'outbox_write_recovered')
    }
    this.#state = 'idle'
    this.#ledgers.written(ledgers)
    this.routes.written(routes)
    for (const changes of keepers) changes.keeper.written(changes)
    for (const keeper of this.#keepers) if (keeper.isRetired && keeper.isIdle) this.#keepers.delete(keeper)
    for (const debt of debts) debt.pay()
    for (const { keeper } of keepers) keeper.landed()
    this.#goOn()
  }

  #goOn(): void {
    if (this.#state !== 'idle') return
    if (this.#changes !== this.#changesBefore) this.#schedule()
    else if (!this.#hasNothing || this.routes.isDue) this.changedQuietly()
  }

  /** What could not be written is still in memory, and is tried again until it can be. */
  #failed({ keepers, routes, debts }: Attempt, error: unknown): void {
    this.#attempt = this.#underWay = undefined
    if (this.#state === 'closed') return
    for (const changes of keepers) changes.keeper.failed(changes)
    this.routes.failed(routes)
    this.#debts.unshift(...debts)
    if (!this.#isFailing) {
      this.#isFailing = true
      this.#options.log.error({ err: error }, 'outbox_write_failed')
    }
    this.#state = 'failing'
    this.#timer = this.#options.clock.after(this.#retryMs, this.#begin)
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2)
    for (const debt of debts) debt.fail(error)
  }
}

/** What went wrong is logged, and tried again. */
function ignoreTold(): void {}
