import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from './manual-clock.ts'
import type { PacketOf } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const retained = (topic: string, payload: string, options: Partial<PacketOf<'publish'>> = {}) =>
  publish(topic, payload, { retain: true, ...options })
const shown = ({ topic, payload, retain }: PacketOf<'publish'>) =>
  `${topic}=${String(payload)}${retain ? ' retained' : ''}`

for (const [from, to] of [
  [4, 5],
  [5, 4],
  [5, 5],
] as const) {
  test(`a retained message of version ${from} is kept for later subscribers of version ${to}`, async (t) => {
    const broker = await TestBroker.start(t)
    const publisher = await broker.client('publisher', from)
    publisher.send(retained('a/b', 'first'), retained('a/b', 'second', { qos: 1, messageId: 1 }))
    await publisher.next('puback')
    const later = await broker.subscriber('later', ['a/+'], to)
    const got = await later.next('publish')
    assert.equal(shown(got), 'a/b=second retained')
    assert.equal(got.qos, 1)
    await later.nothingMore()
  })
}

test('the QoS of a retained message is at most that of the subscription', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send(retained('t', 'x', { qos: 2, messageId: 1 }))
  await client.next('pubrec')
  for (const qos of [0, 1, 2] as const) {
    const later = await broker.subscriber(`later${qos}`, [{ topic: 't', qos }])
    assert.equal((await later.next('publish')).qos, qos)
  }
})

test('an empty payload clears, and is itself passed on but not kept [MQTT-3.3.1-6]', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', ['t'])
  client.send(retained('t', 'x'), retained('t', ''))
  assert.deepEqual((await client.publishes(2)).map(shown), ['t=x', 't='])
  const later = await broker.subscriber('later', ['t'])
  await later.nothingMore()
  assert.deepEqual([...broker.broker.retained('#')], [])
})

test('a message without RETAIN leaves the retained one alone', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send(retained('t', 'kept'), publish('t', 'passing'), publish('t', ''))
  await client.nothingMore()
  const later = await broker.subscriber('later', ['t'])
  assert.equal(shown(await later.next('publish')), 't=kept retained')
})

test('a retained message expires, and what is left of its life is told', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const client = await broker.client('a')
  client.send(retained('t', 'x', { properties: { messageExpiryInterval: 10 } }))
  await client.nothingMore()
  clock.advance(7_500)
  const later = await broker.subscriber('later', ['t'])
  assert.equal((await later.next('publish')).properties?.messageExpiryInterval, 3)
  clock.advance(2_500)
  const tooLate = await broker.subscriber('too late', ['t'])
  await tooLate.nothingMore()
  assert.deepEqual([...broker.broker.retained('t')], [])
})

for (const { retainHandling, first, again } of [
  { retainHandling: 0, first: true, again: true },
  { retainHandling: 1, first: true, again: false },
  { retainHandling: 2, first: false, again: false },
]) {
  test(`Retain Handling ${retainHandling}: at first ${first}, at the same subscription again ${again}`, async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a')
    client.send(retained('t', 'x'))
    for (const expected of [first, again]) {
      await subscribe(client, { topic: 't', qos: 0, rh: retainHandling })
      if (expected) assert.equal(shown(await client.next('publish')), 't=x retained')
      await client.nothingMore()
    }
  })
}

test('an older client gets the retained messages at each SUBSCRIBE', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', 4)
  client.send(retained('t', 'x'))
  for (let i = 0; i < 2; i++) {
    await subscribe(client, 't')
    assert.equal(shown(await client.next('publish')), 't=x retained')
  }
})

test('Retain As Published keeps the flag of what is passed on; without it the flag is cleared', async (t) => {
  const broker = await TestBroker.start(t)
  const asPublished = await broker.subscriber('as published', [{ topic: 't', qos: 0, rap: true }])
  const plain = await broker.subscriber('plain', [{ topic: 't', qos: 0, rap: false }])
  const old = await broker.subscriber('old', ['t'], 4)
  const publisher = await broker.client('publisher')
  publisher.send(retained('t', '1'), publish('t', '2'))
  assert.deepEqual((await asPublished.publishes(2)).map(shown), ['t=1 retained', 't=2'])
  assert.deepEqual((await plain.publishes(2)).map(shown), ['t=1', 't=2'])
  assert.deepEqual((await old.publishes(2)).map(shown), ['t=1', 't=2'])
})

