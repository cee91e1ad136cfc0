import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatByteSize, parseByteSize } from '../../src/config/byte-size.ts'
import { formatDuration, parseDuration } from '../../src/config/duration.ts'

for (const { written, ms } of [
  { written: '15s', ms: 15_000 },
  { written: '10ms', ms: 10 },
  { written: '1h', ms: 3_600_000 },
  { written: '1h30m', ms: 5_400_000 },
  { written: '1d2h3m4s5ms', ms: 93_784_005 },
  { written: '1.5s', ms: 1500 },
  { written: '0.1s', ms: 100 },
  { written: '0.3ms', ms: 1 },
  { written: ' 15 s ', ms: 15_000 },
  { written: '15S', ms: 15_000 },
  { written: '15', ms: 15 },
  { written: 15, ms: 15 },
  { written: 0, ms: 0 },
  { written: '0s', ms: 0 },
  { written: '', ms: undefined },
  { written: 's', ms: undefined },
  { written: '15x', ms: undefined },
  { written: '-15s', ms: undefined },
  { written: -1, ms: undefined },
  { written: Number.NaN, ms: undefined },
  { written: Number.POSITIVE_INFINITY, ms: undefined },
  { written: '30m1h', ms: undefined },
  { written: '1s1s', ms: undefined },
  { written: '1e3s', ms: undefined },
  { written: 'infinity', ms: undefined },
  { written: '15 seconds', ms: undefined },
]) {
  test(`duration ${JSON.stringify(written)} is ${ms} ms`, () => assert.equal(parseDuration(written), ms))
}

test('a duration is read back as it was written', () => {
  fc.assert(
    fc.property(fc.nat({ max: 4_294_967_294_000 }), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)),
  )
  assert.equal(formatDuration(5_400_000), '1h30m')
  assert.equal(formatDuration(Number.POSITIVE_INFINITY), 'infinity')
})

for (const { written, bytes } of [
  { written: '256MB', bytes: 268_435_456 },
  { written: '1KB', bytes: 1024 },
  { written: '1kb', bytes: 1024 },
  { written: '2 GB', bytes: 2_147_483_648 },
  { written: '1TB', bytes: 1_099_511_627_776 },
  { written: '1.5KB', bytes: 1536 },
  { written: '10B', bytes: 10 },
  { written: '10', bytes: 10 },
  { written: 10, bytes: 10 },
  { written: 0, bytes: 0 },
  { written: '', bytes: undefined },
  { written: 'MB', bytes: undefined },
  { written: '1XB', bytes: undefined },
  { written: '1M', bytes: undefined },
  { written: '-1KB', bytes: undefined },
  { written: -1, bytes: undefined },
  { written: 1.5, bytes: undefined },
  { written: '99999999TB', bytes: undefined },
]) {
  test(`size ${JSON.stringify(written)} is ${bytes} bytes`, () => assert.equal(parseByteSize(written), bytes))
}

test('a size is read back as it was written', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => assert.equal(parseByteSize(formatByteSize(bytes)), bytes)))
  assert.equal(formatByteSize(268_435_456), '256MB')
})
