import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { imbalance, refusedByPeer } from '../../src/lanes/ledger.ts'
import type { OutboxEntry } from '../../src/lanes/outbox-entry.ts'
import { MessageOutbox, queueOf } from '../../src/lanes/message-outbox.ts'
import type { OutboxCandidate, MessageLimits } from '../../src/lanes/message-outbox.ts'
import type { Message, QoS } from '../../src/packets/message.ts'

type Sample = { from?: string; qos?: QoS; bytes?: number; expirySeconds?: number; origin?: string; atMs?: number }

function publish(name: string, { from = 'p', qos = 1, bytes = 10, expirySeconds, origin, atMs = 0 }: Sample = {}) {
  const properties = expirySeconds === undefined ? undefined : { messageExpiryInterval: expirySeconds }
  const message: Message = {
    topic: name,
    payload: Buffer.alloc(0),
    qos,
    retain: false,
    properties,
    from,
    username: undefined,
    peerHost: undefined,
    timestampMs: atMs,
    origin,
  }
  const candidate: OutboxCandidate = { qos, from, byteLength: bytes, toMessage: () => message }
  return candidate
}

const roomy: MessageLimits = {
  bytesMax: 1_000_000,
  countMax: Number.POSITIVE_INFINITY,
  ageMsMax: Number.POSITIVE_INFINITY,
}

function drain(outbox: MessageOutbox, nowMs = 0): string[] {
  const names: string[] = []
  for (let queue = 0; queue < outbox.queueCount; queue += 1) {
    for (let entry = outbox.take(queue, nowMs); entry !== undefined; entry = outbox.take(queue, nowMs)) {
      names.push(entry.message.topic)
    }
  }
  return names
}

test('messages leave a queue in the order in which they came', () => {
  const outbox = new MessageOutbox(roomy, 1)
  for (const name of ['a', 'b', 'c']) outbox.push(publish(name), 0)
  assert.deepEqual(drain(outbox), ['a', 'b', 'c'])
})

test('a message that came over a link neither waits nor counts', () => {
  const outbox = new MessageOutbox(roomy, 1)
  assert.equal(outbox.push(publish('x', { origin: 'cl.c' }), 0), undefined)
  assert.equal(outbox.ledger.snapshot().matched, 0)
})

for (const { when, limits, pushed, left, dropped } of [
  {
    when: 'at the limit of bytes the oldest QoS 0 goes before older QoS 1',
    limits: { ...roomy, bytesMax: 30 },
    pushed: [publish('a'), publish('b', { qos: 0 }), publish('c', { qos: 0 }), publish('d')],
    left: ['a', 'c', 'd'],
    dropped: { shed_qos0: 1 },
  },
  {
    when: 'without QoS 0 the oldest message goes',
    limits: { ...roomy, countMax: 2 },
    pushed: [publish('a'), publish('b', { qos: 2 }), publish('c')],
    left: ['b', 'c'],
    dropped: { queue_full: 1 },
  },
  {
    when: 'QoS 0 drives out nothing that is worth more',
    limits: { ...roomy, countMax: 2 },
    pushed: [publish('a'), publish('b'), publish('c', { qos: 0 })],
    left: ['a', 'b'],
    dropped: { shed_qos0: 1 },
  },
  {
    when: 'a large QoS 0 sheds QoS 0 alone and then itself',
    limits: { ...roomy, bytesMax: 30 },
    pushed: [publish('a'), publish('b', { qos: 0 }), publish('c', { qos: 0, bytes: 25 })],
    left: ['a'],
    dropped: { shed_qos0: 2 },
  },
  {
    when: 'a message that could never fit drives out nothing',
    limits: { ...roomy, bytesMax: 30 },
    pushed: [publish('a'), publish('b', { bytes: 31 })],
    left: ['a'],
    dropped: { queue_full: 1 },
  },
  {
    when: 'the oldest of all queues goes, not the oldest of the newcomer’s',
    limits: { ...roomy, countMax: 2 },
    pushed: [publish('a', { from: 'one' }), publish('b', { from: 'two' }), publish('c', { from: 'two' })],
    left: ['b', 'c'],
    dropped: { queue_full: 1 },
  },
]) {
  test(when, () => {
    const outbox = new MessageOutbox(limits, 4)
    for (const candidate of pushed) outbox.push(candidate, 0)
    assert.deepEqual(drain(outbox).toSorted(), left)
    assert.deepEqual(outbox.ledger.snapshot().dropped, dropped)
    assert.equal(imbalance(outbox.ledger.snapshot()), 0)
  })
}

