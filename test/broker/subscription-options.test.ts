import assert from 'node:assert/strict'
import test from 'node:test'
import type { ISubscription } from 'mqtt-packet'
import type { QoS } from '../../src/packets/message.ts'
import type { PacketOf, RawClient } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const text = ({ payload }: PacketOf<'publish'>) => String(payload)

/** Subscribes under a Subscription Identifier. */
async function subscribeAs(client: RawClient, identifier: number, topic: string, qos: QoS = 0): Promise<void> {
  client.send({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [{ topic, qos, nl: false, rap: false, rh: 0 }],
    properties: { subscriptionIdentifier: identifier },
  })
  await client.next('suback')
}

const identifiers = (packet: PacketOf<'publish'> | undefined) =>
  [packet?.properties?.subscriptionIdentifier ?? []].flat().sort((a, b) => a - b)

test('No Local: a client does not get what it published itself, others do', async (t) => {
  const broker = await TestBroker.start(t)
  const local: ISubscription = { topic: 't/#', qos: 1, nl: true, rap: false, rh: 0 }
  const client = await broker.subscriber('a', [local])
  const other = await broker.subscriber('b', [local])
  client.send(publish('t/1', 'of a'))
  other.send(publish('t/1', 'of b'))
  assert.equal(text(await client.next('publish')), 'of b')
  assert.equal(text(await other.next('publish')), 'of a')
  await client.nothingMore()
  await other.nothingMore()
})

test('No Local on one of two subscriptions that overlap: the other one counts alone for own messages', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', [
    { topic: 't/#', qos: 2, nl: true, rap: true, rh: 0 },
    { topic: 't/+', qos: 0, nl: false, rap: false, rh: 0 },
  ])
  client.send(publish('t/1', 'own', { qos: 1, messageId: 1, retain: true }))
  const got = [await client.receive(), await client.receive()].map(({ packet }) => packet)
  const own = got.find((packet) => packet.cmd === 'publish')
  assert.equal(own?.qos, 0)
  assert.equal(own?.retain, false)
  await client.nothingMore()
})

test('overlapping subscriptions: one copy, the highest QoS, all identifiers', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  await subscribeAs(client, 1, 't/#', 0)
  await subscribeAs(client, 268_435_455, 't/+', 2)
  await subscribeAs(client, 300, 't/1', 1)
  await subscribe(client, '+/1')
  const publisher = await broker.client('b')
  publisher.send(publish('t/1', 'x', { qos: 1, messageId: 1 }), publish('t/2', 'y'), publish('u/1', 'z'))
  const [x, y, z] = await client.publishes(3)
  assert.equal(x?.qos, 1)
  assert.deepEqual(identifiers(x), [1, 300, 268_435_455])
  assert.deepEqual(identifiers(y), [1, 268_435_455])
  assert.deepEqual(identifiers(z), [])
  await client.nothingMore()
})

test('the same subscription again replaces QoS, options and identifier', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  await subscribeAs(client, 1, 't', 2)
  await subscribeAs(client, 2, 't', 0)
  client.send(publish('t', 'x', { qos: 0 }))
  const got = await client.next('publish')
  assert.equal(got.qos, 0)
  assert.equal(got.properties?.subscriptionIdentifier, 2)
  await client.nothingMore()
})

test('identifiers go with what was queued for a client that was away, and with retained messages', async (t) => {
  const broker = await TestBroker.start(t)
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const client = await broker.client('a', 5, kept)
  await subscribeAs(client, 5, 't', 1)
  await client.destroy()
  await broker.connections(0)
  const publisher = await broker.client('b')
  publisher.send(publish('t', 'queued', { qos: 1, messageId: 1, retain: true }))
  await publisher.next('puback')
  const again = await broker.client('a', 5, kept)
  const queued = await again.next('publish')
  assert.equal(queued.properties?.subscriptionIdentifier, 5)
  await subscribeAs(again, 6, '+', 1)
  const retained = await again.next('publish')
  assert.equal(retained.retain, true)
  assert.equal(retained.properties?.subscriptionIdentifier, 6)
})

for (const { filter, topic, matches } of [
  { filter: '#', topic: 'a/b', matches: true },
  { filter: '#', topic: '$a/b', matches: false },
  { filter: '+/b', topic: '$a/b', matches: false },
  { filter: '$a/+', topic: '$a/b', matches: true },
  { filter: '$a/#', topic: '$a', matches: true },
  { filter: 'a/#', topic: 'a', matches: true },
  { filter: 'a/+', topic: 'a', matches: false },
  { filter: '/+', topic: '/', matches: true },
  { filter: 'a//b', topic: 'a//b', matches: true },
  { filter: 'A', topic: 'a', matches: false },
]) {
  test(`${topic} ${matches ? 'goes' : 'does not go'} to ${filter}`, async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.subscriber('a', [filter])
    client.send(publish(topic, 'x'))
    if (matches) assert.equal((await client.next('publish')).topic, topic)
    await client.nothingMore()
  })
}

test('nobody publishes under $SYS', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', ['$SYS/#'])
  client.send(publish('$SYS/x', 'x', { qos: 1, messageId: 1, retain: true }))
  assert.equal((await client.next('puback')).reasonCode, 0x87)
  await client.nothingMore()
  assert.deepEqual([...broker.broker.retained('$SYS/#')], [])
})
