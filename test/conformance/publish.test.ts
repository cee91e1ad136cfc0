/** Chapters 3.3 to 3.7: PUBLISH and its acknowledgements. */
import assert from 'node:assert/strict'
import type { Packet } from 'mqtt-packet'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { hex, type PacketOf, type RawClient, type Version } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { answers } from './answers.ts'
import { field, packetBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

const shown = ({ topic, payload, qos, retain }: PacketOf<'publish'>) =>
  `${topic}=${String(payload)} at ${qos}${retain ? ' retained' : ''}`

const reasonOf = (packet: Packet) => ('reasonCode' in packet ? (packet.reasonCode ?? 0) : 0)

holds(
  'a PUBLISH of QoS 3, of QoS 0 with DUP, without a topic or to a wildcard closes the connection',
  {
    4: '3.3.1-2 3.3.1-4 3.3.2-1 3.3.2-2 4.7.1-1 4.7.3-1 4.8.0-1',
    5: '3.3.1-2 3.3.1-4 3.3.2-1 3.3.2-2 4.7.0-1 4.7.3-1 4.13.1-1',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const watcher = await broker.subscriber('watcher', ['#'])
    const properties = version === 5 ? hex('00') : Buffer.alloc(0)
    for (const [first, topic] of [
      [0x36, 'a'],
      [0x37, 'a'],
      [0x3e, 'a'],
      [0x38, 'a'],
      [0x39, 'a'],
      [0x30, ''],
      [0x30, 'a/#'],
      [0x30, '+'],
      [0x31, 'a/+/b'],
      [0x30, 'a+'],
    ] as const) {
      const id = first & 6 ? hex('0001') : Buffer.alloc(0)
      const client = await broker.client('a', version)
      client.sendBytes(packetBytes(first, [field(topic), id, properties, Buffer.from('x')]))
      const packets = await client.closed()
      assert.equal(packets.length, version === 5 ? 1 : 0, topic)
      if (version === 5) assert(reasonOf(packets[0]!) >= 0x80)
    }
    await watcher.nothingMore()
  },
)

for (const { first, second, left } of [
  { first: 0, second: 1, left: 'b=2 at 1 retained' },
  { first: 1, second: 0, left: 'b=2 at 0 retained' },
  { first: 2, second: 2, left: 'b=2 at 2 retained' },
] as const)
  holds(
    `a retained message of QoS ${second} replaces one of QoS ${first}, and comes with RETAIN to whoever subscribes then`,
    { 4: '3.3.1-5 3.3.1-6 3.3.1-7 3.3.1-8 3.3.1-9', 5: '3.3.1-5 3.3.1-12' },
    async (t, version) => {
      const broker = await TestBroker.start(t)
      const client = await broker.subscriber('a', ['b'], version)
      client.send(publish('b', '1', { qos: first, messageId: 1, retain: true }))
      client.send(publish('b', '2', { qos: second, messageId: 2, retain: true }))
      const established = (await answers(client)).packets.filter((packet) => packet.cmd === 'publish')
      assert.deepEqual(established.map(shown), [`b=1 at ${first}`, `b=2 at ${second}`])
      const later = await broker.subscriber('later', ['+'], version)
      assert.equal(shown(await later.next('publish')), left)
      await later.nothingMore()
    },
  )

holds(
  'RETAIN with an empty payload is passed on, removes what was retained and is not kept itself',
  { 4: '3.3.1-10 3.3.1-11', 5: '3.3.1-6 3.3.1-7' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.subscriber('a', ['t'], version)
    client.send(publish('t', 'x', { retain: true }), publish('t', '', { retain: true }))
    assert.deepEqual((await client.publishes(2)).map(shown), ['t=x at 0', 't= at 0'])
    const later = await broker.subscriber('later', ['t'], version)
    await later.nothingMore()
  },
)

holds(
  'without RETAIN nothing is kept and nothing that was kept goes',
  { 4: '3.3.1-12', 5: '3.3.1-8' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a', version)
    client.send(publish('t', 'kept', { retain: true }), publish('t', 'new'), publish('t', ''), publish('u', 'new'))
    await client.nothingMore()
    const later = await broker.subscriber('later', ['#'], version)
    assert.equal(shown(await later.next('publish')), 't=kept at 0 retained')
    await later.nothingMore()
  },
)

holds('retained messages outlive the session of their publisher', { 4: '3.1.2-7' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', version, { clean: true })
  client.send(publish('t', 'x', { retain: true }), { cmd: 'disconnect' })
  await client.closed()
  assert.equal(broker.broker.sessions.count, 0)
  const later = await broker.subscriber('later', ['t'], version)
  assert.equal(shown(await later.next('publish')), 't=x at 0 retained')
})

holds(
  'a client gets what one of its subscriptions matches, once and at their highest QoS, and nothing else',
  { 4: '3.3.2-3 3.3.5-1', 5: '3.3.2-3 3.3.4-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.subscriber(
      'a',
      [
        { topic: 'a/#', qos: 0 },
        { topic: 'a/+', qos: 2 },
        { topic: '+/b', qos: 1 },
      ],
      version,
    )
    const publisher = await broker.client('publisher')
    for (const [i, topic] of ['a', 'a/b', 'a/c', 'a/b/c', 'c/b', 'c', 'b', 'ab', '/a/b'].entries())
      publisher.send(publish(topic, '', { qos: 2, messageId: i + 1 }))
    await answers(publisher)
    const { packets } = await answers(client)
    assert.deepEqual(
      packets.map((packet) => (packet.cmd === 'publish' ? `${packet.topic} at ${packet.qos}` : packet.cmd)),
      ['a at 0', 'a/b at 2', 'a/c at 2', 'a/b/c at 0', 'c/b at 1'],
    )
  },
)

