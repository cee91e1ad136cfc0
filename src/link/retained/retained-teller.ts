/**
 * Tells a peer of what was retained before it wanted it (`retained = sync`). Paced: some messages now and then, and none while others
 * wait to cross, so that whoever publishes meanwhile notices nothing of it. In a cluster one node tells: the one that speaks to the
 * peer. When another one takes over, it tells again what it has not told itself; the peer knows by the versions what it has already.
 */
import type { LaneMessage } from '../../lanes/batches/batch-writer.ts'
import type { OwnRetained } from '../broker-port.ts'
import type { LinkClock } from '../link-clock.ts'
import type { LinkLog } from '../link-log.ts'
import { RetainedPlan } from './retained-plan.ts'
import { ToldMessage } from './told-message.ts'

export type RetainedTellerPorts = {
  readonly link: string
  readonly source: OwnRetained
  readonly clock: LinkClock
  readonly log: LinkLog
  /** Whether it is ours to tell, and the peer can be told: a connection is up. */
  readonly mayTell: () => boolean
  /** Whether the peer knows versions: it can be told of what was cleared without troubling anybody. */
  readonly knowsVersions: () => boolean
  /** Whether the link carries what it has without much of it waiting. */
  readonly hasRoom: () => boolean
  /** Takes one that is to cross; it is read at once. */
  readonly tell: (message: LaneMessage) => void
}

export type RetainedProgress = {
  /** Routes of the peer that are not told yet, and the topics that were found for them. */
  readonly routes: number
  readonly topics: number
  /** Messages that were told since the link was made. */
  readonly told: number
}

/** Routes come many at once: when one came, so long is waited for others, milliseconds. Other nodes know of it by then, too. */
const gatherMs = 500
const tickMs = 10
/** While others wait to cross. */
const busyMs = 50
const toldPerTick = 200
const bytesPerTick = 128 * 1024
/** Some milliseconds of work. */
const stepsPerTick = 2_000

export class RetainedTeller {
  readonly #ports: RetainedTellerPorts
  readonly #plan: RetainedPlan
  readonly #message = new ToldMessage()
  #told = 0
  /** Of the routes that are being told. */
  #toldOfRun = 0
  #timer: { cancel(): void } | undefined

  constructor(ports: RetainedTellerPorts) {
    this.#ports = ports
    this.#plan = new RetainedPlan(ports.source)
  }

  get progress(): RetainedProgress {
    return { routes: this.#plan.routeCount, topics: this.#plan.topicCount, told: this.#told }
  }

  routeAdded(topicFilter: string): void {
    this.#plan.routeAdded(topicFilter)
    this.#arm(gatherMs)
  }

  routeRemoved(topicFilter: string): void {
    this.#plan.routeRemoved(topicFilter, this.#ports.clock.nowMs())
  }

  /** To be called when a connection is up, and when it has become ours to tell. */
  wake(): void {
    if (this.#plan.routeCount > 0) this.#arm(gatherMs)
  }

  /** It is another node's from now on, or the link stops. What was not told completely is told from the beginning next time. */
  abandon(): void {
    this.#plan.abandon()
    this.stop()
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(ms: number): void {
    if (this.#timer !== undefined || !this.#ports.mayTell()) return
    this.#timer = this.#ports.clock.after(ms, () => {
      this.#timer = undefined
      this.#tick()
    })
  }

  #tick(): void {
    const { mayTell, hasRoom, knowsVersions } = this.#ports
    if (!mayTell()) return
    if (!hasRoom()) return this.#arm(busyMs)
    if (!this.#plan.isRunning) this.#begin(knowsVersions())
    if (!this.#plan.look(stepsPerTick)) this.#tellSome()
    if (this.#plan.routeCount > 0) this.#arm(tickMs)
  }

  #begin(deletions: boolean): void {
    this.#toldOfRun = 0
    this.#plan.begin(deletions)
  }

  #tellSome(): void {
    let bytes = 0
    for (let count = 0; count < toldPerTick && bytes < bytesPerTick; count += 1) {
      const topic = this.#plan.next()
      if (topic === undefined) return this.#ended()
      const publication = this.#ports.source.ownRetainedOf(topic)
      if (publication === undefined) continue
      bytes += publication.byteLength
      this.#told += 1
      this.#toldOfRun += 1
      this.#ports.tell(this.#message.show(publication))
    }
  }

  #ended(): void {
    const { link, log } = this.#ports
    if (this.#toldOfRun > 0) log.info({ link, messages: this.#toldOfRun }, 'cluster_link_retained_told')
  }
}
