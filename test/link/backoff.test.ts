import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { nextDelayMs } from '../../src/link/backoff.ts'

test('property: a pause lies between the shortest and the longest, and is at most three times the one before', () => {
  const range = fc.record({ msMin: fc.integer({ min: 1, max: 1_000 }), msMax: fc.integer({ min: 1_000, max: 60_000 }) })
  fc.assert(
    fc.property(
      range,
      fc.nat(60_000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (limits, previous, random) => {
        const delay = nextDelayMs(previous, limits, () => random)
        assert.ok(delay >= limits.msMin && delay <= limits.msMax)
        assert.ok(delay <= Math.max(limits.msMin, previous) * 3)
      },
    ),
  )
})

test('pauses of two that failed together part', () => {
  const range = { msMin: 250, msMax: 5_000 }
  const [one, other] = [0.1, 0.9].map((random) => nextDelayMs(1_000, range, () => random))
  assert.notEqual(one, other)
})
