import assert from 'node:assert/strict'
import test from 'node:test'
import { readProperties } from '../../src/packets/publication.ts'
import { PublishView } from '../../src/packets/publish-view.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from './manual-clock.ts'
import { hex, type PacketOf } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const text = ({ payload }: PacketOf<'publish'>) => String(payload)

const left = ({ properties }: PacketOf<'publish'>) => properties?.messageExpiryInterval

const alias = (topic: string, topicAlias: number, payload: string, qos: 0 | 1 = 0) =>
  publish(topic, payload, { qos, messageId: 1, properties: { topicAlias, contentType: 'c' } })

test('user properties keep their order and repetitions; the other properties come as they were sent', async (t) => {
  const broker = await TestBroker.start(t)
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const live = await broker.subscriber('live', ['t'])
  const away = await broker.subscriber('away', ['t'], 5, kept)
  const old = await broker.subscriber('old', ['t'], 4)
  await away.destroy()
  await broker.connections(2)
  const publisher = await broker.client('publisher')
  const pairs = '26 0001 62 0001 31  26 0001 61 0001 32  26 0001 62 0001 33  26 0000 0000'
  const properties = hex(`01 01  03 0002 6374  ${pairs}  08 0003 722f73  09 0003 00ff01`)
  const body = Buffer.concat([hex('0001 74 0007'), Buffer.from([properties.length]), properties, Buffer.from('hi')])
  publisher.sendBytes(Buffer.concat([Buffer.from([0x32, body.length]), body]))
  await publisher.next('puback')
  const back = await broker.client('away', 5, kept)
  const view = new PublishView()
  for (const client of [live, back]) {
    const { bytes } = await client.receive()
    view.read(bytes, 0, 2, bytes.length, true)
    assert.deepEqual(readProperties(view), {
      payloadFormatIndicator: 1,
      contentType: 'ct',
      responseTopic: 'r/s',
      correlationData: Buffer.from([0, 255, 1]),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
        ['', ''],
      ],
    })
    assert.equal(bytes.subarray(view.payloadStart).toString(), 'hi')
  }
  assert.equal(text(await old.next('publish')), 'hi')
})

test('message expiry: what is left is told when a message waited, and what has run out is not sent', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const kept = { clean: false, properties: { sessionExpiryInterval: 600 } }
  const live = await broker.subscriber('live', ['t'])
  const away = await broker.subscriber('away', ['t'], 5, kept)
  await away.destroy()
  await broker.connections(1)
  const publisher = await broker.client('publisher')
  for (const [messageId, seconds] of [10, 5, 100].entries())
    publisher.send(
      publish('t', String(seconds), {
        qos: 1,
        messageId: messageId + 1,
        properties: { messageExpiryInterval: seconds },
      }),
    )
  for (let i = 0; i < 3; i++) await publisher.next('puback')
  assert.deepEqual((await live.publishes(3)).map(left), [10, 5, 100])
  clock.advance(5_000)
  const back = await broker.client('away', 5, kept)
  assert.deepEqual((await back.publishes(2)).map(left), [5, 95])
  await back.nothingMore()
  assert.equal(broker.broker.counters.droppedExpired, 1)
})

test('message expiry runs on while a message waits for the window', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const receiver = await broker.subscriber('receiver', ['t'], 5, { properties: { receiveMaximum: 1 } })
  const publisher = await broker.client('publisher')
  for (const seconds of [10, 1, 10])
    publisher.send(
      publish('t', String(seconds), { qos: 1, messageId: 1, properties: { messageExpiryInterval: seconds } }),
    )
  for (let i = 0; i < 3; i++) await publisher.next('puback')
  const first = await receiver.next('publish')
  clock.advance(2_500)
  receiver.send({ cmd: 'puback', messageId: first.messageId! })
  assert.equal((await receiver.next('publish')).properties?.messageExpiryInterval, 8)
})

test('topic aliases from a client: set, used, changed, and gone with the connection', async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', ['#'])
  const publisher = await broker.client('publisher')
  assert.equal(publisher.connack.properties?.topicAliasMaximum, 10)
  publisher.send(
    alias('one', 1, 'a'),
    alias('ten', 10, 'b'),
    alias('', 1, 'c', 1),
    alias('two', 1, 'd', 1),
    alias('', 1, 'e'),
    alias('', 10, 'f'),
  )
  const got = await receiver.publishes(6)
  assert.deepEqual(
    got.map((packet) => `${packet.topic}=${text(packet)}`),
    ['one=a', 'ten=b', 'one=c', 'two=d', 'two=e', 'ten=f'],
  )
  for (const { properties } of got) {
    assert.equal(properties?.topicAlias, undefined)
    assert.equal(properties?.contentType, 'c')
  }
  const again = await broker.client('publisher')
  again.send(alias('', 1, 'x'))
  assert.equal((await again.next('disconnect')).reasonCode, reasonCode.protocolError)
})

