// What does it cost to look a topic up, cached and uncached, in a large table of filters, and how much more than in one of a
// hundredth of its size? And how many bytes does a filter take?
//   node dist/scripts/bench/topics.js --filters 1000000 --seed 42 --check
//   (npm test runs it with 1,000 filters, so that it cannot rot; --check exits 1 if a budget is missed)
// 90 % of the filters are exact (`fleet/1017/car/101723/speed`), 5 % like `fleet/+/car/101723/speed`, 5 % like `fleet/1017/car/101723/#`.
// There are as many cars as the filters need, so that a topic is as long and matches as many filters in a small and in a large table.
// Left out: packets, sockets, sessions. The topics lie in one buffer in the order of their lookup, as they come from a socket.
// How to read the line: nanoseconds a lookup, each the median over batches. `cached`: 1,000 topics in random order; `cachedWide`: 50,000,
// more than the processor's nearer caches hold. `uncached`: every lookup misses the cache, matches, makes a plan and keeps it. The ratios
// are those of the large table to the small one; for `uncachedRatio` and `uncached` both have a cache of 1,024 topics, because the small
// one has too few topics to miss a cache of the usual size, which `uncachedUsual` has. `add` is what one filter took when the table was
// filled. `bytesPerFilter` is the index's, filters included, `trieBytesPerFilter` that of a FilterTrie with all filters. `isCovered` and
// `coveredBy` ask that trie about an exact filter and about one like `fleet/1017/car/101723/#`, which covers about 11.
// It compares two commits on one machine; numbers from two machines do not compare. Runs with unlike `hash` did unlike work.
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { FilterTrie } from '../../src/topics/filter-trie.ts'
import { TopicIndex } from '../../src/topics/topic-index.ts'

export type TopicsBench = {
  readonly bench: 'topics'
  readonly filters: number
  readonly seed: number
  readonly cachedNs: number
  readonly cachedRatio: number
  readonly cachedWideNs: number
  readonly uncachedNs: number
  readonly uncachedRatio: number
  readonly uncachedUsualNs: number
  readonly addNs: number
  readonly bytesPerFilter: number
  readonly trieBytesPerFilter: number
  readonly isCoveredNs: number
  readonly coveredByNs: number
  readonly hash: string
}

const budgets: readonly { readonly of: keyof TopicsBench; readonly below: number }[] = [
  { of: 'cachedNs', below: 300 },
  { of: 'cachedRatio', below: 2 },
  { of: 'uncachedNs', below: 5000 },
  { of: 'uncachedUsualNs', below: 5000 },
  { of: 'uncachedRatio', below: 2 },
  { of: 'bytesPerFilter', below: 200 },
]

type Destination = { readonly id: number }
type Plan = { readonly sum: number }
type Index = TopicIndex<Destination, Plan>
/** Topics one after the other, each followed by its end. */
type Topics = { readonly bytes: Buffer; readonly ends: Int32Array }

const metrics = ['speed', 'rpm', 'fuel', 'lat', 'lon', 'odometer', 'door', 'light', 'temp', 'state'] as const
const carsPerFleet = 100
const lookupsPerRound = 10_000
const destinations: readonly Destination[] = Array.from({ length: 100 }, (_, id) => ({ id }))
const collectGarbage = exposedGc()

export function benchTopics({ filters, seed }: { filters: number; seed: number }): TopicsBench {
  const random = mulberry32(seed)
  const small = new Fleet(Math.max(20, Math.round(filters / 100)))
  const large = new Fleet(filters)
  // A small run only shows that the benchmark works.
  const rounds = filters < 100_000 ? 5 : 41
  const hash = new Hash()

  const smallTight = small.index(1024)
  const before = bytesInUse()
  const { result: largeTight, ns: addNs } = timed(() => large.index(1024))
  const bytesPerFilter = (bytesInUse() - before) / filters
  const uncached = alternate(rounds, [
    () => timeLookups(smallTight, small.distinctTopics(random), hash),
    () => timeLookups(largeTight, large.distinctTopics(random), hash),
  ])

  const smallUsual = small.index()
  const largeUsual = large.index()
  const [uncachedUsual] = alternate(rounds, [() => timeLookups(largeUsual, large.distinctTopics(random), hash)])
  const smallHot = small.hotTopics(random, 1000)
  const largeHot = large.hotTopics(random, 1000)
  const largeWide = large.hotTopics(random, 50_000)
  const cached = alternate(rounds, [
    () => timeLookups(smallUsual, smallHot, hash),
    () => timeLookups(largeUsual, largeHot, hash),
    () => timeLookups(largeUsual, largeWide, hash),
  ])

  return {
    bench: 'topics',
    filters,
    seed,
    cachedNs: round(cached[1]!),
    cachedRatio: round(cached[1]! / cached[0]!),
    cachedWideNs: round(cached[2]!),
    uncachedNs: round(uncached[1]!),
    uncachedRatio: round(uncached[1]! / uncached[0]!),
    uncachedUsualNs: round(uncachedUsual!),
    addNs: round(addNs / filters),
    bytesPerFilter: round(bytesPerFilter),
    ...benchTrie(large, random, hash),
    hash: hash.text,
  }
}

