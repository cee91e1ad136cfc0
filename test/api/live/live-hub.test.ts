import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkChanges } from '../../../src/api/live/link-changes.ts'
import { serveLive } from '../../../src/api/live/live-calls.ts'
import { LiveHub, type LiveTopic } from '../../../src/api/live/live-hub.ts'
import type { LinkReading } from '../../../src/api/live/readings.ts'
import { Tail } from '../../../src/api/live/tail.ts'
import { MemberCalls, type Members } from '../../../src/api/member-calls.ts'
import { ManualClock } from '../../link/manual-clock.ts'
import { linkReading, linkState, ReadingsByHand } from './readings-by-hand.ts'

/** Nodes that ask each other within this process. */
class Network {
  readonly #answers = new Map<string, (body: unknown) => Promise<unknown>>()
  readonly silent = new Set<string>()
  asked = 0

  member(self: string): Members {
    return {
      self,
      others: () => [...this.#answers.keys()].filter((node) => node !== self),
      ask: async (node, _kind, body) => {
        this.asked += 1
        if (this.silent.has(node)) throw new Error(`${node} does not answer`)
        return this.#answers.get(node)?.(structuredClone(body))
      },
      serve: (_kind, answer) => void this.#answers.set(self, answer),
    }
  }
}

function hubOf(network: Network, node: string, clock: ManualClock) {
  const readings = new ReadingsByHand()
  const calls = new MemberCalls(network.member(node))
  const changes = new LinkChanges(
    () => readings.links(),
    () => clock.steadyMs(),
    7,
  )
  const tails = { log: new Tail<object>(100, 7), actors: new Tail<object>(100, 7) }
  const subjects = { nodes: () => Promise.resolve([{ node }]) }
  serveLive(calls, { changes, tails })
  return { readings, tails, hub: new LiveHub({ calls, clock, subjects }) }
}

/** The answers of one turn are promises that need no time. */
async function turn(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  await new Promise((resolve) => setImmediate(resolve))
}

type Told = { readonly event: string; readonly data: readonly Record<string, unknown>[] }

function listenTo(hub: LiveHub, topics: readonly LiveTopic[], intervalMs = 1_000) {
  const told: Told[] = []
  const end = hub.listen(
    // It was put together here.
    { tell: (event, data) => void told.push({ event, data: JSON.parse(data) as Told['data'] }) },
    topics,
    intervalMs,
  )
  return { told, end, take: () => told.splice(0) }
}

test('everything at first, then what changed, with rates; at rest, nothing', async () => {
  const clock = new ManualClock()
  const { hub, readings } = hubOf(new Network(), 'a', clock)
  readings.links_ = [linkReading('eu', { out: 100 }), linkReading('us')]
  const { take } = listenTo(hub, ['links'])
  await turn(clock, 0)
  const [first] = take()
  assert.deepEqual(
    first?.data.map(({ name, out_rate, emqx_status }) => [name, out_rate, emqx_status]),
    [
      ['eu', 0, 'connected'],
      ['us', 0, 'connected'],
    ],
  )
  readings.links_ = [linkReading('eu', { out: 120 }), linkReading('us')]
  await turn(clock, 1_000)
  const [second] = take()
  assert.deepEqual(
    second?.data.map(({ name, out_rate }) => [name, out_rate]),
    [['eu', 20]],
  )
  await turn(clock, 1_000)
  assert.deepEqual(
    take()[0]?.data.map(({ name, out_rate }) => [name, out_rate]),
    [['eu', 0]],
  )
  await turn(clock, 1_000)
  assert.deepEqual(take(), [])
})

test('a link that is gone is told of once', async () => {
  const clock = new ManualClock()
  const { hub, readings } = hubOf(new Network(), 'a', clock)
  readings.links_ = [linkReading('eu'), linkReading('us')]
  const { take } = listenTo(hub, ['links'])
  await turn(clock, 0)
  take()
  readings.links_ = [linkReading('us')]
  await turn(clock, 1_000)
  assert.deepEqual(take(), [{ event: 'links', data: [{ name: 'eu', removed: true }] }])
  await turn(clock, 1_000)
  assert.deepEqual(take(), [])
})

test('however many watch, the links are read once an interval, and not at all when nobody does', async () => {
  const clock = new ManualClock()
  const { hub, readings } = hubOf(new Network(), 'a', clock)
  readings.links_ = [linkReading('eu')]
  const listeners = Array.from({ length: 20 }, () => listenTo(hub, ['links']))
  await turn(clock, 0)
  for (const { told } of listeners) assert.equal(told.length, 1)
  assert.equal(readings.reads, 1)
  await turn(clock, 1_000)
  assert.equal(readings.reads, 2)
  for (const { end } of listeners) end()
  await turn(clock, 60_000)
  assert.equal(readings.reads, 2)
  assert.equal(clock.timers, 0)
})

test('one that looks seldom hears of all that changed meanwhile', async () => {
  const clock = new ManualClock()
  const { hub, readings } = hubOf(new Network(), 'a', clock)
  readings.links_ = [linkReading('eu'), linkReading('us')]
  const often = listenTo(hub, ['links'])
  const seldom = listenTo(hub, ['links'], 3_000)
  await turn(clock, 0)
  seldom.take()
  readings.links_ = [linkReading('eu', { outbox: 3 }), linkReading('us')]
  await turn(clock, 1_000)
  readings.links_ = [linkReading('eu', { outbox: 3 })]
  await turn(clock, 1_000)
  assert.deepEqual(seldom.take(), [])
  assert.equal(often.take().length, 3)
  await turn(clock, 1_000)
  const [{ data } = { data: [] }] = seldom.take()
  assert.deepEqual(
    data.map(({ name, outbox, removed }) => [name, outbox, removed]),
    [
      ['eu', 3, undefined],
      ['us', undefined, true],
    ],
  )
})

test('over several nodes rates are sums, and states that differ are inconsistent; a silent node is named and has no say', async () => {
  const clock = new ManualClock()
  const network = new Network()
  const a = hubOf(network, 'a', clock)
  const b = hubOf(network, 'b', clock)
  const both = (one: Partial<LinkReading>, other: Partial<LinkReading>) => {
    a.readings.links_ = [linkReading('eu', one)]
    b.readings.links_ = [linkReading('eu', other)]
  }
  both({ outbox: 1 }, { outbox: 2 })
  const { take } = listenTo(a.hub, ['links'])
  await turn(clock, 0)
  assert.equal(take()[0]?.data[0]?.['outbox'], 3)
  both({ outbox: 1, out: 10 }, { outbox: 2, out: 5, state: linkState('connecting', ['no route to host']) })
  await turn(clock, 1_000)
  const row = take()[0]?.data[0]
  assert.deepEqual([row?.['out_rate'], row?.['status']], [15, 'inconsistent'])
  assert.deepEqual(row?.['reasons'], ['the nodes differ: running on a; connecting on b', 'b: no route to host'])
  network.silent.add('b')
  await turn(clock, 1_000)
  const [links, silent] = take()
  assert.deepEqual([links?.data[0]?.['status'], links?.data[0]?.['outbox']], ['running', 1])
  assert.deepEqual(silent, { event: 'silent', data: [{ node: 'b', reason: 'b does not answer' }] })
  network.silent.delete('b')
  await turn(clock, 1_000)
  assert.deepEqual(
    take().map(({ event, data }) => [event, data.length]),
    [
      ['links', 1],
      ['silent', 0],
    ],
  )
})

test('of a thousand links that rest, nodes say nothing to each other', async () => {
  const clock = new ManualClock()
  const network = new Network()
  const a = hubOf(network, 'a', clock)
  const b = hubOf(network, 'b', clock)
  for (const { readings } of [a, b])
    readings.links_ = Array.from({ length: 1_000 }, (_, index) => linkReading(`link-${index}`))
  const { take } = listenTo(a.hub, ['links'])
  await turn(clock, 0)
  assert.equal(take()[0]?.data.length, 1_000)
  await turn(clock, 1_000)
  assert.deepEqual(take(), [])
  const changes = new LinkChanges(
    () => b.readings.links(),
    () => clock.steadyMs(),
    1,
  )
  const { version } = changes.since(0, 0)
  clock.advance(1_000)
  assert.deepEqual(changes.since(1, version).changed, [])
})

test('lines that come are told once, with their node; those of before are not', async () => {
  const clock = new ManualClock()
  const network = new Network()
  const a = hubOf(network, 'a', clock)
  const b = hubOf(network, 'b', clock)
  b.tails.log.add({ event: 'long_ago' })
  const { take } = listenTo(a.hub, ['log'])
  await turn(clock, 0)
  assert.deepEqual(take(), [])
  a.tails.log.add({ event: 'here' })
  b.tails.log.add({ event: 'there' })
  await turn(clock, 1_000)
  assert.deepEqual(take(), [
    {
      event: 'log',
      data: [
        { node: 'a', event: 'here' },
        { node: 'b', event: 'there' },
      ],
    },
  ])
  for (let index = 0; index < 150; index += 1) b.tails.log.add({ index })
  await turn(clock, 1_000)
  const [{ data } = { data: [] }] = take()
  assert.deepEqual([data[0], data.length], [{ node: 'b', skipped: 50 }, 101])
})

test('a subject is told when it reads otherwise', async () => {
  const clock = new ManualClock()
  const { hub } = hubOf(new Network(), 'a', clock)
  const { take } = listenTo(hub, ['nodes'])
  await turn(clock, 0)
  await turn(clock, 1_000)
  assert.deepEqual(take(), [{ event: 'nodes', data: [{ node: 'a' }] }])
})
