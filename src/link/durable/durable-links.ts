/**
 * What the links of a node keep beyond the process: the messages of QoS 1 and 2 that wait to cross, under the numbers that they have for
 * good, where all messages stand, and what peers want. Read once at the start; each link takes its own, and what no link takes is given up.
 */
import type { Ledger, LedgerSnapshot } from '../../lanes/ledger.ts'
import type { InboundLedgerSnapshot } from '../../lanes/inbound-ledger.ts'
import type { KeptBatch } from '../../lanes/outbox/outbox-batch.ts'
import { LedgerBook } from './ledger-book.ts'
import { type KeptOutbox, LinkKeeper } from './link-keeper.ts'
import { MarkBook, type Safety } from './mark-book.ts'
import { OutboxJournal, type OutboxJournalOptions } from './outbox-journal.ts'
import { DamagedOutbox, decodeBatch, decodeLedger, type LedgerCounts, readLedgerKey } from './outbox-records.ts'
import type { LinkChange, LinkTable, OutboxStore } from './outbox-store.ts'
import type { KeptLinkRoutes } from './route-book.ts'

/** An outbox as far as it comes out of the store. */
export interface RestorableOutbox extends KeptOutbox {
  readonly ledger: Ledger
  restore(batches: readonly KeptBatch[], steadyMs: number, wallMs: number): readonly KeptBatch[]
}

const allSafe: Safety = { isSettled: true, isKept: true, whenKept: (call) => call() }

/** The loop goes on after so many milliseconds of reading. */
const SLICE_MS = 10
/** How old counts on the disk may be, where nothing else is to be written. */
const LEDGERS_MS = 1_000
/** So many damaged records are named one by one. */
const NAMED_MAX = 10

export class DurableLinks {
  readonly #ledgers = new LedgerBook()
  readonly #options: OutboxJournalOptions
  readonly #store: OutboxStore
  readonly #journal: OutboxJournal
  /** What was taken of the peers' nodes. */
  readonly marks: MarkBook
  readonly #found = new Map<string, KeptBatch[]>()
  #watch: { cancel(): void } | undefined

  /** @param safety of what came from peers; left out, all of it is safe at any time */
  constructor(store: OutboxStore, options: OutboxJournalOptions, safety: Safety = allSafe) {
    this.#store = store
    this.#options = options
    this.#journal = new OutboxJournal(store, this.#ledgers, options)
    this.marks = new MarkBook({
      clock: options.clock,
      safety,
      // By itself: what links have to write goes with what the broker has of the same messages, and with nothing else.
      commit: (changes) => this.#journal.alone(() => store.commit(changes())),
    })
  }

