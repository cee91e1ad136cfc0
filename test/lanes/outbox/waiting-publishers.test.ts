import assert from 'node:assert/strict'
import test from 'node:test'
import { WaitingPublishers } from '../../../src/lanes/outbox/waiting-publishers.ts'

test('who has something in a batch that still waits is behind, nobody else', () => {
  const publishers = new WaitingPublishers()
  publishers.add('a', 1, 1)
  publishers.add('b', 2, 1)
  publishers.add('a', 3, 1)
  const behind = (firstTurn: number) => ['a', 'b', 'c'].filter((who) => publishers.isBehind(who, firstTurn))
  assert.deepEqual([1, 2, 3, 4].map(behind), [['a', 'b'], ['a', 'b'], ['a'], []])
  publishers.clear()
  assert.deepEqual(behind(1), [])
})

test('those of whom nothing waits any more are forgotten when many others come', () => {
  const publishers = new WaitingPublishers()
  for (let turn = 1; turn <= 100_000; turn += 1) publishers.add(`p${turn}`, turn, Math.max(1, turn - 10))
  assert.ok(publishers.size < 2_048, `${publishers.size}`)
  assert.ok(publishers.isBehind('p99995', 99_990))
})

test('where there is no room to tell publishers apart, everybody is behind what has gathered by then', () => {
  const publishers = new WaitingPublishers()
  publishers.limit(100_000)
  let turn = 1
  for (; !publishers.isBehind('nobody', 1); turn += 1) publishers.add(`p${turn}`, turn, 1)
  assert.ok(turn > 800 && turn < 1_000, `${turn}`)
  const last = turn - 1
  assert.ok(publishers.isBehind('p1', last) && publishers.isBehind('nobody', last))
  publishers.add('late', turn, 1)
  assert.equal(publishers.size, 1)
  assert.deepEqual(
    ['nobody', 'p1', 'late'].map((who) => publishers.isBehind(who, turn)),
    [false, false, true],
    'until that has gone',
  )
  publishers.clear()
  assert.equal(publishers.isBehind('late', 1), false)
})

test('long ClientIDs take more of the room', () => {
  const publishers = new WaitingPublishers()
  publishers.limit(100_000)
  publishers.add('x'.repeat(60_000), 1, 1)
  assert.equal(publishers.isBehind('nobody', 1), false)
  publishers.add('y'.repeat(60_000), 1, 1)
  assert.ok(publishers.isBehind('nobody', 1))
  assert.equal(publishers.size, 0)
})