test('the oldest of all queues goes first, wherever it stands', () => {
  const publishers = Array.from({ length: 4 }, (_, queue) =>
    Array.from({ length: 100 }, (_, index) => `device-${index}`).find((from) => queueOf(from, 4) === queue),
  )
  for (const qos of [0, 1] as const) {
    for (const order of [publishers, publishers.toReversed()]) {
      const outbox = new MessageOutbox({ ...roomy, countMax: 4 }, 4)
      for (const from of order) outbox.push(publish(`${from}`, { from: from ?? '', qos }), 0)
      outbox.push(publish('new', { from: 'new', qos }), 0)
      assert.ok(!drain(outbox).includes(order[0] ?? ''))
    }
  }
})

test('what is in flight is never dropped, so a newcomer that needs its place is refused', () => {
  const outbox = new MessageOutbox({ ...roomy, countMax: 1 }, 1)
  outbox.push(publish('a'), 0)
  const flying = outbox.take(0, 0)
  assert.equal(outbox.push(publish('b'), 0), undefined)
  assert.equal(flying?.place, 'inflight')
  assert.deepEqual(outbox.ledger.snapshot().dropped, { queue_full: 1 })
})

test('messages expire by age and by their own interval while nothing moves and the window is full', () => {
  const outbox = new MessageOutbox({ ...roomy, ageMsMax: 5_000 }, 1)
  outbox.push(publish('flying'), 0)
  outbox.take(0, 0)
  outbox.push(publish('aged'), 0)
  outbox.push(publish('brief', { expirySeconds: 2 }), 0)
  assert.equal(outbox.nextExpiryMs, 2_000)
  assert.equal(outbox.sweep(1_999), 0)
  assert.equal(outbox.sweep(2_000), 1)
  assert.equal(outbox.sweep(5_000), 1)
  assert.equal(outbox.nextExpiryMs, Number.POSITIVE_INFINITY)
  assert.deepEqual(outbox.ledger.snapshot().dropped, { expired: 2 })
  outbox.putBack(0)
  assert.equal(outbox.sweep(5_000), 1, 'back in the queue it is as old as ever')
})

test('an expired message is never taken, swept or not', () => {
  const outbox = new MessageOutbox({ ...roomy, ageMsMax: 100 }, 1)
  outbox.push(publish('old'), 0)
  outbox.push(publish('young'), 50)
  assert.equal(outbox.take(0, 100)?.message.topic, 'young')
})

test('a lost connection puts its messages back to the front in their order', () => {
  const outbox = new MessageOutbox(roomy, 1)
  for (const name of ['a', 'b', 'c', 'd']) outbox.push(publish(name), 0)
  const first = outbox.take(0, 0)
  const second = outbox.take(0, 0)
  outbox.take(0, 0)
  assert.ok(first !== undefined && second !== undefined)
  outbox.settle(second, { type: 'delivered' })
  outbox.putBack(0)
  outbox.settle(first, { type: 'delivered' })
  assert.deepEqual(drain(outbox), ['a', 'c', 'd'], 'the late answer for a changes nothing')
  assert.deepEqual(outbox.ledger.snapshot(), {
    ...outbox.ledger.snapshot(),
    matched: 4,
    delivered: 1,
    retried: 2,
    inflight: 3,
  })
})

test('another pool size keeps the order of each publisher', () => {
  const outbox = new MessageOutbox(roomy, 3)
  const publishers = Array.from({ length: 20 }, (_, index) => `device-${index}`)
  for (let round = 0; round < 5; round += 1) {
    for (const from of publishers) outbox.push(publish(`${from}/${round}`, { from }), 0)
  }
  outbox.take(0, 0)
  outbox.take(1, 0)
  outbox.reshape(8)
  const taken = drain(outbox)
  assert.equal(taken.length, 100)
  for (const from of publishers) {
    const own = taken.filter((name) => name.startsWith(`${from}/`))
    assert.deepEqual(
      own,
      [0, 1, 2, 3, 4].map((round) => `${from}/${round}`),
    )
  }
})

test('a removed link drops what waits and what flies', () => {
  const outbox = new MessageOutbox(roomy, 2)
  for (const name of ['a', 'b', 'c']) outbox.push(publish(name), 0)
  outbox.take(queueOf('p', 2), 0)
  outbox.clear()
  assert.deepEqual(outbox.ledger.snapshot().dropped, { link_removed: 3 })
  assert.equal(outbox.bytes, 0)
})

