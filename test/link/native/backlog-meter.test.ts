import assert from 'node:assert/strict'
import test from 'node:test'
import { BacklogMeter } from '../../../src/link/native/backlog-meter.ts'

/** A thousand messages a second, in portions of a hundred. */
function crossing(meter: BacklogMeter, fromMs: number, forMs: number, perPortion = 100): number {
  for (let ms = 100; ms <= forMs; ms += 100) meter.crossed(perPortion, fromMs + ms)
  return fromMs + forMs
}

test('nothing left is no backlog', () => {
  const meter = new BacklogMeter()
  meter.crossed(100, 1_000)
  assert.equal(meter.view(0, 0, 1_000), undefined)
})

test('of what does not move nobody knows how long it takes', () => {
  assert.deepEqual(new BacklogMeter().view(7, 900, 1_000), { messages: 7, bytes: 900, perSecond: 0 })
})

for (const { when, forMs } of [
  { when: 'after two seconds', forMs: 2_000 },
  { when: 'after a minute', forMs: 60_000 },
]) {
  test(`the rate of what moves steadily is told ${when}`, () => {
    const meter = new BacklogMeter()
    const nowMs = crossing(meter, 5_000_000, forMs)
    const { perSecond = 0, secondsLeft = 0 } = meter.view(10_000, 640_000, nowMs) ?? {}
    assert.ok(perSecond > 900 && perSecond < 1_100, `${perSecond}`)
    assert.ok(secondsLeft >= 9 && secondsLeft <= 12, `${secondsLeft}`)
  })
}

test('a rate that changes is followed within some ten seconds, and what stops is seen to stop', () => {
  const meter = new BacklogMeter()
  let nowMs = crossing(meter, 0, 60_000)
  nowMs = crossing(meter, nowMs, 15_000, 10)
  const { perSecond = 0 } = meter.view(1, 1, nowMs) ?? {}
  assert.ok(perSecond > 90 && perSecond < 160, `${perSecond}`)
  assert.deepEqual(meter.view(1, 1, nowMs + 120_000), { messages: 1, bytes: 1, perSecond: 0 })
})

test('another outage begins anew', () => {
  const meter = new BacklogMeter()
  let nowMs = crossing(meter, 0, 60_000)
  nowMs = crossing(meter, nowMs + 3_600_000, 2_000, 10)
  const { perSecond = 0 } = meter.view(1, 1, nowMs) ?? {}
  assert.ok(perSecond > 85 && perSecond < 115, `${perSecond}`)
})
