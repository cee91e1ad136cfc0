/** The messages of one link: its outbox, which outlives everything else here, what waits for it, and the pool that sends it. */
import type { SpokenDialect } from '../../actors/forwarding.ts'
import type { LinkConfig } from '../config/config.ts'
import type { Directive, LaneMessage } from '../lanes/batches/batch-writer.ts'
import type { Outbox } from '../lanes/outbox/outbox.ts'
import type { OutboxLimits } from '../lanes/outbox/outbox-limits.ts'
import type { PeekedMessage } from '../lanes/outbox/peek.ts'
import { PoolQueues } from '../lanes/outbox/pool-queues.ts'
import type { Debt, PassingPublish } from './broker-port.ts'
import type { DurableLink } from './durable/durable-links.ts'
import { LinkPool, type LinkPoolPorts } from './link-pool.ts'
import type { Backlog } from './native/backlog-meter.ts'
import type { DeflateCounters } from './native/deflate-choice.ts'
import { OutboxDebts } from './outbox-debts.ts'
import { OutboxWatch } from './outbox-watch.ts'

export type LinkSenderPorts = Omit<LinkPoolPorts, 'moved' | 'hasMore'> & {
  /** Calls after what the event loop has at hand, in the same turn if it can. */
  readonly defer: (call: () => void) => void
  readonly crossedMark: (aboveHighWaterMark: boolean) => void
  /** Whose outbox this is in the store; left out where there is none. */
  readonly durable?: DurableLink | undefined
}

/** What is to be seen of it. */
export type SenderView = {
  /** What is spoken just now; left out while no connection is up. */
  readonly dialect?: SpokenDialect
  /** What waits or flies, and how much of the outbox's limits that is: 1 is full. */
  readonly outbox: { readonly messages: number; readonly bytes: number; readonly fill: number }
  /** What gathered while there was no connection, or more than could be sent. Left out if there is none. */
  readonly backlog?: Backlog
  /** Left out before anything was sent to a peer that takes compressed batches from us. */
  readonly compression?: DeflateCounters
}

/** Batches, or messages that were taken apart. */
const PURGED_PER_TURN = 2_000

/** A message of a link is for all who subscribed there. */
const everybody: Directive = { plain: true, groups: [] }
const retainBit = 1

export class LinkSender {
  readonly outbox: Outbox
  /** The connections. */
  readonly pool: LinkPool
  readonly #ports: LinkSenderPorts
  #config: LinkConfig
  readonly #queues: PoolQueues
  readonly #watch: OutboxWatch
  readonly #debts: OutboxDebts
  #isTurnOpen = false
  /** When the turn began in which messages come now, by the steady clock. */
  #turnMs = 0

  constructor(config: LinkConfig, outbox: Outbox, ports: LinkSenderPorts) {
    this.#config = config
    this.#ports = ports
    this.outbox = outbox
    this.#queues = new PoolQueues(outbox, config.pool_size)
    outbox.takenBy(this.#queues)
    this.#debts = new OutboxDebts(outbox, ports.durable?.keeper)
    this.#watch = new OutboxWatch(outbox, this.#queues, ports.clock, ports.crossedMark, () => this.#debts.look())
    this.pool = new LinkPool(config, outbox, this.#queues, {
      ...ports,
      moved: () => this.#watch.look(),
      hasMore: () => this.#beginTurn(),
    })
  }

  get aboveHighWaterMark(): boolean {
    return this.#watch.aboveHighWaterMark
  }

  /** Whether publishers of QoS 1 and 2 are to be refused: what they send could not be kept. */
  get isFailing(): boolean {
    return this.#config.enable && this.#debts.isFailing
  }

