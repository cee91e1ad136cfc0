/** Chapter 2: fixed headers, packet identifiers and properties. */
import assert from 'node:assert/strict'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { hex } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { packetBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

holds(
  'any other flags than those of its type make a packet malformed and close the connection',
  {
    4: '2.2.2-1 2.2.2-2 3.6.1-1 3.8.1-1 3.10.1-1 3.14.1-1',
    5: '2.1.3-1 3.6.1-1 3.8.1-1 3.10.1-1 3.14.1-1 3.15.1-1',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const watcher = await broker.subscriber('watcher', ['#'])
    const properties = version === 5 ? '00' : ''
    const bodies = new Map([
      [0x40, '0001'],
      [0x50, '0001'],
      [0x62, '0001'],
      [0x70, '0001'],
      [0x82, `0001${properties}00016100`],
      [0xa2, `0001${properties}000161`],
      [0xc0, ''],
      [0xe0, ''],
      ...(version === 5 ? [[0xf0, ''] as const] : []),
    ])
    for (const [good, body] of bodies)
      for (let flags = 0; flags < 16; flags++) {
        const first = (good & 0xf0) | flags
        if (first === good) continue
        const client = await broker.client('a', version, { will: { topic: 'will', payload: 'x' } })
        const rest = hex(body)
        client.sendBytes(Buffer.concat([Buffer.from([first, rest.length]), rest]))
        const packets = await client.closed()
        const reasons = packets.map((packet) => (packet.cmd === 'disconnect' ? packet.reasonCode : packet.cmd))
        assert.deepEqual(reasons, version === 5 ? [reasonCode.malformedPacket] : [], first.toString(16))
        // It was no DISCONNECT, so that the will is sent.
        assert.equal((await watcher.next('publish')).topic, 'will')
      }
    const early = await broker.open(version)
    const connect = early.encode({ cmd: 'connect', protocolVersion: version, clientId: 'a', clean: true, keepalive: 0 })
    connect[0] = 0x11
    early.sendBytes(connect)
    assert.equal(
      (await early.closed()).filter((packet) => packet.cmd === 'connack' && packet.reasonCode === 0).length,
      0,
    )
  },
)

holds(
  'SUBACK and UNSUBACK carry the identifier of what they answer',
  { 4: '2.3.1-7 3.8.4-1 3.8.4-2 3.10.4-4', 5: '2.2.1-6 3.8.4-1 3.8.4-2 3.10.4-4 3.10.4-5' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a', version)
    for (const messageId of [1, 255, 256, 65_535]) {
      client.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic: 't', qos: 0 }] })
      assert.equal((await client.next('suback')).messageId, messageId)
      client.send({ cmd: 'unsubscribe', messageId, unsubscriptions: ['t'] })
      assert.equal((await client.next('unsuback')).messageId, messageId)
    }
  },
)

holds(
  'PUBACK, PUBREC, PUBREL and PUBCOMP carry the identifier of their PUBLISH',
  {
    4: '2.3.1-6 3.3.4-1 4.3.2-2 4.3.3-1 4.3.3-2',
    5: '2.2.1-5 3.3.4-1 4.3.2-4 4.3.3-4 4.3.3-8 4.3.3-11',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const receiver = await broker.subscriber('receiver', ['t'], version)
    const client = await broker.client('a', version)
    for (const messageId of [1, 255, 256, 65_535]) {
      client.send(publish('t', '1', { qos: 1, messageId }))
      assert.equal((await client.next('puback')).messageId, messageId)
      client.send(publish('t', '2', { qos: 2, messageId }))
      assert.equal((await client.next('pubrec')).messageId, messageId)
      client.send({ cmd: 'pubrel', messageId })
      assert.equal((await client.next('pubcomp')).messageId, messageId)
      const [one, two] = await receiver.publishes(2)
      receiver.send({ cmd: 'puback', messageId: one!.messageId! }, { cmd: 'pubrec', messageId: two!.messageId! })
      assert.equal((await receiver.next('pubrel')).messageId, two!.messageId)
      receiver.send({ cmd: 'pubcomp', messageId: two!.messageId! })
    }
    client.send(publish('t', '0'))
    await receiver.next('publish')
    await client.nothingMore()
    await receiver.nothingMore()
  },
)

