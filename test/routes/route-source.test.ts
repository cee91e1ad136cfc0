import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { RouteOp } from '../../src/routes/route-op.ts'
import { RouteSource, type BatchLimits } from '../../src/routes/route-source.ts'
import { covers } from '../../src/topics/covers.ts'
import { intersect } from '../../src/topics/intersect.ts'
import { union } from '../../src/topics/union.ts'

const unlimited = { opsMax: 4_000, bytesMax: Number.POSITIVE_INFINITY }

function wanting(linkFilters: string[], interest: string[]): RouteSource {
  const source = new RouteSource(linkFilters)
  for (const topicFilter of interest) source.add(topicFilter)
  return source
}

function told(source: RouteSource): string[] {
  const ops = source.take(unlimited)
  source.confirm()
  return ops.map(({ type, topicFilter }) => (type === 'add' ? topicFilter : `-${topicFilter}`))
}

for (const { when, topics, interest, routes } of [
  { when: 'a filter within the link’s', topics: ['t/#'], interest: ['t/1'], routes: ['t/1'] },
  { when: 'a filter outside the link’s', topics: ['t/#'], interest: ['u/1'], routes: [] },
  { when: 'a filter wider than the link’s', topics: ['t/1'], interest: ['#'], routes: ['t/1'] },
  { when: 'several partial overlaps', topics: ['t/#', 's/+', 'r/#'], interest: ['+/+'], routes: ['t/+', 's/+', 'r/+'] },
  { when: 'a covered filter', topics: ['#'], interest: ['t/1', 't/#', 't/+/x'], routes: ['t/#'] },
  { when: 'redundant filters of the link', topics: ['t/#', 't/+', 't/1'], interest: ['t/1'], routes: ['t/1'] },
  { when: 'both spellings of everything', topics: ['#'], interest: ['+/#', '#', 'a'], routes: ['#'] },
  { when: 'both spellings of all below nothing', topics: ['#'], interest: ['/+/#', '/#', 'a'], routes: ['/#', 'a'] },
  { when: 'a link that only sends', topics: [], interest: ['#'], routes: [] },
  {
    when: 'topics that begin with a dollar',
    topics: ['#', '$data/#'],
    interest: ['$data/x', '#'],
    routes: ['#', '$data/x'],
  },
]) {
  test(`routes of ${when}`, () => {
    const source = wanting(topics, interest)
    assert.deepEqual([...source.routes()].toSorted(), routes.toSorted())
    assert.deepEqual(told(source).toSorted(), routes.toSorted())
  })
}

test('when a covering filter goes, what it covered is added before it is deleted', () => {
  const source = wanting(['#'], ['t/#', 't/+/x', 't/a/x', 't/1'])
  told(source)
  source.remove('t/#')
  const ops = told(source)
  assert.equal(ops.at(-1), '-t/#')
  assert.deepEqual(ops.slice(0, -1).toSorted(), ['t/+/x', 't/1'])
})

test('when a covering filter comes, it is added before what it covers is deleted', () => {
  const source = wanting(['#'], ['t/1', 't/2'])
  told(source)
  source.add('t/#')
  assert.deepEqual(told(source), ['t/#', '-t/1', '-t/2'])
})

test('an addition and a removal within one window are never spoken of', () => {
  const source = wanting(['#'], ['t/1'])
  told(source)
  source.add('t/quick')
  source.remove('t/quick')
  source.remove('t/1')
  source.add('t/1')
  assert.equal(source.pending, 0)
})

test('two filters that lead to one route hold it together', () => {
  const source = wanting(['t/1'], ['t/1', 't/+'])
  source.remove('t/1')
  assert.deepEqual([...source.routes()], ['t/1'])
  source.remove('t/+')
  assert.deepEqual([...source.routes()], [])
  source.remove('t/+')
  assert.equal(source.size, 0, 'what nobody added cannot be taken away')
})

