/**
 * The routes of one actor: filters, each under one or more ids. After a new life of the actor the routes of the former one
 * stand beside the new ones until they are swept, so that a filter wanted before and after is never absent in between.
 */

import type { HashKey } from '../topics/keyed-hash.ts'
import { bucketCount } from './entry-hash.ts'
import { MapContent } from './map-content.ts'
import type { TouchedBuckets } from './touched-buckets.ts'

/** Nearly every filter stands under one id, which costs no set. */
type Ids = string | Set<string>

export type RoutePair = readonly [topicFilter: string, id: string]

export class ActorRoutes {
  readonly #hashKey: HashKey | undefined
  #current: FilterIds
  /** Of former lives; holds a pair also if the new life named it already. */
  #former: FilterIds
  #pairs = 0
  #formerPairs = 0
  #touched: TouchedBuckets | undefined

  /** @param hashKey unknown to peers, so that they can't choose filters that make every search long */
  constructor(hashKey?: HashKey) {
    this.#hashKey = hashKey
    this.#current = new FilterIds(hashKey)
    this.#former = new FilterIds(hashKey)
  }

  /** Pairs of filter and id that the present life named. */
  get pairs(): number {
    return this.#pairs
  }

  /** Pairs of former lives, at most: those that the present one took away or that two lives named count as well. */
  get formerPairs(): number {
    return this.#formerPairs
  }

  /** Filters kept from former lives. */
  get formerCount(): number {
    return this.#former.size
  }

  has(topicFilter: string): boolean {
    return this.#current.has(topicFilter) || this.#former.has(topicFilter)
  }

  /** Told which buckets change: as a whole, of the present life and of former ones. */
  get touched(): TouchedBuckets | undefined {
    return this.#touched
  }

  set touched(touched: TouchedBuckets | undefined) {
    this.#touched = touched
    this.#current.touched = touched
    this.#former.touched = touched
  }

  /** Touches each bucket that holds something. */
  touchAll(): void {
    this.#current.touchAll()
    this.#former.touchAll()
  }