holds(
  'a new message goes out under an identifier that is neither 0 nor in use, and with DUP 0',
  { 4: '2.3.1-4 4.3.2-1 4.3.3-1', 5: '2.2.1-4 4.3.2-1 4.3.2-2 4.3.3-1 4.3.3-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t, { max_inflight: 200 })
    const receiver = await broker.subscriber('receiver', ['t'], version)
    const publisher = await broker.client('publisher')
    for (let i = 0; i < 200; i++) {
      publisher.send(publish('t', String(i), { qos: i % 3 === 0 ? 2 : 1, messageId: i + 1 }))
      await publisher.next(i % 3 === 0 ? 'pubrec' : 'puback')
      publisher.send({ cmd: 'pubrel', messageId: i + 1 })
      await publisher.next('pubcomp')
    }
    const got = await receiver.publishes(200)
    assert.equal(new Set(got.map(({ messageId }) => messageId)).size, 200)
    for (const [i, { messageId, qos, dup }] of got.entries()) {
      assert(messageId! > 0)
      assert.deepEqual([qos, dup], [i % 3 === 0 ? 2 : 1, false])
    }
  },
)

holds(
  'QoS 0 goes out without an identifier and with DUP 0, however it came in',
  { 4: '2.3.1-5 3.3.1-2 3.3.1-3 4.3.1-1', 5: '2.2.1-2 3.3.1-2 3.3.1-3 4.3.1-1 2.2.2-1' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const receiver = await broker.subscriber('receiver', [{ topic: 't', qos: 0 }], version)
    const publisher = await broker.client('publisher')
    for (const [qos, dup] of [
      [0, false],
      [1, false],
      [1, true],
      [2, true],
    ] as const) {
      publisher.send(publish('t', 'x', { qos, dup, messageId: qos + 1 }))
      const { bytes } = await receiver.receive()
      assert.equal(bytes.toString('hex'), version === 5 ? '30050001740078' : '300400017478')
    }
  },
)

holds('without properties a packet says so by a length of 0', { 5: '2.2.2-1' }, async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.sendBytes(hex('82 07 0001 00 0001 74 00'))
  assert.equal((await client.receive()).bytes.toString('hex'), '900400010000')
  client.sendBytes(hex('a2 06 0002 00 0001 74'))
  assert.equal((await client.receive()).bytes.toString('hex'), 'b00400020000')
})

holds('the identifier 0 closes the connection', { 4: '2.3.1-1', 5: '2.2.1-3' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const properties = version === 5 ? '00' : ''
  for (const [first, body] of [
    [0x32, `000161 0000 ${properties} 62`],
    [0x34, `000161 0000 ${properties} 62`],
    [0x82, `0000 ${properties} 000161 00`],
    [0xa2, `0000 ${properties} 000161`],
    [0x40, '0000'],
    [0x62, '0000'],
  ] as const) {
    const bytes = packetBytes(first, [hex(body)])
    const client = await broker.client('a', version)
    client.sendBytes(bytes)
    const packets = await client.closed()
    assert.equal(packets.filter(({ cmd }) => cmd !== 'disconnect').length, 0, body)
    assert.equal(packets.length, version === 5 ? 1 : 0, body)
  }
})

holds('an identifier under which a QoS 2 message awaits PUBREL is in use', { 5: '2.2.1-3' }, async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', [{ topic: 't', qos: 0 }])
  client.send(publish('t', 'first', { qos: 2, messageId: 7 }))
  assert.equal(String((await client.next('publish')).payload), 'first')
  await client.next('pubrec')
  client.send(publish('t', 'second', { qos: 1, messageId: 7 }))
  const puback = await client.next('puback')
  assert.deepEqual([puback.messageId, puback.reasonCode], [7, reasonCode.packetIdentifierInUse])
  client.send({ cmd: 'subscribe', messageId: 7, subscriptions: ['x', 'y'].map((topic) => ({ topic, qos: 0 })) })
  assert.deepEqual((await client.next('suback')).granted, [0x91, 0x91])
  client.send({ cmd: 'unsubscribe', messageId: 7, unsubscriptions: ['t'] })
  assert.deepEqual((await client.next('unsuback')).granted, [0x91])
  client.send(publish('x', 'nobody'), { cmd: 'pubrel', messageId: 7 })
  assert.equal((await client.next('pubcomp')).reasonCode, 0)
  // Then it is free again.
  assert.deepEqual(await subscribe(client, 'x'), [2])
  client.send(publish('t', 'third', { qos: 1, messageId: 7 }))
  assert.equal(String((await client.next('publish')).payload), 'third')
  assert.equal((await client.next('puback')).reasonCode ?? 0, 0)
})
