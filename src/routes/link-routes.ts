/**
 * The source's end of a native link: what a route source has to tell, as a map that is told by changes and compared by digests. Keys
 * are topic filters, each of value 1.
 *
 * The map takes the source's operations in the source's order, additions before deletions. So whatever was wanted before and after
 * is covered in the map at every instant, at the copy that follows its changes, and at one that repairs itself.
 */
import type { HashKey } from '../topics/keyed-hash.ts'
import type { OpsLimits } from './journal.ts'
import { MapSource } from './map-source.ts'
import type { Claim, MapHeartbeat, MapQuestion } from './map-protocol.ts'
import {
  linkClaim,
  type GoodbyeReason,
  type RouteConfirm,
  type RouteGoodbye,
  type RouteStatement,
} from './route-frames.ts'
import type { RouteSource } from './route-source.ts'

export type LinkRoutesOptions = {
  /** Ours: from now on nobody else takes operations from it. */
  readonly source: RouteSource
  readonly cluster: string
  readonly incarnation: number
  /** The same for all nodes of a cluster, and best over restarts too: with another one the peer has to sort its routes anew. */
  readonly hashKey: HashKey
  /** Of one frame. */
  readonly frame?: OpsLimits
  readonly journal?: OpsLimits
}

const frameLimits: OpsLimits = { opsMax: 1_024, bytesMax: 65_536 }
/** Changes during an outage of minutes; a longer one is cheaper to compare. */
const journalLimits: OpsLimits = { opsMax: 16_384, bytesMax: 2 * 2 ** 20 }

/**
 * The first pieces on a connection are small, so many of them: at a peer that has just begun none of this runs as fast as it soon
 * will, and a long one would keep it for too long.
 */
const smallPieces = 32
const smallPieceMax = 128

const isThere = 1

export class LinkRoutes {
  readonly claim: Claim
  readonly #source: RouteSource
  readonly #map: MapSource
  /** Somebody may know of a change: until then none need be remembered. */
  #isSpoken = false
  /** Pieces told on this connection, as long as they are small. */
  #pieces = 0
  #confirmed: { readonly seq: number; readonly size: number } | undefined

  constructor({ source, cluster, incarnation, hashKey, frame, journal }: LinkRoutesOptions) {
    this.claim = linkClaim(cluster, incarnation)
    this.#source = source
    this.#map = new MapSource({
      claim: this.claim,
      message: frame ?? frameLimits,
      journal: journal ?? journalLimits,
      hashKey,
    })
    source.startBootstrap(true)
  }

  /** Routes told, those included that go when what stands for them is there. */
  get size(): number {
    return this.#map.content.size
  }

  /** The source has more to say than was taken over: `work` goes on. Until that is over for the first time nothing is to be sent. */
  get isBusy(): boolean {
    return this.#source.busy || this.#source.pending > 0
  }

  /** Takes over about so many routes from the source. To be called after each change of it. */
  work(routesMax: number): void {
    this.#source.work(routesMax)
    const ops = this.#source.take({ opsMax: routesMax, bytesMax: Number.POSITIVE_INFINITY })
    const map = this.#isSpoken ? this.#map : this.#map.content
    for (const { type, topicFilter } of ops) {
      if (type === 'add') map.set(topicFilter, isThere)
      else map.delete(topicFilter)
    }
    this.#source.confirm()
  }

  /** There are changes that `takeUnsent` gives. */
  get hasUnsent(): boolean {
    return this.#map.hasUnsent
  }

  /** The next changes to send. They go before everything else that is said. */
  takeUnsent(): RouteStatement | undefined {
    return this.#map.takeUnsent()
  }

  /** A peer that has just connected finds out by the heartbeat what it lacks: what waited until now need not be sent. */
  skipUnsent(): void {
    this.#map.skipUnsent()
  }

  /** First of all on a new connection, and each second. */
  heartbeat(): MapHeartbeat {
    this.#isSpoken = true
    return this.#map.heartbeat()
  }

  /** `undefined`: the question was for a former life. */
  answer(question: MapQuestion): RouteStatement | undefined {
    const isSmall = this.#pieces < smallPieces
    if (question.type === 'pull' && isSmall) this.#pieces += 1
    return this.#map.answer(question, isSmall ? smallPieceMax : undefined)
  }

  /** The peer says that it has all up to a change. Of a former life, or of changes that were never made, it counts for nothing. */
  confirm({ claim, seq, size }: RouteConfirm): void {
    if (claim.life !== this.claim.life || seq > this.#map.heartbeat().seq) return
    this.#confirmed = { seq, size }
  }

  /** What the peer has confirmed since the last connection; `undefined`: nothing yet. `seq`: the last change that it has. */
  get confirmed(): { readonly seq: number; readonly size: number } | undefined {
    return this.#confirmed
  }

  /** The peer has everything that was ever told to it. */
  get isConfirmed(): boolean {
    return this.#confirmed?.seq === this.#map.heartbeat().seq
  }

  disconnected(): void {
    this.#confirmed = undefined
    this.#pieces = 0
  }

  goodbye(reason: GoodbyeReason): RouteGoodbye {
    return { type: 'goodbye', claim: this.claim, reason }
  }
}
