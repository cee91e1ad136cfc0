/** What a new process finds of the old one's sessions, retained messages and wills. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Clock } from '../../../src/broker/clock.ts'
import { ManualClock } from '../manual-clock.ts'
import { publish, subscribe, TestBroker } from '../test-broker.ts'
import { MemoryStore } from './memory-store.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

const willAfter30s = (topic: string) => ({
  topic,
  payload: Buffer.from('gone'),
  qos: 1 as const,
  retain: false,
  properties: { willDelayInterval: 30 },
})

async function start(t: TestContext, store: MemoryStore, clock?: Clock): Promise<TestBroker> {
  const started = await TestBroker.start(t, {}, clock)
  started.broker.open(store)
  return started
}

/** Nothing of this one reaches the disk any more. */
function crash({ broker }: TestBroker, store: MemoryStore): MemoryStore {
  broker.journal.close()
  return store.afterCrash()
}

test('messages queued for a client that is away are there, in order, with all that belongs to them', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  const filters = [{ topic: 'a/#', qos: 2 as const, rap: true, properties: {} }]
  const subscriber = await before.client('s', 5, kept)
  subscriber.send({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: filters,
    properties: { subscriptionIdentifier: 77 },
  })
  await subscriber.next('suback')
  await subscriber.destroy()
  const publisher = await before.client('p')
  const properties = { userProperties: { a: 'b' }, contentType: 'text' }
  publisher.send(publish('a/1', 'one', { qos: 1, messageId: 1, retain: true, properties }))
  await publisher.next('puback')
  publisher.send(publish('a/2', 'two', { qos: 2, messageId: 2 }))
  await publisher.next('pubrec')
  const after = await start(t, crash(before, store))
  const again = await after.client('s', 5, kept)
  assert.equal(again.connack.sessionPresent, true)
  const [first, second] = await again.publishes(2)
  assert.deepEqual([first!.topic, first!.qos, first!.retain, first!.payload.toString()], ['a/1', 1, true, 'one'])
  assert.equal(first!.properties?.subscriptionIdentifier, 77)
  assert.deepEqual({ ...first!.properties?.userProperties }, { a: 'b' })
  assert.deepEqual([second!.topic, second!.qos, second!.payload.toString()], ['a/2', 2, 'two'])
})

test('subscriptions are there, and links hear of them before anything else happens', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  await before.subscriber('s', ['a/+', 'b', '$share/g/c'], 5, kept)
  const client = await before.client('s2', 5, kept)
  await subscribe(client, 'gone')
  client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['gone'] })
  await client.next('unsuback')
  const after = await start(t, crash(before, store))
  assert.deepEqual([...after.broker.interest()].toSorted(), ['a/+', 'b', 'c'])
})

test('a session that is not kept leaves nothing, and one taken with Clean Start nothing of the old one', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  await before.subscriber('passing', ['a'])
  const first = await before.subscriber('s', ['b'], 5, kept)
  await first.destroy()
  await before.subscriber('s', ['c'], 5, { ...kept, clean: true })
  await before.broker.journal.flush()
  const after = await start(t, crash(before, store))
  assert.deepEqual([...after.broker.interest()], ['c'])
  assert.equal(after.broker.sessions.count, 1)
})

test('a message that the client took before the end is not sent again', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  const subscriber = await before.subscriber('s', ['a'], 5, kept)
  const publisher = await before.client('p')
  publisher.send(publish('a', 'x', { qos: 1, messageId: 1 }))
  const { messageId } = await subscriber.next('publish')
  await publisher.next('puback')
  subscriber.send({ cmd: 'puback', messageId: messageId! })
  await subscriber.nothingMore()
  await before.broker.journal.flush()
  assert.deepEqual([store.count('messages'), store.count('progress')], [0, 0])
  const after = await start(t, crash(before, store))
  const again = await after.client('s', 5, kept)
  await again.nothingMore()
})

for (const { when, leaves } of [
  { when: 'while its client was there', leaves: false },
  { when: 'after its client had left', leaves: true },
])
  test(`what waited, was sent and not acknowledged before a crash ${when} comes with DUP [MQTT-3.3.1-1]`, async (t) => {
    const store = new MemoryStore()
    const before = await start(t, store)
    const subscriber = await before.subscriber('s', ['a'], 5, kept)
    await subscriber.destroy()
    const publisher = await before.client('p')
    publisher.send(publish('a', 'x', { qos: 1, messageId: 1 }))
    // It is on disk as one that waits.
    await publisher.next('puback')
    await before.connections(1)
    const there = await before.client('s', 5, kept)
    assert.equal((await there.next('publish')).dup, false)
    if (leaves) {
      await there.destroy()
      await before.connections(1)
    }
    await before.broker.journal.flush()
    const after = await start(t, crash(before, store))
    const again = await after.client('s', 5, kept)
    const { dup, payload } = await again.next('publish')
    assert.deepEqual([payload.toString(), dup], ['x', true])
  })

test('what waited for a client that was away all the time comes without DUP', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  const subscriber = await before.subscriber('s', ['a'], 5, kept)
  await subscriber.destroy()
  await before.connections(0)
  const publisher = await before.client('p')
  publisher.send(publish('a', 'x', { qos: 1, messageId: 1 }))
  await publisher.next('puback')
  const after = await start(t, crash(before, store))
  const again = await after.client('s', 5, kept)
  assert.equal((await again.next('publish')).dup, false)
})

