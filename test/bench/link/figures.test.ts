/** Budgets are judged round by round, and figures of messages that were lost are compared with by nobody. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digits, type Figure, judge, lineOf, missOf, range, type Series } from '../../../scripts/bench/link/figures.ts'

const ours = { name: 'ours', rounds: [1, 2, 9] }
const mosquitto = { name: 'Mosquitto', rounds: [10, 40, 30] }
const nats = { name: 'NATS', rounds: [5, 5, 5] }
const lossy = { ...mosquitto, flaws: '3 lost' }

function figure(series: readonly Series[], most: number, of?: readonly string[]): Figure {
  return { cell: 'QoS 1', unit: 'us', series, budget: { most, ...(of === undefined ? {} : { of }) } }
}

for (const { when, of, verdict } of [
  {
    when: 'the ratio is under the budget',
    of: figure([ours, mosquitto], 0.11, ['Mosquitto']),
    verdict: { type: 'met', rounds: [0.1, 0.05, 0.3], of: 'Mosquitto' },
  },
  {
    when: 'the median of the ratios is over it, though the ratio of the medians is not',
    of: figure([ours, mosquitto], 0.09, ['Mosquitto']),
    verdict: { type: 'missed', rounds: [0.1, 0.05, 0.3], of: 'Mosquitto' },
  },
  {
    when: 'the first to compare with has lost messages',
    of: figure([ours, lossy, nats], 0.5, ['Mosquitto', 'NATS']),
    verdict: { type: 'met', rounds: [0.2, 0.4, 1.8], of: 'NATS' },
  },
  {
    when: 'nobody is there to compare with',
    of: figure([ours, lossy], 0.5, ['Mosquitto', 'NATS']),
    verdict: undefined,
  },
  { when: 'the budget is in its own unit', of: figure([ours], 2), verdict: { type: 'met', rounds: [1, 2, 9] } },
  {
    when: 'ours has lost messages, however fast',
    of: figure([{ ...ours, flaws: '1 lost' }, mosquitto], 100, ['Mosquitto']),
    verdict: { type: 'missed', rounds: [0.1, 0.05, 0.3], of: 'Mosquitto' },
  },
  {
    when: 'nothing was measured',
    of: figure([{ name: 'ours', rounds: [Number.NaN] }], 2),
    verdict: { type: 'missed', rounds: [] },
  },
] as const)
  test(`a budget when ${when}`, () => assert.deepEqual(judge(of), verdict))

test('a figure without a budget is not judged, and misses only by its flaws', () => {
  const plain = { cell: 'p99', unit: 'ms', series: [ours] }
  assert.equal(judge(plain), undefined)
  assert.equal(missOf(plain), undefined)
  assert.equal(missOf({ ...plain, series: [{ ...ours, flaws: '1 lost' }] }), 'p99: 1 lost')
})

test('a missed budget says by how much, and against whom', () => {
  assert.equal(
    missOf(figure([ours, mosquitto], 0.09, ['Mosquitto'])),
    'QoS 1, us: 0.100 (0.0500-0.300) > 0.09 of Mosquitto',
  )
  assert.equal(missOf(figure([ours, mosquitto], 0.11, ['Mosquitto'])), undefined)
})

test('a line has all of it', () => {
  assert.equal(
    lineOf(figure([ours, lossy, nats], 0.5, ['NATS'])),
    'QoS 1, us: ours 2.00 (1.00-9.00) | Mosquitto 30.0 (10.0-40.0) [3 lost] | NATS 5.00 (5.00-5.00) | ratio to NATS 0.400 (0.200-1.80), budget 0.5: met',
  )
})

for (const [value, words] of [
  [0, '0'],
  [0.00123, '0.0012'],
  [0.0456, '0.0456'],
  [0.34, '0.340'],
  [6.13, '6.13'],
  [44.7, '44.7'],
  [1234.5, '1235'],
] as const)
  test(`${value} is written ${words}`, () => assert.equal(digits(value), words))

test('rounds that were not run are no part of a range', () => {
  assert.equal(range([Number.NaN, 2, 4]), '3.00 (2.00-4.00)')
  assert.equal(range([Number.NaN]), '-')
})
