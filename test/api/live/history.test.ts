import assert from 'node:assert/strict'
import { test } from 'node:test'
import { merged } from '../../../src/api/live/history-api.ts'
import { History, INTERVAL_MS, LINKS_MAX } from '../../../src/api/live/history.ts'
import { SAMPLES_MAX } from '../../../src/api/live/timeline.ts'
import { ManualClock } from '../../link/manual-clock.ts'
import { linkReading, ReadingsByHand } from './readings-by-hand.ts'

const HOUR_MS = 3_600_000

function started() {
  const clock = new ManualClock()
  const readings = new ReadingsByHand()
  const history = new History(readings, clock, (call) => call())
  history.start()
  return { clock, readings, history }
}

test('counts become rates; what is so many now stays as it is', () => {
  const { clock, readings, history } = started()
  readings.links_ = [linkReading('eu', { out: 100, bytes_out: 5_000 })]
  clock.advance(INTERVAL_MS)
  readings.links_ = [linkReading('eu', { out: 150, bytes_out: 25_000, outbox: 7, p99_ms: 12 })]
  clock.advance(INTERVAL_MS)
  const series = history.link('eu', HOUR_MS)
  assert.ok(series)
  assert.equal(series.at.at(-1)! % INTERVAL_MS, 0)
  assert.deepEqual(
    [series.out, series.bytes_out, series.outbox, series.p99_ms].map((values) => values.at(-1)),
    [5, 2_000, 7, 12],
  )
  assert.ok(Number.isNaN(series.p50_ms.at(-1)))
})

test('an account that begins anew is no negative rate', () => {
  const { clock, readings, history } = started()
  readings.links_ = [linkReading('eu', { out: 1_000 })]
  clock.advance(INTERVAL_MS)
  readings.links_ = [linkReading('eu', { out: 30 })]
  clock.advance(INTERVAL_MS)
  assert.equal(history.link('eu', HOUR_MS)?.out.at(-1), 3)
})

test('of more than an hour the last hour is left, oldest first', () => {
  const { clock, readings, history } = started()
  readings.links_ = [linkReading('eu')]
  for (let index = 0; index < SAMPLES_MAX + 10; index += 1) {
    readings.links_ = [linkReading('eu', { outbox: index })]
    clock.advance(INTERVAL_MS)
  }
  const { at, outbox } = history.link('eu', 2 * HOUR_MS)!
  assert.equal(at.length, SAMPLES_MAX)
  assert.deepEqual(
    at,
    at.toSorted((one, other) => one - other),
  )
  assert.deepEqual([outbox[0], outbox.at(-1)], [10, SAMPLES_MAX + 9])
  assert.equal(history.link('eu', 60_000)?.at.length, 7)
})

test('a link that is gone takes its history along; one that came later has none of before', () => {
  const { clock, readings, history } = started()
  readings.links_ = [linkReading('eu')]
  clock.advance(2 * INTERVAL_MS)
  readings.links_ = [linkReading('us', { outbox: 3 })]
  clock.advance(2 * INTERVAL_MS)
  assert.equal(history.link('eu', HOUR_MS), undefined)
  const { outbox } = history.link('us', HOUR_MS)!
  assert.deepEqual(
    outbox.map((value) => (Number.isNaN(value) ? null : value)),
    [null, null, null, 3],
  )
})

test('of too many links the first have a history', () => {
  const { clock, readings, history } = started()
  readings.links_ = Array.from({ length: LINKS_MAX + 1 }, (_, index) => linkReading(`link-${index}`))
  clock.advance(INTERVAL_MS)
  assert.ok(history.link(`link-${LINKS_MAX - 1}`, HOUR_MS))
  assert.equal(history.link(`link-${LINKS_MAX}`, HOUR_MS), undefined)
})

test('the node: rates each second, processor time in percent', () => {
  const { clock, readings, history } = started()
  clock.advance(INTERVAL_MS)
  readings.node_ = { ...readings.node_, published: 50, cpu_ms: 2_500, connections: 4, loop_delay_ms: 1.5 }
  clock.advance(INTERVAL_MS)
  const { published, cpu, connections, loop_delay_ms } = history.node(HOUR_MS)
  assert.deepEqual(
    [published, cpu, connections, loop_delay_ms].map((values) => values.at(-1)),
    [5, 25, 4, 1.5],
  )
})

test('a stopped history samples no more', () => {
  const { clock, history } = started()
  history.stop()
  clock.advance(HOUR_MS)
  assert.equal(clock.timers, 0)
  assert.deepEqual(history.node(HOUR_MS).at, [])
})

test('nodes stand over each other: sums, of delays the slowest, and nothing where nobody knows', () => {
  const one = { node: 'a', series: { at: [10, 20], out: [1, 2], p99_ms: [5, Number.NaN] } }
  const other = { node: 'b', series: { at: [20, 30], out: [3, Number.NaN], p99_ms: [7, 9] } }
  assert.deepEqual(merged([one, other], ['out', 'p99_ms']), {
    at: [10, 20, 30],
    out: [1, 5, null],
    p99_ms: [5, 7, 9],
  })
})
