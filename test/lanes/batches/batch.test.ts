import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Unpackr } from 'msgpackr'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import {
  BATCH_MESSAGES_MAX,
  numberBatch,
  readLaneFrame,
  writeAck,
  writeBegin,
} from '../../../src/lanes/batches/lane-frame.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import type { Publication } from '../../../src/packets/publication.ts'
import { carried, type Given, given, messageOf, plain, somebody, textOf } from '../lane-messages.ts'

const epochMax = Number.MAX_SAFE_INTEGER

function write(rows: readonly Given[], epoch = 1): Buffer {
  const writer = new BatchWriter()
  for (const { message, directive } of rows) writer.add(message, directive)
  return writer.finish(epoch)
}

test('a batch is read as it was written: bytes, version, publisher, time, origin, directive', () => {
  fc.assert(
    fc.property(given, fc.maxSafeNat(), fc.maxSafeNat(), (rows, epoch, sequence) => {
      const frame = write(rows, epoch)
      numberBatch(frame, sequence)
      assert.deepEqual(readLaneFrame(frame), { type: 'batch', epoch, sequence })
      const batch = readBatch(frame)
      assert.ok(batch.type === 'messages', JSON.stringify(batch))
      assert.deepEqual(
        batch.directives,
        rows.map(({ directive }) => directive),
      )
      assert.deepEqual(
        batch.publications.map(({ bytes, v5, publisher, receivedAtMs, origin }) => ({
          bytes,
          v5,
          publisher,
          receivedAtMs,
          origin,
        })),
        rows.map(({ message: { view, publisher, nowMs, expirySeconds, origin } }) => ({
          bytes: carried(view, expirySeconds),
          v5: view.v5,
          publisher,
          receivedAtMs: nowMs,
          origin,
        })),
      )
      for (const [i, { message }] of rows.entries()) {
        const { view } = message
        const publication: Publication = batch.publications[i]!
        assert.equal(publication.topic, view.buffer.toString('utf8', view.topicStart, view.topicEnd))
        assert.deepEqual([publication.qos, publication.retain], [view.qos, view.retain])
      }
    }),
  )
})

test('the header is MessagePack, and the messages follow it end to end', () => {
  fc.assert(
    fc.property(given, (rows) => {
      const frame = write(rows, 7)
      const packets = Buffer.concat(rows.map(({ message }) => carried(message.view, message.expirySeconds)))
      const header: unknown = new Unpackr({ int64AsType: 'number', useRecords: false }).unpack(
        frame.subarray(1, frame.length - packets.length),
      )
      assert.equal(frame[0], 0xc1)
      assert.ok(Array.isArray(header))
      assert.deepEqual(header.slice(0, 3), [1, 7, 0])
      assert.ok(frame.subarray(frame.length - packets.length).equals(packets))
    }),
  )
})

test('a writer knows beforehand how long a batch becomes, but for a few bytes, and can be used again', () => {
  const writer = new BatchWriter()
  fc.assert(
    fc.property(given, (rows) => {
      let bytesMax = writer.byteLength
      for (const { message, directive } of rows) {
        bytesMax += writer.costOf(message, directive)
        writer.add(message, directive)
        assert.ok(writer.byteLength <= bytesMax)
      }
      assert.equal(writer.count, rows.length)
      const foretold = writer.byteLength
      const frame = writer.finish(1)
      assert.ok(frame.length <= foretold, `${frame.length} bytes, foretold were ${foretold}`)
      assert.equal(writer.count, 0)
      assert.deepEqual(frame, write(rows))
    }),
  )
})

test('a further message of the same client costs only its own bytes', () => {
  const row = { message: messageOf('hello', 1, somebody), directive: plain }
  const one = write([row])
  const { view } = row.message
  assert.equal(write([row, row]).length - one.length, view.end - view.start)
  assert.ok(one.length - (view.end - view.start) < 60, `${one.length} bytes`)
})

test('messages do not share memory with what they were written from', () => {
  const message = messageOf('hello', 1, somebody)
  const frame = write([{ message, directive: plain }])
  message.view.buffer.fill(0)
  const batch = readBatch(frame)
  assert.ok(batch.type === 'messages')
  assert.equal(textOf(batch.publications[0]!), 'hello')
})

test('begin and ack are read as they were written', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.integer({ min: 1, max: epochMax }),
      fc.maxSafeNat(),
      fc.boolean(),
      fc.string({ unit: 'grapheme' }),
      (epoch, base, more, isMissing, boot) => {
        const begin = { type: 'begin', epoch, base, last: Math.min(epochMax, base - 1 + more) } as const
        assert.deepEqual(readLaneFrame(writeBegin(begin)), begin)
        const ack = { type: 'ack', epoch, kept: more, expected: base, isMissing, boot } as const
        assert.deepEqual(readLaneFrame(writeAck(ack)), ack)
      },
    ),
  )
})

test('a batch of more messages than there may be is malformed', () => {
  const row = { message: messageOf('x', 1, somebody), directive: plain }
  assert.equal(readBatch(write(Array.from({ length: BATCH_MESSAGES_MAX }, () => row))).type, 'messages')
  assert.equal(readBatch(write(Array.from({ length: BATCH_MESSAGES_MAX + 1 }, () => row))).type, 'malformed')
})

for (const { when, frame } of [
  { when: 'nothing', frame: Buffer.alloc(0) },
  { when: 'another first byte', frame: Buffer.from([0x83, ...write([]).subarray(1)]) },
  { when: 'an unknown kind', frame: Buffer.from([0xc1, 0x96, 9, ...write([]).subarray(3)]) },
  { when: 'a number beyond 2^53', frame: Buffer.concat([write([]).subarray(0, 12), Buffer.alloc(9, 0xcf)]) },
  { when: 'a begin with a byte too many', frame: Buffer.concat([beginOf(1, 1), Buffer.alloc(1)]) },
  { when: 'a begin whose base is 0', frame: beginOf(0, 1) },
  { when: 'a begin whose base was not sent', frame: beginOf(3, 1) },
])
  test(`a frame with ${when} is malformed`, () => assert.deepEqual(readLaneFrame(frame), { type: 'malformed' }))

function beginOf(base: number, last: number): Buffer {
  return writeBegin({ type: 'begin', epoch: 1, base, last })
}

test('a batch that is cut short, longer, or has any other byte is read as something or malformed, and never throws', () => {
  fc.assert(
    fc.property(given, fc.nat(), fc.nat(255), fc.uint8Array({ minLength: 1, maxLength: 8 }), (rows, at, byte, more) => {
      const frame = write(rows)
      const cut = readBatch(frame.subarray(0, at % frame.length))
      assert.equal(cut.type, 'malformed')
      assert.equal(readBatch(Buffer.concat([frame, more])).type, 'malformed')
      const changed = Buffer.from(frame)
      changed[at % frame.length] = byte
      readLaneFrame(changed)
      const batch = readBatch(changed)
      if (batch.type === 'messages') for (const publication of batch.publications) publication.toMessage()
    }),
    { numRuns: 500 },
  )
})

test('any bytes at all are read as something or malformed, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const frame = Buffer.concat([write([]).subarray(0, 21), bytes])
      readLaneFrame(Buffer.from(bytes))
      readBatch(frame)
    }),
    { numRuns: 2_000 },
  )
})
