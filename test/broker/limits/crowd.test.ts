/** What gathered at a peer is answered for when those who get it have room for more, but nobody is waited for for long. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { batchOf, bring, give, NativeNode } from '../../link/inbound/batches.ts'
import { ManualClock } from '../manual-clock.ts'
import type { RawClient } from '../raw-client.ts'

const INFLIGHT = 10
const QUEUE = 40
/** As long as the crowd is looked at every so often, this is often enough. */
const LOOK_MS = 10

async function start(t: TestContext) {
  const clock = new ManualClock()
  const node = await NativeNode.start(t, { mqtt: { max_inflight: INFLIGHT, max_mqueue_len: QUEUE }, clock })
  const { client: peer } = await node.peer()
  return { clock, node, peer }
}

function messages(count: number, topic = 'a') {
  return Array.from({ length: count }, (_, index) => ({ topic, payload: Buffer.from(String(index)) }))
}

async function acknowledge(client: RawClient, count: number): Promise<void> {
  for (let times = 0; times < count; times += 1) {
    const { messageId } = await client.next('publish')
    client.send({ cmd: 'puback', messageId: messageId! })
  }
}

test('backlog that fills a queue is acknowledged when its reader has caught up, and none of it is dropped', async (t) => {
  const { clock, node, peer } = await start(t)
  const { counters } = node.started.broker
  const reader = await node.started.subscriber('reader', ['a'])
  for (let sequence = 30; sequence <= 300; sequence += 30) {
    give(peer, batchOf({ sequence, lane: 1 }, messages(30)), 1)
    await peer.nothingMore()
    clock.advance(LOOK_MS)
    await peer.nothingMore()
    await acknowledge(reader, 30)
    await reader.nothingMore()
    clock.advance(LOOK_MS)
    await peer.next('puback')
  }
  assert.equal(counters.droppedQueueFull, 0)
})

test('a reader that is slow for good is not waited for for long', async (t) => {
  const { clock, node, peer } = await start(t)
  await node.started.subscriber('reader', ['a'])
  for (let sequence = 30; sequence <= 90; sequence += 30) {
    give(peer, batchOf({ sequence, lane: 1 }, messages(30)), 1)
    await peer.nothingMore()
    clock.advance(1_000)
    await peer.next('puback')
  }
})

test('a reader that goes is waited for no more, and who is away never was', async (t) => {
  const { clock, node, peer } = await start(t)
  const kept = { properties: { sessionExpiryInterval: 100 } }
  const reader = await node.started.subscriber('reader', ['a'], 5, kept)
  give(peer, batchOf({ sequence: 30, lane: 1 }, messages(30)), 1)
  await peer.nothingMore()
  await reader.destroy()
  await node.started.connections(1)
  clock.advance(LOOK_MS)
  await peer.next('puback')
  assert.equal(await bring(peer, batchOf({ sequence: 60, lane: 1 }, messages(30))), 0)
})

test('live messages wait for nobody, nor do they for backlog that waits', async (t) => {
  const { node, peer } = await start(t)
  await node.started.subscriber('slow', ['a'])
  const other = await node.started.subscriber('other', ['b'])
  assert.equal(await bring(peer, batchOf({ sequence: 30, lane: 0 }, messages(30))), 0)
  give(peer, batchOf({ sequence: 1, lane: 1 }, messages(1)), 1)
  await peer.nothingMore()
  give(peer, batchOf({ sequence: 31, lane: 0 }, messages(1, 'b')), 2)
  await other.publishes(1)
})

test('a queue that fills with what others publish is nothing to a peer', async (t) => {
  const { node, peer } = await start(t)
  const reader = await node.started.subscriber('reader', ['a'])
  const publisher = await node.started.client('publisher')
  for (let messageId = 1; messageId <= 30; messageId += 1) {
    publisher.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 1, messageId, dup: false, retain: false })
    await publisher.next('puback')
  }
  assert.equal(await bring(peer, batchOf({ sequence: 1, lane: 1 }, messages(1, 'b'))), 0)
  await reader.publishes(INFLIGHT)
})