test('QoS 2 goes on where it was: the same identifier again, PUBREL for what was received', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  const subscriber = await before.subscriber('s', ['a'], 5, kept)
  const publisher = await before.client('p', 5, kept)
  for (const messageId of [1, 2]) publisher.send(publish('a', `${messageId}`, { qos: 2, messageId }))
  const [first, second] = await subscriber.publishes(2)
  subscriber.send({ cmd: 'pubrec', messageId: first!.messageId! })
  await subscriber.next('pubrel')
  await publisher.next('pubrec')
  await publisher.next('pubrec')
  const after = await start(t, crash(before, store))
  const again = await after.client('s', 5, kept)
  assert.equal((await again.next('pubrel')).messageId, first!.messageId)
  const repeated = await again.next('publish')
  assert.deepEqual([repeated.messageId, repeated.payload.toString()], [second!.messageId, '2'])
  const sender = await after.client('p', 5, kept)
  // It has not seen the PUBREC: a repetition must not be passed on once more.
  sender.send(publish('a', '1', { qos: 2, messageId: 1, dup: true }))
  await sender.next('pubrec')
  sender.send({ cmd: 'pubrel', messageId: 1 })
  assert.equal((await sender.next('pubcomp')).reasonCode, 0)
  await again.nothingMore()
})

test('retained messages are there, the cleared ones not', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  const publisher = await before.client('p')
  const long = `long/${'x'.repeat(3000)}`
  for (const [i, topic] of ['r/1', 'r/2', long].entries())
    publisher.send(publish(topic, topic.slice(0, 5), { qos: 1, messageId: i + 1, retain: true }))
  publisher.send(publish('r/2', '', { qos: 1, messageId: 4, retain: true }))
  for (let i = 0; i < 4; i++) await publisher.next('puback')
  const after = await start(t, crash(before, store))
  const reader = await after.subscriber('reader', ['#'])
  const topics = (await reader.publishes(2)).map(({ topic }) => topic)
  assert.deepEqual(topics.toSorted(), [long, 'r/1'])
  await reader.nothingMore()
})

test('a session lasts as long as it may by the wall clock, whether the node runs or not', async (t) => {
  const store = new MemoryStore()
  const clock = new ManualClock()
  const before = await start(t, store, clock)
  const short = await before.subscriber('short', ['a'], 5, { clean: false, properties: { sessionExpiryInterval: 60 } })
  const long = await before.subscriber('long', ['b'], 5, { clean: false, properties: { sessionExpiryInterval: 600 } })
  await Promise.all([short.destroy(), long.destroy()])
  await before.connections(0)
  clock.advance(1000)
  await before.broker.journal.flush()
  const disk = crash(before, store)
  clock.advance(100_000)
  const after = await start(t, disk, clock)
  clock.advance(0)
  assert.deepEqual([...after.broker.interest()], ['b'])
  clock.advance(500_000)
  assert.deepEqual([...after.broker.interest()], [])
})

test('a will that waits is published after the restart, unless its client comes back in time', async (t) => {
  const store = new MemoryStore()
  const clock = new ManualClock()
  const before = await start(t, store, clock)
  for (const id of ['a', 'b']) {
    const client = await before.client(id, 5, { ...kept, will: willAfter30s(`will/${id}`) })
    await client.destroy()
  }
  await before.subscriber('reader', ['will/#'], 5, kept)
  await before.connections(1)
  clock.advance(1000)
  await before.broker.journal.flush()
  const after = await start(t, crash(before, store), clock)
  const reader = await after.client('reader', 5, kept)
  clock.advance(10_000)
  await after.client('b', 5, kept)
  clock.advance(30_000)
  assert.equal((await reader.next('publish')).topic, 'will/a')
  await reader.nothingMore()
})

test('what a link says to a client with a kept session never goes to disk', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  before.broker.linkInlet = {
    greet: () => undefined,
    batch: () => undefined,
    subscribe: () => 0,
    publish: (client) => {
      for (const topic of ['$LINK/1', '$LINK/2']) client.send({ topic, payload: Buffer.from('x'), qos: 1 })
      return 0
    },
    closed: () => undefined,
  }
  const peer = await before.client('peer', 5, { ...kept, properties: { ...kept.properties, receiveMaximum: 1 } })
  peer.send(publish('$LINK/cluster/route/x', 'x', { qos: 1, messageId: 1, retain: true }))
  assert.equal((await peer.next('publish')).topic, '$LINK/1')
  await peer.next('puback')
  await before.broker.journal.flush()
  assert.deepEqual([store.count('messages'), store.count('retained')], [0, 0])
  const after = await start(t, crash(before, store))
  const again = await after.client('peer', 5, kept)
  assert.equal(again.connack.sessionPresent, true)
  await again.nothingMore()
})

test('wills of clients that were there when the process ended wait until it is known who wants them, and come once', async (t) => {
  const store = new MemoryStore()
  const clock = new ManualClock()
  const before = await start(t, store, clock)
  const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
  await before.client('s', 5, { ...kept, will })
  clock.advance(10)
  const after = await TestBroker.start(t, {}, clock)
  after.broker.holdWills()
  after.broker.open(crash(before, store))
  const watcher = await after.subscriber('w', ['will'])
  clock.advance(60_000)
  await watcher.nothingMore()
  after.broker.releaseWills()
  assert.equal(String((await watcher.next('publish')).payload), 'gone')
  after.broker.releaseWills()
  clock.advance(60_000)
  await watcher.nothingMore()
})
