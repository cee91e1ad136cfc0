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
  return createClusterAccount(new Set(['t']), subscribers)
}

/** Arrives at these subscribers. */
function arrive(of: ClusterAccount, sequence: number, ...nodes: readonly string[]): void {
  for (const node of nodes) of.arrived(node, sequence, 't', 1)
}

test('what has arrived at every subscriber, before or after its PUBACK, is not missing', () => {
  const of = account()
  of.acknowledged(1, 't')
  arrive(of, 1, 'a1', 'a2', 'b1')
  arrive(of, 2, 'a1', 'a2', 'b1')
  of.acknowledged(2, 't')
  const { published, arrived, lost, doubled } = of.summary()
  assert.deepEqual(
    { published, arrived, lost, doubled },
    {
      published: 2,
      arrived: 6,
      lost: 0,
      doubled: 0,
    },
  )
  assert.ok(of.isComplete())
  assert.ok(isHeld(of.summary()))
})

test('a message that lacks at one subscriber is lost there', () => {
  const of = account()
  of.acknowledged(1, 't')
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

test('what was acknowledged up to some message may be complete before all is', () => {
  const of = account()
  assert.equal(of.newest, -1)
  of.acknowledged(2, 't')
  of.acknowledged(1, 't')
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
  of.acknowledged(1, 't')
  arrive(of, 1, 'a1', 'a2', 'b1', 'b1')
  assert.equal(of.summary().doubled, 1)
  assert.ok(isHeld(of.summary()))
})

test('at each subscriber what was acknowledged has arrived or is lost', () => {
  const node = fc.constantFrom('a1', 'a2', 'b1')
  const event = fc.oneof(
    fc.record({ type: fc.constant('acknowledged' as const) }),
    fc.record({ type: fc.constant('arrived' as const), node, sequence: fc.nat({ max: 20 }) }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const of = account()
      const acknowledged = new Set<number>()
      const arrivals = new Map<string, Set<number>>()
      for (const one of events) {
        if (one.type === 'acknowledged') {
          of.acknowledged(acknowledged.size, 't')
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
        assert.equal(row.lost, missing.length)
      }
      assert.equal(of.isComplete(), summary.lost === 0)
    }),
  )
})
