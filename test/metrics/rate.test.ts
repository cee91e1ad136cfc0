import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkRates } from '../../src/metrics/link-rates.ts'
import { Rate } from '../../src/metrics/rate.ts'
import { ManualClock } from '../link/manual-clock.ts'

test('a rate is that of the last second; the highest is remembered, and the mean of five minutes', () => {
  const rate = new Rate(100, 0)
  assert.deepEqual(rate.rates, { rate: 0, rate_last5m: 0, rate_max: 0 })
  rate.look(150, 1_000)
  rate.look(160, 2_000)
  assert.deepEqual(rate.rates, { rate: 10, rate_last5m: 30, rate_max: 50 })
  // The look came late.
  rate.look(180, 6_000)
  assert.deepEqual(rate.rates, { rate: 5, rate_last5m: 13.33, rate_max: 50 })
})

test('what was more than five minutes ago is forgotten, but for the highest', () => {
  const rate = new Rate(0, 0)
  rate.look(6_000, 1_000)
  for (let second = 2; second <= 320; second += 1) rate.look(6_000 + second, second * 1_000)
  assert.deepEqual(rate.rates, { rate: 1, rate_last5m: 1, rate_max: 6000 })
})

test('a count that began anew is no rate below nothing', () => {
  const rate = new Rate(0, 0)
  rate.look(500, 1_000)
  rate.look(3, 2_000)
  assert.deepEqual(rate.rates, { rate: 0, rate_last5m: 0, rate_max: 0 })
  rate.look(5, 3_000)
  assert.deepEqual(rate.rates, { rate: 2, rate_last5m: 2, rate_max: 2 })
})

test('links are looked at once a second, and those that are gone are forgotten', () => {
  const clock = new ManualClock()
  const counts = new Map([
    ['eu', 5],
    ['us', 0],
  ])
  const rates = new LinkRates({ clock, matched: () => counts })
  rates.start()
  counts.set('eu', 15)
  clock.advance(1_000)
  assert.equal(rates.of('eu').rate, 10)
  assert.equal(rates.of('us').rate, 0)
  rates.reset('eu', 15)
  assert.equal(rates.of('eu').rate_max, 0)
  counts.delete('eu')
  clock.advance(1_000)
  counts.set('eu', 100)
  clock.advance(1_000)
  assert.equal(rates.of('eu').rate, 0)
  rates.stop()
  assert.equal(clock.timers, 0)
})
