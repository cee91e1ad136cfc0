import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ClockOffset } from '../../../src/link/probe/clock-offset.ts'

/** A probe that takes so long there, waits so long at the peer, and takes so long back. Times are whole milliseconds. */
function probed(
  offset: ClockOffset,
  aheadMs: number,
  sentMs: number,
  thereMs: number,
  stayMs: number,
  backMs: number,
): void {
  const receivedMs = Math.floor(sentMs + thereMs + aheadMs)
  const answeredMs = Math.floor(sentMs + thereMs + stayMs + aheadMs)
  offset.add({ sentMs: Math.floor(sentMs), receivedMs, answeredMs, tookMs: thereMs + stayMs + backMs })
}

const delay = fc.double({ min: 0, max: 500, noNaN: true })

test('the estimate is wrong by half of the quickest probe at most, however far the clocks are apart', () => {
  const probes = fc.array(fc.tuple(delay, delay, delay), { minLength: 1, maxLength: 24 })
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), probes, (aheadMs, all) => {
      const offset = new ClockOffset()
      for (const [index, [there, stay, back]] of all.entries())
        probed(offset, aheadMs, 1_800_000_000_000 + index * 5_000, there, stay, back)
      const quickest = Math.min(...all.map(([there, , back]) => there + back))
      assert.ok(Math.abs((offset.ms ?? Number.NaN) - aheadMs) <= quickest / 2 + 2, `${offset.ms} for ${aheadMs}`)
    }),
  )
})

test('a way that is as long there as back tells it exactly, and one slow probe does not spoil it', () => {
  const offset = new ClockOffset()
  assert.equal(offset.ms, undefined)
  probed(offset, 7_000, 100_000, 20, 3, 20)
  probed(offset, 7_000, 105_000, 900, 3, 20)
  assert.equal(offset.ms, 7_000)
})

test('a clock that was set is noticed with the next probe', () => {
  const offset = new ClockOffset()
  for (let index = 0; index < 5; index += 1) probed(offset, 0, 100_000 + index * 5_000, 1, 0, 1)
  probed(offset, 60_000, 125_000, 30, 0, 30)
  assert.ok(Math.abs((offset.ms ?? 0) - 60_000) <= 1)
})

test('what is long past counts no more', () => {
  const offset = new ClockOffset()
  probed(offset, 0, 100_000, 1, 0, 1)
  // The clocks drift apart, more slowly than any probe could contradict another.
  for (let index = 1; index <= 48; index += 1) probed(offset, index, 100_000 + index * 5_000, 40, 0, 40)
  assert.ok((offset.ms ?? 0) >= 24)
})
