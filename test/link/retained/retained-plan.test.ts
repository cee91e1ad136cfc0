import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { OldestFirst } from '../../../src/link/retained/oldest-first.ts'
import { RetainedPlan } from '../../../src/link/retained/retained-plan.ts'
import { matches } from '../../../src/topics/match.ts'
import { OwnTopics } from './own-topics.ts'

const hourMs = 3_600_000

/** Tells all that there is to tell now. */
function tellAll(plan: RetainedPlan, deletions = true): string[] {
  const told: string[] = []
  plan.begin(deletions)
  while (plan.look(1));
  for (let topic = plan.next(); topic !== undefined; topic = plan.next()) told.push(topic)
  return told
}

function planOf(...routes: string[]): { source: OwnTopics; plan: RetainedPlan } {
  const source = new OwnTopics()
  source.set('a/1', 30, 'x')
  source.set('a/2', 10, 'x')
  source.set('b/1', 20, 'x')
  source.set('a/gone', 5, '')
  source.set('$data/1', 1, 'x')
  const plan = new RetainedPlan(source)
  for (const route of routes) plan.routeAdded(route)
  return { source, plan }
}

for (const { routes, told } of [
  { routes: ['a/#'], told: ['a/gone', 'a/2', 'a/1'] },
  { routes: ['#'], told: ['a/gone', 'a/2', 'b/1', 'a/1'] },
  { routes: ['a/1', 'b/1'], told: ['b/1', 'a/1'] },
  { routes: ['a/1', 'a/+', 'a/#'], told: ['a/gone', 'a/2', 'a/1'] },
  { routes: ['$data/+'], told: ['$data/1'] },
  { routes: ['c/#', 'c'], told: [] },
])
  test(`a peer that wants ${routes.join(', ')} is told of ${told.join(', ') || 'nothing'}, once`, () => {
    const { plan } = planOf(...routes)
    assert.equal(plan.routeCount, routes.length)
    assert.deepEqual(tellAll(plan), told)
    assert.deepEqual([plan.routeCount, plan.topicCount, plan.isRunning], [0, 0, false])
    assert.deepEqual(tellAll(plan), [])
  })

test('exact routes do not make anybody go through all topics', () => {
  const { plan, source } = planOf('a/1', 'b/1')
  tellAll(plan)
  assert.equal(source.looked, 0)
})

test('a peer that knows no versions is told of what was cleared only if it may have had it', () => {
  const { plan, source } = planOf('a/#', 'a/gone')
  assert.deepEqual(tellAll(plan, false), ['a/2', 'a/1'])
  plan.routeRemoved('a/#', 2 * hourMs)
  source.set('a/1', 3 * hourMs, '')
  plan.routeAdded('a/#')
  assert.deepEqual(tellAll(plan, false), ['a/1'])
})

test('a route that comes back is told what has changed since, with room for clocks that differ', () => {
  const { plan, source } = planOf('a/#')
  tellAll(plan)
  plan.routeRemoved('a/#', 5 * hourMs)
  source.set('a/1', 4 * hourMs + 1, 'y')
  source.set('a/2', 4 * hourMs - 1, 'y')
  source.set('a/3', 6 * hourMs, 'y')
  plan.routeAdded('a/#')
  assert.deepEqual(tellAll(plan), ['a/1', 'a/3'])
})

test('a route that goes before it was told is told all when it comes back, and one that was told in part', () => {
  const { plan } = planOf('a/#')
  plan.routeRemoved('a/#', 10 * hourMs)
  plan.routeAdded('a/#')
  plan.begin(true)
  while (plan.look(1));
  assert.equal(plan.next(), 'a/gone')
  plan.routeRemoved('a/#', 10 * hourMs)
  assert.deepEqual([plan.next(), plan.topicCount], [undefined, 0])
  plan.routeAdded('a/#')
  assert.deepEqual(tellAll(plan), ['a/gone', 'a/2', 'a/1'])
})

