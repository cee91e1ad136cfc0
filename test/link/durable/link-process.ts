/** One life of a process with a link: its outbox, and its share of a store that the next life finds. */
import assert from 'node:assert/strict'
import { imbalance, Ledger, type LedgerSnapshot } from '../../../src/lanes/ledger.ts'
import type { OutboxBatch } from '../../../src/lanes/outbox/outbox-batch.ts'
import { Outbox } from '../../../src/lanes/outbox/outbox.ts'
import type { OutboxLimits, OverflowPolicy } from '../../../src/lanes/outbox/outbox-limits.ts'
import type { Debt } from '../../../src/link/broker-port.ts'
import { type DurableLink, DurableLinks } from '../../../src/link/durable/durable-links.ts'
import { OutboxDebts } from '../../../src/link/outbox-debts.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { plain } from '../../lanes/lane-messages.ts'
import { namesOf, publish } from '../../lanes/outbox/outbox-messages.ts'
import { ManualClock } from '../manual-clock.ts'
import type { LinkStore } from './link-store.ts'

export type LinkSettings = {
  readonly durable?: boolean
  readonly limits?: OutboxLimits
  readonly overflow?: OverflowPolicy
}

export const noLimits: OutboxLimits = { bytesMax: 2 ** 28, countMax: Infinity, ageMsMax: Infinity }

export class LinkProcess {
  readonly store: LinkStore
  readonly links: DurableLinks
  readonly clock: ManualClock
  readonly log: { readonly fields: object; readonly event: string }[] = []
  outbox!: Outbox
  durable!: DurableLink
  debts!: OutboxDebts
  readonly #deferred: (() => void)[] = []

  private constructor(store: LinkStore, clock: ManualClock) {
    this.store = store
    this.clock = clock
    const write = (fields: object, event: string) => void this.log.push({ fields, event })
    this.links = new DurableLinks(store, {
      clock,
      log: { debug: write, info: write, warn: write, error: write },
      defer: (call) => void this.#deferred.push(call),
    })
  }

  /** @param epoch above that of the lives before */
  static async start(
    store: LinkStore,
    epoch: number,
    { durable = true, limits = noLimits, overflow = 'drop_oldest' }: LinkSettings = {},
    clock = new ManualClock(),
  ): Promise<LinkProcess> {
    const started = new LinkProcess(store, clock)
    await started.links.load()
    started.durable = started.links.link('b')
    const ledger = new Ledger(started.durable.begin(durable))
    const { keeper } = started.durable
    started.outbox = new Outbox({ epoch, limits, overflow, keeper, ledger })
    started.debts = new OutboxDebts(started.outbox, keeper)
    started.durable.restore(started.outbox, { steady: clock.steadyMs(), wall: clock.nowMs() }, () => undefined)
    started.links.dropOthers(new Set(['b']))
    started.balances()
    return started
  }

  /** The next life, after this one was killed. */
  async crash(epoch: number, settings: LinkSettings = {}): Promise<LinkProcess> {
    return await LinkProcess.start(this.store.afterCrash(), epoch, settings, this.clock)
  }

  take(name: string, qos: QoS = 1): Debt | undefined {
    const fate = this.outbox.accept(publish(name, { qos }), plain, this.clock.steadyMs(), this.clock.nowMs())
    this.balances()
    return this.debts.of(fate, qos)
  }

  turns(): void {
    while (this.#deferred.length > 0) for (const call of this.#deferred.splice(0)) call()
  }

  /** All that is to go to disk is there. */
  async flush(): Promise<void> {
    this.store.isPrompt = true
    await this.links.flush()
    this.store.isPrompt = false
  }

  /** What a connection would be given now. */
  launch(): OutboxBatch[] {
    if (!this.outbox.isConnected) this.outbox.connected()
    const batches: OutboxBatch[] = []
    for (;;) {
      const batch = this.outbox.next(this.clock.steadyMs(), true)
      this.balances()
      if (batch === undefined) return batches
      batches.push(batch)
    }
  }

  deliver(batches: readonly OutboxBatch[]): string[] {
    for (const batch of batches) {
      this.outbox.settle(batch, { type: 'delivered' })
      this.balances()
    }
    this.debts.look()
    return batches.flatMap(({ frame }) => namesOf(frame))
  }

  balances(): LedgerSnapshot {
    const snapshot = this.outbox.ledger.snapshot()
    assert.equal(imbalance(snapshot), 0)
    assert.equal(snapshot.queued + snapshot.inflight, this.outbox.count)
    return snapshot
  }
}
