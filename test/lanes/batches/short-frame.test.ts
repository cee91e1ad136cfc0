import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { BatchWriter, type LaneMessage } from '../../../src/lanes/batches/batch-writer.ts'
import {
  compressedFrame,
  LINK_TABLES_AT,
  linkTables,
  markSent,
  writeLinkHead,
} from '../../../src/lanes/batches/link-frame.ts'
import { isShortFrame, SHORT_BYTES_MAX, ShortReader, ShortWriter } from '../../../src/lanes/batches/short-frame.ts'
import type { Publisher } from '../../../src/packets/publication.ts'
import { PublishView } from '../../../src/packets/publish-view.ts'
import { deflateRawSync } from 'node:zlib'

const everybody = { plain: true, groups: [] }
const startMs = 1_790_000_000_000

type Row = { readonly from: number; readonly lateMs: number; readonly bytes: number; readonly isTold: boolean }
type Batch = {
  readonly rows: readonly Row[]
  readonly epoch: number
  readonly lane: 0 | 1
  readonly step: number
  readonly isQos0: boolean
  readonly isResent: boolean
  readonly sentLaterMs: number
  readonly isCompressed: boolean
}

/** The same object for the same number, as a session is. The first ones have short names, the last ones have very long ones. */
const publishers: readonly Publisher[] = Array.from({ length: 300 }, (_, i) => ({
  clientId: i < 290 ? `client-${i}` : `client-${i}`.padEnd(i, 'é'),
  username: i % 3 === 0 ? undefined : `user ${i % 7}`,
  peerHost: i % 5 === 0 ? undefined : '127.0.0.1',
}))

function publish(bytes: number): PublishView {
  const packet = Buffer.alloc(2 + 3 + bytes, 1)
  packet.set([0x30, 3 + bytes, 0, 1, 0x61])
  const view = new PublishView()
  view.read(packet, 0, 2, packet.length, false)
  return view
}

function frameOf(
  { rows, epoch, lane, isQos0, isResent, isCompressed }: Batch,
  sequence: number,
  sentAtMs: number,
): Buffer {
  const writer = new BatchWriter(LINK_TABLES_AT)
  for (const { from, lateMs, bytes, isTold } of rows) {
    const nowMs = sentAtMs - lateMs
    const message: LaneMessage = {
      view: publish(bytes),
      publisher: publishers[from]!,
      nowMs,
      expirySeconds: 0,
      origin: undefined,
    }
    writer.add(message, isTold ? { plain: false, groups: [] } : everybody)
  }
  const head = Buffer.alloc(LINK_TABLES_AT)
  writeLinkHead(head, { epoch, lane, sequence: isQos0 ? 0 : sequence, sentAtMs })
  const frame = writer.finishAfter(head)
  markSent(frame, sentAtMs, isResent)
  return isCompressed ? compressedFrame(frame, deflateRawSync(linkTables(frame))) : frame
}

const rowOf = fc.record({
  from: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: publishers.length - 1 })),
  lateMs: fc.oneof(fc.constant(0), fc.integer({ min: -5, max: 100_000 })),
  bytes: fc.nat({ max: 100 }),
  isTold: fc.boolean(),
})
const batchOf = fc.record({
  rows: fc.array(rowOf, { minLength: 1, maxLength: 20 }),
  epoch: fc.constantFrom(5, 5, 5, 6),
  lane: fc.constantFrom<0 | 1>(0, 1),
  step: fc.integer({ min: -2, max: 300 }),
  isQos0: fc.boolean(),
  isResent: fc.boolean(),
  sentLaterMs: fc.oneof(fc.nat({ max: 50 }), fc.integer({ min: -10, max: 10_000_000 })),
  isCompressed: fc.constantFrom(false, false, false, true),
})

function framesOf(batches: readonly Batch[]): Buffer[] {
  let sequence = 1_000
  let sentAtMs = startMs
  return batches.map((batch) => frameOf(batch, (sequence += batch.step), (sentAtMs += batch.sentLaterMs)))
}

/** The other end of a connection. */
function receive(reader: ShortReader, payload: Buffer): Buffer | undefined {
  if (isShortFrame(payload)) return reader.expand(payload)
  reader.note(payload)
  return payload
}

test('property: what comes out is what went in, byte by byte, and never longer on the way', () => {
  let shortened = 0
  fc.assert(
    fc.property(fc.array(batchOf, { maxLength: 60 }), (batches) => {
      const writer = new ShortWriter()
      const reader = new ShortReader()
      for (const frame of framesOf(batches)) {
        const before = Buffer.from(frame)
        const payload = writer.encode(frame)
        assert.ok(payload.length <= frame.length)
        if (payload !== frame) shortened += 1
        assert.ok(receive(reader, payload)?.equals(before))
      }
    }),
  )
  assert.ok(shortened > 100)
})

test('property: any bytes are a batch or none, and nothing is taken after what is none', () => {
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.nat({ max: 3 }) })
  fc.assert(
    fc.property(
      fc.array(batchOf, { minLength: 2, maxLength: 8 }),
      mutation,
      fc.nat(),
      (batches, { at, byte, cut }, which) => {
        const writer = new ShortWriter()
        const reader = new ShortReader()
        const payloads = framesOf(batches).map((frame) => Buffer.from(writer.encode(frame)))
        const hurt = which % payloads.length
        const bytes = payloads[hurt]!
        bytes[3 + (at % (bytes.length - 3))] = byte
        payloads[hurt] = cut === 0 ? bytes.subarray(0, bytes.length - 1 - (at % (bytes.length - 4))) : bytes
        let isLost = false
        for (const payload of payloads) {
          const frame = receive(reader, payload)
          if (!isShortFrame(payload)) continue
          assert.ok(!isLost || frame === undefined)
          assert.ok(frame === undefined || frame.length <= SHORT_BYTES_MAX)
          isLost ||= frame === undefined
        }
      },
    ),
  )
})

test('ten small messages of a client that is known take 16 bytes besides', () => {
  const rows = Array.from({ length: 10 }, () => ({ from: 7, lateMs: 0, bytes: 81, isTold: false }))
  const batch: Batch = {
    rows,
    epoch: 5,
    lane: 0,
    step: 10,
    isQos0: false,
    isResent: false,
    sentLaterMs: 100,
    isCompressed: false,
  }
  const writer = new ShortWriter()
  const [, , last] = framesOf([batch, batch, batch]).map((frame) => writer.encode(frame).length)
  assert.equal(last, 16 + 10 * 86)
})

test('before anything has come, and for what is longer than it may be, it stands for nothing', () => {
  const one = { from: 1, lateMs: 0, bytes: 1, isTold: false }
  const batch: Batch = {
    rows: [one],
    epoch: 5,
    lane: 0,
    step: 1,
    isQos0: false,
    isResent: false,
    sentLaterMs: 1,
    isCompressed: false,
  }
  const writer = new ShortWriter()
  const [first, second] = framesOf([batch, batch]).map((frame) => writer.encode(frame))
  assert.ok(first !== undefined && second !== undefined && !isShortFrame(first) && isShortFrame(second))
  assert.equal(new ShortReader().expand(second), undefined)
  const reader = new ShortReader()
  reader.note(first)
  assert.equal(reader.expand(Buffer.concat([second, Buffer.alloc(SHORT_BYTES_MAX)])), undefined)
})