holds('of several copies each has the identifier of its own subscription', { 5: '3.3.4-5' }, async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  for (const [topic, subscriptionIdentifier] of [
    ['t/+', 1],
    ['$share/g/t/#', 2],
    ['$share/h/t/1', 3],
    ['t/1', 4],
  ] as const) {
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic, qos: 0 }],
      properties: { subscriptionIdentifier },
    })
    await client.next('suback')
  }
  client.send(publish('t/1', 'x'))
  const copies = await client.publishes(3)
  assert.deepEqual(
    copies
      .map(({ properties }) => String([properties?.subscriptionIdentifier ?? []].flat().sort((a, b) => a - b)))
      .sort(),
    ['1,4', '2', '3'],
  )
  await client.nothingMore()
})

holds('a client that takes no Topic Alias is sent none', { 5: '3.1.2-27' }, async (t) => {
  const broker = await TestBroker.start(t)
  for (const properties of [{}, { topicAliasMaximum: 0 }]) {
    const client = await broker.subscriber('a', ['t'], 5, { properties })
    for (let i = 0; i < 3; i++) client.send(publish('t', 'x', { properties: { topicAlias: 1 } }))
    for (const got of await client.publishes(3))
      assert.deepEqual([got.topic, got.properties?.topicAlias], ['t', undefined])
    await client.destroy()
  }
})

holds('every Topic Alias up to the maximum is taken', { 5: '3.3.2-12' }, async (t) => {
  const broker = await TestBroker.start(t, { max_topic_alias: 300 })
  const client = await broker.subscriber('a', [{ topic: '#', qos: 0 }])
  for (let topicAlias = 1; topicAlias <= 300; topicAlias++)
    client.send(publish(`t/${topicAlias}`, 'set', { properties: { topicAlias } }))
  for (let topicAlias = 1; topicAlias <= 300; topicAlias++)
    client.send(publish('', 'used', { properties: { topicAlias } }))
  const got = await client.publishes(600)
  assert.deepEqual(
    got.map(({ topic, payload }) => `${topic} ${String(payload)}`),
    ['set', 'used'].flatMap((word) => Array.from({ length: 300 }, (_, i) => `t/${i + 1} ${word}`)),
  )
})

