/** The receiver of native batches, over real sockets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeAnswer } from '../../../src/link/native/greeting.ts'
import { batchOf, bring, give, NativeNode } from './batches.ts'

test('a peer that greets is answered, and what it brings reaches subscribers', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['a/#'])
  const { client, answer } = await node.peer()
  assert.deepEqual(decodeAnswer(answer ?? ''), {
    version: 1,
    features: ['deflate'],
    node: 'h1',
    boot: '0123456789abcdef',
  })
  const messages = [
    { topic: 'a/1', payload: Buffer.from('one'), qos: 0 },
    { topic: 'a/2', payload: Buffer.from('two'), qos: 1 },
    { topic: 'a/3', payload: Buffer.from('three'), qos: 2, from: 'another' },
  ] as const
  assert.equal(await bring(client, batchOf({ sequence: 3 }, messages)), 0)
  const got = await subscriber.publishes(3)
  assert.deepEqual(
    got.map(({ topic, payload, qos }) => [topic, payload.toString(), qos]),
    messages.map(({ topic, payload, qos }) => [topic, payload.toString(), qos]),
  )
  assert.deepEqual(node.account, { accepted: 3 })
})

test('a batch that comes again is acknowledged and not delivered, over another connection too', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const first = await node.peer()
  const frame = batchOf({ sequence: 1 }, [{ topic: 'a' }])
  assert.equal(await bring(first.client, frame), 0)
  assert.equal(await bring(first.client, frame, 2), 0)
  await first.client.destroy()
  const second = await node.peer()
  assert.equal(await bring(second.client, frame), 0)
  assert.equal(await bring(second.client, batchOf({ sequence: 2, isResent: true }, [{ topic: 'b' }]), 2), 0)
  assert.deepEqual(
    (await subscriber.publishes(2)).map(({ topic }) => topic),
    ['a', 'b'],
  )
  await subscriber.nothingMore()
  assert.deepEqual(node.account, { accepted: 2, duplicate: 2 })
})

test('a batch of QoS 0 has no number, and is taken as often as it comes', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const { client } = await node.peer()
  const frame = batchOf({ sequence: 0 }, [{ topic: 'a', qos: 0 }])
  give(client, frame, 0)
  give(client, frame, 0)
  assert.equal((await subscriber.publishes(2)).length, 2)
  assert.deepEqual(node.account, { accepted: 2 })
})