test('a retained message and one that is queued do not keep the alias that they came with', async (t) => {
  const broker = await TestBroker.start(t)
  const publisher = await broker.client('publisher')
  const properties = { topicAlias: 3 }
  publisher.send(
    publish('t', 'a', { properties }),
    publish('', 'b', { retain: true, qos: 1, messageId: 1, properties }),
  )
  await publisher.next('puback')
  const later = await broker.subscriber('later', ['t'])
  const got = await later.next('publish')
  assert.equal(got.topic, 't')
  assert.equal(got.properties?.topicAlias, undefined)
})

for (const { when, topic, topicAlias, reason } of [
  { when: '0', topic: 't', topicAlias: 0, reason: reasonCode.topicAliasInvalid },
  { when: 'above the maximum', topic: 't', topicAlias: 11, reason: reasonCode.topicAliasInvalid },
  { when: 'never set', topic: '', topicAlias: 2, reason: reasonCode.protocolError },
]) {
  test(`topic alias ${when} closes the connection with 0x${reason.toString(16)}`, async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a')
    const bytes = client.encode(publish(topic, 'x', { properties: { topicAlias: 1 } }))
    bytes.writeUInt16BE(topicAlias, bytes.length - 3)
    client.sendBytes(bytes)
    assert.equal((await client.next('disconnect')).reasonCode, reason)
    await client.closed()
  })
}

test('topic aliases to a client that takes two: the first two topics get one', async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', ['#'], 5, { properties: { topicAliasMaximum: 2 } })
  const publisher = await broker.client('publisher', 4)
  for (const topic of ['a', 'b', 'c', 'a', 'b', 'c']) publisher.send(publish(topic, topic, { qos: 1, messageId: 1 }))
  const got = await receiver.publishes(6)
  assert.deepEqual(
    got.map(({ topic, properties, payload }) => [topic, properties?.topicAlias, String(payload)]),
    [
      ['a', 1, 'a'],
      ['b', 2, 'b'],
      ['c', undefined, 'c'],
      ['', 1, 'a'],
      ['', 2, 'b'],
      ['c', undefined, 'c'],
    ],
  )
})

test('a client learns its aliases anew on each connection, also for what is sent again', async (t) => {
  const broker = await TestBroker.start(t)
  const options = { clean: false, properties: { sessionExpiryInterval: 60, topicAliasMaximum: 5 } }
  const first = await broker.subscriber('receiver', ['t'], 5, options)
  const publisher = await broker.client('publisher')
  for (const payload of ['1', '2']) publisher.send(publish('t', payload, { qos: 1, messageId: 1 }))
  assert.deepEqual(
    (await first.publishes(2)).map(({ topic }) => topic),
    ['t', ''],
  )
  await first.destroy()
  await broker.connections(1)
  const again = await broker.client('receiver', 5, options)
  const resent = await again.publishes(2)
  assert.deepEqual(
    resent.map(({ topic, properties, dup }) => [topic, properties?.topicAlias, dup]),
    [
      ['t', 1, true],
      ['', 1, true],
    ],
  )
})

test('Maximum Packet Size of a client: what is larger is not sent to it, and is as good as delivered', async (t) => {
  const broker = await TestBroker.start(t)
  const small = await broker.subscriber('small', ['t'], 5, {
    properties: { maximumPacketSize: 40, topicAliasMaximum: 5 },
  })
  const large = await broker.subscriber('large', ['t'])
  const publisher = await broker.client('publisher')
  for (const [qos, length] of [
    [0, 100],
    [1, 100],
    [2, 100],
    [1, 20],
  ] as const)
    publisher.send(publish('t', 'x'.repeat(length), { qos, messageId: qos + 1 }))
  assert.deepEqual(
    (await large.publishes(4)).map(({ payload }) => payload.length),
    [100, 100, 100, 20],
  )
  const got = await small.next('publish')
  assert.equal(got.payload.length, 20)
  assert.equal(got.topic, 't')
  assert.equal(broker.broker.counters.droppedTooLarge, 3)
  assert.equal(broker.broker.sessions.get('small')?.window.count, 1)
  await small.nothingMore()
})

