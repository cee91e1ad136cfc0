import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type RetainerConfig, retainerSchema } from '../../../src/config/retainer-schema.ts'
import { ManualClock } from '../manual-clock.ts'
import type { RawClient } from '../raw-client.ts'
import { mqttDefaults, publish, subscribe, TestBroker } from '../test-broker.ts'

type Written = Parameters<typeof retainerSchema.parse>[0]

async function start(t: TestContext, written: Written, clock = new ManualClock()): Promise<TestBroker> {
  const broker = await TestBroker.start(t, {}, clock)
  configure(broker, written)
  return broker
}

function configure({ broker }: TestBroker, written: Written): void {
  const retainer: RetainerConfig = retainerSchema.parse(written)
  broker.configure(mqttDefaults, retainer)
}

/** Publishes a retained message of QoS 1 and returns the reason code. */
async function retain(client: RawClient, topic: string, payload: string): Promise<number> {
  client.send(publish(topic, payload, { qos: 1, messageId: 1, retain: true }))
  return (await client.next('puback')).reasonCode ?? 0
}

/** What a new subscriber is told. */
async function kept(broker: TestBroker): Promise<string[]> {
  const reader = await broker.client(`reader-${Math.random()}`)
  await subscribe(reader, { topic: '#', qos: 0 })
  reader.send({ cmd: 'pingreq' })
  const found: string[] = []
  for (;;) {
    const { packet } = await reader.receive()
    if (packet.cmd === 'pingresp') break
    assert(packet.cmd === 'publish')
    found.push(`${packet.topic} ${String(packet.payload)}`)
  }
  await reader.destroy()
  return found.toSorted()
}

const QUOTA = 0x97
const NOBODY = 0x10

test('as many retained messages as may be: others are delivered and not kept, and both are told once', async (t) => {
  const broker = await start(t, { backend: { max_retained_messages: 2 } })
  const { counters } = broker.broker
  const client = await broker.client('client')
  const subscriber = await broker.subscriber('subscriber', [{ topic: '#', qos: 0 }])
  assert.deepEqual([await retain(client, 'a', '1'), await retain(client, 'b', '1')], [0, 0])
  assert.equal(await retain(client, 'c', 'not kept'), QUOTA)
  assert.equal(await retain(client, 'd', 'not kept'), QUOTA)
  assert.equal(await retain(client, 'a', '2'), 0, 'a topic that has one may have another')
  assert.deepEqual(
    (await subscriber.publishes(5)).map(({ payload }) => String(payload)),
    ['1', '1', 'not kept', 'not kept', '2'],
  )
  assert.deepEqual(await kept(broker), ['a 2', 'b 1'])
  assert.equal(counters.retainRefused, 2)
  client.send(publish('b', '', { retain: true }))
  assert.equal(await retain(client, 'c', '3'), 0)
  assert.deepEqual(await kept(broker), ['a 2', 'c 3'])
  assert.equal(await retain(client, 'd', 'not kept'), QUOTA)
  assert.deepEqual(
    broker.log.filter(({ event }) => event.startsWith('retained_messages')).map(({ event }) => event),
    ['retained_messages_full', 'retained_messages_ok', 'retained_messages_full'],
  )
})

test('what has expired takes no room from others, though nobody has asked for it', async (t) => {
  const clock = new ManualClock()
  const broker = await start(t, { backend: { max_retained_messages: 2 } }, clock)
  const client = await broker.client('client')
  for (const [topic, seconds] of [
    ['a', 10],
    ['b', 1000],
  ] as const)
    client.send(publish(topic, '1', { retain: true, properties: { messageExpiryInterval: seconds } }))
  assert.equal(await retain(client, 'c', '1'), QUOTA)
  clock.advance(70_000)
  assert.equal(await retain(client, 'c', '1'), NOBODY)
  assert.equal(await retain(client, 'd', '1'), QUOTA)
  assert.deepEqual(await kept(broker), ['b 1', 'c 1'])
})

test('MQTT 3.1.1 has no word for it: the message is acknowledged and not kept', async (t) => {
  const broker = await start(t, { backend: { max_retained_messages: 1 } })
  const client = await broker.client('client', 4)
  assert.deepEqual([await retain(client, 'a', '1'), await retain(client, 'b', '1')], [0, 0])
  client.send(publish('c', '1', { qos: 2, messageId: 7, retain: true }))
  await client.next('pubrec')
  client.send({ cmd: 'pubrel', messageId: 7 })
  await client.next('pubcomp')
  assert.deepEqual(await kept(broker), ['a 1'])
})

test('a payload above max_payload_size is delivered and not kept; what the topic had stays', async (t) => {
  const broker = await start(t, { max_payload_size: 4 })
  const client = await broker.client('client')
  assert.deepEqual([await retain(client, 'a', '1234'), await retain(client, 'a', '12345')], [NOBODY, QUOTA])
  assert.deepEqual(await kept(broker), ['a 1234'])
})

test('without a retainer nothing is kept, and what was kept before is told to nobody', async (t) => {
  const broker = await start(t, {})
  const client = await broker.client('client')
  await retain(client, 'a', '1')
  configure(broker, { enable: false })
  assert.equal(await retain(client, 'b', '1'), NOBODY)
  assert.deepEqual(await kept(broker), [])
  configure(broker, {})
  assert.deepEqual(await kept(broker), ['a 1'])
})

test('msg_expiry_interval counts for messages that have no expiry of their own', async (t) => {
  const clock = new ManualClock()
  const broker = await start(t, { msg_expiry_interval: '10s' }, clock)
  const client = await broker.client('client')
  await retain(client, 'plain', '1')
  client.send(publish('own', '1', { retain: true, properties: { messageExpiryInterval: 60 } }))
  await client.nothingMore()
  clock.advance(9_999)
  assert.deepEqual(await kept(broker), ['own 1', 'plain 1'])
  clock.advance(1)
  assert.deepEqual(await kept(broker), ['own 1'])
  clock.advance(50_000)
  assert.deepEqual(await kept(broker), [])
  assert.equal(broker.broker.retainedCount, 0)
  assert.equal(broker.broker.retainedBytes, 0)
})

for (const { stop, got } of [
  { stop: true, got: ['1', 'end'] },
  { stop: false, got: ['1', '', 'end'] },
])
  test(`stop_publish_clear_msg = ${stop}: subscribers get ${JSON.stringify(got)}`, async (t) => {
    const broker = await start(t, { stop_publish_clear_msg: stop })
    const subscriber = await broker.subscriber('subscriber', [{ topic: '#', qos: 0 }])
    const client = await broker.client('client')
    for (const payload of ['1', '', 'end']) {
      client.send(publish('t', payload, { qos: 1, messageId: 1, retain: payload !== 'end' }))
      await client.next('puback')
    }
    assert.deepEqual(
      (await subscriber.publishes(got.length)).map(({ payload }) => String(payload)),
      got,
    )
    assert.deepEqual(await kept(broker), [])
  })
