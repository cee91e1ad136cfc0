import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { inflateRawSync } from 'node:zlib'
import type { Outcome } from '../../../src/lanes/ledger.ts'
import { LINK_TABLES_AT, readLinkFrame, writeLinkHead } from '../../../src/lanes/batches/link-frame.ts'
import type { OutboxBatch } from '../../../src/lanes/outbox/outbox-batch.ts'
import type { LinkConnection, OutgoingPublish, PeerLimits } from '../../../src/link/connection.ts'
import type { LinkFailure } from '../../../src/link/link-failure.ts'
import { BacklogMeter } from '../../../src/link/native/backlog-meter.ts'
import { DeflateChoice } from '../../../src/link/native/deflate-choice.ts'
import { LaneForwarder } from '../../../src/link/native/lane-forwarder.ts'
import { ManualClock } from '../manual-clock.ts'

/** A connection whose peer answers when the test says so. */
class FakeConnection implements LinkConnection {
  writable = true
  readonly sent: OutgoingPublish[] = []
  readonly unanswered: ((reasonCode: number) => void)[] = []

  publish(publish: OutgoingPublish, answered?: (reasonCode: number) => void): void {
    this.sent.push(publish)
    if (answered !== undefined) this.unanswered.push(answered)
  }

  subscribe(): void {
    throw new Error('a forwarder subscribes to nothing')
  }

  ping(): void {
    throw new Error('a forwarder pings nobody')
  }

  close(): void {}
}

/** What is to go, in order; its frames are as long as the test says and hold no messages. */
class FakeOutbox {
  readonly live: OutboxBatch[] = []
  readonly late: OutboxBatch[] = []
  readonly settled: (readonly [sequence: number, outcome: string])[] = []
  #sequence = 0

  get backlog(): number {
    return this.late.length
  }

  /** Each holds one message. */
  get waiting(): number {
    return this.live.length + this.late.length
  }