  /** Reads the store, in slices. To be called once, before any link is there. Rejects with `DamagedOutbox`. */
  async load(): Promise<void> {
    const damages: string[] = []
    await this.#each('ledgers', damages, (key, value) => {
      const { side, link } = readLedgerKey(key)
      this.#ledgers.found(side, link, decodeLedger(key, value))
    })
    await this.#each('outbox', damages, (key, value) => {
      const { link, id, frame } = decodeBatch(key, value)
      const batches = this.#found.get(link)
      if (batches === undefined) this.#found.set(link, [{ id, frame }])
      else batches.push({ id, frame })
    })
    await this.#each('routes', damages, (key, value) => this.#journal.routes.found(key, value))
    await this.#each('marks', damages, (key, value) => this.marks.found(key, value))
    if (damages.length > 0) throw new DamagedOutbox(describe(damages))
    this.#watchLedgers()
  }

  /** They change also when no outbox does: by QoS 0, and by what comes in. */
  #watchLedgers(): void {
    this.#watch = this.#options.clock.after(LEDGERS_MS, () => {
      if (this.#ledgers.hasChanged) this.#journal.changedQuietly()
      this.#watchLedgers()
    })
  }

  async #each(table: LinkTable, damages: string[], read: (key: Buffer, value: Buffer) => void): Promise<void> {
    const { clock, defer } = this.#options
    let after: Buffer | undefined
    let isWhole = false
    while (!isWhole) {
      isWhole = true
      const untilMs = clock.steadyMs() + SLICE_MS
      for (const [key, value] of this.#store.entriesAfter(table, after)) {
        readOne(key, value, read, damages)
        after = key
        isWhole = clock.steadyMs() < untilMs
        if (!isWhole) break
      }
      if (!isWhole) await new Promise<void>((resolve) => defer(resolve))
    }
  }

  /** A link begins, with what the process before left of it. */
  link(name: string): DurableLink {
    const batches = this.#found.get(name) ?? []
    this.#found.delete(name)
    const keeper = new LinkKeeper(name, this.#journal, batches)
    this.#journal.add(keeper)
    return new DurableLink(keeper, this.#ledgers, batches)
  }

  claimInbound(link: string): Partial<InboundLedgerSnapshot> | undefined {
    const counts = this.#ledgers.claim('in', link)
    return counts === undefined ? undefined : readInbound(counts)
  }

  keepInbound(link: string, read: () => InboundLedgerSnapshot): void {
    this.#ledgers.keep('in', link, read)
  }

  forgetInbound(link: string): void {
    this.#ledgers.forget('in', link)
  }

  /** What the peer of a link wants. */
  routesOf(link: string): KeptLinkRoutes {
    return this.#journal.routes.of(link)
  }

  /**
   * Gives up what links left that are configured no more, as they were when the process before ran. To be called when all others have
   * begun.
   */
  dropOthers(configured: ReadonlySet<string>): void {
    for (const name of new Set([...this.#found.keys(), ...this.#ledgers.unclaimed('out')])) {
      const batches = this.#found.get(name)?.length ?? 0
      const { queued, inflight } = readOutbound(this.#ledgers.claim('out', name))
      this.link(name).remove()
      const fields = { link: name, queued: queued + inflight, batches, reason: 'link_removed' }
      if (batches > 0) this.#options.log.warn(fields, 'cluster_link_outbox_lost')
    }
    // Those of peers are asked for when they come.
    for (const name of this.#ledgers.unclaimed('in')) if (!configured.has(name)) this.#ledgers.forget('in', name)
    this.marks.dropOthers(configured)
    for (const name of this.#journal.routes.names()) if (!configured.has(name)) this.#journal.routes.forget(name)
  }

  /** See `OutboxJournal.carry`. With what batches of peers brought goes, too, that they were taken: as of this moment. */
  async carry(write: (changes: readonly LinkChange[]) => Promise<void>): Promise<void> {
    const marks = this.marks.begin()
    if (marks.length === 0) return await this.#journal.carry(write)
    try {
      await this.#journal.carry((changes) => write([...changes, ...this.marks.changes(marks)]))
      this.marks.written(marks)
    } catch (error) {
      this.marks.failed(marks)
      throw error
    }
  }

  /** Resolves when all is on the disk that may be there, or the disk takes nothing. */
  /** See `OutboxJournal.isCommitting`. */
  get isCommitting(): boolean {
    return this.#journal.isCommitting
  }

  flush(): Promise<void> {
    return this.marks.isDue ? this.marks.flush().then(() => this.#journal.flush()) : this.#journal.flush()
  }

  /** See `OutboxJournal.settle`. */
  settle(): Promise<void> {
    return this.#journal.settle()
  }

  close(): void {
    this.marks.close()
    this.#watch?.cancel()
    this.#journal.close()
  }
}

/** One link's share. Every link of a node with a store has one: what is not durable any more may have left something. */
export class DurableLink {
  readonly keeper: LinkKeeper
  readonly #ledgers: LedgerBook
  #batches: readonly KeptBatch[]
  #outbox: RestorableOutbox | undefined
  /** What waited or flew when the process before last wrote it down. */
  #waited = 0

  constructor(keeper: LinkKeeper, ledgers: LedgerBook, batches: readonly KeptBatch[]) {
    this.keeper = keeper
    this.#ledgers = ledgers
    this.#batches = batches
  }

  /** To be called first. Returns where the messages of the link stood: for its ledger, which they enter anew when they are restored. */
  begin(isDurable: boolean): LedgerSnapshot | undefined {
    this.keeper.isKeeping = isDurable
    const counts = this.#ledgers.claim('out', this.keeper.link)
    if (counts === undefined || !isDurable) return undefined
    const before = readOutbound(counts)
    this.#waited = before.queued + before.inflight
    return before
  }

  /**
   * Puts what was found back into the outbox, before anything else is in it. What waited and was not on disk, which is of QoS 0, went
   * with its process: it is counted as shed. Throws `DamagedOutbox`.
   * @param landed see `LinkKeeper.attach`
   */
  restore(
    outbox: RestorableOutbox,
    nowMs: { readonly steady: number; readonly wall: number },
    landed: () => void,
  ): void {
    this.#outbox = outbox
    this.keeper.attach(outbox, landed)
    const { ledger } = outbox
    const { matched } = ledger.snapshot()
    const [unread] = outbox.restore(this.#batches, nowMs.steady, nowMs.wall)
    this.#batches = []
    if (unread !== undefined)
      throw new DamagedOutbox(describe([`outbox ${this.keeper.link} ${unread.id}: no batch of this link`]))
    const lost = this.#waited - (ledger.snapshot().matched - matched)
    if (lost > 0) ledger.enterDropped(lost, 'shed_qos0')
    this.#keepLedger()
  }

  /** What was kept before and is to be kept no more is still delivered, and goes from the disk when it is. */
  edit(isDurable: boolean): void {
    if (isDurable === this.keeper.isKeeping) return
    this.keeper.isKeeping = isDurable
    this.#keepLedger()
  }

  #keepLedger(): void {
    const ledger = this.#outbox?.ledger
    if (ledger !== undefined && this.keeper.isKeeping)
      this.#ledgers.keep('out', this.keeper.link, () => countsOf(ledger.snapshot()))
    else this.#ledgers.forget('out', this.keeper.link)
  }

  /** The link is gone for good. */
  remove(): void {
    this.keeper.clear()
    this.#ledgers.forget('out', this.keeper.link)
  }
}

function readOne(key: Buffer, value: Buffer, read: (key: Buffer, value: Buffer) => void, damages: string[]): void {
  try {
    read(key, value)
  } catch (error) {
    if (!(error instanceof DamagedOutbox)) throw error
    damages.push(error.message)
  }
}

function describe(damages: readonly string[]): string {
  const named = damages.slice(0, NAMED_MAX).join('; ')
  const more = damages.length > NAMED_MAX ? `; and ${damages.length - NAMED_MAX} more` : ''
  return `${damages.length} damaged record${damages.length === 1 ? '' : 's'} of links in the store (${named}${more}). Nothing was changed. Put a copy of the store in its place that was made while the node was stopped, or move it away to start with no sessions, queued and retained messages.`
}

function readInbound(counts: LedgerCounts): Partial<InboundLedgerSnapshot> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => typeof count === 'number'))
}

function countsOf({ dropped, failed, ...counts }: LedgerSnapshot): LedgerCounts {
  return { ...counts, dropped: { ...dropped }, failed: { ...failed } }
}

/** What an earlier version did not count is 0. */
function readOutbound(counts: LedgerCounts = {}): LedgerSnapshot {
  const number = (name: string): number => (typeof counts[name] === 'number' ? counts[name] : 0)
  const reasons = (name: string): { readonly [reason: string]: number | undefined } =>
    typeof counts[name] === 'object' ? counts[name] : {}
  return {
    matched: number('matched'),
    delivered: number('delivered'),
    inflight: number('inflight'),
    queued: number('queued'),
    retried: number('retried'),
    dropped: reasons('dropped'),
    failed: reasons('failed'),
  }
}
