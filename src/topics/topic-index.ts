/**
 * Which destinations want a topic: the broker's one table of filters. Exact filters stand in a hash map, those with wildcards in a
 * trie, and before both a cache from topic bytes to what the broker does with a message under that topic.
 */
import assert from 'node:assert/strict'
import { appendTo, excluding, holds, including, type Destinations } from './destination-set.ts'
import { FilterTrie } from './filter-trie.ts'
import { decodeTopicName, TopicScratch } from './topic-bytes.ts'
import { TopicCache } from './topic-cache.ts'
import { hasWildcard, startsWithWildcard, topicFilterProblem, topicNameProblem } from './topic-filter.ts'

/** `V` has no `undefined`. */
export class TopicIndex<D extends object, V> {
  readonly #exact = new Map<string, Destinations<D>>()
  readonly #wildcard = new FilterTrie<Destinations<D>>()
  readonly #cache: TopicCache<V>
  readonly #plan: (topic: string, destinations: readonly D[]) => V
  readonly #scratch = new TopicScratch()
  #planning = false

  /**
   * `plan` turns all destinations of a topic into what the hot path needs; its result is kept until a matching filter changes. It
   * gets an array of its own, in which a destination stands once for each of its filters that match; it does not change the index.
   * `cacheTopicsMax`: so many topics are certainly kept, and at most twice as many; by default 65,536.
   */
  constructor(options: { plan: (topic: string, destinations: readonly D[]) => V; cacheTopicsMax?: number }) {
    this.#plan = options.plan
    this.#cache = new TopicCache(options.cacheTopicsMax ?? 65_536)
  }

  /** How many different filters there are. */
  get filterCount(): number {
    return this.#exact.size + this.#wildcard.size
  }

  /** False if this pair was there. The filter is a valid one, without `$share/<group>/`. */
  add(topicFilter: string, destination: D): boolean {
    assert(!this.#planning, 'plan changed the index')
    const table = this.#tableOf(topicFilter)
    const held = table.get(topicFilter)
    if (held === undefined) assert.equal(topicFilterProblem(topicFilter), undefined, topicFilter)
    else if (holds(held, destination)) return false
    table.set(topicFilter, including(held, destination))
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
    // The scratch holds the key of the lookup that called us, if `plan` did.
    const length = this.#planning ? -1 : this.#scratch.write(topic)
    const bytes = this.#scratch.bytes
    const known = length === -1 ? undefined : this.#cache.get(bytes, 0, length)
    if (known !== undefined) return known
    if (topicNameProblem(topic) !== undefined) return this.#plan(topic, [])
    return this.#planAndKeep(topic, bytes, 0, length)
  }

  /**
   * The plan of the topic whose name stands in these bytes. Cached, and without making a string on a hit. `undefined` if they are no
   * valid topic name: invalid UTF-8, U+0000, a wildcard, nothing.
   */
  lookupBytes(bytes: Uint8Array, start: number, end: number): V | undefined {
    const known = this.#cache.get(bytes, start, end)
    if (known !== undefined) return known
    const topic = decodeTopicName(bytes, start, end)
    return topic === undefined ? undefined : this.#planAndKeep(topic, bytes, start, end)
  }

  /** Not cached. A destination stands once for each of its filters that match. */
  match(topic: string): D[] {
    const destinations: D[] = []
    const exact = this.#exact.get(topic)
    if (exact !== undefined) appendTo(destinations, exact)
    for (const held of this.#wildcard.matching(topic)) appendTo(destinations, held)
    return destinations
  }

  /** Those of exactly this filter. A copy. */
  destinations(topicFilter: string): Iterable<D> {
    const destinations: D[] = []
    const held = this.#tableOf(topicFilter).get(topicFilter)
    if (held !== undefined) appendTo(destinations, held)
    return destinations
  }

  /** Each filter once, in no order. Not to be changed meanwhile. */
  *filters(): IterableIterator<string> {
    yield* this.#exact.keys()
    yield* this.#wildcard.filters()
  }

  /**
   * Lets go of outdated plans, which otherwise keep what they refer to (a session that is gone) until other topics push them out.
   * To be called now and then, as every minute.
   */
  sweep(): void {
    this.#cache.sweep()
  }

  #planAndKeep(topic: string, bytes: Uint8Array, start: number, end: number): V {
    if (this.#planning) return this.#plan(topic, this.match(topic))
    const changes = this.#cache.changes
    this.#planning = true
    try {
      const plan = this.#plan(topic, this.match(topic))
      this.#cache.set(bytes, start, end, plan, changes)
      return plan
    } finally {
      this.#planning = false
    }
  }

  #tableOf(topicFilter: string): Map<string, Destinations<D>> | FilterTrie<Destinations<D>> {
    return hasWildcard(topicFilter) ? this.#wildcard : this.#exact
  }

  /** Forgets as little as is right: one topic, the topics with this first level, or all. */
  #forget(topicFilter: string): void {
    const length = this.#scratch.write(topicFilter)
    const bytes = this.#scratch.bytes
    if (!hasWildcard(topicFilter)) this.#cache.forget(bytes, 0, length)
    else if (startsWithWildcard(topicFilter)) this.#cache.forgetAll()
    else this.#cache.forgetFirstLevel(bytes, 0, length)
  }
}