  add(lane: 0 | 1, { tables = Buffer.alloc(100), qos = 1, isResent = false } = {}): void {
    const sequence = qos === 0 ? 0 : (this.#sequence += 1)
    const frame = Buffer.concat([Buffer.alloc(LINK_TABLES_AT), tables])
    writeLinkHead(frame, { epoch: 1, lane, sequence, sentAtMs: 0 })
    const batch = { id: this.#sequence, frame, epoch: 1, lane, sequence, messages: 1, isResent, agedMs: Infinity }
    ;(lane === 0 ? this.live : this.late).push(batch)
  }

  next(_steadyMs: number, mayDrain: boolean, mayNumber = true): OutboxBatch | undefined {
    const [first] = this.live
    if (first !== undefined) return mayNumber || first.sequence === 0 ? this.live.shift() : undefined
    return mayDrain ? this.late.shift() : undefined
  }

  settle({ sequence }: OutboxBatch, outcome: Outcome): void {
    this.settled.push([sequence, 'reason' in outcome ? outcome.reason : outcome.type])
  }
}

const anything: PeerLimits = { receiveMaximum: 65_535, packetBytesMax: Number.POSITIVE_INFINITY, qosMax: 2 }

function start({ limits = anything, deflate }: { limits?: PeerLimits; deflate?: DeflateChoice } = {}) {
  const clock = new ManualClock()
  const outbox = new FakeOutbox()
  const connection = new FakeConnection()
  const gaveUp: LinkFailure[] = []
  const meter = new BacklogMeter()
  const forwarder: LaneForwarder = new LaneForwarder({
    outbox,
    connection,
    limits,
    topic: '$LINK/cluster/msg/cl.a',
    clock,
    ackMs: 15_000,
    deflate: () => deflate,
    isShortened: false,
    meter,
    left: () => {},
    gaveUp: (failure) => {
      gaveUp.push(failure)
      forwarder.close()
    },
  })
  const heads = () =>
    connection.sent.map(({ payload }) => {
      const head = readLinkFrame(payload, 10_000_000)
      assert.ok(head.type === 'batch')
      return head
    })
  return { clock, outbox, connection, forwarder, gaveUp, heads, meter }
}

test('a batch is a PUBLISH of QoS 1 that says when it was sent, and its PUBACK settles it', () => {
  const { clock, outbox, connection, forwarder, heads } = start()
  outbox.add(0)
  outbox.add(0, { isResent: true })
  forwarder.pump()
  assert.deepEqual(
    connection.sent.map(({ topic, qos }) => `${topic} ${qos}`),
    ['$LINK/cluster/msg/cl.a 1', '$LINK/cluster/msg/cl.a 1'],
  )
  assert.deepEqual(
    heads().map(({ sequence, sentAtMs, isResent }) => ({ sequence, sentAtMs, isResent })),
    [
      { sequence: 1, sentAtMs: clock.nowMs(), isResent: false },
      { sequence: 2, sentAtMs: clock.nowMs(), isResent: true },
    ],
  )
  connection.unanswered[1]?.(0x10)
  connection.unanswered[0]?.(0)
  assert.deepEqual(outbox.settled, [
    [2, 'delivered'],
    [1, 'delivered'],
  ])
})

test('a batch of QoS 0 goes at QoS 0, and nothing is waited for', () => {
  const { outbox, clock, connection, forwarder } = start()
  outbox.add(0, { qos: 0 })
  forwarder.pump()
  assert.deepEqual([connection.sent[0]?.qos, connection.unanswered.length, clock.timers], [0, 0, 0])
})

test('no more batches are unacknowledged than the peer’s Receive Maximum, and QoS 0 passes all the same', () => {
  const { outbox, connection, forwarder, heads } = start({ limits: { ...anything, receiveMaximum: 2 } })
  for (let times = 0; times < 2; times += 1) outbox.add(0)
  outbox.add(0, { qos: 0 })
  outbox.add(0)
  forwarder.pump()
  const sequences = () => heads().map(({ sequence }) => sequence)
  assert.deepEqual(sequences(), [1, 2, 0])
  connection.unanswered[0]?.(0)
  assert.deepEqual(sequences(), [1, 2, 0, 3])
})

test('no more than some megabytes are unacknowledged, and a batch larger than that goes alone', () => {
  const { outbox, connection, forwarder } = start()
  for (let times = 0; times < 3; times += 1) outbox.add(0, { tables: Buffer.alloc(5_000_000) })
  forwarder.pump()
  assert.equal(connection.sent.length, 1)
  connection.unanswered[0]?.(0)
  assert.equal(connection.sent.length, 2)
})

test('a socket that takes no more is left alone until it does', () => {
  const { outbox, connection, forwarder } = start()
  connection.writable = false
  outbox.add(0)
  forwarder.pump()
  assert.equal(connection.sent.length, 0)
  connection.writable = true
  forwarder.pump()
  assert.equal(connection.sent.length, 1)
})

test('what the peer’s Maximum Packet Size has no room for is dropped as too large', () => {
  const { outbox, connection, forwarder } = start({ limits: { ...anything, packetBytesMax: 1_000 } })
  outbox.add(0, { tables: Buffer.alloc(1_000) })
  outbox.add(0)
  forwarder.pump()
  assert.deepEqual(outbox.settled, [[1, 'too_large']])
  assert.equal(connection.sent.length, 1)
})

for (const code of [0x87, 0x90, 0x95, 0x99]) {
  test(`a batch that is refused for good (0x${code.toString(16)}) has failed, and the next one goes on`, () => {
    const { outbox, connection, forwarder, gaveUp } = start()
    outbox.add(0)
    forwarder.pump()
    connection.unanswered[0]?.(code)
    assert.deepEqual(outbox.settled, [[1, `refused_by_peer(0x${code.toString(16)})`]])
    assert.deepEqual(gaveUp, [])
  })
}

for (const code of [0x80, 0x83, 0x88, 0x97, 0xc1]) {
  test(`a peer that can take a batch not just now (0x${code.toString(16)}) is given up, and nothing is lost`, () => {
    const { outbox, connection, forwarder, gaveUp } = start()
    outbox.add(0)
    outbox.add(0)
    forwarder.pump()
    connection.unanswered[0]?.(code)
    connection.unanswered[1]?.(0)
    assert.deepEqual(outbox.settled, [], 'an answer that comes after that is not heard')
    assert.deepEqual(
      gaveUp.map(({ cause, reasonCode }) => [cause, reasonCode]),
      [['messages_refused', code]],
    )
  })
}

test('one batch that is never acknowledged is enough to give the connection up, though others are', () => {
  const { clock, outbox, connection, forwarder, gaveUp } = start()
  outbox.add(0)
  forwarder.pump()
  clock.advance(10_000)
  outbox.add(0)
  forwarder.pump()
  connection.unanswered[1]?.(0)
  clock.advance(4_999)
  assert.equal(gaveUp.length, 0)
  clock.advance(1)
  assert.equal(gaveUp[0]?.cause, 'peer_silent')
})

test('a peer that answers in time is never given up, and a quiet connection has no timer for long', () => {
  const { clock, outbox, connection, forwarder, gaveUp } = start()
  for (let times = 0; times < 10; times += 1) {
    outbox.add(0)
    forwarder.pump()
    clock.advance(10_000)
    connection.unanswered.shift()?.(0)
  }
  clock.advance(15_000)
  assert.deepEqual([gaveUp.length, clock.timers], [0, 0])
})

test('backlog beside live messages pauses for twice as long as the peer was busy, and goes on by itself', () => {
  const { clock, outbox, connection, forwarder, meter } = start()
  for (let times = 0; times < 50; times += 1) outbox.add(1, { tables: Buffer.alloc(60_000) })
  outbox.add(0)
  forwarder.pump()
  assert.equal(connection.sent.length, 2, 'one of each')
  clock.advance(1)
  connection.unanswered.shift()?.(0)
  clock.advance(40)
  connection.unanswered.shift()?.(0)
  assert.equal(connection.sent.length, 2)
  clock.advance(79)
  assert.equal(connection.sent.length, 2)
  clock.advance(1)
  assert.equal(connection.sent.length, 3)
  const { perSecond = 0 } = meter.view(49, 49, clock.steadyMs()) ?? {}
  assert.ok(perSecond > 0, 'what crosses is measured')
})

test('closed, it sends no more and has no timer', () => {
  const { clock, outbox, connection, forwarder } = start()
  for (let times = 0; times < 5; times += 1) outbox.add(1, { tables: Buffer.alloc(60_000) })
  forwarder.pump()
  forwarder.close()
  assert.equal(clock.timers, 0)
  const sent = connection.sent.length
  connection.unanswered[0]?.(0)
  forwarder.pump()
  assert.equal(connection.sent.length, sent)
})

test('what compresses well is sent compressed, and is the same at the other end', () => {
  const deflate = new DeflateChoice()
  const { outbox, connection, forwarder, heads } = start({ deflate })
  const tables = Buffer.from('the same and the same, '.repeat(500))
  for (const some of [tables, Buffer.alloc(20), randomBytes(10_000)]) outbox.add(0, { tables: some })
  forwarder.pump()
  assert.deepEqual(
    heads().map(({ isCompressed }) => isCompressed),
    [true, false, false],
  )
  const head = heads()[0]
  assert.deepEqual(inflateRawSync(connection.sent[0]!.payload.subarray(head?.tablesAt)), tables)
  assert.equal(head?.inflatedBytes, tables.length)
  const { batches, bytesBefore, bytesAfter } = deflate.counters()
  assert.equal(batches, 1)
  assert.equal(bytesBefore, tables.length + 20 + 10_000 + 3 * LINK_TABLES_AT)
  assert.equal(
    bytesAfter,
    connection.sent.reduce((sum, { payload }) => sum + payload.length, 0),
  )
})

/** What went over the connection, in order: batches by their numbers, a probe as `probe`. */
function sentBy({ connection }: ReturnType<typeof start>): string[] {
  return connection.sent.map(({ payload, qos }) => {
    const head = readLinkFrame(payload, 10_000_000)
    return head.type === 'batch' ? String(head.sequence) : `${payload.toString()} ${qos}`
  })
}

const probeFrame = () => Buffer.from('probe')
const ignore = () => {}

test('a probe goes behind the live messages that wait, and before the backlog and live ones that come later', () => {
  const run = start({ limits: { ...anything, receiveMaximum: 2 } })
  const { outbox, connection, forwarder } = run
  for (let count = 0; count < 4; count += 1) outbox.add(0)
  outbox.add(1)
  forwarder.pump()
  let acknowledged = 0
  forwarder.probe(probeFrame, () => (acknowledged += 1))
  outbox.add(0)
  for (let answered = 0; answered < 5; answered += 1) connection.unanswered.shift()?.(0)
  assert.deepEqual(sentBy(run), ['1', '2', '3', '4', 'probe 1', '6', '5'])
  assert.equal(acknowledged, 1)
})

test('a probe takes its place in the window, and is nothing that the outbox has to settle', () => {
  const run = start({ limits: { ...anything, receiveMaximum: 1 } })
  const { outbox, connection, forwarder } = run
  forwarder.probe(probeFrame, ignore)
  outbox.add(0)
  forwarder.pump()
  assert.deepEqual(sentBy(run), ['probe 1'])
  connection.unanswered.shift()?.(0x83)
  assert.deepEqual(sentBy(run), ['probe 1', '1'])
  assert.deepEqual(outbox.settled, [])
  assert.deepEqual(run.gaveUp, [])
})

test('a probe that waits when the connection goes is sent on none', () => {
  const { connection, forwarder } = start()
  connection.writable = false
  forwarder.probe(probeFrame, ignore)
  forwarder.close()
  connection.writable = true
  forwarder.pump()
  assert.deepEqual(connection.sent, [])
})

test('the answer to a probe of the peer goes at QoS 0 past a full window, as soon as the socket takes more', () => {
  const run = start({ limits: { ...anything, receiveMaximum: 1 } })
  const { outbox, connection, forwarder } = run
  outbox.add(0)
  outbox.add(0)
  forwarder.pump()
  connection.writable = false
  forwarder.answerProbe(() => Buffer.from('stale'))
  forwarder.answerProbe(() => Buffer.from('answer'))
  assert.deepEqual(sentBy(run), ['1'])
  connection.writable = true
  forwarder.pump()
  assert.deepEqual(sentBy(run), ['1', 'answer 0'])
})
