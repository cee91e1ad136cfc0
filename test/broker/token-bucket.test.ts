import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { TokenBucket } from '../../src/broker/limits/token-bucket.ts'

const rate = (amount: number, periodMs: number) => ({ amount, periodMs })

test('a full bucket gives one period’s worth at once, and then as fast as it fills', () => {
  const bucket = new TokenBucket(rate(10, 1000), undefined, 0)
  for (let i = 0; i < 10; i++) assert.equal(bucket.tryTake(1, 0), true)
  assert.equal(bucket.tryTake(1, 0), false)
  assert.equal(bucket.tryTake(1, 99), false)
  assert.equal(bucket.tryTake(1, 100), true)
  assert.equal(bucket.tryTake(1, 100), false)
  assert.equal(bucket.tryTake(10, 1_100), true)
})

test('a burst is drawn on when the rate is used up, and fills in its own time', () => {
  const bucket = new TokenBucket(rate(2, 1000), rate(3, 60_000), 0)
  assert.deepEqual(
    Array.from({ length: 6 }, () => bucket.tryTake(1, 0)),
    [true, true, true, true, true, false],
  )
  // A second later there is the rate again; of the burst a sixtieth of three.
  assert.deepEqual(
    Array.from({ length: 3 }, () => bucket.tryTake(1, 1_000)),
    [true, true, false],
  )
  assert.deepEqual(
    Array.from({ length: 6 }, () => bucket.tryTake(1, 61_000)),
    [true, true, true, true, true, false],
  )
})

test('what is taken on credit is waited for', () => {
  const bucket = new TokenBucket(rate(100, 1000), rate(50, 10_000), 0)
  bucket.take(100, 0)
  assert.equal(bucket.waitMs(0), 0)
  bucket.take(75, 0)
  assert.equal(bucket.waitMs(0), 250)
  assert.equal(bucket.waitMs(150), 100)
  assert.equal(bucket.waitMs(250), 0)
})

test('a clock that goes back gives nothing, and takes nothing', () => {
  const bucket = new TokenBucket(rate(1, 1000), undefined, 5_000)
  assert.equal(bucket.tryTake(1, 5_000), true)
  assert.equal(bucket.tryTake(1, 0), false)
  assert.equal(bucket.tryTake(1, 6_000), true)
})

test('another rate counts at once and gives no presents', () => {
  const bucket = new TokenBucket(rate(1, 1000), undefined, 0)
  assert.equal(bucket.tryTake(1, 0), true)
  bucket.configure(rate(1000, 1000), undefined, 0)
  assert.equal(bucket.tryTake(1, 0), false)
  assert.equal(bucket.tryTake(100, 100), true)
  bucket.configure(rate(1, 1000), undefined, 1_000)
  assert.equal(bucket.tryTake(2, 1_000), false)
})

test('without a limit everything passes', () => {
  const bucket = new TokenBucket(rate(Number.POSITIVE_INFINITY, 1000), undefined, 0)
  bucket.take(1e9, 0)
  assert.equal(bucket.waitMs(0), 0)
  assert.equal(bucket.tryTake(1e9, 1), true)
})

const steps = fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 50 })), { maxLength: 60 })
const rates = fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20_000 }))

test('whoever asks, and whenever: never more than the first fill, and what has flowed in since', () => {
  fc.assert(
    fc.property(rates, rates, steps, ([amount, periodMs], [burst, burstMs], asked) => {
      const bucket = new TokenBucket(rate(amount, periodMs), rate(burst, burstMs), 0)
      let nowMs = 0
      let taken = 0
      for (const [laterMs, count] of asked) {
        nowMs += laterMs
        if (bucket.tryTake(count, nowMs)) taken += count
        const most = amount + burst + nowMs * (amount / periodMs + burst / burstMs)
        assert.ok(taken <= most + 1e-6, `${taken} of at most ${most} at ${nowMs}`)
      }
    }),
  )
})

test('after the wait nothing is owed, and a moment before something was', () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 1, max: 100_000 }), ([amount, periodMs], count) => {
      const bucket = new TokenBucket(rate(amount, periodMs), undefined, 0)
      bucket.take(count, 0)
      const waitMs = bucket.waitMs(0)
      // Sums of fractions: a wait may be a hair too short or too long, and then is a millisecond off.
      if (waitMs > 2) assert.ok(bucket.waitMs(waitMs - 2) > 0)
      assert.ok(bucket.waitMs(waitMs) <= 1)
    }),
  )
})