test('a batch of unknown fate is told again, and what was withdrawn meanwhile is deleted', () => {
  const source = wanting(['#'], ['a', 'b'])
  source.take(unlimited)
  source.remove('b')
  source.fail()
  assert.deepEqual(told(source), ['a', '-b'])
  assert.equal(source.pending, 0)
})

test('a peer that forgot us is told everything, and nothing about what is no longer wanted', () => {
  const source = wanting(['#'], ['a', 'b', 'c'])
  told(source)
  source.remove('c')
  assert.equal(source.startBootstrap(true), 2)
  assert.deepEqual(told(source).toSorted(), ['a', 'b'])
})

test('a bootstrap that was cut off goes on where it stopped', () => {
  const source = wanting(['#'], ['a', 'b', 'c'])
  source.take({ ...unlimited, opsMax: 1 })
  source.confirm()
  assert.equal(source.startBootstrap(false), 2)
})

test('batches keep to both limits and deletions wait for all additions', () => {
  const source = wanting(['#'], ['old'])
  told(source)
  for (let index = 0; index < 10; index += 1) source.add(`new/${index}`)
  source.remove('old')
  const sizes: string[] = []
  while (source.pending > 0) {
    const ops = source.take({ opsMax: 4, bytesMax: 90 })
    sizes.push(ops.map(({ type }) => type[0]).join(''))
    source.confirm()
  }
  assert.deepEqual(sizes, ['aaa', 'aaa', 'aaa', 'ad'])
})

const level = fc.constantFrom('a', 'b', '+', '')
const topicFilter = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '/#'))
  .map(([levels, tail]) => levels.join('/') + tail)
  .filter((text) => text !== '')
const anyFilter = fc.oneof(topicFilter, fc.constantFrom('#', '$sys/a', '$sys/#'))
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('add' as const), topicFilter: anyFilter }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('remove' as const), pick: fc.nat(50) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('batch' as const),
      opsMax: fc.integer({ min: 1, max: 4 }),
      bytesMax: fc.constantFrom(1, 44, 70, 1_000),
      fate: fc.constantFrom('acked' as const, 'lost' as const, 'applied' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('bootstrap' as const), forgotten: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('work' as const), routesMax: fc.integer({ min: 1, max: 3 }) }),
  },
)

