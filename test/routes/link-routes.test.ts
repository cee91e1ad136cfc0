import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { intersect } from '../../src/topics/intersect.ts'
import { matches } from '../../src/topics/match.ts'
import { union } from '../../src/topics/union.ts'
import { RouteLink } from './route-link.ts'

const level = fc.constantFrom('a', 'b', '+')
const topicFilter = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '/#'))
      .map(([levels, tail]) => levels.join('/') + tail),
  },
  { weight: 1, arbitrary: fc.constant('#') },
)
/** All that can be published, for our purposes. */
const names = ['a', 'b', 'c']
const topics = names.flatMap((one) => [
  one,
  ...names.flatMap((two) => [`${one}/${two}`, ...names.map((three) => `${one}/${two}/${three}`)]),
])

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('add' as const), topicFilter }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('remove' as const), at: fc.nat(50) }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('work_source' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('work_sink' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('flush' as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('heartbeat' as const) }) },
  { weight: 14, arbitrary: fc.record({ type: fc.constant('arrive' as const), at: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('arrive' as const), at: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('lose' as const), at: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('double' as const), at: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('ghost' as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('connect' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('restart_source' as const), key: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart_sink' as const), knows: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('settle' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function take(link: RouteLink, change: Step): void {
  switch (change.type) {
    case 'add':
      return link.add(change.topicFilter)
    case 'remove':
      return link.remove(change.at)
    case 'work_source':
      return link.workSource(change.count)
    case 'work_sink':
      return link.workSink(change.count)
    case 'flush':
      return link.flush()
    case 'heartbeat':
      return link.heartbeat()
    case 'arrive':
      return link.arrive(change.at)
    case 'lose':
      return link.lose(change.at)
    case 'double':
      return link.double(change.at)
    case 'wait':
      link.nowMs += 1_000
      return
    case 'ghost':
      return link.ghost()
    case 'connect':
      return link.connect()
    case 'cut':
      return link.cut()
    case 'restart_source':
      return link.restartSource([change.key, 7])
    case 'restart_sink':
      return link.restartSink(change.knows)
    case 'settle':
      return link.settle()
  }
}

/** Who wants which topic: at the source, and as far as the broker at the sink was told. */
class Watch {
  readonly #link: RouteLink
  readonly #linkFilters: readonly string[]
  /** Topics that both ends have wanted since they last agreed. */
  #held: string[] = []

  constructor(link: RouteLink, linkFilters: readonly string[]) {
    this.#link = link
    this.#linkFilters = linkFilters
  }

  look(after: Step): void {
    const { told } = this.#link
    if (after.type === 'restart_sink') this.#held = this.#held.filter((topic) => isWanted(told, topic))
    if (after.type === 'settle') this.#held = topics
    this.#held = this.#held.filter(
      (topic) => isWanted(this.#linkFilters, topic) && isWanted(this.#link.interest, topic),
    )
    for (const topic of this.#held) assert.ok(isWanted(told, topic), `${topic} is absent after ${after.type}`)
  }
}

function isWanted(filters: Iterable<string>, topic: string): boolean {
  for (const filter of filters) if (matches(topic, filter)) return true
  return false
}

/** `+/#` and `#` are one. */
function canonical(filters: readonly string[]): string[] {
  return filters.map((filter) => (filter === '+/#' ? '#' : filter)).toSorted()
}

function intersection(interest: Iterable<string>, linkFilters: readonly string[]): string[] {
  const common = [...interest].flatMap((filter) => linkFilters.map((other) => intersect(filter, other)))
  return canonical(union(canonical(common.filter((route) => route !== undefined))))
}

function assertInSync(link: RouteLink, linkFilters: readonly string[]): void {
  assert.equal(link.copy.state, 'in_sync')
  assert.deepEqual([...link.copy.filters()].toSorted(), [...link.told].toSorted())
  assert.deepEqual([...link.told].toSorted(), intersection(link.interest, linkFilters))
  assert.deepEqual(link.routes, intersection(link.interest, linkFilters))
  assert.ok(link.isConfirmed)
}

const linkFilters = fc.array(topicFilter, { minLength: 1, maxLength: 3 })

test('property: the sink has the source’s routes one heartbeat later, and what is wanted throughout is never absent', () => {
  fc.assert(
    fc.property(linkFilters, fc.array(step, { maxLength: 120, size: 'max' }), (filters, steps) => {
      const link = new RouteLink(filters)
      const watch = new Watch(link, filters)
      for (const change of [...steps, { type: 'settle' as const }]) {
        take(link, change)
        if (change.type === 'settle') assertInSync(link, filters)
        watch.look(change)
      }
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('property: a connection that was cut costs few bytes and no route, if nothing changed meanwhile', () => {
  fc.assert(
    fc.property(linkFilters, fc.array(step, { maxLength: 60, size: 'max' }), (filters, steps) => {
      const link = new RouteLink(filters)
      for (const change of steps) take(link, change)
      link.settle()
      Object.assign(link, { sentBytes: 0, sentRoutes: 0 })
      link.cut()
      link.settle()
      assertInSync(link, filters)
      assert.equal(link.sentRoutes, 0)
      assert.ok(link.sentBytes < 1_024, `${link.sentBytes} bytes`)
    }),
    { seed: 2, numRuns: 200 },
  )
})

test('property: a goodbye takes all away, until somebody speaks in a new life', () => {
  fc.assert(
    fc.property(
      linkFilters,
      fc.array(step, { maxLength: 60, size: 'max' }),
      fc.boolean(),
      (filters, steps, isWorked) => {
        const link = new RouteLink(filters)
        for (const change of steps) take(link, change)
        link.settle()
        link.goodbye()
        link.heartbeat()
        while (link.sent.length > 0) link.arrive(0)
        assert.equal(link.copy.state, 'ended')
        if (isWorked) {
          while (link.copy.isBusy) link.workSink(2)
          assert.equal(link.told.size, 0)
        }
        link.restartSource([1, 2])
        link.settle()
        assertInSync(link, filters)
      },
    ),
    { seed: 3, numRuns: 200 },
  )
})
