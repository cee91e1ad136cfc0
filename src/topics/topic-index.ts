/**
 * Which destinations want a topic: the broker's one table of filters. Exact filters stand in a hash table, those with wildcards in a
 * trie, and before both a cache from topic bytes to what the broker does with a message under that topic.
 */
import assert from 'node:assert/strict'
import { appendTo, countOf, excluding, firstOf, holds, including, type Destinations } from './destination-set.ts'
import { ExactFilters } from './exact-filters.ts'
import { FilterTrie } from './filter-trie.ts'
import { plainHashKey, type HashKey } from './keyed-hash.ts'
import { LevelNames } from './level-names.ts'
import { PackedKey } from './packed-key.ts'
import { exactLevelsMax } from './slot-table.ts'
import { decodeTopicName, TopicScratch } from './topic-bytes.ts'
import { firstLevelOf, TopicCache } from './topic-cache.ts'
import {
  dollar,
  hasWildcard,
  levelCountOf,
  startsWithDollar,
  startsWithWildcard,
  topicFilterProblem,
  topicNameProblem,
} from './topic-filter.ts'

/** Places of a walk: even ones are of exact filters, odd ones of the trie, whose place 0 is nowhere. */
const firstTriePlace = 3

/** Of a walk through all filters, in steps. */
export type IndexScan = {
  readonly filters: readonly string[]
  /** Where the walk goes on; `undefined` at its end. */
  readonly next: number | undefined
}

/** `V` has no `undefined`. */
export class TopicIndex<D extends object, V> {
  /** How many plans were made: lookups that the cache could not answer. */
  planned = 0
  readonly #names: LevelNames
  /** Filters without wildcards, but for very deep ones. */
  readonly #exact: ExactFilters<Destinations<D>>
  /** All others. */
  readonly #trie: FilterTrie<Destinations<D>>
  readonly #cache: TopicCache<V>
  readonly #plan: (topic: string, destinations: readonly D[]) => V
  readonly #scratch = new TopicScratch()
  /** The topic at hand. */
  readonly #key = new PackedKey()
  #planning = false

  /**
   * `plan` turns all destinations of a topic into what the hot path needs; its result is kept until a matching filter changes. It
   * gets an array of its own, in which a destination stands once for each of its filters that match; it does not change the index.
   * `cacheTopicsMax`: so many topics are certainly kept, and at most twice as many; by default 65,536. `hashKey`: two
   * secret random numbers of 32 bits, so that clients cannot choose filters that make lookups slow.
   */
  constructor(options: {
    plan: (topic: string, destinations: readonly D[]) => V
    cacheTopicsMax?: number
    hashKey?: HashKey
  }) {
    const { plan, cacheTopicsMax = 65_536, hashKey = plainHashKey } = options
    this.#plan = plan
    this.#cache = new TopicCache(cacheTopicsMax)
    this.#names = new LevelNames(hashKey)
    this.#exact = new ExactFilters(this.#names, hashKey)
    this.#trie = new FilterTrie(this.#names)
  }

  /** How many different filters there are. */
  get filterCount(): number {
    return this.#exact.size + this.#trie.size
  }

