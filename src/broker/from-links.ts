/**
 * What batches of peers bring: each message is read where it lies and goes to subscribers in the cluster, to the retained store, and
 * never to another link. A batch is taken over as many turns of the event loop as it needs.
 */
import type { Debt, LinkBatch } from '../link/broker-port.ts'
import type { PublishView } from '../packets/publish-view.ts'
import type { TopicIndex } from '../topics/topic-index.ts'
import type { Clock } from './clock.ts'
import { work } from './connection/inbox.ts'
import type { Counters } from './counters.ts'
import type { Journal } from './durable/journal.ts'
import { Promises } from './durable/promises.ts'
import type { Limits } from './limits/limits.ts'
import type { Logger } from './logger.ts'
import type { Spread } from './members/spread.ts'
import type { PublishHooks } from './hooks/publish-hooks.ts'
import { Passing } from './sessions/passing.ts'
import type { Delivery, Destination } from './sessions/subscription.ts'

export type FromLinksPorts = {
  readonly clock: Clock
  readonly counters: Counters
  readonly journal: Journal
  readonly limits: Limits
  readonly log: Logger
  readonly spread: Spread
  readonly index: TopicIndex<Destination, Delivery>
  /** Whether to acknowledge a message for these would promise that it outlasts the process. */
  readonly isPromise: (delivery: Delivery, retain: boolean) => boolean
  /** Passes on a message, and does with one that is to be retained what is to be done. Returns how many receivers it found. */
  readonly publish: (passing: Passing, delivery: Delivery) => number
}

/** A message of a batch costs less than a packet of its own. */
const MESSAGE_WORK = 2

/** A batch that is being taken. */
export class Arrival {
  readonly batch: LinkBatch
  isDone = false
  /** What its acknowledgement waits for: a commit, and a mark of what was handed to other nodes; 0: nothing. */
  commit = 0
  mark = 0
  /** And for room, if it is backlog. */
  room: Debt | undefined

  constructor(batch: LinkBatch) {
    this.batch = batch
  }
}

/** Who waits here goes on waiting while the disk takes nothing. */
const patient = { acknowledge: () => undefined, promiseBroken: () => undefined }

export class FromLinks {
  /** Hooks that also see what comes from links; there are none nearly always. */
  hooks: PublishHooks | undefined
  readonly #ports: FromLinksPorts
  readonly #passing = new Passing()
  /** By sender. */
  readonly #unfinished = new Map<string, Arrival>()
  /** The last commit and the highest mark that concern anything that came from a peer. */
  #commit = 0
  #mark = 0
  readonly #owed: Promises

  constructor(ports: FromLinksPorts) {
    this.#ports = ports
    this.#owed = new Promises(ports.journal, ports.spread, patient)
  }

