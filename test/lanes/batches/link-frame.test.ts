import assert from 'node:assert/strict'
import test from 'node:test'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { Unpackr } from 'msgpackr'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import {
  compressedFrame,
  LINK_TABLES_AT,
  type LinkBatchHead,
  linkTables,
  markSent,
  readLinkFrame,
  writeLinkHead,
} from '../../../src/lanes/batches/link-frame.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import { carried, type Given, given } from '../lane-messages.ts'

const bytesMax = 1_000_000
const someHead = { epoch: 7, lane: 1, sequence: 9, sentAtMs: 1_790_000_000_000 } as const

function write(rows: readonly Given[], head: Parameters<typeof writeLinkHead>[1] = someHead): Buffer {
  const writer = new BatchWriter(LINK_TABLES_AT)
  for (const { message, directive } of rows) writer.add(message, directive)
  const start = Buffer.alloc(LINK_TABLES_AT)
  writeLinkHead(start, head)
  return writer.finishAfter(start)
}

test('a batch of a link is read as it was written, and the messages are those of any lane', () => {
  const head = fc.record({
    epoch: fc.maxSafeNat(),
    lane: fc.constantFrom<0 | 1>(0, 1),
    sequence: fc.maxSafeNat(),
    sentAtMs: fc.maxSafeNat(),
  })
  fc.assert(
    fc.property(given, head, fc.maxSafeNat(), fc.boolean(), (rows, start, sentAtMs, isResent) => {
      const frame = write(rows, start)
      const inflatedBytes = frame.length - LINK_TABLES_AT
      const rest = { isCompressed: false, inflatedBytes, tablesAt: LINK_TABLES_AT }
      assert.deepEqual(readLinkFrame(frame, bytesMax), { type: 'batch', ...start, isResent: false, ...rest })
      markSent(frame, sentAtMs, isResent)
      assert.deepEqual(readLinkFrame(frame, bytesMax), { type: 'batch', ...start, sentAtMs, isResent, ...rest })
      const batch = readBatch(frame, LINK_TABLES_AT)
      assert.ok(batch.type === 'messages')
      assert.deepEqual(
        batch.publications.map(({ bytes }) => bytes),
        rows.map(({ message }) => carried(message.view, message.expirySeconds)),
      )
      assert.deepEqual(
        batch.directives,
        rows.map(({ directive }) => directive),
      )
    }),
  )
})

test('both heads are MessagePack', () => {
  fc.assert(
    fc.property(given, (rows) => {
      const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false })
      const frame = write(rows)
      const packets = Buffer.concat(rows.map(({ message }) => carried(message.view, message.expirySeconds)))
      const head: unknown = unpackr.unpack(frame.subarray(1, frame.length - packets.length))
      assert.ok(Array.isArray(head) && head.length === 9)
      assert.deepEqual(head.slice(0, 6), [4, 7, 1, 9, 1_790_000_000_000, 0])
      const compressed = compressedFrame(frame, Buffer.alloc(0))
      assert.deepEqual(unpackr.unpack(compressed.subarray(1)), [4, 7, 1, 9, 1_790_000_000_000, 1, frame.length - 32])
    }),
  )
})

const pick = ({ epoch, lane, sequence, sentAtMs }: LinkBatchHead) => ({ epoch, lane, sequence, sentAtMs })

test('a frame comes out of its compressed form as it went in, marks and all', () => {
  fc.assert(
    fc.property(given, fc.boolean(), (rows, isResent) => {
      const frame = write(rows)
      markSent(frame, 1_790_000_000_123, isResent)
      const compressed = compressedFrame(frame, deflateRawSync(linkTables(frame)))
      const head = readLinkFrame(compressed, bytesMax)
      assert.ok(head.type === 'batch' && head.isCompressed && head.isResent === isResent)
      assert.equal(head.inflatedBytes, frame.length - LINK_TABLES_AT)
      const inflated = inflateRawSync(compressed.subarray(head.tablesAt), { maxOutputLength: head.inflatedBytes + 1 })
      assert.deepEqual(inflated, linkTables(frame))
      const plain = readLinkFrame(frame, bytesMax)
      assert.ok(plain.type === 'batch')
      assert.deepEqual(pick(head), pick(plain))
      assert.deepEqual(readBatch(inflated, 0).type, 'messages')
    }),
  )
})

const small = write([])
for (const { when, frame, limit } of [
  { when: 'nothing', frame: Buffer.alloc(0) },
  { when: 'another first byte', frame: withByte(0, 0x83) },
  { when: 'another kind', frame: withByte(2, 1) },
  { when: 'too few fields', frame: withByte(1, 0x97) },
  { when: 'the fields of a plain one but compressed', frame: withByte(LINK_TABLES_AT - 1, 1) },
  { when: 'a third lane', frame: withByte(12, 2) },
  { when: 'an unknown flag', frame: withByte(LINK_TABLES_AT - 1, 4) },
  { when: 'an epoch beyond 2^53', frame: withByte(4, 0xff) },
  { when: 'a head that is cut short', frame: small.subarray(0, LINK_TABLES_AT - 1) },
  { when: 'more bytes than are taken', frame: small, limit: small.length - 1 },
  {
    when: 'more bytes inflated than are taken',
    frame: compressedFrame(Buffer.concat([small, Buffer.alloc(1_000)]), Buffer.alloc(4)),
    limit: small.length + 999,
  },
])
  test(`a frame with ${when} is malformed`, () =>
    assert.equal(readLinkFrame(frame, limit ?? bytesMax).type, 'malformed'))

function withByte(at: number, byte: number): Buffer {
  const frame = Buffer.from(small)
  frame[at] = byte
  return frame
}

test('any bytes at all are read as something or malformed, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.nat(255), (bytes, at, byte) => {
      readLinkFrame(Buffer.from(bytes), bytesMax)
      const frame = Buffer.concat([small, bytes])
      frame[at % frame.length] = byte
      const head = readLinkFrame(frame, bytesMax)
      if (head.type === 'batch') readBatch(frame, head.tablesAt)
    }),
    { numRuns: 2_000 },
  )
})