test('exactly the Maximum Packet Size is sent, one byte more is not', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', ['t'], 5, { properties: { maximumPacketSize: 50 } })
  const publisher = await broker.client('publisher')
  const overhead = publisher.encode(publish('t', '')).length
  publisher.send(publish('t', 'x'.repeat(51 - overhead)), publish('t', 'x'.repeat(50 - overhead)))
  assert.equal((await client.receive()).bytes.length, 50)
  await client.nothingMore()
})

test('a reason string that would make a packet too large is left out [MQTT-3.14.2-3]', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', 5, { properties: { maximumPacketSize: 30 } })
  client.send({ cmd: 'pingreq' })
  await client.next('pingresp')
  client.sendBytes(hex('f0 00'))
  const { packet, bytes } = await client.receive()
  assert.equal(packet.cmd, 'disconnect')
  assert(bytes.length <= 30)
})

test('a packet above the size that the server takes is too large (0x95), however it comes', async (t) => {
  const broker = await TestBroker.start(t, { max_packet_size: 200 })
  const receiver = await broker.subscriber('receiver', ['t'])
  for (const cut of [1, 3, 100, 1000]) {
    const client = await broker.client(`cut ${cut}`)
    const overhead = client.encode(publish('t', 'x'.repeat(150))).length - 150
    const exact = client.encode(publish('t', 'x'.repeat(200 - overhead)))
    assert.equal(exact.length, 200)
    client.sendBytes(exact)
    await receiver.next('publish')
    const bytes = client.encode(publish('t', 'x'.repeat(201 - overhead)))
    for (let at = 0; at < 10; at += cut) {
      client.sendBytes(bytes.subarray(at, at + cut))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await client.next('disconnect')).reasonCode, reasonCode.packetTooLarge)
    await client.closed()
  }
  await receiver.nothingMore()
})

test('a reason string says in words what was wrong', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send(publish('t', 'x', { properties: { topicAlias: 11 } }))
  const { properties } = await client.next('disconnect')
  assert.match(properties?.reasonString ?? '', /Topic Alias 11.*10/)
})

test('SUBACK refuses one filter and grants the others', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  assert.deepEqual(await subscribe(client, 'a', 'a/#/b', { topic: 'b', qos: 0 }, '$LINK/#', '$share/g/$LINK/#'), [
    2,
    reasonCode.topicFilterInvalid,
    0,
    reasonCode.notAuthorized,
    reasonCode.notAuthorized,
  ])
})

test('what waits for a client that comes back with a smaller Maximum Packet Size is dropped, and makes room', async (t) => {
  const broker = await TestBroker.start(t)
  const options = { clean: false, properties: { sessionExpiryInterval: 60, receiveMaximum: 2 } }
  const first = await broker.subscriber('receiver', ['t'], 5, options)
  const publisher = await broker.client('publisher')
  for (const length of [100, 10, 101, 11]) {
    publisher.send(publish('t', 'x'.repeat(length), { qos: 1, messageId: 1 }))
    await publisher.next('puback')
  }
  await first.publishes(2)
  await first.destroy()
  await broker.connections(1)
  const properties = { ...options.properties, maximumPacketSize: 60 }
  const again = await broker.client('receiver', 5, { clean: false, properties })
  const got = await again.publishes(2)
  assert.deepEqual(
    got.map(({ payload, dup }) => [payload.length, dup]),
    [
      [10, true],
      [11, false],
    ],
  )
  assert.equal(broker.broker.counters.droppedTooLarge, 2)
  for (const { messageId } of got) again.send({ cmd: 'puback', messageId: messageId! })
  await again.nothingMore()
  assert.equal(broker.broker.sessions.get('receiver')?.window.count, 0)
})

const longTopic = (last: string): string => `${'x'.repeat(65_000)}/${last}`

test('topics behind aliases are bounded in bytes: 17 of 64 KiB are too many, the same one over and over is not', async (t) => {
  const broker = await TestBroker.start(t, { max_topic_alias: 100 })
  const steady = await broker.client('steady', 5)
  for (let i = 0; i < 20; i += 1) steady.send(alias(longTopic('same'), 1, 'p'))
  await steady.nothingMore()
  const greedy = await broker.client('greedy', 5)
  for (let i = 1; i <= 17; i += 1) greedy.send(alias(longTopic(String(i)), i, 'p'))
  assert.equal((await greedy.next('disconnect')).reasonCode, reasonCode.quotaExceeded)
})
