/** Numbers as people read them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ago, bytes, compact, duration } from '../../src/dashboard/format/number.ts'

for (const [value, text] of [
  [0, '0'],
  [0.25, '0.3'],
  [950, '950'],
  [999.7, '1k'],
  [12_345, '12.3k'],
  [1_250_000, '1.25M'],
] as const)
  test(`${value} is ${text}`, () => assert.equal(compact(value), text))

for (const [value, text] of [
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_536, '1.5 KB'],
  [268_435_456, '256 MB'],
] as const)
  test(`${value} bytes are ${text}`, () => assert.equal(bytes(value), text))

for (const [ms, text] of [
  [0.428, '0.43 ms'],
  [42.4, '42 ms'],
  [1_234, '1.23 s'],
  [59_999, '60 s'],
  [90_000, '1 min 30 s'],
  [3_600_000, '1 h'],
  [7_260_000, '2 h 1 min'],
  [90_000_000, '1 d 1 h'],
] as const)
  test(`${ms} ms are ${text}`, () => assert.equal(duration(ms), text))

test('what was just now is not counted', () => {
  const at = '2026-11-22T10:00:00.000Z'
  assert.equal(ago(at, Date.parse(at) + 900), 'just now')
  assert.equal(ago(at, Date.parse(at) + 4_400), '4 s ago')
})

test('no number of messages takes more room than there is', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (value) => assert.ok(compact(value).length <= 5)),
  )
})