holds(
  'a full window holds back PUBLISH above QoS 0 and nothing else',
  { 5: '3.3.4-9 3.3.4-10 4.9.0-1 4.9.0-2 4.9.0-3' },
  async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.subscriber('a', ['t'], 5, { properties: { receiveMaximum: 2 } })
    const publisher = await broker.client('publisher')
    for (let i = 1; i <= 5; i++) publisher.send(publish('t', String(i), { qos: i % 2 === 0 ? 2 : 1, messageId: i }))
    await answers(publisher)
    const window = await client.publishes(2)
    client.send(
      publish('t', 'own', { qos: 0 }),
      publish('u', 'own', { qos: 1, messageId: 1 }),
      publish('u', 'own', { qos: 2, messageId: 2 }),
      { cmd: 'pubrel', messageId: 2 },
      { cmd: 'subscribe', messageId: 3, subscriptions: [{ topic: 'v', qos: 0 }] },
      { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['v'] },
    )
    const { packets } = await answers(client)
    assert.deepEqual(packets.map(({ cmd }) => cmd).sort(), [
      'puback',
      'pubcomp',
      'publish',
      'pubrec',
      'suback',
      'unsuback',
    ])
    for (const { messageId, qos } of window)
      client.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId! })
    // PUBREC alone makes no room.
    assert.deepEqual((await answers(client)).packets.map(({ cmd }) => cmd).sort(), ['publish', 'pubrel'])
  },
)

holds(
  'a PUBLISH that is not allowed is acknowledged like any other, and goes to nobody',
  { 4: '3.3.5-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const watcher = await broker.subscriber('watcher', ['#', '$SYS/#'])
    const client = await broker.client('a', version)
    client.send(publish('$SYS/x', 'x', { qos: 1, messageId: 1 }), publish('$SYS/x', 'x', { qos: 2, messageId: 2 }))
    client.send({ cmd: 'pubrel', messageId: 2 })
    const { packets, isClosed } = await answers(client)
    assert.deepEqual([packets.map(({ cmd }) => cmd), isClosed], [['puback', 'pubrec', 'pubcomp'], false])
    await watcher.nothingMore()
  },
)

/** Has the server answer in all the ways in which it says no, and returns what it says with its size. */
async function refusals(client: RawClient): Promise<{ packet: Packet; length: number }[]> {
  client.send(
    publish('$SYS/x', 'x', { qos: 1, messageId: 1 }),
    publish('$SYS/x', 'x', { qos: 2, messageId: 2 }),
    { cmd: 'pubrel', messageId: 3 },
    { cmd: 'pubrec', messageId: 4 },
    publish('t', 'x', { qos: 2, messageId: 9 }),
    publish('t', 'x', { qos: 1, messageId: 9 }),
    { cmd: 'subscribe', messageId: 5, subscriptions: [{ topic: 'a/#/b', qos: 0 }] },
    { cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['t'] },
  )
  client.sendBytes(hex('f0 00'))
  const got: { packet: Packet; length: number }[] = []
  for (let i = 0; i < 9; i++) {
    const { packet, bytes } = await client.receive()
    got.push({ packet, length: bytes.length })
  }
  return got
}

const wordsOf = ({ packet }: { packet: Packet }) => {
  const properties = 'properties' in packet ? packet.properties : undefined
  return properties !== undefined && 'reasonString' in properties ? properties.reasonString : undefined
}

holds(
  'answers have the reason codes of their tables, and a reason string only where the client can take it',
  {
    5:
      '3.4.2-1 3.4.2-2 3.4.2-3 3.5.2-1 3.5.2-2 3.5.2-3 3.6.2-1 3.6.2-2 3.6.2-3 3.7.2-1 3.7.2-2 3.7.2-3 ' +
      '3.9.2-1 3.9.2-2 3.9.3-2 3.11.2-1 3.11.2-2 3.11.3-2 3.14.2-1 3.14.2-3 3.14.2-4 3.1.2-24',
  },
  async (t) => {
    const broker = await TestBroker.start(t)
    const large = await refusals(await broker.client('large'))
    const codes = [0x87, 0x87, 0x92, 0x92, 0x10, 0x91]
    for (const bytesMax of [40, 30, 25]) {
      const client = await broker.client('small', 5, { properties: { maximumPacketSize: bytesMax } })
      const small = await refusals(client)
      for (const [i, { packet, length }] of small.entries()) {
        assert(length <= bytesMax)
        const whole = large[i]!
        assert.equal(packet.cmd, whole.packet.cmd)
        if (i < codes.length) assert.equal(reasonOf(packet), codes[i])
        assert.equal(wordsOf({ packet }), whole.length <= bytesMax ? wordsOf(whole) : undefined)
      }
      assert.equal(reasonOf(small[8]!.packet), reasonCode.protocolError)
    }
    assert(large.filter(({ packet }) => wordsOf({ packet }) !== undefined).length >= 6)
  },
)

