/** Outboxes whose batches hold nothing but their own numbers, for what a keeper does with them. */
import type { OutboxBatch } from '../../../src/lanes/outbox/outbox-batch.ts'
import type { KeptOutbox, LinkKeeper } from '../../../src/link/durable/link-keeper.ts'

export class FakeBatch implements OutboxBatch {
  readonly id: number
  frame: Buffer
  readonly epoch = 1
  readonly lane = 0
  readonly sequence: number
  readonly messages: number
  readonly isResent = false
  readonly agedMs = Number.POSITIVE_INFINITY

  constructor(id: number, messages: number, text: string) {
    this.id = id
    this.sequence = id
    this.messages = messages
    this.frame = Buffer.from(text)
  }
}

export class FakeOutbox implements KeptOutbox {
  readonly keeper: LinkKeeper
  readonly landed: number[] = []
  readonly batches = new Map<number, FakeBatch>()
  #open: string[] = []
  #next = 1

  constructor(keeper: LinkKeeper) {
    this.keeper = keeper
  }

  get hasOpen(): boolean {
    return this.#open.length > 0
  }

  /** Takes a message, and says what its publisher is to wait for. */
  take(text: string) {
    this.#open.push(text)
    return this.keeper.taken()
  }

  seal(): void {
    const batch = new FakeBatch(this.#next++, this.#open.length, this.#open.join(' '))
    this.#open = []
    this.batches.set(batch.id, batch)
    this.keeper.keep(batch)
  }

  kept(batch: OutboxBatch): void {
    this.landed.push(batch.id)
  }

  /** The link is gone. */
  clear(): void {
    this.#open = []
    this.batches.clear()
    this.keeper.clear()
  }

  settle(id: number): void {
    this.keeper.forget(this.batches.get(id)!)
    this.batches.delete(id)
  }
}
