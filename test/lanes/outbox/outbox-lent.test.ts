import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { BatchWriter, type LaneMessage } from '../../../src/lanes/batches/batch-writer.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import { Outbox } from '../../../src/lanes/outbox/outbox.ts'
import type { OutboxLimits, OverflowPolicy } from '../../../src/lanes/outbox/outbox-limits.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { encodeMessage, type Publisher } from '../../../src/packets/publication.ts'
import { PublishView } from '../../../src/packets/publish-view.ts'
import { viewOf } from '../../packets/publishes.ts'
import { plain, somebody, textOf } from '../lane-messages.ts'
import { WALL_MS } from './outbox-messages.ts'

type Row = {
  readonly qos: QoS
  readonly bytes: number
  readonly expirySeconds: number | undefined
  readonly isDup: boolean
}

/** Packets that were read at once, so that they lie end to end. */
function readTogether(rows: readonly Row[], publisher: Publisher, nowMs: number): LaneMessage[] {
  const packets = rows.map(({ qos, bytes, expirySeconds, isDup }, index) => {
    const properties = expirySeconds === undefined ? undefined : { messageExpiryInterval: expirySeconds }
    const message = { topic: 't', payload: Buffer.from(`${index} `.padEnd(bytes, '.')), qos, retain: false, properties }
    const packet = encodeMessage({ ...message, ...nobodyElse, from: publisher.clientId, timestampMs: nowMs })
    if (isDup && qos > 0) packet[0] = packet[0]! | 8
    return packet
  })
  const chunk = Buffer.concat(packets)
  let start = 0
  return packets.map((packet, index) => {
    const inPacket = viewOf(packet, 5)
    const body = packet.length < 130 ? 2 : packet.length < 16_387 ? 3 : 4
    const view = new PublishView()
    view.read(chunk, start, start + body, start + packet.length, true)
    assert.equal(view.end - view.payloadStart, inPacket.end - inPacket.payloadStart)
    start += packet.length
    return { view, publisher, nowMs, expirySeconds: rows[index]!.expirySeconds ?? 0, origin: undefined }
  })
}

const nobodyElse = { username: undefined, peerHost: undefined, origin: undefined }

function textsOf(frame: Buffer): string[] {
  const batch = readBatch(frame)
  assert.ok(batch.type === 'messages')
  return batch.publications.map((publication) => textOf(publication).split(' ')[0]!)
}

const row = (bytes: number, isDup = false): Row => ({ qos: 1, bytes, expirySeconds: undefined, isDup })

test('what is lent is in the frame as it was read, whatever comes between', () => {
  const [a, b, dup, d, e] = readTogether([row(10), row(10), row(10, true), row(10), row(200)], somebody, WALL_MS)
  const writer = new BatchWriter()
  writer.add(a!, plain, true)
  const before = writer.byteLength
  writer.add(b!, plain, true)
  assert.equal(writer.byteLength - before, b!.view.end - b!.view.start)
  // It was sent before, so that a bit of it changes; the next is no neighbour, and the last is not lent.
  writer.add(dup!, plain, true)
  assert.ok(writer.extend(e!, plain))
  writer.add(d!, plain)
  const { buffer, start, end } = d!.view
  buffer.fill(0, start, end)
  const frame = writer.finish(1)
  buffer.fill(0)
  assert.deepEqual(textsOf(frame), ['0', '1', '2', '4', '3'])
  assert.deepEqual([writer.count, writer.byteLength], [0, new BatchWriter().byteLength])
})

test('a run goes on with what belongs to it alone', () => {
  const [a, b, dup, d] = readTogether([row(10), row(10), row(10, true), row(10)], somebody, WALL_MS)
  const writer = new BatchWriter()
  assert.equal(writer.extend(a!, plain), false, 'there is no run')
  writer.add(a!, plain, true)
  assert.equal(writer.extend(dup!, plain), false, 'it is not written as it is')
  assert.equal(writer.extend({ ...b!, publisher: { ...somebody } }, plain), false, 'another publisher')
  assert.equal(writer.extend({ ...b!, nowMs: WALL_MS + 1 }, plain), false, 'another time')
  assert.equal(writer.extend(b!, { plain: false, groups: [] }), false, 'another directive')
  assert.ok(writer.extend(b!, plain))
  writer.clear()
  assert.equal(writer.extend(d!, plain), false, 'the run is gone')
})

type Step =
  | { readonly type: 'turn'; readonly from: number; readonly rows: readonly Row[] }
  | { readonly type: 'send'; readonly count: number; readonly mayDrain: boolean }
  | { readonly type: 'limit'; readonly limits: OutboxLimits; readonly overflow: OverflowPolicy }
  | { readonly type: 'connect' | 'disconnect' | 'settle' | 'sweep' | 'seal' | 'tell' }