holds('a SUBACK larger than the client takes ends the connection instead', { 5: '3.1.2-24' }, async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', 5, { properties: { maximumPacketSize: 30 } })
  const subscriptions = Array.from({ length: 40 }, (_, i) => ({ topic: String(i), qos: 0 as const }))
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
  const { packet, bytes } = await client.receive()
  assert.deepEqual([packet.cmd, reasonOf(packet)], ['disconnect', reasonCode.packetTooLarge])
  assert(bytes.length <= 30)
  assert.deepEqual(await client.closed(), [])
})

const text = (version: Version, payload: Buffer, qos: 0 | 1 | 2, indicator: '00' | '01') =>
  packetBytes(0x30 | (qos << 1), [
    field('t'),
    qos === 0 ? Buffer.alloc(0) : hex('0001'),
    version === 5 ? hex(`02 01 ${indicator}`) : Buffer.alloc(0),
    payload,
  ])

holds(
  'payload_format_validation: a payload called UTF-8 that is none is refused with 0x99',
  { 5: '' },
  async (t, version) => {
    const broker = await TestBroker.start(t, { payload_format_validation: true })
    const watcher = await broker.subscriber('watcher', [{ topic: 't', qos: 0 }])
    const good = [Buffer.alloc(0), Buffer.from('käse\0'), Buffer.from('x'.repeat(1000))]
    const bad = [hex('ff'), hex('eda080'), hex('61c3')]
    const client = await broker.client('a')
    for (const [qos, answer] of [
      [1, 'puback'],
      [2, 'pubrec'],
    ] as const)
      for (const payload of [...good, ...bad]) {
        const isBad = bad.includes(payload)
        client.sendBytes(text(version, payload, qos, '01'))
        assert.equal((await client.next(answer)).reasonCode ?? 0, isBad ? reasonCode.payloadFormatInvalid : 0)
        if (qos === 2 && !isBad) client.send({ cmd: 'pubrel', messageId: 1 })
        if (qos === 2 && !isBad) await client.next('pubcomp')
        if (!isBad) assert.deepEqual((await watcher.next('publish')).payload, payload)
        // What nobody calls UTF-8 may be anything.
        client.sendBytes(text(version, payload, 0, '00'))
        assert.deepEqual((await watcher.next('publish')).payload, payload)
      }
    client.sendBytes(text(version, bad[0]!, 0, '01'))
    assert.equal((await client.next('disconnect')).reasonCode, reasonCode.payloadFormatInvalid)
    const will = { topic: 'w', payload: bad[0]!, properties: { payloadFormatIndicator: true } }
    const dying = await broker.open()
    assert.equal((await dying.connect({ will })).reasonCode, reasonCode.payloadFormatInvalid)
    await watcher.nothingMore()
  },
)

holds('without payload_format_validation the indicator is passed on unread', { 5: '3.3.2-4' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', ['t'])
  for (const indicator of ['00', '01'] as const) {
    client.sendBytes(text(version, hex('ff'), 0, indicator))
    const got = await client.next('publish')
    assert.deepEqual([got.properties?.payloadFormatIndicator, got.payload], [indicator === '01', hex('ff')])
  }
})

holds('Message Expiry Interval is told less the time that the message waited', { 5: '3.3.2-5 3.3.2-6' }, async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const kept = { clean: false, properties: { sessionExpiryInterval: 600 } }
  const away = await broker.subscriber('a', ['t'], 5, kept)
  await away.destroy()
  await broker.connections(0)
  const publisher = await broker.client('publisher')
  for (const [i, seconds] of [30, 10, 9].entries())
    publisher.send(
      publish('t', 'x', {
        qos: 1,
        messageId: i + 1,
        retain: seconds === 30,
        properties: { messageExpiryInterval: seconds },
      }),
    )
  for (let i = 0; i < 3; i++) await publisher.next('puback')
  clock.advance(9_000)
  const back = await broker.client('a', 5, kept)
  assert.deepEqual(
    (await back.publishes(2)).map(({ properties }) => properties?.messageExpiryInterval),
    [21, 1],
  )
  await back.nothingMore()
  assert.deepEqual(await subscribe(back, '+'), [2])
  assert.equal((await back.next('publish')).properties?.messageExpiryInterval, 21)
})