test('a bridge of an older version gets the flag as published and not its own messages', async (t) => {
  const broker = await TestBroker.start(t)
  const bridge = await broker.open(4)
  const connect = bridge.encode({ cmd: 'connect', protocolVersion: 4, clientId: 'bridge', clean: true, keepalive: 0 })
  connect[8] = 0x84
  bridge.sendBytes(connect)
  await bridge.next('connack')
  await subscribe(bridge, 't')
  bridge.send(publish('t', 'own'))
  const publisher = await broker.client('publisher')
  publisher.send(retained('t', 'of another'))
  assert.equal(shown(await bridge.next('publish')), 't=of another retained')
  await bridge.nothingMore()
})

for (const { filter, topics } of [
  { filter: '#', topics: ['/', '/a', 'a', 'a/', 'a/b', 'a/b/c'] },
  { filter: '+', topics: ['a'] },
  { filter: '+/+', topics: ['/', '/a', 'a/', 'a/b'] },
  { filter: 'a/#', topics: ['a', 'a/', 'a/b', 'a/b/c'] },
  { filter: 'a/+', topics: ['a/', 'a/b'] },
  { filter: '+/b/#', topics: ['a/b', 'a/b/c'] },
  { filter: '$data/#', topics: ['$data', '$data/a'] },
  { filter: '$data/+', topics: ['$data/a'] },
  { filter: '+/a', topics: ['/a'] },
  { filter: 'a/b/c', topics: ['a/b/c'] },
]) {
  test(`retained messages under ${filter}`, async (t) => {
    const broker = await TestBroker.start(t)
    const publisher = await broker.client('publisher')
    for (const topic of ['a', 'a/b', 'a/b/c', 'a/', '/a', '/', '$data', '$data/a'])
      publisher.send(retained(topic, topic))
    await publisher.nothingMore()
    const client = await broker.subscriber('a', [filter])
    const got = (await client.publishes(topics.length)).map(({ topic }) => topic)
    await client.nothingMore()
    assert.deepEqual(got.sort(), topics)
    assert.deepEqual([...broker.broker.retained(filter)].map(({ topic }) => topic).sort(), topics)
  })
}

test('shared subscriptions get no retained messages [MQTT-4.8.2]', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send(retained('t', 'x'))
  await subscribe(client, '$share/g/t')
  await client.nothingMore()
})

test('many retained messages come through a small window, each once, and SUBACK first', async (t) => {
  const broker = await TestBroker.start(t)
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 3_000; i++) publisher.send(retained(`t/${i}`, String(i), { qos: 1, messageId: 1 }))
  for (let i = 0; i < 3_000; i++) await publisher.next('puback')
  const client = await broker.client('a', 5, { properties: { receiveMaximum: 5 } })
  await subscribe(client, 't/+')
  const topics = new Set<string>()
  while (topics.size < 3_000) {
    const { topic, messageId } = await client.next('publish')
    assert(!topics.has(topic))
    topics.add(topic)
    client.send({ cmd: 'puback', messageId: messageId! })
  }
  await client.nothingMore()
})

test('a retained value that waits for the window does not come after a newer one of the same QoS', async (t) => {
  const broker = await TestBroker.start(t)
  const publisher = await broker.client('publisher')
  publisher.send(retained('t/1', 'x', { qos: 1, messageId: 1 }), retained('t/2', 'old'))
  await publisher.next('puback')
  await publisher.nothingMore()
  const client = await broker.client('a', 5, { properties: { receiveMaximum: 1 } })
  await subscribe(client, 't/1')
  const first = await client.next('publish')
  await subscribe(client, 't/2')
  publisher.send(publish('t/2', 'new'))
  await publisher.nothingMore()
  client.send({ cmd: 'puback', messageId: first.messageId! })
  assert.deepEqual(
    (await client.publishes(2)).map(({ payload }) => String(payload)),
    ['old', 'new'],
  )
})
