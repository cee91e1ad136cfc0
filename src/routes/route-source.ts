/**
 * What we tell one peer to send us: our interest, intersected with the link's filters, reduced to its union. A filter that another
 * one covers makes no route.
 *
 * Changes come out as operations in an order without gaps: first everything that is to be added, then what is to be deleted, so
 * that whatever was wanted before and after is covered at every step between. An addition and a deletion that nobody was told of
 * cancel out.
 *
 * A filter that covers a great many others (`#`, of a curious operator) is not dealt with in one go, which would stop the node
 * for seconds: `busy` says that there is work left, and `work` does some of it. Meanwhile the peer is told too much, never too
 * little: what is covered goes late, and what covered it goes when all that it hid has been announced.
 */
import { covers } from '../topics/covers.ts'
import { FilterTrie } from '../topics/filter-trie.ts'
import { intersect } from '../topics/intersect.ts'
import { hasWildcard } from '../topics/topic-filter.ts'
import { union } from '../topics/union.ts'
import type { RouteOp } from './route-op.ts'

export type BatchLimits = {
  readonly opsMax: number
  /** Of topic filters and ids in UTF-8, with `opOverheadBytes` for each operation. */
  readonly bytesMax: number
}

/** What an operation takes on the wire beyond its text, generously. */
export const opOverheadBytes = 16

/** Of two filters that cover each other one will do: both would be hidden. */
const sameAs: ReadonlyMap<string, string> = new Map([
  ['+/#', '#'],
  ['/+/#', '/#'],
])

/** Routes that one change may move at once; more become a job. */
const routesAtOnceMax = 1_000

/** Of the routes that a wide one hides, or hid until it went, those at this place and after it are still to be dealt with. */
type Job = { readonly type: 'hide' | 'reveal'; readonly wide: string; place: number }

/** To look at a route that a job is not about takes so much of what it takes to move one. */
const lookCost = 1 / 4

export class RouteSource {
  readonly #linkFilters: readonly string[]
  readonly #atOnceMax: number
  /** The routes as they should stand at the peer, by how many filters of our interest lead to each. */
  readonly #announced = new FilterTrie<number>()
  /** Those that an announced one covers. */
  readonly #hidden = new FilterTrie<number>()
  readonly #adds = new Set<string>()
  readonly #deletes = new Set<string>()
  /** Routes of batches whose fate is unknown: the peer may have them or not, so that nothing about them cancels out. */
  readonly #unsure = new Set<string>()
  #flying: readonly RouteOp[] = []
  /** Announced routes that a bootstrap has yet to come to; not copied, since there may be a million. */
  #untold: Iterator<string> | undefined
  readonly #jobs: Job[] = []
  /** Wanted no more, but told to the peer until all jobs are done. */
  readonly #leaving = new Set<string>()

  /** @param linkFilters the link's `topics`, redundant ones allowed */
  constructor(linkFilters: readonly string[], atOnceMax = routesAtOnceMax) {
    this.#linkFilters = union(linkFilters)
    this.#atOnceMax = atOnceMax
  }

  /** `work` has something to do. */
  get busy(): boolean {
    return this.#jobs.length > 0
  }

  /** Does some of what is left to do: as much as it takes to move so many routes. */
  work(routesMax: number): void {
    let left = routesMax
    for (let job = this.#jobs[0]; job !== undefined && left > 0; job = this.#jobs[0]) left -= this.#step(job)
    if (!this.busy) this.#letGo()
  }

  /** What comes while a job goes on is dealt with when it comes, so that every route need be looked at once. Returns what it cost. */
  #step(job: Job): number {
    const routes = job.type === 'hide' ? this.#announced : this.#hidden
    const { place } = job
    job.place += 1
    if (job.place >= routes.placeCount) this.#jobs.shift()
    const route = routes.filterAt(place)
    if (route === undefined || route === job.wide || !covers(job.wide, route)) return lookCost
    this.#move(job.type, [route])
    return 1
  }

