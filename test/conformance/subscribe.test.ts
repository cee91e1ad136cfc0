/** Chapters 3.8 to 3.12: SUBSCRIBE, UNSUBSCRIBE and PINGREQ. */
import assert from 'node:assert/strict'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { hex, type Version } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { answers } from './answers.ts'
import { field, packetBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

const noProperties = (version: Version) => (version === 5 ? hex('00') : Buffer.alloc(0))

holds(
  'SUBACK has a code for each filter in their order: the QoS granted, or a refusal',
  {
    4: '3.8.4-1 3.8.4-4 3.8.4-5 3.9.3-1 3.9.3-2',
    5: '3.8.4-1 3.8.4-5 3.8.4-6 3.8.4-7 3.9.3-1 3.9.3-2',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a', version)
    const asked = [
      { topic: 'a', qos: 2 },
      { topic: 'a/#/b', qos: 1 },
      { topic: 'b', qos: 0 },
      { topic: '$LINK/x', qos: 1 },
      { topic: 'c', qos: 1 },
      { topic: '$share/g/a+', qos: 2 },
    ] as const
    const refused = version === 5 ? [0x8f, 0x87, 0x8f] : [0x80, 0x80, 0x80]
    assert.deepEqual(await subscribe(client, ...asked), [2, refused[0], 0, refused[1], 1, refused[2]])
    for (const topic of ['a', 'b', 'c']) client.send(publish(topic, 'x', { qos: 2, messageId: topic.charCodeAt(0) }))
    const { packets } = await answers(client)
    assert.deepEqual(
      packets.flatMap((packet) => (packet.cmd === 'publish' ? [`${packet.topic} at ${packet.qos}`] : [])),
      ['a at 2', 'b at 0', 'c at 1'],
    )
  },
)

for (const { when, options } of [
  { when: 'QoS 3', options: '03' },
  { when: 'bit 7', options: '80' },
  { when: 'bit 6', options: '40' },
])
  holds(
    `SUBSCRIBE with ${when} in its options closes the connection and subscribes to nothing`,
    { 4: '3.8.3-4', 5: '3.8.3-5' },
    async (t, version) => {
      const broker = await TestBroker.start(t)
      const client = await broker.client('a', version)
      client.sendBytes(
        packetBytes(0x82, [hex('0001'), noProperties(version), field('a'), hex('00'), field('b'), hex(options)]),
      )
      assert.deepEqual(
        (await client.closed()).map(({ cmd }) => cmd),
        version === 5 ? ['disconnect'] : [],
      )
      assert.deepEqual([...broker.broker.interest()], [])
    },
  )

holds('options of MQTT 5 are reserved bits before it', { 4: '3.8.3-4' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  for (const options of ['04', '08', '10', '20', '2c']) {
    const client = await broker.client('a', version)
    client.sendBytes(packetBytes(0x82, [hex('0001'), field('a'), hex(options)]))
    assert.deepEqual(await client.closed(), [], options)
  }
})

holds(
  'SUBSCRIBE and UNSUBSCRIBE without a filter close the connection',
  { 4: '3.8.3-3 3.10.3-2', 5: '3.8.3-2 3.10.3-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    for (const first of [0x82, 0xa2]) {
      const client = await broker.client('a', version)
      client.sendBytes(packetBytes(first, [hex('0001'), noProperties(version)]))
      const packets = await client.closed()
      assert.deepEqual(
        packets.map((packet) => packet.cmd === 'disconnect' && packet.reasonCode),
        version === 5 ? [reasonCode.protocolError] : [],
      )
    }
  },
)

