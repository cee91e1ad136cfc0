/**
 * The routes of one actor: filters, each under one or more ids. After a new life of the actor the routes of the former one
 * stand beside the new ones until they are swept, so that a filter wanted before and after is never absent in between.
 */

/** Nearly every filter stands under one id, which costs no set. */
type Ids = string | Set<string>

export type RoutePair = readonly [topicFilter: string, id: string]

export class ActorRoutes {
  #current = new Map<string, Ids>()
  /** Of former lives; holds a pair also if the new life named it already. */
  #former = new Map<string, Ids>()
  #pairs = 0
  #formerPairs = 0

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

  hasPair(topicFilter: string, id: string): boolean {
    return holds(this.#current.get(topicFilter), id) || holds(this.#former.get(topicFilter), id)
  }

  /** Returns whether the filter was not there before. */
  add(topicFilter: string, id: string): boolean {
    const known = this.has(topicFilter)
    const ids = this.#current.get(topicFilter)
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
    else for (const [topicFilter, ids] of this.#current) this.#keepFormer(topicFilter, ids)
    this.#formerPairs += this.#pairs
    this.#current = new Map()
    this.#pairs = 0
  }

  /** Forgets former lives. Returns the filters that the present one did not name. */
  sweep(): string[] {
    const gone = [...this.#former.keys()].filter((topicFilter) => !this.#current.has(topicFilter))
    this.#former = new Map()
    this.#formerPairs = 0
    return gone
  }

  /** Former lives count as the present one from now on. */
  absorb(): void {
    for (const [topicFilter, ids] of this.#former)
      for (const id of typeof ids === 'string' ? [ids] : ids) this.add(topicFilter, id)
    this.#former = new Map()
    this.#formerPairs = 0
  }

  /** Pairs of filter and id that former lives left and the present one did not name. */
  *formerOnly(): Generator<RoutePair> {
    for (const [topicFilter, ids] of this.#former) {
      const named = this.#current.get(topicFilter)
      for (const id of typeof ids === 'string' ? [ids] : ids) if (!holds(named, id)) yield [topicFilter, id]
    }
  }

  /** Each pair of filter and id once, of the present life and of former ones. */
  *allPairs(): Generator<RoutePair> {
    for (const [topicFilter, ids] of this.#current)
      for (const id of typeof ids === 'string' ? [ids] : ids) yield [topicFilter, id]
    yield* this.formerOnly()
  }

  /** Each filter once, of the present life and of former ones. */
  *filters(): Generator<string> {
    yield* this.#current.keys()
    for (const topicFilter of this.#former.keys()) if (!this.#current.has(topicFilter)) yield topicFilter
  }

  #keepFormer(topicFilter: string, ids: Ids): void {
    let kept = this.#former.get(topicFilter)
    for (const id of typeof ids === 'string' ? [ids] : ids) kept = withId(kept, id) ?? kept
    if (kept !== undefined) this.#former.set(topicFilter, kept)
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

function removeId(routes: Map<string, Ids>, topicFilter: string, id: string): boolean {
  const ids = routes.get(topicFilter)
  if (ids === undefined) return false
  if (typeof ids === 'string') return ids === id && routes.delete(topicFilter)
  const removed = ids.delete(id)
  if (ids.size === 0) routes.delete(topicFilter)
  return removed
}
