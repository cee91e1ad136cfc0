/**
 * What would cross a link if its peer wanted these filters: live traffic of this node is counted for a while. Nothing is sent, kept or
 * changed, and without a dry run nothing is counted.
 */
import { FilterTrie } from '../../topics/filter-trie.ts'
import { startsWithDollar } from '../../topics/topic-filter.ts'
import { LevelNames } from '../../topics/level-names.ts'

export type Traffic = { readonly messages: number; readonly bytes: number }
export type DryRunResult = {
  /** One for each filter, as they were given; a message that several match counts for each of them. */
  readonly filters: readonly Traffic[]
  /** A message counts once. */
  readonly total: Traffic
  /** Most messages first. */
  readonly topTopics: readonly (Traffic & { readonly topic: string })[]
  /** Whether there were more topics than are told apart: then those named had at least so many messages. */
  readonly isTruncated: boolean
}

/** `Broker` satisfies it. */
export interface TappedBroker {
  tap: { passed(topic: string, bytes: number): void } | undefined
}
export interface DryRunClock {
  after(ms: number, call: () => void): { cancel(): void }
}

export const DRY_RUNS_MAX = 4
/** Topics that are told apart. While there are up to twice as many, none is forgotten. */
const TOPICS_MAX = 1_000
const TOPICS_TOLD = 100

type Count = { messages: number; bytes: number }

class DryRun {
  readonly #trie: FilterTrie<number>
  readonly #filters: Count[]
  readonly #total: Count = { messages: 0, bytes: 0 }
  #topics = new Map<string, Count>()
  #isTruncated = false

  constructor(topicFilters: readonly string[], random32: () => number) {
    this.#trie = new FilterTrie(new LevelNames([random32(), random32()]))
    this.#filters = topicFilters.map(() => ({ messages: 0, bytes: 0 }))
    for (const [index, topicFilter] of topicFilters.entries()) this.#trie.set(topicFilter, index)
  }

  passed(topic: string, bytes: number): void {
    const matching = this.#trie.filtersMatching(topic, startsWithDollar(topic))
    if (matching.length === 0) return
    for (const topicFilter of matching) add(this.#filters[this.#trie.get(topicFilter) ?? -1], bytes)
    add(this.#total, bytes)
    const known = this.#topics.get(topic)
    if (known !== undefined) return add(known, bytes)
    if (this.#topics.size >= 2 * TOPICS_MAX) this.#forgetRarest()
    this.#topics.set(topic, { messages: 1, bytes })
  }

  result(): DryRunResult {
    const topTopics = this.#ranked()
      .slice(0, TOPICS_TOLD)
      .map(([topic, count]) => ({ topic, ...count }))
    return { filters: this.#filters, total: this.#total, topTopics, isTruncated: this.#isTruncated }
  }

  #ranked(): [topic: string, count: Count][] {
    return [...this.#topics].toSorted(([, one], [, other]) => other.messages - one.messages || other.bytes - one.bytes)
  }

  #forgetRarest(): void {
    this.#topics = new Map(this.#ranked().slice(0, TOPICS_MAX))
    this.#isTruncated = true
  }
}

function add(count: Count | undefined, bytes: number): void {
  if (count === undefined) return
  count.messages += 1
  count.bytes += bytes
}

/** The dry runs of a node: a few at once. */
export class DryRuns {
  readonly #broker: TappedBroker
  readonly #clock: DryRunClock
  readonly #random32: () => number
  readonly #runs = new Map<DryRun, () => void>()

  /** @param random32 unforeseeable: topics are chosen by those who publish */
  constructor(broker: TappedBroker, clock: DryRunClock, random32: () => number) {
    this.#broker = broker
    this.#clock = clock
    this.#random32 = random32
  }

  get isFull(): boolean {
    return this.#runs.size >= DRY_RUNS_MAX
  }

  /** Resolves after so long, or when the node stops. Rejects in words if there are too many already. */
  run(topicFilters: readonly string[], ms: number): Promise<DryRunResult> {
    if (this.isFull) return Promise.reject(new Error(`${DRY_RUNS_MAX} dry runs are going on already`))
    const run = new DryRun(topicFilters, this.#random32)
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        this.#runs.delete(run)
        if (this.#runs.size === 0) this.#broker.tap = undefined
        resolve(run.result())
      }
      const timer = this.#clock.after(ms, end)
      this.#runs.set(run, end)
      this.#broker.tap = this
    })
  }

  passed(topic: string, bytes: number): void {
    for (const run of this.#runs.keys()) run.passed(topic, bytes)
  }

  stop(): void {
    for (const end of this.#runs.values()) end()
  }
}