  /** How many routes the peer should have. */
  get size(): number {
    return this.#announced.size
  }

  /** Operations that wait to be taken, at least: while a bootstrap is on its way there are more. */
  get pending(): number {
    return this.#adds.size + this.#deletes.size + (this.#untold === undefined ? 0 : 1)
  }

  routes(): Iterable<string> {
    return this.#announced.filters()
  }

  /** A filter of ours has its first subscriber. */
  add(topicFilter: string): void {
    for (const route of this.#routesOf(topicFilter)) this.#want(route)
  }

  /** A filter of ours has lost its last subscriber. */
  remove(topicFilter: string): void {
    for (const route of this.#routesOf(topicFilter)) this.#unwant(route)
  }

  /**
   * The next operations to send, in order; empty if there are none. They fly until `confirm` or `fail`. An operation that
   * alone exceeds the limit of bytes is given too: whether to send it is for the caller to say.
   */
  take({ opsMax, bytesMax }: BatchLimits): readonly RouteOp[] {
    if (this.#flying.length > 0) throw new Error('the last batch is still in flight')
    const batch = new Batch({ opsMax, bytesMax })
    batch.takeFrom(this.#adds, 'add')
    if (this.#adds.size === 0) this.#takeUntold(batch)
    // A deletion before an addition that stands for it would open a gap.
    if (this.#adds.size === 0 && this.#untold === undefined) batch.takeFrom(this.#deletes, 'delete')
    const { ops } = batch
    this.#flying = ops
    return ops
  }

  /** The peer has the batch. */
  confirm(): void {
    for (const { topicFilter } of this.#flying) this.#unsure.delete(topicFilter)
    this.#flying = []
  }

  /** The peer may have the batch or not: it goes again, as things stand now. */
  fail(): void {
    const ops = this.#flying
    this.#flying = []
    for (const { topicFilter } of ops) {
      this.#unsure.add(topicFilter)
      this.#adds.delete(topicFilter)
      this.#deletes.delete(topicFilter)
      if (this.#announced.has(topicFilter) || this.#leaving.has(topicFilter)) this.#adds.add(topicFilter)
      else this.#deletes.add(topicFilter)
    }
  }

  /**
   * The peer wants everything from the beginning. Returns how many operations that takes.
   * @param forgotten the peer has nothing of what it was told; if not, what it was told stands, and only the rest goes
   */
  startBootstrap(forgotten: boolean): number {
    this.fail()
    if (!forgotten) return this.pending
    this.#deletes.clear()
    this.#unsure.clear()
    this.#adds.clear()
    this.#leaving.clear()
    this.#untold = this.#announced.filters()
    return this.#announced.size
  }

  #takeUntold(batch: Batch): void {
    while (this.#untold !== undefined && !batch.isFull) {
      const next = this.#untold.next()
      if (next.done === true) this.#untold = undefined
      else if (!batch.add('add', next.value)) {
        // It opens the next batch.
        this.#adds.add(next.value)
        return
      }
    }
  }

  #routesOf(topicFilter: string): string[] {
    const routes: string[] = []
    for (const linkFilter of this.#linkFilters) {
      const common = intersect(topicFilter, linkFilter)
      if (common !== undefined) routes.push(sameAs.get(common) ?? common)
    }
    return routes
  }

  #want(route: string): void {
    const hiddenCount = this.#hidden.size === 0 ? undefined : this.#hidden.get(route)
    if (hiddenCount !== undefined) return this.#hidden.set(route, hiddenCount + 1)
    const outcome = this.#announced.addUncovered(route, 1)
    if (outcome === 'known') return this.#announced.set(route, (this.#announced.get(route) ?? 0) + 1)
    if (outcome === 'covered') return this.#hidden.set(route, 1)
    this.#announce(route)
    if (hasWildcard(route)) this.#begin('hide', route)
  }

  #unwant(route: string): void {
    const hiddenCount = this.#hidden.get(route)
    if (hiddenCount !== undefined) {
      if (hiddenCount > 1) return this.#hidden.set(route, hiddenCount - 1)
      this.#hidden.delete(route)
      // A job may have passed over something for the sake of this one, which was to be revealed itself.
      if (this.busy && hasWildcard(route)) this.#begin('reveal', route)
      return
    }
    const count = this.#announced.get(route)
    if (count === undefined) return
    if (count > 1) return this.#announced.set(route, count - 1)
    this.#announced.delete(route)
    if (hasWildcard(route)) this.#begin('reveal', route)
    if (this.busy) this.#leave(route)
    else this.#planDelete(route)
  }

  #begin(type: Job['type'], wide: string): void {
    const routes = (type === 'hide' ? this.#announced : this.#hidden).coveredBy(wide, this.#atOnceMax)
    if (routes.length > this.#atOnceMax) this.#jobs.push({ type, wide, place: 0 })
    else this.#move(type, routes)
  }

  #move(type: Job['type'], routes: readonly string[]): void {
    if (type === 'hide') this.#hide(routes)
    else this.#reveal(routes)
  }

  /** Nothing is told any more that another route covers; those that nothing covers (any more) stay. */
  #hide(routes: readonly string[]): void {
    for (const route of routes) {
      const count = this.#announced.get(route)
      if (count === undefined || !this.#announced.isCovered(route)) continue
      this.#hidden.set(route, count)
      this.#announced.delete(route)
      this.#planDelete(route)
    }
  }

  /** What hid these is gone: the widest of them are announced, unless something else hides them. */
  #reveal(routes: readonly string[]): void {
    for (const route of routes) {
      const count = this.#hidden.get(route)
      if (count === undefined || this.#announced.isCovered(route) || this.#hidden.isCovered(route)) continue
      this.#hidden.delete(route)
      this.#announced.set(route, count)
      this.#announce(route)
      // Something narrower may have been announced while this one waited for its turn.
      if (hasWildcard(route)) this.#begin('hide', route)
    }
  }

  #leave(route: string): void {
    // Whether a bootstrap has come to it already cannot be told.
    if (this.#untold !== undefined) this.#unsure.add(route)
    this.#leaving.add(route)
  }

  #announce(route: string): void {
    const neverLeft = this.#leaving.delete(route) && !this.#unsure.has(route)
    if (!neverLeft) this.#planAdd(route)
  }

  #letGo(): void {
    for (const route of this.#leaving) this.#planDelete(route)
    this.#leaving.clear()
  }

  #planAdd(route: string): void {
    const known = this.#deletes.delete(route) && !this.#unsure.has(route)
    if (!known) this.#adds.add(route)
  }

  #planDelete(route: string): void {
    if (this.#untold !== undefined) this.#unsure.add(route)
    const unheardOf = this.#adds.delete(route) && !this.#unsure.has(route)
    if (!unheardOf) this.#deletes.add(route)
  }
}

/** Operations up to the limits of one message. */
class Batch {
  readonly ops: RouteOp[] = []
  readonly #limits: BatchLimits
  #bytes = 0

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  get isFull(): boolean {
    return this.ops.length >= this.#limits.opsMax
  }

  /** False if it does not fit; the first one always does. */
  add(type: RouteOp['type'], route: string): boolean {
    const isLimited = this.#limits.bytesMax < Number.POSITIVE_INFINITY
    const bytes = isLimited ? 2 * Buffer.byteLength(route) + opOverheadBytes : 0
    if (this.isFull || (this.#bytes + bytes > this.#limits.bytesMax && this.ops.length > 0)) return false
    this.#bytes += bytes
    this.ops.push({ type, topicFilter: route, id: route })
    return true
  }

  takeFrom(routes: Set<string>, type: RouteOp['type']): void {
    for (const route of routes) {
      if (!this.add(type, route)) return
      routes.delete(route)
    }
  }
}
