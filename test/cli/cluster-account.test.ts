import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ClusterAccount, createClusterAccount, isHeld } from '../../src/cli/demo/cluster-account.ts'

const subscribers = [
  { node: 'a1', cluster: 'a' },
  { node: 'a2', cluster: 'a' },
  { node: 'b1', cluster: 'b' },
]

function account(): ClusterAccount {
  return createClusterAccount('a', new Set(['t']), subscribers)
}

/** Arrives at these subscribers. */
function arrive(of: ClusterAccount, sequence: number, ...nodes: readonly string[]): void {
  for (const node of nodes) of.arrived(node, sequence, 't', 1)
}

test('what has arrived at every subscriber, before or after its PUBACK, is not missing', () => {
  const of = account()
  of.acknowledged(1, 't', 'a1', 0)
  arrive(of, 1, 'a1', 'a2', 'b1')
  arrive(of, 2, 'a1', 'a2', 'b1')
  of.acknowledged(2, 't', 'a1', 5)
  const { published, arrived, lost, lost_with_outbox, doubled } = of.summary()
  assert.deepEqual(
    { published, arrived, lost, lost_with_outbox, doubled },
    {
      published: 2,
      arrived: 6,
      lost: 0,
      lost_with_outbox: 0,
      doubled: 0,
    },
  )
  assert.ok(of.isComplete())
  assert.ok(isHeld(of.summary()))
})

test('a message that lacks at one subscriber is lost there', () => {
  const of = account()
  of.acknowledged(1, 't', 'a1', 0)
  arrive(of, 1, 'a1', 'b1')
  assert.ok(!of.isComplete())
  assert.ok(!isHeld(of.summary()))
  assert.deepEqual(
    of.summary().subscribers.map(({ node, lost }) => [node, lost]),
    [
      ['a1', 0],
      ['a2', 1],
      ['b1', 0],
    ],
  )
})

for (const { when, acknowledgedMs, killed, missesAt, excused } of [
  {
    when: 'just before its node was killed, beyond the link',
    acknowledgedMs: 9_900,
    killed: 'a1',
    missesAt: 'b1',
    excused: true,
  },
  {
    when: 'and its PUBACK was read after the kill, beyond the link',
    acknowledgedMs: 10_005,
    killed: 'a1',
    missesAt: 'b1',
    excused: true,
  },
  {
    when: 'just before its node was killed, in its own cluster',
    acknowledgedMs: 9_900,
    killed: 'a1',
    missesAt: 'a2',
    excused: false,
  },
  { when: 'long before its node was killed', acknowledgedMs: 8_000, killed: 'a1', missesAt: 'b1', excused: false },
  { when: 'long after its node was killed', acknowledgedMs: 17_000, killed: 'a1', missesAt: 'b1', excused: false },
  {
    when: 'by another node than the one that was killed',
    acknowledgedMs: 9_900,
    killed: 'a2',
    missesAt: 'b1',
    excused: false,
  },
  {
    when: 'and a node beyond the link was killed',
    acknowledgedMs: 9_900,
    killed: 'b1',
    missesAt: 'b1',
    excused: false,
  },
]) {
  test(`what was acknowledged ${when} ${excused ? 'went with an outbox' : 'is lost'}`, () => {
    const of = account()
    of.killed('a1', 1_000)
    of.acknowledged(1, 't', 'a1', acknowledgedMs)
    of.killed(killed, 10_000)
    arrive(of, 1, ...subscribers.map(({ node }) => node).filter((node) => node !== missesAt))
    const { lost, lost_with_outbox } = of.summary()
    assert.deepEqual({ lost, lost_with_outbox }, { lost: excused ? 0 : 1, lost_with_outbox: excused ? 1 : 0 })
    assert.equal(of.isComplete(), excused)
    assert.equal(isHeld(of.summary()), excused)
    // It may come yet, by way of a session that was kept.
    arrive(of, 1, missesAt)
    assert.equal(of.summary().lost_with_outbox, 0)
    assert.ok(of.isComplete())
  })
}

test('what was acknowledged up to some message may be complete before all is', () => {
  const of = account()
  assert.equal(of.newest, -1)
  of.acknowledged(2, 't', 'a1', 0)
  of.acknowledged(1, 't', 'a1', 0)
  assert.equal(of.newest, 2)
  arrive(of, 1, 'a1', 'a2', 'b1')
  arrive(of, 2, 'a1', 'b1')
  assert.ok(of.isComplete(1))
  assert.ok(!of.isComplete(2))
})

test('nothing published, or nothing arrived, shows nothing', () => {
  assert.ok(!isHeld(account().summary()))
})

test('a second arrival is doubled, and nothing is lost by it', () => {
  const of = account()
  of.acknowledged(1, 't', 'a1', 0)
  arrive(of, 1, 'a1', 'a2', 'b1', 'b1')
  assert.equal(of.summary().doubled, 1)
  assert.ok(isHeld(of.summary()))
})

test('at each subscriber what was acknowledged has arrived, is lost, or went with an outbox', () => {
  const node = fc.constantFrom('a1', 'a2', 'b1')
  const event = fc.oneof(
    fc.record({ type: fc.constant('acknowledged' as const), node }),
    fc.record({ type: fc.constant('arrived' as const), node, sequence: fc.nat({ max: 20 }) }),
    fc.record({ type: fc.constant('killed' as const), node }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const of = account()
      const acknowledged = new Set<number>()
      const arrivals = new Map<string, Set<number>>()
      for (const [index, one] of events.entries()) {
        const nowMs = index * 300
        if (one.type === 'killed') of.killed(one.node, nowMs)
        if (one.type === 'acknowledged') {
          of.acknowledged(acknowledged.size, 't', one.node, nowMs)
          acknowledged.add(acknowledged.size)
        }
        if (one.type === 'arrived') {
          arrive(of, one.sequence, one.node)
          arrivals.set(one.node, (arrivals.get(one.node) ?? new Set()).add(one.sequence))
        }
      }
      const summary = of.summary()
      for (const row of summary.subscribers) {
        const there = arrivals.get(row.node) ?? new Set()
        const missing = [...acknowledged].filter((sequence) => !there.has(sequence))
        assert.equal(row.arrived, there.size)
        assert.equal(row.lost + row.lost_with_outbox, missing.length)
        if (row.cluster === 'a') assert.equal(row.lost_with_outbox, 0)
      }
      assert.equal(of.isComplete(), summary.lost === 0)
    }),
  )
})