const rows: fc.Arbitrary<Row> = fc.record({
  qos: fc.constantFrom<QoS>(0, 1, 1, 1, 2),
  bytes: fc.constantFrom(10, 10, 10, 60, 300, 20_000),
  expirySeconds: fc.constantFrom(undefined, undefined, undefined, undefined, 1, 100),
  isDup: fc.constantFrom(false, false, false, true),
})
const limits: fc.Arbitrary<OutboxLimits> = fc.record({
  bytesMax: fc.constantFrom(2_500, 60_000, 4_000_000),
  countMax: fc.constantFrom(3, 12, 200, Number.POSITIVE_INFINITY),
  ageMsMax: fc.constantFrom(0, 3_000, Number.POSITIVE_INFINITY),
})
const overflow = fc.constantFrom<OverflowPolicy>('drop_oldest', 'drop_newest', 'backpressure')
const turn = fc.record({
  type: fc.constant('turn' as const),
  from: fc.nat(2),
  rows: fc.array(rows, { minLength: 1, maxLength: 30 }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: turn },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      count: fc.integer({ min: 1, max: 4 }),
      mayDrain: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('limit' as const), limits, overflow }) },
  ...(['connect', 'disconnect', 'settle', 'sweep', 'seal', 'tell'] as const).map((type) => ({
    weight: 2,
    arbitrary: fc.constant({ type }),
  })),
)

const publishers = ['a', 'b', 'c'].map((clientId): Publisher => ({ clientId, username: 'u', peerHost: undefined }))

/** An outbox that is lent what it takes, or has to copy it, and all that it has ever handed out. */
class Side {
  readonly outbox: Outbox
  readonly #isLent: boolean
  readonly frames: Buffer[] = []
  readonly #flying: NonNullable<ReturnType<Outbox['next']>>[] = []

  constructor(isLent: boolean, given: OutboxLimits) {
    this.#isLent = isLent
    this.outbox = new Outbox({ epoch: 1, limits: given, overflow: 'drop_oldest' })
  }

  do(one: Step, nowMs: number): unknown {
    const { outbox } = this
    if (one.type === 'turn') return this.#take(one.rows, publishers[one.from]!, nowMs)
    if (one.type === 'send') return this.#send(one.count, one.mayDrain, nowMs)
    if (one.type === 'limit') outbox.limit(one.limits, one.overflow)
    if (one.type === 'connect') outbox.connected()
    if (one.type === 'disconnect') outbox.disconnected()
    if (one.type === 'sweep') outbox.sweep(nowMs)
    if (one.type === 'seal') outbox.seal()
    if (one.type === 'settle') for (const batch of this.#flying.splice(0)) outbox.settle(batch, { type: 'delivered' })
    if (one.type === 'tell') {
      const [told] = readTogether([row(50)], publishers[0]!, nowMs)
      outbox.accept(told!, { plain: false, groups: [] }, nowMs, WALL_MS + nowMs)
    }
    return undefined
  }

  #take(given: readonly Row[], publisher: Publisher, nowMs: number): string[] {
    return readTogether(given, publisher, WALL_MS + nowMs).map((message) => {
      const fate = this.outbox.accept(message, plain, nowMs, WALL_MS + nowMs, this.#isLent)
      const { view } = message
      if (!this.#isLent) view.buffer.fill(0, view.start, view.end)
      return fate
    })
  }

  #send(count: number, mayDrain: boolean, nowMs: number): void {
    for (let i = 0; i < count; i += 1) {
      const batch = this.outbox.next(nowMs, mayDrain)
      if (batch === undefined) return
      this.frames.push(Buffer.from(batch.frame))
      this.#flying.push(batch)
    }
  }

  get state(): unknown {
    const { bytes, count, waiting, backlog, hasOpen, isFull, nextExpiryMs, ledger } = this.outbox
    return { bytes, count, waiting, backlog, hasOpen, isFull, nextExpiryMs, ledger: ledger.snapshot() }
  }
}

test('an outbox that is lent the bytes does what one does that copies them at once', () => {
  fc.assert(
    fc.property(limits, fc.array(fc.tuple(step, fc.nat(1_500)), { maxLength: 40 }), (given, steps) => {
      const lent = new Side(true, given)
      const copying = new Side(false, given)
      let nowMs = 0
      for (const [one, ms] of steps) {
        nowMs += ms
        assert.deepEqual(lent.do(one, nowMs), copying.do(one, nowMs))
        assert.deepEqual(lent.state, copying.state)
      }
      assert.deepEqual(lent.frames, copying.frames)
    }),
  )
})