  view(): SenderView {
    const { outbox } = this
    const { dialect, meter, deflate } = this.pool
    const { backlog: messages, count, bytes } = outbox
    const backlogBytes = messages === 0 ? 0 : Math.round((bytes * messages) / Math.max(1, count))
    const backlog = meter.view(messages, backlogBytes, this.#ports.clock.steadyMs())
    const compression = deflate.counters()
    return {
      ...(dialect === undefined ? {} : { dialect }),
      outbox: { messages: count, bytes, fill: outbox.fill },
      ...(backlog === undefined ? {} : { backlog }),
      ...(compression.bytesBefore === 0 ? {} : { compression }),
    }
  }

  /** Holds at once; what needs other connections, its caller sees to. */
  edit(config: LinkConfig): void {
    this.#config = config
    this.outbox.limit(limitsOf(config), config.overflow)
    this.#ports.durable?.edit(config.durable)
    this.pool.edit(config)
    this.#watch.look()
  }

  /** Takes a message that matched. What it leads to, this turn's end does for all of them. */
  accept(publish: PassingPublish): Debt | undefined {
    if (!this.#config.enable) return undefined
    this.#beginTurn()
    const fate =
      publish.retain && this.#config.retained === 'off'
        ? this.#acceptUnretained(publish)
        : this.outbox.accept(publish, everybody, this.#turnMs, publish.nowMs, publish.isLasting)
    return this.#debts.of(fate, publish.qos)
  }

  /** Takes one that is not published just now. It is read at once. */
  tell(message: LaneMessage, directive: Directive): void {
    this.#beginTurn()
    this.outbox.accept(message, directive, this.#turnMs, this.#ports.clock.nowMs())
    this.#debts.told()
  }

  /** Sends what can be sent, now. */
  pump(): void {
    this.pool.pump()
  }

  // ---- an operator's hand

  /** While it is held, nothing more is sent; what flies is settled, and what comes waits. */
  hold(yes: boolean): void {
    this.outbox.hold(yes)
    this.pump()
  }

  /** The first so many of what flies and waits. */
  peek(limit: number): PeekedMessage[] {
    const taken = this.#queues.peek(limit)
    return [...taken, ...this.outbox.peek(limit - taken.length)]
  }

  /** Gives up all that waits now, in slices. Resolves with how many messages that were. */
  async purge(): Promise<number> {
    const { outbox } = this
    const upToId = outbox.beginPurge()
    let purged = 0
    for (;;) {
      const before = outbox.count
      const isMore = outbox.purge(upToId, PURGED_PER_TURN)
      purged += before - outbox.count
      this.#watch.look()
      if (!isMore) return purged
      await new Promise<void>((resolve) => this.#ports.defer(resolve))
    }
  }

  /** Ends all timers; what waits stays in the ledger. */
  stop(): void {
    this.pool.closeAll()
    this.#watch.stop()
  }

  /** The link is gone: nothing waits any more, and nothing is left to tick. */
  remove(): void {
    this.pool.closeAll()
    this.outbox.clear()
    this.#ports.durable?.remove()
    this.#debts.close()
    this.#watch.stop()
  }

  /** The message goes on as one like any other: nobody there is to retain it. Its bytes are lent to us for this call. */
  #acceptUnretained(publish: PassingPublish): ReturnType<Outbox['accept']> {
    const { buffer, start } = publish.view
    const firstByte = buffer[start]!
    buffer[start] = firstByte & ~retainBit
    const fate = this.outbox.accept(publish, everybody, this.#turnMs, publish.nowMs)
    buffer[start] = firstByte
    return fate
  }

  /** Messages that come in one turn of the event loop leave together at its end, and not before: so they share a packet. */
  #beginTurn(): void {
    if (this.#isTurnOpen) return
    this.#isTurnOpen = true
    this.#turnMs = this.#ports.clock.steadyMs()
    this.#ports.defer(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#isTurnOpen = false
    this.pump()
  }
}

export function limitsOf({ resource_opts }: LinkConfig): OutboxLimits {
  const { max_buffer_bytes, max_buffer_messages, request_ttl } = resource_opts
  return { bytesMax: max_buffer_bytes, countMax: max_buffer_messages, ageMsMax: request_ttl }
}
