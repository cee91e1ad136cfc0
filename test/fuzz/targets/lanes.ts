/** Frames between the members of a cluster: whatever comes in is a frame or none, and a batch stays the same when it is written and read again. */
import assert from 'node:assert/strict'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import { readLaneFrame, writeAck, writeBegin } from '../../../src/lanes/batches/lane-frame.ts'
import { LaneReceiver } from '../../../src/lanes/lane-receiver.ts'
import { LaneSender } from '../../../src/lanes/lane-sender.ts'
import { readBatch, type ReadBatch } from '../../../src/lanes/batches/read-batch.ts'
import { PublishView } from '../../../src/packets/publish-view.ts'
import { messageOf, plain, somebody } from '../../lanes/lane-messages.ts'
import type { Random } from '../random.ts'
import { byteMutation, type FuzzTarget } from '../target.ts'

const BYTES_MAX = 262_144
const limits = { bufferBytesMax: BYTES_MAX + 1024, buffersBytesMax: 4 * BYTES_MAX, heapBytesMax: 32 * 2 ** 20 }
const laneLimits = {
  batchBytesMax: 1_000,
  frameBytesMax: 10_000,
  bufferBytesMax: 100_000,
  bufferMessagesMax: 100,
  qos0MessagesMax: 10,
  windowBytesMax: 10_000,
  windowBatchesMax: 4,
}
const dictionary = [
  'c1',
  'c0',
  '90',
  '93',
  '96',
  'cf0000000000000001',
  'cfffffffffffffffff',
  'ddffffffff',
  'dbffffffff',
]
  .concat(['c400', 'c6ffffffff', 'ffffffffffffff0f', '3003000174', '3206000174000100', '30ffffff7f'])
  .map((digits) => Buffer.from(digits, 'hex'))

export const lanesTarget: FuzzTarget = {
  name: 'lanes',
  seeds: () => [
    writeBegin({ type: 'begin', epoch: 1, base: 1, last: 3 }),
    writeAck({ type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: true, boot: 'b' }),
    batchOf(['one', 'two'], ['g/a', 'g/b/#'], 'far'),
    batchOf([], [], undefined),
  ],
  generate(random) {
    const kind = random.fraction()
    const number = (): number => random.size(5)
    if (kind < 0.1) return writeBegin({ type: 'begin', epoch: number(), base: number(), last: number() })
    if (kind < 0.3) {
      const isMissing = random.chance(0.5)
      return writeAck({ type: 'ack', epoch: number(), kept: number(), expected: number(), isMissing, boot: 'b' })
    }
    const frame = batchOf(texts(random, 20), texts(random, 4), random.chance(0.3) ? 'far' : undefined)
    if (random.chance(0.5)) frame[random.below(frame.length)] = random.below(256)
    return frame
  },
  mutate: byteMutation({ dictionary, bytesMax: BYTES_MAX }),
  run(input, meter) {
    const frame = meter.turn(limits, () => readLaneFrame(input))
    const batch = meter.turn(limits, () => readBatch(input))
    if (frame.type === 'batch' && batch.type === 'messages') checkBatch(batch)
    const receiver = new LaneReceiver('s')
    if (frame.type === 'batch' && frame.sequence > 0) receiver.judge(frame.epoch, frame.sequence)
    if (frame.type === 'begin' && receiver.begin(frame)) assert.equal(receiver.taken, frame.base - 1)
    if (frame.type === 'ack') {
      const sender = new LaneSender(1, laneLimits)
      sender.add(messageOf('one', 1, somebody), plain, 1, 0)
      sender.next(0)
      sender.add(messageOf('two', 1, somebody), plain, 2, 0)
      sender.acknowledged(frame, 'r', 0)
      const { sent, acknowledged, waiting } = sender.snapshot(0)
      assert.equal(sent, acknowledged + waiting)
      for (let left = 10; sender.next(0) !== undefined; left -= 1) assert.ok(left > 0, 'the sender sends for ever')
    }
  },
}

function texts(random: Random, countMax: number): string[] {
  return random.list(random.size(countMax), () => random.bytes(random.size(60)).toString('base64'))
}

function batchOf(payloads: readonly string[], groups: readonly string[], origin: string | undefined): Buffer {
  const writer = new BatchWriter()
  for (const [at, payload] of payloads.entries()) {
    const message = messageOf(payload, at % 2 === 0 ? 1 : 0, somebody)
    writer.add({ ...message, origin }, at % 3 === 0 ? plain : { plain: false, groups })
  }
  return writer.finish(1)
}

function checkBatch({ publications, directives }: Extract<ReadBatch, { type: 'messages' }>): void {
  const writer = new BatchWriter()
  for (const [at, publication] of publications.entries()) {
    const { publisher, receivedAtMs: nowMs, origin } = publication
    publication.toMessage()
    const view = new PublishView()
    publication.show(view)
    const expirySeconds = publication.expirySecondsLeft(nowMs)
    writer.add({ view, publisher, nowMs, expirySeconds, origin }, directives[at]!)
  }
  const again = readBatch(writer.finish(1))
  assert.ok(again.type === 'messages', 'written and read again, it is no batch')
  assert.equal(again.publications.length, publications.length)
  for (const [at, { bytes, publisher, receivedAtMs, origin, v5 }] of again.publications.entries()) {
    const before = publications[at]!
    assert.ok(bytes.equals(before.bytes), 'written and read again, it is another message')
    assert.deepEqual([publisher, origin, v5], [before.publisher, before.origin, before.v5])
    // Beyond it a time is no date.
    if (before.receivedAtMs <= 2 ** 50) assert.equal(receivedAtMs, before.receivedAtMs)
    assert.deepEqual(again.directives[at], directives[at])
  }
}