function benchTrie(fleet: Fleet, random: () => number, hash: Hash) {
  const before = bytesInUse()
  const trie = new FilterTrie<Destination>()
  fleet.eachFilter((topicFilter, destination) => trie.set(topicFilter, destination))
  const trieBytesPerFilter = round((bytesInUse() - before) / fleet.filters)
  const questions = Array.from({ length: 10_000 }, () => Math.floor(random() * fleet.exactCount))
  const exact = questions.map((n) => fleet.topic(n))
  const open = questions.map((n) => fleet.openFilter(n))
  const [isCoveredNs, coveredByNs] = alternate(7, [
    () => timed(() => exact.forEach((filter) => hash.add(Number(trie.isCovered(filter))))).ns / exact.length,
    () => timed(() => open.forEach((filter) => hash.add(trie.coveredBy(filter).length))).ns / open.length,
  ])
  return { trieBytesPerFilter, isCoveredNs: round(isCoveredNs!), coveredByNs: round(coveredByNs!) }
}

/** The filters and topics of a table: topic number `n` is metric `n % 10` of car `n / 10`. */
class Fleet {
  readonly filters: number
  readonly exactCount: number

  constructor(filters: number) {
    this.filters = filters
    this.exactCount = Math.round(filters * 0.9)
  }

  topic(n: number): string {
    const car = Math.floor(n / metrics.length)
    return `fleet/${1000 + Math.floor(car / carsPerFleet)}/car/${100_000 + car}/${metrics[n % metrics.length]}`
  }

  openFilter(n: number): string {
    return this.topic(n).replace(/[^/]+$/, '#')
  }

  eachFilter(visit: (topicFilter: string, destination: Destination) => void): void {
    const halfOfWildcards = (this.filters - this.exactCount) / 2
    for (let n = 0; n < this.filters; n += 1) {
      visit(flat(this.#filter(n, halfOfWildcards)), destinations[n % destinations.length]!)
    }
  }

  index(cacheTopicsMax?: number): Index {
    const index: Index = new TopicIndex<Destination, Plan>({
      plan: (_, found) => ({ sum: found.reduce((sum, { id }) => sum + id + 1, 0) }),
      ...(cacheTopicsMax !== undefined && { cacheTopicsMax }),
    })
    this.eachFilter((topicFilter, destination) => index.add(topicFilter, destination))
    return index
  }

  /** Lookups without repetition until all topics had their turn: of 9,000 or more, far more than the tight cache holds. */
  distinctTopics(random: () => number): Topics {
    const start = Math.floor(random() * this.exactCount)
    const step = coprimeStep(this.exactCount, random)
    return pack(Array.from({ length: lookupsPerRound }, (_, i) => this.topic((start + i * step) % this.exactCount)))
  }

  /** Lookups among so many topics. */
  hotTopics(random: () => number, topicCount: number): Topics {
    const hot = Array.from({ length: topicCount }, () => this.topic(Math.floor(random() * this.exactCount)))
    return pack(Array.from({ length: lookupsPerRound }, () => hot[Math.floor(random() * topicCount)]!))
  }

  /** The exact ones first; then, spread over all cars, one with `+` and one with `#` in turn. */
  #filter(n: number, halfOfWildcards: number): string {
    if (n < this.exactCount) return this.topic(n)
    const nth = n - this.exactCount
    const share = Math.floor(nth / 2) / halfOfWildcards
    if (nth % 2 === 0) return this.topic(Math.floor(share * this.exactCount)).replace(/^fleet\/\d+/, 'fleet/+')
    return this.openFilter(Math.floor(share * this.exactCount))
  }
}

/** Nanoseconds a lookup, by the median of batches of 1,000. */
function timeLookups(index: Index, { bytes, ends }: Topics, hash: Hash): number {
  const batches: number[] = []
  let start = 0
  for (let first = 0; first < ends.length; first += 1000) {
    const last = Math.min(ends.length, first + 1000)
    let sum = 0
    const began = process.hrtime.bigint()
    for (let i = first; i < last; i += 1) {
      const end = ends[i]!
      sum += index.lookupBytes(bytes, start, end)!.sum
      start = end
    }
    batches.push(Number(process.hrtime.bigint() - began) / (last - first))
    hash.add(sum)
  }
  return median(batches)
}

/** Runs all in turn, so that a slow moment of the machine meets all alike; returns the median of each. */
function alternate(rounds: number, runs: readonly (() => number)[]): number[] {
  const results: number[][] = runs.map(() => [])
  for (let i = 0; i < rounds; i += 1) for (const [n, run] of runs.entries()) results[n]!.push(run())
  return results.map(median)
}

function timed<T>(work: () => T): { readonly result: T; readonly ns: number } {
  const began = process.hrtime.bigint()
  const result = work()
  return { result, ns: Number(process.hrtime.bigint() - began) }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** As strings come from a decoder, without the pieces that they were put together from. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

function pack(topics: readonly string[]): Topics {
  const ends = new Int32Array(topics.length)
  let end = 0
  for (const [i, topic] of topics.entries()) {
    end += topic.length
    ends[i] = end
  }
  return { bytes: Buffer.from(topics.join('')), ends }
}

/** A step that visits all of `count` before it repeats one. */
function coprimeStep(count: number, random: () => number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
  let step = 1 + Math.floor(random() * (count - 1))
  while (gcd(step, count) !== 1) step += 1
  return step
}

class Hash {
  #value = 0x811c9dc5

  get text(): string {
    return (this.#value >>> 0).toString(16).padStart(8, '0')
  }

  add(value: number): void {
    this.#value = Math.imul(this.#value ^ value, 0x01000193)
  }
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

function bytesInUse(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function exposedGc(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      filters: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '42' },
      check: { type: 'boolean', default: false },
    },
  })
  const result = benchTopics({ filters: Number(values.filters), seed: Number(values.seed) })
  console.log(JSON.stringify(result))
  const missed = budgets.filter(({ of, below }) => !(Number(result[of]) < below))
  for (const { of, below } of missed) console.error(`missed: ${of} is ${result[of]}, not below ${below}`)
  if (values.check && missed.length > 0) process.exitCode = 1
}