const canonical = (filters: Iterable<string>) =>
  [...filters].map((filter) => filter.replace(/^(\/?)\+\/#$/, '$1#')).toSorted()

function expectedRoutes(interest: Iterable<string>, topics: readonly string[]): string[] {
  const common = [...interest].flatMap((filter) => topics.map((topic) => intersect(filter, topic)))
  return canonical(union(canonical(common.filter((route) => route !== undefined))))
}

function apply(peer: Set<string>, { type, topicFilter: route }: RouteOp): void {
  if (type === 'add') peer.add(route)
  else peer.delete(route)
}

for (const { when, atOnceMax } of [
  { when: 'all at once', atOnceMax: Number.POSITIVE_INFINITY },
  { when: 'in slices', atOnceMax: 0 },
  { when: 'the large in slices', atOnceMax: 2 },
])
  test(`property: the peer converges to the union, and what is wanted and covered stays so at every operation, ${when}`, () => {
    fc.assert(
      fc.property(
        fc.array(anyFilter, { minLength: 1, maxLength: 3 }),
        fc.array(step, { maxLength: 60 }),
        (topics, steps) => {
          const model = new Model(topics, atOnceMax)
          for (const change of steps) {
            model.take(change)
            if (!model.source.busy) assert.deepEqual([...model.source.routes()].toSorted(), model.wanted())
          }
          model.settle()
          assert.deepEqual([...model.peer].toSorted(), model.wanted())
        },
      ),
      { numRuns: 1_000 },
    )
  })

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A source, our interest as a set, and a peer that applies operations one by one. */
class Model {
  readonly source: RouteSource
  readonly peer = new Set<string>()
  readonly #topics: readonly string[]
  readonly #interest = new Set<string>()

  constructor(topics: readonly string[], atOnceMax: number) {
    this.#topics = topics
    this.source = new RouteSource(topics, atOnceMax)
  }

  wanted(): string[] {
    return expectedRoutes(this.#interest, this.#topics)
  }

  take(change: Step): void {
    switch (change.type) {
      case 'add':
        if (this.#interest.has(change.topicFilter)) return
        this.#interest.add(change.topicFilter)
        return this.source.add(change.topicFilter)
      case 'remove':
        return this.#remove(change.pick)
      case 'batch':
        return this.#send(change, change.fate)
      case 'work':
        return this.source.work(change.routesMax)
      case 'bootstrap':
        if (change.forgotten) this.peer.clear()
        this.source.startBootstrap(change.forgotten)
    }
  }

  settle(): void {
    while (this.source.busy) this.source.work(3)
    while (this.source.pending > 0) this.#send({ opsMax: 4, bytesMax: 1_000 }, 'acked')
  }

  #remove(pick: number): void {
    const gone = [...this.#interest][pick % this.#interest.size]
    if (gone === undefined) return
    this.#interest.delete(gone)
    this.source.remove(gone)
  }

  #send(limits: BatchLimits, fate: 'acked' | 'lost' | 'applied'): void {
    const ops = this.source.take(limits)
    const held = this.wanted().filter((route) => this.#has(route))
    if (fate !== 'lost') {
      for (const op of ops) {
        apply(this.peer, op)
        for (const route of held) assert.ok(this.#has(route), `${route} is absent after ${op.type} ${op.topicFilter}`)
      }
    }
    if (fate === 'acked') this.source.confirm()
    else this.source.fail()
  }

  #has(route: string): boolean {
    return [...this.peer].some((wide) => covers(wide, route))
  }
}

test('a filter that covers a great many is dealt with in slices, without a gap', () => {
  const source = new RouteSource(['#'])
  for (let index = 0; index < 5_000; index += 1) source.add(`t/${index}`)
  while (source.pending > 0) told(source)
  source.add('#')
  assert.deepEqual(told(source), ['#'], 'what it covers goes later')
  assert.ok(source.busy)
  while (source.busy) source.work(1_000)
  assert.equal(told(source).length, 4_000)
  source.remove('#')
  const ops: string[] = []
  while (source.busy) {
    ops.push(...told(source))
    assert.ok(!ops.includes('-#'), 'it stays until all is announced again')
    source.work(1_000)
  }
  while (source.pending > 0) ops.push(...told(source))
  assert.equal(ops.at(-1), '-#')
  assert.equal(source.size, 5_000)
})

for (const wide of ['a/#', 'a/+']) {
  for (const worked of [0, 1, 2, 3, 4]) {
    test(`what a job passed over for the sake of ${wide} is not forgotten when that goes (after ${worked})`, () => {
      const source = new RouteSource(['#'], 0)
      for (const topicFilter of ['a/b', wide, 'c', '#']) source.add(topicFilter)
      while (source.busy) source.work(10)
      source.remove('#')
      source.work(worked)
      source.remove(wide)
      while (source.busy) source.work(10)
      assert.deepEqual([...source.routes()].toSorted(), ['a/b', 'c'])
    })
  }
}

test('a small deletion does not slip before a large addition that no longer fits the batch', () => {
  const source = wanting(['#'], ['x'])
  told(source)
  source.add('y'.repeat(20))
  source.add('z'.repeat(20))
  source.remove('x')
  assert.equal(source.take({ opsMax: 10, bytesMax: 80 }).length, 1)
})

test('what waits for a peer that is away is bounded by what is wanted, however much comes and goes', () => {
  const source = wanting(['#'], ['kept'])
  told(source)
  for (let index = 0; index < 100_000; index += 1) {
    source.add(`brief/${index}`)
    source.remove(`brief/${index}`)
    source.remove('kept')
    source.add('kept')
  }
  assert.equal(source.pending, 0)
  assert.equal(source.size, 1)
})
