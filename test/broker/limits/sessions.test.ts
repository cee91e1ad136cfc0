import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RawClient } from '../raw-client.ts'
import { mqttDefaults, publish, subscribe, TestBroker } from '../test-broker.ts'

const QUOTA = 0x97
const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

test('max_subscriptions: one more is refused, one that is there may be made again, one that goes makes room', async (t) => {
  const broker = await TestBroker.start(t, { max_subscriptions: 2 })
  const client = await broker.client('client')
  assert.deepEqual(await subscribe(client, 'a', 'b', 'c', '$share/g/d'), [2, 2, QUOTA, QUOTA])
  assert.deepEqual(await subscribe(client, { topic: 'a', qos: 1 }), [1])
  client.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['b'] })
  await client.next('unsuback')
  assert.deepEqual(await subscribe(client, 'c', 'd'), [2, QUOTA])
  const other = await broker.client('other', 4)
  assert.deepEqual(await subscribe(other, 'a', 'b', 'c'), [2, 2, 0x80], 'each session has its own')
})

test('max_topic_levels holds for subscriptions and for publishes', async (t) => {
  const broker = await TestBroker.start(t, { max_topic_levels: 3 })
  const client = await broker.client('client')
  assert.deepEqual(
    await subscribe(client, 'a/b/c', 'a/b/#', 'a/b/c/#', '$share/g/a/b/c', '////'),
    [2, 2, 0x8f, 2, 0x8f],
  )
  const publisher = await broker.client('publisher')
  publisher.send(publish('a/b/c', 'fits', { qos: 1, messageId: 1 }))
  await publisher.next('puback')
  publisher.send(publish('a/b/c/d', 'too deep', { qos: 1, messageId: 2 }))
  assert.equal((await publisher.next('disconnect')).reasonCode, 0x90)
})

/** Publishes at QoS 1, each once the one before is acknowledged. */
async function send(publisher: RawClient, payloads: readonly (string | Buffer)[]): Promise<void> {
  for (const payload of payloads) {
    publisher.send(publish('t', payload, { qos: 1, messageId: 1 }))
    await publisher.next('puback')
  }
}

async function gets(client: RawClient): Promise<string[]> {
  client.send({ cmd: 'pingreq' })
  const found: string[] = []
  for (;;) {
    const { packet } = await client.receive()
    if (packet.cmd === 'pingresp') return found
    if (packet.cmd === 'publish') found.push(String(packet.payload).slice(0, 8))
  }
}

const large = (name: string): string => name.padEnd(1000, '.')

test('max_mqueue_bytes: the oldest make room, and all that go are counted', async (t) => {
  const broker = await TestBroker.start(t, { max_mqueue_bytes: 3300 })
  await (await broker.subscriber('away', ['t'], 5, kept)).destroy()
  await broker.connections(0)
  await send(await broker.client('publisher'), ['1', '2', '3', '4', '5'].map(large))
  assert.equal(broker.broker.counters.droppedQueueFull, 2)
  assert.deepEqual(await gets(await broker.client('away', 5, kept)), ['3.......', '4.......', '5.......'])
})

test('a message larger than the whole queue goes itself, and makes nobody else go', async (t) => {
  const broker = await TestBroker.start(t, { max_mqueue_bytes: 3300 })
  await (await broker.subscriber('away', ['t'], 5, kept)).destroy()
  await broker.connections(0)
  await send(await broker.client('publisher'), [large('1'), 'x'.repeat(5000), large('2')])
  assert.equal(broker.broker.counters.droppedQueueFull, 1)
  assert.deepEqual(await gets(await broker.client('away', 5, kept)), ['1.......', '2.......'])
})

test('a session that is there already follows a change of the settings', async (t) => {
  const broker = await TestBroker.start(t, { max_mqueue_len: 10, max_inflight: 1 })
  const reader = await broker.subscriber('reader', ['t'], 5, kept)
  const publisher = await broker.client('publisher')
  await send(publisher, ['1', '2', '3', '4'])
  assert.deepEqual(await gets(reader), ['1'], 'one unacknowledged message at a time')
  broker.broker.configure({ ...mqttDefaults, max_mqueue_len: 2, max_inflight: 2 })
  assert.deepEqual(await gets(reader), ['2'])
  await send(publisher, ['5', '6'])
  assert.equal(
    broker.broker.counters.droppedQueueFull,
    2,
    'two wait, so that each new one takes the place of the oldest',
  )
  broker.broker.configure({ ...mqttDefaults, max_subscriptions: 1 })
  assert.deepEqual(await gets(reader), ['5', '6'])
  assert.deepEqual(await subscribe(reader, 'more'), [QUOTA])
})

test('mqueue_store_qos0 counts for sessions that are there already', async (t) => {
  const broker = await TestBroker.start(t, { mqueue_store_qos0: true })
  await (await broker.subscriber('away', ['t'], 5, kept)).destroy()
  await broker.connections(0)
  const publisher = await broker.client('publisher')
  publisher.send(publish('t', 'kept'))
  await publisher.nothingMore()
  broker.broker.configure({ ...mqttDefaults, mqueue_store_qos0: false })
  publisher.send(publish('t', 'not kept'))
  await publisher.nothingMore()
  assert.deepEqual(await gets(await broker.client('away', 5, kept)), ['kept'])
})
