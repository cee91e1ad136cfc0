/** Frames of routes come out as they went in, and whatever else comes in is malformed, not a fault. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { bucketCount } from '../../src/routes/entry-hash.ts'
import {
  decodeRouteFrame,
  encodeRouteFrame,
  frameEntriesMax,
  isRouteFrame,
  linkClaim,
  type RouteFrame,
} from '../../src/routes/route-frames.ts'

const cluster = 'eu-west'

const count = fc.maxSafeNat()
const claim = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((life) => linkClaim(cluster, life))
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const bucket = fc.nat({ max: bucketCount - 1 })
const value = fc.oneof(fc.constant(1), fc.constant(null), fc.integer({ min: 1 - 2 ** 52, max: 2 ** 52 - 1 }))
const entries = fc
  .array(fc.tuple(fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 60 })), value), { maxLength: 40 })
  .map((list) => ({ keys: list.map(([key]) => Buffer.from(key).toString()), values: list.map(([, it]) => it) }))
type Row = readonly [bucket: number, lo: number, hi: number, count: number]
const rows = fc.array(fc.tuple(bucket, word, word, count), { maxLength: 40 })
const columnsOf = (list: readonly Row[]) => ({
  buckets: list.map(([at]) => at),
  hashes: list.flatMap(([, lo, hi]) => [lo, hi]),
})
const countsOf = (list: readonly Row[]): number[] => list.map(([, , , many]) => many)

const frames: fc.Arbitrary<RouteFrame> = fc.oneof(
  fc
    .tuple(claim, count, count, word, word)
    .map(([of, seq, size, lo, hi]): RouteFrame => ({ type: 'heartbeat', claim: of, seq, digest: { size, lo, hi } })),
  fc
    .tuple(claim, fc.integer({ min: 1 }), fc.constantFrom('none' as const, 'more' as const, 'last' as const), entries)
    .map(([of, from, answer, ops]): RouteFrame => ({ type: 'delta', claim: of, from, answer, ...ops })),
  fc.tuple(claim, count, rows).map(([of, seq, list]): RouteFrame => {
    return { type: 'digests', claim: of, seq, ...columnsOf(list), sizes: countsOf(list) }
  }),
  fc
    .tuple(claim, count, count, fc.boolean(), rows, entries)
    .map(([of, seq, offset, isWhole, list, ops]): RouteFrame => {
      const lengths = countsOf(list)
      return { type: 'piece', claim: of, seq, offset, isWhole, ...columnsOf(list), lengths, ...ops }
    }),
  fc
    .tuple(fc.option(claim, { nil: undefined }), count, fc.boolean())
    .map(([of, seq, digests]): RouteFrame => ({ type: 'since', claim: of, seq, digests })),
  fc
    .tuple(claim, count, fc.array(bucket))
    .map(([{ life }, offset, buckets]): RouteFrame => ({ type: 'pull', life, offset, buckets })),
  fc.tuple(claim, count, count).map(([of, seq, size]): RouteFrame => ({ type: 'confirm', claim: of, seq, size })),
  fc
    .tuple(claim, fc.constantFrom('disabled' as const, 'deleted' as const))
    .map(([of, reason]): RouteFrame => ({ type: 'goodbye', claim: of, reason })),
)

test('a frame of routes comes out as it went in', () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const encoded = encodeRouteFrame(frame)
      assert.equal(isRouteFrame(encoded), true)
      assert.deepEqual(decodeRouteFrame(encoded, cluster), frame)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('a frame that was cut off anywhere, or has something after it, is malformed', () => {
  fc.assert(
    fc.property(frames, fc.nat(), (frame, at) => {
      const encoded = encodeRouteFrame(frame)
      const cut = decodeRouteFrame(encoded.subarray(0, at % encoded.length), cluster)
      const longer = decodeRouteFrame(Buffer.concat([encoded, Buffer.of(0)]), cluster)
      assert.deepEqual([cut.type, longer.type], ['malformed', 'malformed'])
    }),
    { seed: 2, numRuns: 500 },
  )
})

test('a frame with other bytes in it is a frame or malformed, and never a fault', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(frames, changes, (frame, bytes) => {
      const encoded = encodeRouteFrame(frame)
      for (const [at, byte] of bytes) encoded[at % encoded.length] = byte
      const decoded = decodeRouteFrame(encoded, cluster)
      if (decoded.type !== 'malformed') assert.equal(isRouteFrame(encodeRouteFrame(decoded)), true)
    }),
    { seed: 3, numRuns: 1_000 },
  )
})

const head = (kind: number, fields: number): number[] => [0xc1, 0x90 | fields, kind, 0xcf, 0, 0, 0, 0, 0, 0, 0, 1]
const uint64 = [0xcf, 0, 0, 0, 0, 0, 0, 0, 1]

for (const { what, bytes } of [
  { what: 'nothing', bytes: [] },
  { what: 'an Erlang term', bytes: [0x83, 0x6e] },
  { what: 'a frame of another kind', bytes: head(4, 9) },
  {
    what: 'a frame that announces four thousand million keys',
    bytes: [...head(17, 6), ...uint64, 0, 0xdd, 255, 255, 255, 255],
  },
  { what: 'a digest of four thousand million bytes', bytes: [...head(18, 4), ...uint64, 0xc6, 255, 255, 255, 255] },
  { what: 'a pull of a bucket that there is not', bytes: [...head(21, 4), ...uint64, 0xc4, 2, 0x80, 0x20] },
  { what: 'a goodbye for no reason', bytes: [...head(23, 3), 2] },
  { what: 'a heartbeat of nobody', bytes: [0xc1, 0x95, 16, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0] },
]) {
  test(`${what} is malformed`, () => assert.equal(decodeRouteFrame(Buffer.from(bytes), cluster).type, 'malformed'))
}

test('more entries than a turn has time for are refused', () => {
  const keys = Array.from({ length: frameEntriesMax + 1 }, () => '')
  const frame = { type: 'delta', claim: linkClaim(cluster, 1), from: 1, answer: 'none' } as const
  const encoded = encodeRouteFrame({ ...frame, keys, values: keys.map(() => 1) })
  assert.equal(decodeRouteFrame(encoded, cluster).type, 'malformed')
})
