import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { imbalance } from '../../src/lanes/ledger.ts'
import { Outbox } from '../../src/lanes/outbox/outbox.ts'
import { PoolQueues, queueOf } from '../../src/lanes/outbox/pool-queues.ts'
import type { LinkConnection, OutgoingPublish } from '../../src/link/connection.ts'
import { Forwarder, InflightWindow } from '../../src/link/forwarder.ts'
import { message, passing } from './link-fixture.ts'
import { ManualClock } from './manual-clock.ts'

/** A connection whose peer answers when the test says so. */
class FakeConnection implements LinkConnection {
  writable = true
  readonly sent: string[] = []
  readonly unanswered: ((reasonCode: number) => void)[] = []

  publish({ payload }: OutgoingPublish, answered?: (reasonCode: number) => void): void {
    this.sent.push(payload.toString())
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

const windowMax = 5
const inflightMax = 3

/** A pool of forwarders on one outbox, without sockets. */
class Pool {
  readonly clock = new ManualClock()
  readonly window = new InflightWindow(windowMax)
  readonly outbox: Outbox
  readonly queues: PoolQueues
  readonly arrived: string[] = []
  readonly gaveUp: number[] = []
  readonly #members: { connection: FakeConnection; forwarder: Forwarder }[]

  constructor(size: number) {
    const limits = { bytesMax: 100_000, countMax: 1_000, ageMsMax: Number.POSITIVE_INFINITY }
    this.outbox = new Outbox({ epoch: 1, limits, overflow: 'drop_oldest' })
    this.queues = new PoolQueues(this.outbox, size)
    this.outbox.connected()
    this.#members = Array.from({ length: size }, (_, queueIndex) => this.#open(queueIndex))
  }

  get inflight(): number {
    return this.outbox.ledger.inflight
  }

  member(index: number) {
    const member = this.#members[index % this.#members.length]
    assert.ok(member !== undefined)
    return member
  }

  push(from: string, serial: number): void {
    const publish = passing(message('t', { from, payload: Buffer.from(`${from} ${serial}`) }))
    this.outbox.accept(publish, { plain: true, groups: [] }, this.clock.steadyMs(), this.clock.nowMs())
    this.queues.refill(() => true, this.clock.steadyMs(), this.clock.nowMs())
    for (const { forwarder } of this.#members) forwarder.pump()
  }

  /** The peer gets the oldest message that it has not answered, and answers. */
  answer(index: number): void {
    const { connection } = this.member(index)
    const answered = connection.unanswered.shift()
    if (answered === undefined) return
    this.arrived.push(connection.sent[connection.sent.length - connection.unanswered.length - 1] ?? '')
    answered(0)
  }

  reconnect(index: number): void {
    const queueIndex = index % this.#members.length
    this.member(queueIndex).forwarder.close()
    this.#members[queueIndex] = this.#open(queueIndex)
    this.member(queueIndex).forwarder.pump()
  }

  #open(queueIndex: number) {
    const connection = new FakeConnection()
    const forwarder = new Forwarder({
      queues: this.queues,
      queueIndex,
      connection,
      limits: { receiveMaximum: 65_535, packetBytesMax: Number.POSITIVE_INFINITY, qosMax: 2 },
      window: this.window,
      topic: '$LINK/cluster/msg/cl.a',
      encode: ({ payload }) => payload,
      clock: this.clock,
      inflightMax,
      ackMs: 15_000,
      left: () => {},
      gaveUp: () => this.gaveUp.push(queueIndex),
    })
    return { connection, forwarder }
  }
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('push' as const), from: fc.constantFrom('a', 'b', 'c', 'd') }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('answer' as const), index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reconnect' as const), index: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('block' as const), index: fc.nat(3), writable: fc.boolean() }),
  },
)

test('property: all arrive, in order, within both windows, whatever happens to the connections', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const pool = new Pool(3)
      let serial = 0
      for (const change of steps) {
        if (change.type === 'push') pool.push(change.from, (serial += 1))
        else if (change.type === 'answer') pool.answer(change.index)
        else if (change.type === 'reconnect') pool.reconnect(change.index)
        else {
          const { connection, forwarder } = pool.member(change.index)
          connection.writable = change.writable
          forwarder.pump()
        }
        assert.ok(pool.inflight <= windowMax)
        for (let index = 0; index < 3; index += 1) assert.ok(pool.queues.inflight(index) <= inflightMax)
        assert.equal(imbalance(pool.outbox.ledger.snapshot()), 0)
      }
      for (let index = 0; index < 3; index += 1) pool.reconnect(index)
      for (let rounds = 0; rounds <= serial; rounds += 1) for (let index = 0; index < 3; index += 1) pool.answer(index)
      assert.equal(pool.outbox.ledger.snapshot().delivered, serial)
      assertInOrder(pool.arrived)
    }),
    { numRuns: 500 },
  )
})

/** Nothing is answered twice here, so each publisher's serial numbers rise. */
function assertInOrder(arrived: readonly string[]): void {
  const lastOf = new Map<string, number>()
  for (const text of arrived) {
    const [from = '', serial] = text.split(' ')
    assert.ok(Number(serial) > (lastOf.get(from) ?? 0), `${text} after ${lastOf.get(from)}`)
    lastOf.set(from, Number(serial))
  }
}

test('one message that is never answered is enough to give the connection up, though others are', () => {
  const pool = new Pool(1)
  pool.push('a', 1)
  pool.push('a', 2)
  pool.clock.advance(10_000)
  pool.member(0).connection.unanswered.pop()?.(0)
  pool.clock.advance(4_999)
  assert.deepEqual(pool.gaveUp, [])
  pool.clock.advance(1)
  assert.deepEqual(pool.gaveUp, [0])
})

test('a peer that answers in time is never given up, and a quiet connection has no timer for long', () => {
  const pool = new Pool(1)
  for (let serial = 1; serial < 10; serial += 1) {
    pool.push('a', serial)
    pool.clock.advance(10_000)
    pool.answer(0)
  }
  pool.clock.advance(15_000)
  assert.deepEqual(pool.gaveUp, [])
  assert.equal(pool.clock.timers, 0)
})

test('a forwarder without a connection sends nothing', () => {
  const pool = new Pool(1)
  const { connection, forwarder } = pool.member(0)
  forwarder.close()
  pool.push('a', 1)
  forwarder.pump()
  assert.deepEqual(connection.sent, [])
  assert.equal(pool.queues.waiting(0), 1)
})

test('a connection that found the common window full sends once there is room again', () => {
  const pool = new Pool(3)
  const publishers = Array.from({ length: 40 }, (_, index) => `device-${index}`)
  for (const from of publishers) pool.push(from, 1)
  assert.equal(pool.inflight, windowMax)
  for (let rounds = 0; rounds < 100; rounds += 1) for (let index = 0; index < 3; index += 1) pool.answer(index)
  assert.equal(pool.outbox.ledger.snapshot().delivered, 40)
})

test('a connection that waits for the common window is pumped when it opens, by nobody else', () => {
  const pool = new Pool(2)
  pool.window.resize(0)
  pool.push('a', 1)
  const { connection } = pool.member(queueOf('a', 2))
  assert.deepEqual(connection.sent, [])
  pool.window.resize(1)
  assert.deepEqual(connection.sent, ['a 1'])
})