test('what another one is to tell is told in full if it becomes ours again before it was complete', () => {
  const { plan } = planOf('a/#')
  plan.begin(true)
  while (plan.look(1));
  plan.next()
  plan.abandon()
  assert.deepEqual([plan.routeCount, plan.isRunning], [1, false])
  assert.deepEqual(tellAll(plan), ['a/gone', 'a/2', 'a/1'])
  plan.abandon()
  assert.deepEqual(tellAll(plan), [])
})

test('routes that come while others are told wait for their turn', () => {
  const { plan } = planOf('b/#')
  plan.begin(true)
  plan.routeAdded('a/2')
  assert.deepEqual(tellAll(plan), ['b/1'])
  assert.deepEqual(tellAll(plan), ['a/2'])
})

test('of routes that went, a bounded number is remembered', () => {
  const { plan, source } = planOf()
  for (let i = 0; i < 10_001; i += 1) plan.routeAdded(`t/${i}`)
  tellAll(plan)
  for (let i = 0; i < 10_001; i += 1) plan.routeRemoved(`t/${i}`, 10 * hourMs)
  for (const topic of ['t/0', 't/10000']) source.set(topic, 1, 'x')
  for (const topic of ['t/0', 't/10000']) plan.routeAdded(topic)
  assert.deepEqual(tellAll(plan), ['t/0'])
})

test('topics are taken out in the order of their times, each once', () => {
  const entry = fc.record({ topic: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), atMs: fc.nat(20) })
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const topics = new OldestFirst()
      const first = new Map<string, number>()
      for (const { topic, atMs } of entries) {
        topics.put(topic, atMs)
        if (!first.has(topic)) first.set(topic, atMs)
      }
      const taken = Array.from({ length: topics.size }, () => topics.take())
      assert.equal(topics.take(), undefined)
      assert.deepEqual(new Map(taken.map((one) => [one!.topic, one!.atMs])), first)
      const times = taken.map((one) => one!.atMs)
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      )
    }),
  )
})

test('whatever routes come, go and are told, what a peer wants and has not been told of is told', () => {
  const filters = ['a/#', '+/1', 'a/1', '#', 'b/+', 'b/2'] as const
  const topics = ['a/1', 'a/2', 'b/1', 'b/2'] as const
  const step = fc.oneof(
    fc.record({ type: fc.constant('toggle' as const), filter: fc.constantFrom(...filters) }),
    fc.record({ type: fc.constant('publish' as const), topic: fc.constantFrom(...topics), clears: fc.boolean() }),
    fc.record({ type: fc.constantFrom('tell' as const, 'some' as const, 'abandon' as const, 'wait' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const source = new OwnTopics()
      const plan = new RetainedPlan(source)
      const wanted = new Set<string>()
      const peer = new Map<string, number>()
      let nowMs = 10 * hourMs
      const isWanted = (topic: string): boolean => [...wanted].some((filter) => matches(topic, filter))
      const told = (topic: string): void => {
        peer.set(topic, source.ownRetainedOf(topic)!.receivedAtMs)
      }
      for (const one of steps) {
        nowMs += 1
        if (one.type === 'wait') nowMs += hourMs * 2
        else if (one.type === 'publish') {
          source.set(one.topic, nowMs, one.clears ? '' : 'x')
          if (isWanted(one.topic)) told(one.topic)
        } else if (one.type === 'toggle') {
          if (wanted.delete(one.filter)) plan.routeRemoved(one.filter, nowMs)
          else plan.routeAdded([...wanted.add(one.filter)].at(-1)!)
        } else if (one.type === 'abandon') plan.abandon()
        else if (one.type === 'tell') for (const topic of tellAll(plan)) told(topic)
        else {
          plan.begin(true)
          plan.look(2)
          const topic = plan.next()
          if (topic !== undefined) told(topic)
        }
      }
      for (const topic of [...tellAll(plan), ...tellAll(plan)]) told(topic)
      for (const topic of topics)
        if (isWanted(topic)) assert.equal(peer.get(topic), source.ownRetainedOf(topic)?.receivedAtMs)
    }),
  )
})
