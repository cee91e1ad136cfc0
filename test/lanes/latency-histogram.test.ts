import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { LatencyHistogram, latencyBoundsMs, LatencyWindow } from '../../src/lanes/latency-histogram.ts'

/** From a hundredth of a millisecond to more than a minute, each decade as likely. */
const latency = fc.double({ min: -2, max: 5, noNaN: true }).map((exponent) => 10 ** exponent)
const latencies = fc.array(latency, { minLength: 1, maxLength: 300 })

function recorded(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.record(value)
  return histogram
}

test('percentiles are those that sorting finds, to within a bucket', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const sorted = values.toSorted((one, other) => one - other)
      const { count, p50_ms, p90_ms, p99_ms, max_ms } = recorded(values).percentiles()
      assert.equal(count, values.length)
      assert.ok(Math.abs(max_ms - sorted.at(-1)!) <= 0.001)
      for (const [share, found] of [
        [0.5, p50_ms],
        [0.9, p90_ms],
        [0.99, p99_ms],
      ] as const) {
        const exact = sorted[Math.ceil(share * values.length) - 1]!
        const [low, high] = bucketAround(exact)
        assert.ok(
          found >= low - 0.001 && found <= Math.min(high, max_ms) + 0.001,
          `${share}: ${found} for ${exact}, from ${low} to ${high}`,
        )
      }
      assert.ok(p50_ms <= p90_ms && p90_ms <= p99_ms && p99_ms <= max_ms)
    }),
  )
})

function bucketAround(ms: number): readonly [number, number] {
  const index = latencyBoundsMs.findIndex((boundMs) => boundMs >= ms)
  if (index < 0) return [latencyBoundsMs.at(-1)!, Number.POSITIVE_INFINITY]
  return [latencyBoundsMs[index - 1] ?? 0, latencyBoundsMs[index]!]
}

test('buckets are cumulative: each counts all that took at most so long', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const { buckets, count, sumMs } = recorded(values).snapshot()
      for (const { leMs, count: atMost } of buckets)
        assert.equal(atMost, values.filter((value) => value <= leMs).length, `le ${leMs}`)
      assert.equal(count, values.length)
      const sum = values.reduce((total, value) => total + value, 0)
      assert.ok(Math.abs(sumMs - sum) <= sum * 1e-9)
    }),
  )
})

test('buckets reach from a tenth of a millisecond to a minute, and none is wider than a third', () => {
  assert.equal(latencyBoundsMs[0], 0.1)
  assert.equal(latencyBoundsMs.at(-1), 60_000)
  for (const [index, boundMs] of latencyBoundsMs.entries()) {
    const before = latencyBoundsMs[index - 1]
    if (before !== undefined) assert.ok(boundMs > before && boundMs <= before * 1.34, `${before}, ${boundMs}`)
  }
  const told = recorded([])
    .snapshot()
    .buckets.map(({ leMs }) => leMs)
  assert.deepEqual(told.slice(0, 4), [0.1, 0.25, 0.5, 1])
  assert.deepEqual(told.slice(-3), [25_000, 50_000, 60_000])
})

test('nothing was recorded, or was forgotten: all is zero', () => {
  const histogram = recorded([5, 7])
  histogram.reset()
  assert.deepEqual(histogram.percentiles(), { count: 0, p50_ms: 0, p90_ms: 0, p99_ms: 0, max_ms: 0 })
  assert.ok(histogram.snapshot().buckets.every(({ count }) => count === 0))
})

test('below nothing counts as nothing', () => {
  const { count, max_ms } = recorded([-3, Number.NaN]).percentiles()
  assert.deepEqual({ count, max_ms }, { count: 2, max_ms: 0 })
})

test('the window knows the last five minutes, to within one', () => {
  const minute = fc.integer({ min: 0, max: 12 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(minute, latency), { maxLength: 60 }),
      fc.integer({ min: 0, max: 20 }),
      (events, after) => {
        const window = new LatencyWindow()
        const inOrder = events.toSorted(([one], [other]) => one - other)
        for (const [at, ms] of inOrder) window.record(ms, at * 60_000 + 59_999)
        const now = (inOrder.at(-1)?.[0] ?? 0) + after
        const expected = recorded(inOrder.filter(([at]) => at > now - 5).map(([, ms]) => ms))
        assert.deepEqual(window.percentiles(now * 60_000 + 59_999), expected.percentiles())
        window.reset()
        assert.equal(window.percentiles(now * 60_000).count, 0)
      },
    ),
  )
})