holds(
  'the same filter again replaces the subscription, sends retained messages again and loses nothing',
  { 4: '3.8.4-3', 5: '3.8.4-3 3.8.4-4 3.3.1-9' },
  async (t, version) => {
    const broker = await TestBroker.start(t, { max_inflight: 1000, max_mqueue_len: 1000 })
    const publisher = await broker.client('publisher')
    publisher.send(publish('t/kept', 'retained', { retain: true, qos: 1, messageId: 1 }))
    await publisher.next('puback')
    const client = await broker.client('a', version)
    for (let i = 0; i < 60; i++) {
      publisher.send(publish('t/1', String(i), { qos: 1, messageId: i + 1 }))
      client.send({ cmd: 'subscribe', messageId: i + 1, subscriptions: [{ topic: 't/+', qos: i % 2 === 0 ? 2 : 1 }] })
      if (i === 0) await client.next('suback')
    }
    for (let i = 0; i < 60; i++) await publisher.next('puback')
    const { packets } = await answers(client)
    const payloads = packets.flatMap((packet) => (packet.cmd === 'publish' ? [String(packet.payload)] : []))
    assert.equal(payloads.filter((payload) => payload === 'retained').length, 60)
    const numbers = payloads.filter((payload) => payload !== 'retained').map(Number)
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => 60 - numbers.length + i),
    )
    // The first message may have come before there was a subscription at all.
    assert(numbers.length >= 59)
    client.send({ cmd: 'unsubscribe', messageId: 99, unsubscriptions: ['t/+'] })
    await client.next('unsuback')
    publisher.send(publish('t/1', 'nobody'))
    await publisher.nothingMore()
    await client.nothingMore()
  },
)

holds('No Local on a share is a protocol error, in either spelling', { 5: '3.8.3-4' }, async (t) => {
  const broker = await TestBroker.start(t)
  for (const topic of ['$share/g/t', '$queue/t']) {
    const client = await broker.client('a')
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1, nl: true, rap: false, rh: 0 }] })
    assert.equal((await client.next('disconnect')).reasonCode, reasonCode.protocolError)
    assert.deepEqual(await client.closed(), [])
  }
  assert.deepEqual([...broker.broker.interest()], [])
})

holds(
  'UNSUBSCRIBE takes away exactly the filters that are spelled like it, and is answered whatever there was',
  {
    4: '3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6',
    5: '3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6 3.11.3-1 3.11.3-2',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.subscriber('a', ['a/+', 'b', 'c/#'], version)
    const unsubscriptions = ['a/b', 'A/+', 'a/+/', '+/+', 'a/#', 'b', '#', 'c', 'c/#', 'b']
    client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions })
    const unsuback = await client.next('unsuback')
    if (version === 5) assert.deepEqual(unsuback.granted, [0x11, 0x11, 0x11, 0x11, 0x11, 0, 0x11, 0x11, 0, 0x11])
    client.send(publish('a/b', 'x'), publish('b', 'x'), publish('c/d', 'x'))
    assert.equal((await client.next('publish')).topic, 'a/b')
    await client.nothingMore()
    client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['never'] })
    assert.equal((await client.next('unsuback')).messageId, 2)
  },
)

holds(
  'what the server had begun to send it sends to the end after UNSUBSCRIBE, on the next connection too',
  { 4: '3.10.4-3', 5: '3.10.4-3' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const kept = version === 5 ? { clean: false, properties: { sessionExpiryInterval: 600 } } : { clean: false }
    const client = await broker.subscriber('a', ['t'], version, kept)
    const publisher = await broker.client('publisher')
    for (const [i, qos] of ([2, 1, 2] as const).entries())
      publisher.send(publish('t', String(i), { qos, messageId: i + 1 }))
    const [first, second, third] = await client.publishes(3)
    client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['t'] })
    await client.next('unsuback')
    client.send({ cmd: 'pubrec', messageId: first!.messageId! })
    assert.equal((await client.next('pubrel')).messageId, first!.messageId)
    client.send({ cmd: 'pubcomp', messageId: first!.messageId! })
    await client.nothingMore()
    await client.destroy()
    await broker.connections(1)
    const again = await broker.client('a', version, kept)
    const resent = await again.publishes(2)
    assert.deepEqual(
      resent.map(({ messageId, dup }) => [messageId, dup]),
      [
        [second!.messageId, true],
        [third!.messageId, true],
      ],
    )
  },
)

holds('PINGREQ is answered with PINGRESP', { 3: '', 4: '3.12.4-1', 5: '3.12.4-1' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', version)
  client.sendBytes(hex('c000 c000 c000'))
  for (let i = 0; i < 3; i++) assert.equal((await client.receive()).bytes.toString('hex'), 'd000')
  await client.nothingMore()
})
