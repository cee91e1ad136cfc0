import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { refusedByPeer } from '../../../src/lanes/ledger.ts'
import { Outbox } from '../../../src/lanes/outbox/outbox.ts'
import type { OutboxLimits } from '../../../src/lanes/outbox/outbox-limits.ts'
import { PoolQueues, queueOf } from '../../../src/lanes/outbox/pool-queues.ts'
import { plain } from '../lane-messages.ts'
import { publish, type Sample, WALL_MS } from './outbox-messages.ts'

const roomy: OutboxLimits = { bytesMax: 64_000_000, countMax: 64_000, ageMsMax: Number.POSITIVE_INFINITY }

function poolOf(queueCount: number, limits: Partial<OutboxLimits> = {}): { outbox: Outbox; queues: PoolQueues } {
  const outbox = new Outbox({ epoch: 1, limits: { ...roomy, ...limits }, overflow: 'drop_oldest' })
  const queues = new PoolQueues(outbox, queueCount)
  outbox.takenBy(queues)
  outbox.connected()
  return { outbox, queues }
}

function push({ outbox, queues }: ReturnType<typeof poolOf>, name: string, sample: Sample = {}): void {
  outbox.accept(publish(name, sample), plain, 0, WALL_MS)
  queues.refill(() => false, 0, WALL_MS)
}

function nameOf(entry: ReturnType<PoolQueues['take']>): string | undefined {
  return entry?.message.payload.toString().split(' ')[0]
}

function drain(queues: PoolQueues, nowMs = 0): string[] {
  const names: string[] = []
  for (let queue = 0; queue < queues.queueCount; queue += 1)
    for (let entry = queues.take(queue, nowMs); entry !== undefined; entry = queues.take(queue, nowMs))
      names.push(nameOf(entry)!)
  return names
}

test('messages leave a queue in the order in which they came', () => {
  const pool = poolOf(1)
  for (const name of ['a', 'b', 'c']) push(pool, name)
  assert.deepEqual(drain(pool.queues), ['a', 'b', 'c'])
})

test('a message counts in the outbox until it is done with, whatever becomes of it', () => {
  const { outbox, queues } = poolOf(1)
  for (const name of ['a', 'b', 'c', 'd']) outbox.accept(publish(name, { expirySeconds: 9 }), plain, 0, WALL_MS)
  queues.refill(() => true, 0, WALL_MS)
  assert.deepEqual([outbox.count, outbox.waiting, queues.waiting(0)], [4, 0, 4])
  const { bytes } = outbox
  queues.settle(queues.take(0, 0)!, { type: 'delivered' })
  assert.equal(outbox.count, 3)
  assert.ok(outbox.bytes < bytes)
  queues.settle(queues.take(0, 0)!, { type: 'failed', reason: refusedByPeer(0x97) })
  queues.dropOldest('queue_full', false)
  assert.equal(queues.sweep(9_000), 1)
  assert.deepEqual([outbox.count, outbox.bytes], [0, 0])
  const { delivered, dropped, failed } = outbox.ledger.snapshot()
  assert.deepEqual([delivered, dropped, failed], [1, { queue_full: 1, expired: 1 }, { 'refused_by_peer(0x97)': 1 }])
})

test('the oldest of all queues goes first, wherever it stands, and QoS 0 before it', () => {
  const publishers = Array.from({ length: 4 }, (_, queue) =>
    Array.from({ length: 100 }, (_any, index) => `device-${index}`).find((from) => queueOf(from, 4) === queue)!,
  )
  for (const order of [publishers, publishers.toReversed()]) {
    const pool = poolOf(4, { countMax: 5 })
    for (const from of order) push(pool, from, { from })
    push(pool, 'zero', { from: 'new', qos: 0 })
    push(pool, 'new-1', { from: 'new' })
    push(pool, 'new-2', { from: 'new' })
    const left = drain(pool.queues)
    assert.deepEqual(left.toSorted(), [...order.slice(1), 'new-1', 'new-2'].toSorted())
    assert.deepEqual(pool.outbox.ledger.snapshot().dropped, { shed_qos0: 1, queue_full: 1 })
  }
})

test('an expired message is never taken, swept or not', () => {
  const pool = poolOf(1, { ageMsMax: 5_000 })
  push(pool, 'brief', { expirySeconds: 1 })
  push(pool, 'aged')
  assert.equal(pool.queues.nextExpiryMs, 1_000)
  assert.equal(nameOf(pool.queues.take(0, 1_000)), 'aged')
  pool.queues.putBack(0)
  assert.equal(pool.queues.take(0, 5_000), undefined, 'back in the queue it is as old as ever')
  assert.deepEqual(pool.outbox.ledger.snapshot().dropped, { expired: 2 })
})

test('a lost connection puts its messages back to the front in their order', () => {
  const pool = poolOf(1)
  const { outbox, queues } = pool
  for (const name of ['a', 'b', 'c', 'd']) push(pool, name)
  const first = queues.take(0, 0)
  const second = queues.take(0, 0)
  queues.take(0, 0)
  assert.ok(first !== undefined && second !== undefined)
  queues.settle(second, { type: 'delivered' })
  queues.putBack(0)
  queues.settle(first, { type: 'delivered' })
  assert.deepEqual(drain(queues), ['a', 'c', 'd'], 'the late answer for a changes nothing')
  const { matched, delivered, retried, inflight } = outbox.ledger.snapshot()
  assert.deepEqual([matched, delivered, retried, inflight], [4, 1, 2, 3])
})

test('another pool size keeps the order of each publisher', () => {
  const pool = poolOf(3)
  const publishers = Array.from({ length: 20 }, (_, index) => `device-${index}`)
  for (let round = 0; round < 5; round += 1) for (const from of publishers) push(pool, `${from}/${round}`, { from })
  pool.queues.take(0, 0)
  pool.queues.take(1, 0)
  pool.queues.reshape(8)
  const taken = drain(pool.queues)
  assert.equal(taken.length, 100)
  for (const from of publishers)
    assert.deepEqual(
      taken.filter((name) => name.startsWith(`${from}/`)),
      [0, 1, 2, 3, 4].map((round) => `${from}/${round}`),
    )
})

test('a removed link leaves nothing in its queues, and what flies is of no interest any more', () => {
  const pool = poolOf(2)
  for (const name of ['a', 'b', 'c']) push(pool, name)
  const flying = pool.queues.take(queueOf('p', 2), 0)
  pool.outbox.clear()
  pool.queues.settle(flying!, { type: 'delivered' })
  assert.deepEqual(drain(pool.queues), [])
  assert.deepEqual(pool.outbox.ledger.snapshot().dropped, { link_removed: 3 })
  assert.equal(pool.outbox.ledger.snapshot().delivered, 0)
})

test('publishers spread over the queues', () => {
  const counts = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let index = 0; index < 8_000; index += 1) counts[queueOf(`device-${index}`, 8)]! += 1
  for (const count of counts) assert.ok(count > 800 && count < 1200, counts.join())
})

test('property: the soonest expiry is known whatever leaves in between', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.boolean())), (steps) => {
      const pool = poolOf(1)
      const expiries: number[] = []
      for (const [seconds, alsoTake] of steps) {
        push(pool, 'x', { expirySeconds: seconds })
        expiries.push(seconds * 1_000)
        if (alsoTake) {
          pool.queues.take(0, 0)
          expiries.shift()
        }
        assert.equal(pool.queues.nextExpiryMs, Math.min(...expiries))
      }
    }),
  )
})
