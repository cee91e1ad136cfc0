/**
 * Which retained messages a peer is to be told of because it wants their topics now (`retained = sync`), oldest first. Pure.
 *
 *     untold routes --- begin ---> looked through bit by bit ---> topics, oldest first ---> told
 *
 * What is told is what there is when its turn comes. A route that goes and comes back is told only what changed since; one that never
 * went is told nothing, however often the peer's connection goes.
 */
import { FilterTrie } from '../../topics/filter-trie.ts'
import { hasWildcard } from '../../topics/topic-filter.ts'
import type { OwnRetained } from '../broker-port.ts'
import { OldestFirst } from './oldest-first.ts'

/** From the beginning. */
const ever = Number.NEGATIVE_INFINITY
/** Routes that were told and have gone, which are remembered, should they come back. */
const leftMax = 10_000
/** Clocks of nodes, which say when something was published, differ by less. */
const clockErrorMs = 3_600_000

export class RetainedPlan {
  readonly #source: OwnRetained
  /** Filters, with the time from which on they are to be told. */
  #untold = new Map<string, number>()
  /** Those that are being looked through, or whose topics are being told. */
  #current = new Map<string, number>()
  /** Told before and gone since, with when they went; the one that went first is the first. */
  readonly #left = new Map<string, number>()
  readonly #topics = new OldestFirst()
  #looking: Iterator<unknown> | undefined

  constructor(source: OwnRetained) {
    this.#source = source
  }

  /** Routes that are to be told, or are not told completely yet. */
  get routeCount(): number {
    return this.#untold.size + this.#current.size
  }

  /** Topics that were found and not told yet. */
  get topicCount(): number {
    return this.#topics.size
  }

  /** Routes were taken up that are not told completely yet. */
  get isRunning(): boolean {
    return this.#current.size > 0
  }

  routeAdded(topicFilter: string): void {
    this.#untold.set(topicFilter, this.#left.get(topicFilter) ?? ever)
    this.#left.delete(topicFilter)
  }

  /** @param nowMs milliseconds since 1970 */
  routeRemoved(topicFilter: string, nowMs: number): void {
    const sinceMs = this.#untold.get(topicFilter) ?? this.#current.get(topicFilter) ?? nowMs - clockErrorMs
    this.#untold.delete(topicFilter)
    if (this.#current.delete(topicFilter) && this.#current.size === 0) this.#forgetTopics()
    if (sinceMs === ever) return
    this.#left.set(topicFilter, sinceMs)
    if (this.#left.size > leftMax) for (const [oldest] of this.#left) return void this.#left.delete(oldest)
  }

  /**
   * Takes up the routes that came so far.
   * @param deletions whether the peer is told of all that was cleared; else only of what it may have had when it last wanted it
   */
  begin(deletions: boolean): void {
    if (this.isRunning || this.#untold.size === 0) return
    this.#current = this.#untold
    this.#untold = new Map()
    this.#looking = this.#look(this.#current, deletions)
  }

  /** Looks for what is to be told: so many steps at most. Returns whether there are more. */
  look(stepsMax: number): boolean {
    for (let steps = 0; steps < stepsMax && this.#looking !== undefined; steps += 1)
      if (this.#looking.next().done === true) this.#looking = undefined
    return this.#looking !== undefined
  }

  /** The topic that is to be told next; `undefined` if there is none, and then all routes that were taken up are told. */
  next(): string | undefined {
    if (this.#looking !== undefined) return undefined
    const next = this.#topics.take()
    if (next === undefined) this.#current.clear()
    return next?.topic
  }

  /** Somebody else is to tell, or nobody: what was taken up is untold again, should we ever be to tell it. */
  abandon(): void {
    for (const [topicFilter, sinceMs] of this.#current) this.#untold.set(topicFilter, sinceMs)
    this.#current.clear()
    this.#forgetTopics()
  }

  #forgetTopics(): void {
    this.#topics.clear()
    this.#looking = undefined
  }

  *#look(routes: ReadonlyMap<string, number>, deletions: boolean): Generator {
    const wildcards = new FilterTrie<number>()
    const isToBeTold = (sinceMs: number, atMs: number, isDeleted: boolean): boolean =>
      atMs >= sinceMs && (!isDeleted || deletions || sinceMs !== ever)
    for (const [topicFilter, sinceMs] of routes) {
      if (hasWildcard(topicFilter)) wildcards.set(topicFilter, sinceMs)
      else {
        const found = this.#source.ownRetainedOf(topicFilter)
        if (found !== undefined && isToBeTold(sinceMs, found.receivedAtMs, found.payloadLength === 0))
          this.#topics.put(topicFilter, found.receivedAtMs)
      }
      yield
    }
    if (wildcards.size === 0) return
    for (const { topic, atMs, isDeleted } of this.#source.ownRetained()) {
      const matching = wildcards.matching(topic)
      if (matching.some((sinceMs) => isToBeTold(sinceMs, atMs, isDeleted))) this.#topics.put(topic, atMs)
      yield
    }
  }
}
