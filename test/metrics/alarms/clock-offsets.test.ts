import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOCK_LOOK_MS, ClockOffsets } from '../../../src/metrics/alarms/clock-offsets.ts'
import { clockConditions } from '../../../src/metrics/alarms/node-conditions.ts'
import { ManualClock } from '../../broker/manual-clock.ts'

test('clocks are measured soon after a start and every half minute, half of the round trip being what is not known', async () => {
  const clock = new ManualClock()
  let others = ['a2@h', 'a3@h', 'silent@h', 'odd@h']
  const asked: string[] = []
  const offsets = new ClockOffsets({
    clock,
    others: () => others,
    ask: async (node) => {
      asked.push(node)
      if (node === 'silent@h') throw new Error('no answer')
      if (node === 'odd@h') return 'noon'
      // The only one that takes its time.
      if (node === 'a3@h') return clock.nowMs() - 2_000
      return clock.nowMs() + 5_000
    },
  })
  offsets.start()
  assert.deepEqual([...offsets.list()], [])
  clock.advance(1_000)
  assert.equal(asked.length, 4)
  clock.advance(CLOCK_LOOK_MS)
  assert.equal(asked.length, 8)
  await offsets.look()
  assert.deepEqual(
    [...offsets.list()].map(({ node, offsetMs }) => [node, offsetMs]),
    [
      ['a2@h', 5_000],
      ['a3@h', -2_000],
    ],
  )
  assert.deepEqual(
    clockConditions(offsets.list()).map(({ name }) => name),
    ['clock_skew:a2@h', 'clock_skew:a3@h'],
  )
  others = ['a3@h']
  assert.deepEqual(
    [...offsets.list()].map(({ node }) => node),
    ['a3@h'],
  )
  offsets.stop()
  asked.length = 0
  clock.advance(10 * CLOCK_LOOK_MS)
  assert.deepEqual(asked, [])
})

test('an answer that was long on its way is no proof', async () => {
  const clock = new ManualClock()
  const offsets = new ClockOffsets({
    clock,
    others: () => ['a2@h'],
    ask: async () => {
      const theirs = clock.nowMs()
      clock.advance(4_000)
      return theirs
    },
  })
  await offsets.look()
  assert.deepEqual([...offsets.list()], [{ node: 'a2@h', offsetMs: -2_000, uncertaintyMs: 2_000 }])
  assert.deepEqual(clockConditions(offsets.list()), [])
})