test('a smaller limit holds at once', () => {
  const outbox = new MessageOutbox(roomy, 1)
  for (const name of ['a', 'b', 'c']) outbox.push(publish(name), 0)
  outbox.limit({ ...roomy, countMax: 1 })
  assert.deepEqual(drain(outbox), ['c'])
})

test('publishers spread over the queues', () => {
  const counts = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let index = 0; index < 8_000; index += 1) counts[queueOf(`device-${index}`, 8)]! += 1
  for (const count of counts) assert.ok(count > 800 && count < 1200, counts.join())
})

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('push' as const),
      from: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      qos: fc.constantFrom<QoS>(0, 1, 2),
      bytes: fc.integer({ min: 1, max: 40 }),
      expirySeconds: fc.constantFrom(0, 1, 2, 3, 1_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('take' as const), queue: fc.nat(4) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('settle' as const), pick: fc.nat(100), delivered: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('putBack' as const), queue: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('reshape' as const), queues: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('limit' as const), countMax: fc.integer({ min: 1, max: 20 }) }),
  },
)

test('property: the ledger balances, limits hold and each publisher’s order survives whatever happens', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      let limits: MessageLimits = { bytesMax: 200, countMax: 12, ageMsMax: 4_000 }
      const outbox = new MessageOutbox(limits, 3)
      const flying: OutboxEntry[] = []
      let nowMs = 0
      let serial = 0
      for (const step of operations) {
        const before = outbox.count
        if (step.type === 'push') {
          serial += 1
          outbox.push(publish(`${serial}`, { ...step, atMs: nowMs }), nowMs)
        } else if (step.type === 'take') {
          const entry = outbox.take(step.queue % outbox.queueCount, nowMs)
          if (entry !== undefined) flying.push(entry)
        } else if (step.type === 'settle') {
          const entry = flying[step.pick % Math.max(flying.length, 1)]
          if (entry !== undefined) {
            outbox.settle(
              entry,
              step.delivered ? { type: 'delivered' } : { type: 'failed', reason: refusedByPeer(0x97) },
            )
          }
        } else if (step.type === 'putBack') outbox.putBack(step.queue % outbox.queueCount)
        else if (step.type === 'sweep') outbox.sweep(nowMs)
        else if (step.type === 'wait') nowMs += step.ms
        else if (step.type === 'reshape') outbox.reshape(step.queues)
        else outbox.limit((limits = { ...limits, countMax: step.countMax }))

        const ledger = outbox.ledger.snapshot()
        assert.equal(imbalance(ledger), 0)
        assert.equal(ledger.queued + ledger.inflight, outbox.count)
        assert.ok(outbox.bytes <= limits.bytesMax && outbox.bytes >= 0)
        assert.ok(outbox.count <= Math.max(limits.countMax, before), 'a limit is never exceeded by what comes later')
      }
      assertOrdered(outbox, nowMs)
    }),
    { numRuns: 500 },
  )
})

/** Empties the outbox and looks whether each publisher's serial numbers rise. */
function assertOrdered(outbox: MessageOutbox, nowMs: number): void {
  for (let queue = 0; queue < outbox.queueCount; queue += 1) outbox.putBack(queue)
  const lastOf = new Map<string, number>()
  for (let queue = 0; queue < outbox.queueCount; queue += 1) {
    for (let entry = outbox.take(queue, nowMs); entry !== undefined; entry = outbox.take(queue, nowMs)) {
      const serial = Number(entry.message.topic)
      assert.ok(serial > (lastOf.get(entry.message.from) ?? 0))
      lastOf.set(entry.message.from, serial)
    }
  }
  assert.equal(outbox.ledger.snapshot().queued, 0)
}

test('property: the soonest expiry is known whatever leaves in between', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.boolean())), (steps) => {
      const outbox = new MessageOutbox(roomy, 1)
      const expiries: number[] = []
      for (const [seconds, alsoTake] of steps) {
        outbox.push(publish('x', { expirySeconds: seconds }), 0)
        expiries.push(seconds * 1_000)
        if (alsoTake) {
          outbox.take(0, 0)
          expiries.shift()
        }
        assert.equal(outbox.nextExpiryMs, Math.min(...expiries))
      }
    }),
  )
})
