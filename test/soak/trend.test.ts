/** The slope of samples: as steep as what they are made of, whatever a few of them say, and never surer than they are many. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { seeded } from '../../scripts/soak/seeded.ts'
import { trendOf } from '../../scripts/soak/trend.ts'

const MINUTE_MS = 60_000

const line = (count: number, perHour: number, stray: (index: number) => number = () => 0) =>
  Array.from({ length: count }, (_, index) => ({
    atMs: index * MINUTE_MS,
    value: 50 + (perHour * index) / 60 + stray(index),
  }))

for (const perHour of [-12, 0, 60])
  test(`what grows by ${perHour} an hour does so, and a fifth of wild samples changes nothing`, () => {
    const near = (found: number | undefined): boolean => Math.abs((found ?? Number.NaN) - perHour) < 1e-6
    assert.ok(near(trendOf(line(40, perHour))?.perHour))
    assert.ok(near(trendOf(line(40, perHour))?.perHourAtLeast))
    const wild = trendOf(line(40, perHour, (index) => (index % 5 === 0 ? 1_000 * (index % 3) : 0)))
    assert.ok(near(wild?.perHour), `${wild?.perHour}`)
  })

/** Of samples that go up and down for no reason. */
function isGrowing(seed: number): boolean {
  const random = seeded(seed)
  return (trendOf(line(20, 0, () => random() * 10))?.perHourAtLeast ?? 0) > 0
}

test('chance alone grows by no more than nothing, at least, but for a few seeds in a hundred', () => {
  const growing = Array.from({ length: 300 }, (_, seed) => seed).filter(isGrowing)
  assert.ok(growing.length <= 9, `${growing.length} of 300`)
})

test('two samples are no trend, and of many thousands it is told in no time', () => {
  assert.equal(trendOf(line(2, 60)), undefined)
  assert.equal(Math.round(trendOf(line(20_000, 60))?.perHour ?? 0), 60)
})