  /** False if this pair was there. The filter is a valid one, without `$share/<group>/`. */
  add(topicFilter: string, destination: D): boolean {
    assert(!this.#planning, 'plan changed the index')
    const table = this.#tableOf(topicFilter)
    const held = table.get(topicFilter)
    if (held === undefined) assert.equal(topicFilterProblem(topicFilter), undefined, topicFilter)
    else if (holds(held, destination)) return false
    const wider = including(held, destination)
    if (wider !== held) table.setRead(wider)
    this.#forget(topicFilter)
    return true
  }

  /** False if this pair was not there. */
  remove(topicFilter: string, destination: D): boolean {
    assert(!this.#planning, 'plan changed the index')
    const table = this.#tableOf(topicFilter)
    const held = table.get(topicFilter)
    if (held === undefined || !holds(held, destination)) return false
    const rest = excluding(held, destination)
    if (rest === undefined) table.delete(topicFilter)
    else if (rest !== held) table.set(topicFilter, rest)
    this.#forget(topicFilter)
    return true
  }

  /** The plan of a topic. Cached. What is no valid topic name matches nothing. */
  lookup(topic: string): V {
    const length = this.#scratch.write(topic)
    if (length === -1) return this.#plan(topic, [])
    this.#key.pack(this.#scratch.bytes, 0, length)
    const known = this.#cache.get(this.#key)
    if (known !== undefined) return known
    if (topicNameProblem(topic) !== undefined) return this.#plan(topic, [])
    return this.#planAndKeep(topic, this.#scratch.bytes, 0, length)
  }

  /**
   * The plan of the topic whose name stands in these bytes. Cached, and without making a string on a hit. `undefined` if they are no
   * valid topic name: invalid UTF-8, U+0000, a wildcard, nothing.
   */
  lookupBytes(bytes: Uint8Array, start: number, end: number): V | undefined {
    this.#key.pack(bytes, start, end)
    const known = this.#cache.get(this.#key)
    if (known !== undefined) return known
    const topic = decodeTopicName(bytes, start, end)
    return topic === undefined ? undefined : this.#planAndKeep(topic, bytes, start, end)
  }

  /** Not cached. A destination stands once for each of its filters that match. `topic` is a valid topic name. */
  match(topic: string): D[] {
    return this.#matchRead(this.#names.readText(topic), startsWithDollar(topic))
  }

  /** Those of exactly this filter. A copy. */
  destinations(topicFilter: string): Iterable<D> {
    const destinations: D[] = []
    const held = this.#tableOf(topicFilter).get(topicFilter)
    if (held !== undefined) appendTo(destinations, held)
    return destinations
  }

  /** How many there are of exactly this filter, and the first of them. For people: costs as much as `countMax` says. */
  someDestinations(topicFilter: string, countMax: number): { readonly total: number; readonly first: readonly D[] } {
    const held = this.#tableOf(topicFilter).get(topicFilter)
    return held === undefined ? { total: 0, first: [] } : { total: countOf(held), first: firstOf(held, countMax) }
  }

  /**
   * The filters that match a topic, in no order. For people: not cached. `topic` is a valid topic name.
   * @param dollarFirst whether wildcards at the beginning are not to match
   */
  filtersMatching(topic: string, dollarFirst = startsWithDollar(topic)): string[] {
    const filters = this.#trie.filtersMatching(topic, dollarFirst)
    return this.#exact.get(topic) === undefined ? filters : [topic, ...filters]
  }

  /**
   * Walks through all filters, in no order, `placesMax` places at a time: a place may be empty. Begins at 0. What is added or removed
   * between two steps may be told twice or not at all, what stays is told at least once unless the index grows meanwhile.
   */
  scan(from: number, placesMax: number): IndexScan {
    const filters: string[] = []
    let place = from
    for (let left = placesMax; left > 0; left -= 1) {
      const isExact = place % 2 === 0
      const table = isExact ? this.#exact : this.#trie
      if (place >= table.placeCount * 2) {
        if (!isExact) return { filters, next: undefined }
        place = firstTriePlace
        continue
      }
      const filter = table.filterAt(Math.floor(place / 2))
      if (filter !== undefined) filters.push(filter)
      place += 2
    }
    return { filters, next: place }
  }

  /** Each filter once, in no order. Not to be changed meanwhile. */
  *filters(): IterableIterator<string> {
    yield* this.#exact.filters()
    yield* this.#trie.filters()
  }

  /**
   * Lets go of outdated plans, which otherwise keep what they refer to (a session that is gone) until other topics push them out.
   * To be called now and then, as every minute.
   */
  sweep(): void {
    this.#cache.sweep()
  }

  #planAndKeep(topic: string, bytes: Uint8Array, start: number, end: number): V {
    this.planned++
    const destinations = this.#matchRead(this.#names.read(bytes, start, end), bytes[start] === dollar)
    if (this.#planning) return this.#plan(topic, destinations)
    const changes = this.#cache.changes
    const firstLevel = firstLevelOf(bytes, start, end)
    this.#planning = true
    try {
      const plan = this.#plan(topic, destinations)
      // Once more, from the string: the plan may have asked for other topics.
      this.#key.pack(this.#scratch.bytes, 0, this.#scratch.write(topic))
      this.#cache.set(this.#key, firstLevel, plan, changes)
      return plan
    } finally {
      this.#planning = false
    }
  }

  #matchRead(levelCount: number, dollarFirst: boolean): D[] {
    this.#exact.expectRead(levelCount)
    const destinations: D[] = []
    for (const held of this.#trie.matchingRead(levelCount, dollarFirst)) appendTo(destinations, held)
    const exact = this.#exact.getRead(levelCount)
    if (exact !== undefined) appendTo(destinations, exact)
    return destinations
  }

  #tableOf(topicFilter: string): ExactFilters<Destinations<D>> | FilterTrie<Destinations<D>> {
    const exact = !hasWildcard(topicFilter) && levelCountOf(topicFilter) <= exactLevelsMax
    return exact ? this.#exact : this.#trie
  }

  /** Forgets as little as is right: one topic, the topics with this first level, or all. */
  #forget(topicFilter: string): void {
    const length = this.#scratch.write(topicFilter)
    const bytes = this.#scratch.bytes
    this.#key.pack(bytes, 0, length)
    if (!hasWildcard(topicFilter)) this.#cache.forget(this.#key)
    else if (startsWithWildcard(topicFilter)) this.#cache.forgetAll()
    else this.#cache.forgetFirstLevel(firstLevelOf(bytes, 0, length))
  }
}