  /**
   * Begins with a batch; `step` does the rest. `undefined`: something in it would have to be kept, and the disk takes nothing, so that
   * it is not taken.
   */
  begin(batch: LinkBatch, qos: number): Arrival | undefined {
    this.finish(batch.sender)
    if (qos > 0 && this.#ports.journal.isFailing && this.#isPromise(batch)) return undefined
    batch.begin()
    const arrival = new Arrival(batch)
    this.#unfinished.set(batch.sender, arrival)
    return arrival
  }

  /** Goes on with it until about so much work is done (`work`). Returns how much it was. */
  step(arrival: Arrival, workMax: number): number {
    if (arrival.isDone) return 0
    const { clock, limits } = this.#ports
    const { isBacklog } = arrival.batch
    limits.crowd.isNoting = isBacklog
    try {
      return this.#step(arrival, workMax)
    } finally {
      limits.crowd.isNoting = false
      if (isBacklog && arrival.isDone) arrival.room = limits.crowd.room(clock)
    }
  }

  #step(arrival: Arrival, workMax: number): number {
    const { clock, journal, spread } = this.#ports
    const { batch } = arrival
    const { changes } = journal
    const { mark } = spread
    const nowMs = clock.nowMs()
    let spent = 0
    while (spent < workMax) {
      if (!batch.next(this.#passing.view)) {
        arrival.isDone = true
        this.#unfinished.delete(batch.sender)
        break
      }
      spent += this.#deliver(batch, nowMs)
    }
    if (journal.changes !== changes) this.#commit = arrival.commit = journal.gatheringCommit
    if (spread.mark !== mark) this.#mark = arrival.mark = spread.mark
    return spent
  }

  /** Returns how much work it was. */
  #deliver(batch: LinkBatch, nowMs: number): number {
    const { counters, index, journal, limits, log, publish } = this.#ports
    const { view } = this.#passing
    const { planned } = index
    const delivery = this.#find(view)
    if (delivery === undefined || (batch.isTold && !view.retain)) {
      batch.refuse()
      return MESSAGE_WORK
    }
    // What is under `$LINK/` or `$SYS/` comes in from nowhere, whatever the topics of the link say.
    if (!batch.admits(delivery.topic)) return MESSAGE_WORK
    const spent = MESSAGE_WORK + (index.planned === planned ? 0 : work.newTopic) + (view.retain ? work.retained : 0)
    if (!this.#passing.fromLink(delivery.topic, batch, nowMs)) {
      counters.droppedExpired++
      limits.drops?.dropped(this.#passing.publication, 'expired')
      return spent
    }
    const { changes } = journal
    try {
      const wanted = this.hooks === undefined ? delivery : this.#hooked(this.hooks, delivery)
      if (wanted === undefined) return spent
      const receivers = publish(this.#passing, wanted)
      if (receivers > journal.changes - changes) batch.untraced?.()
      return spent + receivers * work.receiver
    } catch (error) {
      // One message that breaks something must not keep the link from all that come after it.
      log.error({ err: error, link: batch.origin, topic: delivery.topic }, 'link_inlet_crashed')
      return spent
    }
  }

  /** Who gets what hooks made of it; `undefined` if they dropped it. */
  #hooked(hooks: PublishHooks, delivery: Delivery): Delivery | undefined {
    const { counters, index, limits } = this.#ports
    const { publication } = this.#passing
    const hooked = hooks.runLinked(publication)
    if (hooked === publication) return delivery
    if (hooked === undefined) {
      counters.droppedByHook++
      limits.drops?.dropped(publication, 'hook')
      return undefined
    }
    this.#passing.become(hooked)
    return index.lookup(hooked.topic)
  }

  /** `undefined` for what has no valid topic name. */
  #find(view: PublishView): Delivery | undefined {
    const { index, limits } = this.#ports
    if (view.topicAlias > 0 || isDeeper(view, limits.mqtt.max_topic_levels)) return undefined
    return index.lookupBytes(view.buffer, view.topicStart, view.topicEnd)
  }

  #isPromise(batch: LinkBatch): boolean {
    const { view } = this.#passing
    let isPromise = false
    while (!isPromise && batch.next(view)) {
      const delivery = this.#find(view)
      isPromise = view.qos > 0 && delivery !== undefined && this.#ports.isPromise(delivery, view.retain)
    }
    batch.rewind()
    return isPromise
  }

  /** Finishes what is unfinished of this sender: something of it is to come later. */
  finish(sender: string): void {
    const arrival = this.#unfinished.get(sender)
    if (arrival !== undefined) this.step(arrival, Number.POSITIVE_INFINITY)
  }

  /** What a batch of this sender that came again waits for: that all that came before it is safe. */
  safeAfter(sender: string): { readonly commit: number; readonly mark: number } {
    this.finish(sender)
    return { commit: this.#commit, mark: this.#mark }
  }

  /** Whether all that came from peers and is for other nodes is there. */
  get isSettled(): boolean {
    const { members } = this.#ports.spread
    return members === undefined || this.#mark <= members.settledMark
  }

  /** Whether all of it is there, and on the disk as far as it has to be. */
  get isKept(): boolean {
    return this.isSettled && this.#commit <= this.#ports.journal.committed
  }

  /** As `whenSafe`, of what has been taken so far of a batch that is being taken. */
  whenKept(call: () => void): void {
    this.#owed.call(call, this.#commit, this.#mark)
  }

  /** Calls when all that came from peers so far is safe: on disk as far as it has to be, and at other nodes. */
  whenSafe(call: () => void): void {
    for (const sender of this.#unfinished.keys()) this.finish(sender)
    this.#owed.call(call, this.#commit, this.#mark)
  }
}

/** Before anything is made of its levels: a topic of nothing but slashes has 65,536 of them. */
function isDeeper(view: PublishView, levelsMax: number): boolean {
  if (view.topicLength < levelsMax) return false
  let levels = 1
  for (let at = view.topicStart; at < view.topicEnd; at++) if (view.buffer[at] === 0x2f) levels++
  return levels > levelsMax
}
