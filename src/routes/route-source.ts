/**
 * What we tell one peer to send us: our interest, intersected with the link's filters, reduced to its union. A filter that another
 * one covers makes no route.
 *
 * Changes come out as operations in an order without gaps: first everything that is to be added, then what is to be deleted, so
 * that whatever was wanted before and after is covered at every step between. An addition and a deletion that nobody was told of
 * cancel out.
 */
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

export class RouteSource {
  readonly #linkFilters: readonly string[]
  /** The routes as they should stand at the peer, by how many filters of our interest lead to each. */
  readonly #announced = new FilterTrie<number>()
  /** Those that an announced one covers. */
  readonly #hidden = new FilterTrie<number>()
  readonly #adds = new Set<string>()
  readonly #deletes = new Set<string>()
  /** Routes of batches whose fate is unknown: the peer may have them or not, so that nothing about them cancels out. */
  readonly #unsure = new Set<string>()
  #flying: readonly RouteOp[] = []

  /** @param linkFilters the link's `topics`, redundant ones allowed */
  constructor(linkFilters: readonly string[]) {
    this.#linkFilters = union(linkFilters)
  }

  /** How many routes the peer should have. */
  get size(): number {
    return this.#announced.size
  }

  /** Operations that wait to be taken. */
  get pending(): number {
    return this.#adds.size + this.#deletes.size
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
    const ops: RouteOp[] = []
    let bytes = 0
    const takeFrom = (routes: Set<string>, type: RouteOp['type']) => {
      for (const route of routes) {
        bytes += 2 * Buffer.byteLength(route) + opOverheadBytes
        if (ops.length === opsMax || (bytes > bytesMax && ops.length > 0)) return
        routes.delete(route)
        ops.push({ type, topicFilter: route, id: route })
      }
    }
    takeFrom(this.#adds, 'add')
    // A deletion before an addition that stands for it would open a gap.
    if (this.#adds.size === 0) takeFrom(this.#deletes, 'delete')
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
      if (this.#announced.has(topicFilter)) this.#adds.add(topicFilter)
      else this.#deletes.add(topicFilter)
    }
  }

  /**
   * The peer wants everything from the beginning. Returns how many operations that takes.
   * @param forgotten the peer has nothing of what it was told; if not, what it was told stands, and only the rest goes
   */
  startBootstrap(forgotten: boolean): number {
    this.fail()
    if (forgotten) {
      this.#deletes.clear()
      this.#unsure.clear()
      this.#adds.clear()
      for (const route of this.#announced.filters()) this.#adds.add(route)
    }
    return this.#adds.size
  }

  #routesOf(topicFilter: string): string[] {
    const routes: string[] = []
    for (const linkFilter of this.#linkFilters) {
      const common = intersect(topicFilter, linkFilter)
      // Of two spellings of everything one will do: each covers the other, which would hide both.
      if (common !== undefined) routes.push(common === '+/#' ? '#' : common)
    }
    return routes
  }

  #want(route: string): void {
    const count = this.#announced.get(route)
    if (count !== undefined) return this.#announced.set(route, count + 1)
    const hiddenCount = this.#hidden.get(route)
    if (hiddenCount !== undefined) return this.#hidden.set(route, hiddenCount + 1)
    if (this.#announced.isCovered(route)) return this.#hidden.set(route, 1)
    if (hasWildcard(route)) this.#hide(this.#announced.coveredBy(route))
    this.#announced.set(route, 1)
    this.#planAdd(route)
  }

  #unwant(route: string): void {
    const hiddenCount = this.#hidden.get(route)
    if (hiddenCount !== undefined) {
      if (hiddenCount === 1) this.#hidden.delete(route)
      else this.#hidden.set(route, hiddenCount - 1)
      return
    }
    const count = this.#announced.get(route)
    if (count === undefined) return
    if (count > 1) return this.#announced.set(route, count - 1)
    this.#announced.delete(route)
    if (hasWildcard(route)) this.#reveal(this.#hidden.coveredBy(route))
    this.#planDelete(route)
  }

  #hide(routes: readonly string[]): void {
    for (const route of routes) {
      this.#hidden.set(route, this.#announced.get(route) ?? 1)
      this.#announced.delete(route)
      this.#planDelete(route)
    }
  }

  /** What hid these is gone: the widest of them are announced, unless something else hides them. */
  #reveal(routes: readonly string[]): void {
    const widest = routes.filter((route) => !this.#announced.isCovered(route) && !this.#hidden.isCovered(route))
    for (const route of widest) {
      this.#announced.set(route, this.#hidden.get(route) ?? 1)
      this.#hidden.delete(route)
      this.#planAdd(route)
    }
  }

  #planAdd(route: string): void {
    const known = this.#deletes.delete(route) && !this.#unsure.has(route)
    if (!known) this.#adds.add(route)
  }

  #planDelete(route: string): void {
    const unheardOf = this.#adds.delete(route) && !this.#unsure.has(route)
    if (!unheardOf) this.#deletes.add(route)
  }
}