  /** Each pair of a bucket once. */
  pairsIn(bucket: number): RoutePair[] {
    const pairs = this.#current.pairsIn(bucket)
    if (this.#former.size === 0) return pairs
    const more = this.#former.pairsIn(bucket)
    return pairs.concat(more.filter(([topicFilter, id]) => !holds(this.#current.get(topicFilter), id)))
  }

  hasPair(topicFilter: string, id: string): boolean {
    return holds(this.#current.get(topicFilter), id) || holds(this.#former.get(topicFilter), id)
  }

  /** Returns whether the filter was not there before. */
  add(topicFilter: string, id: string): boolean {
    if (id === topicFilter && this.#current.isPlain) {
      const isNew = this.#current.addPlain(topicFilter)
      if (isNew) this.#pairs += 1
      return isNew && !this.#former.has(topicFilter)
    }
    const ids = this.#current.get(topicFilter)
    const known = ids !== undefined || this.#former.has(topicFilter)
    const grown = withId(ids, id)
    if (grown !== undefined) {
      this.#current.set(topicFilter, grown)
      this.#pairs += 1
    }
    return !known
  }

  /** A pair of a former life. Returns whether the filter was not there before. */
  addFormer(topicFilter: string, id: string): boolean {
    const known = this.has(topicFilter)
    this.#keepFormer(topicFilter, id)
    this.#formerPairs += 1
    return !known
  }

  /** Takes away this pair alone, from former lives too: the actor says that it is over. Returns whether the filter went with it. */
  delete(topicFilter: string, id: string): boolean {
    const known = this.has(topicFilter)
    if (removeId(this.#current, topicFilter, id)) this.#pairs -= 1
    removeId(this.#former, topicFilter, id)
    return known && !this.has(topicFilter)
  }

  /** A new life begins: what is known becomes former, and nothing goes yet. */
  retire(): void {
    if (this.#former.size === 0) this.#former = this.#current
    else for (const [topicFilter, ids] of this.#current.entries()) this.#keepFormer(topicFilter, ids)
    this.#formerPairs += this.#pairs
    this.#current = this.#none()
    this.#pairs = 0
  }

  /** Forgets former lives. Returns the filters that the present one did not name. */
  sweep(): string[] {
    const gone = [...this.#former.keys()].filter((topicFilter) => !this.#current.has(topicFilter))
    if (this.#touched !== undefined) for (const [topicFilter] of this.formerOnly()) this.#former.touch(topicFilter)
    this.#former = this.#none()
    this.#formerPairs = 0
    return gone
  }

  /** Former lives count as the present one from now on. */
  absorb(): void {
    for (const [topicFilter, ids] of this.#former.entries())
      for (const id of typeof ids === 'string' ? [ids] : ids) this.add(topicFilter, id)
    this.#former = this.#none()
    this.#formerPairs = 0
  }

  /** Pairs of filter and id that former lives left and the present one did not name. */
  *formerOnly(): Generator<RoutePair> {
    for (const [topicFilter, ids] of this.#former.entries()) {
      const named = this.#current.get(topicFilter)
      for (const id of typeof ids === 'string' ? [ids] : ids) if (!holds(named, id)) yield [topicFilter, id]
    }
  }

  /** Each pair of filter and id once, of the present life and of former ones. */
  *allPairs(): Generator<RoutePair> {
    for (const [topicFilter, ids] of this.#current.entries())
      for (const id of typeof ids === 'string' ? [ids] : ids) yield [topicFilter, id]
    yield* this.formerOnly()
  }

  /** Each filter once, of the present life and of former ones. */
  *filters(): Generator<string> {
    yield* this.#current.keys()
    for (const topicFilter of this.#former.keys()) if (!this.#current.has(topicFilter)) yield topicFilter
  }

  #none(): FilterIds {
    const none = new FilterIds(this.#hashKey)
    none.touched = this.#touched
    return none
  }

  #keepFormer(topicFilter: string, ids: Ids): void {
    let kept = this.#former.get(topicFilter)
    for (const id of typeof ids === 'string' ? [ids] : ids) kept = withId(kept, id) ?? kept
    if (kept !== undefined) this.#former.set(topicFilter, kept)
  }
}

/**
 * Filters and their ids. A filter whose only id is the filter itself, which is nearly every one, takes no more memory than its text and
 * a few bytes. Iterators go on through changes made meanwhile: what is there throughout comes once.
 */
class FilterIds {
  readonly #plain: MapContent
  /** By bucket, as the plain ones are. */
  readonly #named: (Map<string, Ids> | undefined)[] = []
  #namedCount = 0

  constructor(hashKey: HashKey | undefined) {
    this.#plain = new MapContent(hashKey)
  }

  get size(): number {
    return this.#plain.size + this.#namedCount
  }

  /** No filter has another id than itself. */
  get isPlain(): boolean {
    return this.#namedCount === 0
  }

  set touched(touched: TouchedBuckets | undefined) {
    this.#plain.touched = touched
  }

  touch(topicFilter: string): void {
    this.#plain.touched?.touch(this.#plain.bucketOf(topicFilter))
  }

  touchAll(): void {
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      const isEmpty = this.#plain.bucketDigest(bucket).size === 0 && this.#named[bucket] === undefined
      if (!isEmpty) this.#plain.touched?.touch(bucket)
    }
  }

  pairsIn(bucket: number): RoutePair[] {
    const pairs = this.#plain.bucketKeys(bucket).map((topicFilter): RoutePair => [topicFilter, topicFilter])
    for (const [topicFilter, ids] of this.#named[bucket] ?? [])
      for (const id of typeof ids === 'string' ? [ids] : ids) pairs.push([topicFilter, id])
    return pairs
  }

  /** A filter under itself, while all are. Returns whether it was not there. */
  addPlain(topicFilter: string): boolean {
    return this.#plain.set(topicFilter, 1)
  }

  has(topicFilter: string): boolean {
    return this.get(topicFilter) !== undefined
  }

  get(topicFilter: string): Ids | undefined {
    // To be asked for nothing costs nothing.
    if (this.#plain.size > 0 && this.#plain.has(topicFilter)) return topicFilter
    return this.#namedCount > 0 ? this.#named[this.#plain.bucketOf(topicFilter)]?.get(topicFilter) : undefined
  }

  /** Also where the ids are a set that was here already, and has grown or shrunk. */
  set(topicFilter: string, ids: Ids): void {
    if (ids === topicFilter) {
      this.#deleteNamed(topicFilter)
      this.#plain.set(topicFilter, 1)
    } else {
      this.#plain.delete(topicFilter)
      this.#setNamed(topicFilter, ids)
    }
  }

  delete(topicFilter: string): boolean {
    return this.#plain.delete(topicFilter) || this.#deleteNamed(topicFilter)
  }

  *keys(): Generator<string> {
    for (const [topicFilter] of this.#plain.entries()) yield topicFilter
    for (const named of Object.values(this.#named)) if (named !== undefined) yield* named.keys()
  }

  *entries(): Generator<readonly [topicFilter: string, ids: Ids]> {
    for (const [topicFilter] of this.#plain.entries()) yield [topicFilter, topicFilter]
    for (const named of Object.values(this.#named)) if (named !== undefined) yield* named
  }

  #setNamed(topicFilter: string, ids: Ids): void {
    const bucket = this.#plain.bucketOf(topicFilter)
    const named = (this.#named[bucket] ??= new Map<string, Ids>())
    const before = named.size
    named.set(topicFilter, ids)
    this.#namedCount += named.size - before
    this.#plain.touched?.touch(bucket)
  }

  #deleteNamed(topicFilter: string): boolean {
    if (this.#namedCount === 0) return false
    const bucket = this.#plain.bucketOf(topicFilter)
    const named = this.#named[bucket]
    if (named?.delete(topicFilter) !== true) return false
    this.#namedCount -= 1
    if (named.size === 0) this.#named[bucket] = undefined
    this.#plain.touched?.touch(bucket)
    return true
  }
}

function holds(ids: Ids | undefined, id: string): boolean {
  return typeof ids === 'string' ? ids === id : ids?.has(id) === true
}

/** The ids with one more, or `undefined` if it was among them. */
function withId(ids: Ids | undefined, id: string): Ids | undefined {
  if (ids === undefined) return id
  if (typeof ids === 'string') return ids === id ? undefined : new Set([ids, id])
  return ids.has(id) ? undefined : ids.add(id)
}

function removeId(routes: FilterIds, topicFilter: string, id: string): boolean {
  const ids = routes.get(topicFilter)
  if (ids === undefined) return false
  if (typeof ids === 'string') return ids === id && routes.delete(topicFilter)
  const removed = ids.delete(id)
  if (ids.size === 0) routes.delete(topicFilter)
  else if (removed) routes.touch(topicFilter)
  return removed
}
