import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { readLinkFrame } from '../../../src/lanes/batches/link-frame.ts'
import { isShortFrame } from '../../../src/lanes/batches/short-frame.ts'
import { decodeProbeFrame, encodeProbeFrame, isProbeFrame } from '../../../src/link/probe/probe-frame.ts'

const number = fc.maxSafeNat()
const frame = fc.oneof(
  fc.record({ type: fc.constant('probe' as const), id: number, sentAtMs: number }, { noNullPrototype: true }),
  fc.record(
    { type: fc.constant('probe_answer' as const), id: number, receivedAtMs: number, sentAtMs: number },
    { noNullPrototype: true },
  ),
)

test('a probe and its answer arrive as they were sent, and are no batches', () => {
  fc.assert(
    fc.property(frame, (sent) => {
      const bytes = encodeProbeFrame(sent)
      assert.deepEqual(decodeProbeFrame(bytes), sent)
      assert.equal(readLinkFrame(bytes, 1_000).type, 'malformed')
      assert.equal(isShortFrame(bytes), false)
    }),
  )
})

test('one that is cut short, goes on, or is damaged is none, or says something else, and does no harm', () => {
  fc.assert(
    fc.property(frame, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }), (sent, at, more) => {
      const bytes = encodeProbeFrame(sent)
      assert.equal(decodeProbeFrame(bytes.subarray(0, at % bytes.length)), undefined)
      assert.equal(decodeProbeFrame(Buffer.concat([bytes, more])), undefined)
      const damaged = Buffer.from(bytes)
      damaged[at % bytes.length]! ^= more[0]!
      decodeProbeFrame(damaged)
    }),
  )
})

test('whatever else comes is none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const other = Buffer.from(bytes)
      if (!isProbeFrame(other)) assert.equal(decodeProbeFrame(other), undefined)
    }),
  )
})
