import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { generate } from 'mqtt-packet'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { hex, type RawClient } from './raw-client.ts'
import { publish, TestBroker } from './test-broker.ts'

const { malformedPacket, protocolError, topicNameInvalid } = reasonCode

/** What a connected client of MQTT 5 sends, and the reason that its DISCONNECT must give. */
const bad: readonly { readonly what: string; readonly bytes: string; readonly reason: number }[] = [
  { what: 'packet type 0', bytes: '00 00', reason: protocolError },
  { what: 'CONNACK from a client', bytes: '20 03 00 00 00', reason: protocolError },
  { what: 'SUBACK from a client', bytes: '90 04 0001 00 00', reason: protocolError },
  { what: 'PINGRESP from a client', bytes: 'd0 00', reason: protocolError },
  { what: 'AUTH without a method', bytes: 'f0 00', reason: protocolError },
  { what: 'remaining length of five bytes', bytes: '30 ff ff ff ff 01', reason: malformedPacket },
  { what: 'remaining length longer than needed', bytes: '30 86 00 0001 61 00 6262', reason: malformedPacket },

  { what: 'PUBLISH of QoS 3', bytes: '36 07 0001 61 0001 00 62', reason: malformedPacket },
  { what: 'PUBLISH of QoS 0 with DUP', bytes: '38 05 0001 61 00 62', reason: malformedPacket },
  { what: 'PUBLISH with packet identifier 0', bytes: '32 07 0001 61 0000 00 62', reason: malformedPacket },
  { what: 'PUBLISH without anything', bytes: '30 00', reason: malformedPacket },
  { what: 'PUBLISH that ends in the topic', bytes: '30 03 0005 61', reason: malformedPacket },
  { what: 'PUBLISH that ends in the packet identifier', bytes: '32 04 0001 61 00', reason: malformedPacket },
  { what: 'PUBLISH without properties', bytes: '30 03 0001 61', reason: malformedPacket },
  { what: 'PUBLISH that ends in the properties', bytes: '30 06 0001 61 05 01 01', reason: malformedPacket },
  {
    what: 'PUBLISH with a property length of five bytes',
    bytes: '30 09 0001 61 ff ff ff ff 01 62',
    reason: malformedPacket,
  },
  {
    what: 'PUBLISH with a property length longer than needed',
    bytes: '30 07 0001 61 82 00 01 01',
    reason: malformedPacket,
  },
  { what: 'PUBLISH without a topic and alias', bytes: '30 04 0000 00 62', reason: protocolError },
  { what: 'PUBLISH to a wildcard #', bytes: '30 05 0001 23 00 62', reason: topicNameInvalid },
  { what: 'PUBLISH to a wildcard +', bytes: '30 07 0003 612f2b 00 62', reason: topicNameInvalid },
  { what: 'PUBLISH with U+0000 in the topic', bytes: '30 06 0002 6100 00 62', reason: topicNameInvalid },
  { what: 'PUBLISH with a topic that is no UTF-8', bytes: '30 06 0002 c328 00 62', reason: topicNameInvalid },
  { what: 'PUBLISH with a surrogate in the topic', bytes: '30 07 0003 eda080 00 62', reason: topicNameInvalid },
  { what: 'PUBLISH with an overlong character', bytes: '30 06 0002 c0af 00 62', reason: topicNameInvalid },
  { what: 'PUBLISH with an unknown property', bytes: '30 06 0001 61 02 7f 00', reason: malformedPacket },
  { what: 'PUBLISH with a property of CONNECT', bytes: '30 09 0001 61 05 11 00000001', reason: malformedPacket },
  { what: 'PUBLISH with a Subscription Identifier', bytes: '30 06 0001 61 02 0b 01', reason: protocolError },
  { what: 'PUBLISH with an expiry twice', bytes: '30 0e 0001 61 0a 02 00000001 02 00000001', reason: protocolError },
  { what: 'PUBLISH with an alias twice', bytes: '30 0a 0001 61 06 23 0001 23 0001', reason: protocolError },
  { what: 'PUBLISH with format indicator 2', bytes: '30 06 0001 61 02 01 02', reason: protocolError },
  {
    what: 'PUBLISH with a content type that is no UTF-8',
    bytes: '30 09 0001 61 05 03 0002 c328',
    reason: malformedPacket,
  },
  {
    what: 'PUBLISH with U+0000 in a user property',
    bytes: '30 0b 0001 61 07 26 0001 00 0001 61',
    reason: malformedPacket,
  },
  { what: 'PUBLISH with half a user property', bytes: '30 08 0001 61 04 26 0001 61', reason: malformedPacket },
  {
    what: 'PUBLISH with a property beyond the properties',
    bytes: '30 08 0001 61 03 02 00000001',
    reason: malformedPacket,
  },
  {
    what: 'PUBLISH with a wildcard in the Response Topic',
    bytes: '30 09 0001 61 05 08 0002 2f23',
    reason: topicNameInvalid,
  },

  { what: 'PUBACK with reserved flags', bytes: '41 02 0001', reason: malformedPacket },
  { what: 'PUBREL without its flags', bytes: '60 02 0001', reason: malformedPacket },
  { what: 'PUBACK without an identifier', bytes: '40 01 00', reason: malformedPacket },
  { what: 'PUBACK with identifier 0', bytes: '40 02 0000', reason: malformedPacket },
  { what: 'PUBREC with an unknown reason', bytes: '50 03 0001 42', reason: protocolError },
  { what: 'PUBREL with the reason of a PUBREC', bytes: '62 03 0001 10', reason: protocolError },
  { what: 'PUBACK that ends in its properties', bytes: '40 05 0001 00 05 1f', reason: malformedPacket },
  { what: 'PUBACK with bytes after its properties', bytes: '40 06 0001 00 00 0000', reason: malformedPacket },
  {
    what: 'PUBCOMP with a reason string that is no UTF-8',
    bytes: '70 08 0001 00 04 1f 0001 ff',
    reason: malformedPacket,
  },

  { what: 'SUBSCRIBE with flags 0', bytes: '80 07 0001 00 0001 61 00', reason: malformedPacket },
  { what: 'SUBSCRIBE with packet identifier 0', bytes: '82 07 0000 00 0001 61 00', reason: malformedPacket },
  { what: 'SUBSCRIBE with half a packet identifier', bytes: '82 01 00', reason: malformedPacket },
  { what: 'SUBSCRIBE without a filter', bytes: '82 03 0001 00', reason: protocolError },
  { what: 'SUBSCRIBE without options', bytes: '82 06 0001 00 0001 61', reason: malformedPacket },
  { what: 'SUBSCRIBE with a filter cut off', bytes: '82 06 0001 00 0003 61', reason: malformedPacket },
  { what: 'SUBSCRIBE with QoS 3', bytes: '82 07 0001 00 0001 61 03', reason: protocolError },
  { what: 'SUBSCRIBE with Retain Handling 3', bytes: '82 07 0001 00 0001 61 30', reason: protocolError },
  { what: 'SUBSCRIBE with reserved options', bytes: '82 07 0001 00 0001 61 40', reason: malformedPacket },
  { what: 'SUBSCRIBE with a filter that is no UTF-8', bytes: '82 07 0001 00 0001 ff 00', reason: malformedPacket },
  { what: 'SUBSCRIBE with U+0000 in a filter', bytes: '82 07 0001 00 0001 00 00', reason: malformedPacket },
  { what: 'SUBSCRIBE with identifier 0', bytes: '82 09 0001 02 0b 00 0001 61 00', reason: protocolError },
  { what: 'SUBSCRIBE with two identifiers', bytes: '82 0b 0001 04 0b 01 0b 02 0001 61 00', reason: protocolError },
  { what: 'SUBSCRIBE with a property of PUBLISH', bytes: '82 09 0001 02 01 01 0001 61 00', reason: malformedPacket },
  {
    what: 'SUBSCRIBE with No Local on a share',
    bytes: '82 10 0001 00 000a 2473686172652f672f61 05',
    reason: protocolError,
  },
  { what: 'UNSUBSCRIBE without a filter', bytes: 'a2 03 0001 00', reason: protocolError },
  { what: 'UNSUBSCRIBE with packet identifier 0', bytes: 'a2 06 0000 00 0001 61', reason: malformedPacket },
  { what: 'UNSUBSCRIBE cut off', bytes: 'a2 05 0001 00 0001', reason: malformedPacket },
  { what: 'UNSUBSCRIBE with flags 0', bytes: 'a0 06 0001 00 0001 61', reason: malformedPacket },

  { what: 'PINGREQ with flags', bytes: 'c1 00', reason: malformedPacket },
  { what: 'PINGREQ with a body', bytes: 'c0 01 00', reason: malformedPacket },
  { what: 'DISCONNECT with flags', bytes: 'e1 00', reason: malformedPacket },
  { what: 'DISCONNECT with an unknown reason', bytes: 'e0 01 42', reason: malformedPacket },
  { what: 'DISCONNECT with an expiry twice', bytes: 'e0 0c 00 0a 11 00000001 11 00000002', reason: protocolError },
  { what: 'DISCONNECT with bytes after its properties', bytes: 'e0 03 00 00 00', reason: malformedPacket },
  { what: 'DISCONNECT that ends in its properties', bytes: 'e0 03 00 05 11', reason: malformedPacket },

  { what: 'PUBLISH with half a length of correlation data', bytes: '30 06 0001 61 02 09 00', reason: malformedPacket },
  { what: 'PUBLISH with half an alias', bytes: '30 06 0001 61 02 23 00', reason: malformedPacket },
  {
    what: 'SUBSCRIBE with a property length longer than needed',
    bytes: '82 08 0001 80 00 0001 61 00',
    reason: malformedPacket,
  },
  {
    what: 'SUBSCRIBE with a property length of five bytes',
    bytes: '82 0b 0001 80 80 80 80 01 0001 61 00',
    reason: malformedPacket,
  },
]

test('each malformed packet closes its connection with the right reason and touches nobody else', async (t) => {
  const broker = await TestBroker.start(t)
  const witness = await broker.subscriber('witness', ['#'])
  for (const { what, bytes, reason } of bad) {
    const client = await broker.client('bad')
    // What comes after a bad packet in the same read is not looked at.
    client.sendBytes(Buffer.concat([hex(bytes), client.encode(publish('after', 'the end'))]))
    assert.equal((await client.next('disconnect')).reasonCode, reason, what)
    assert.deepEqual(await client.closed(), [], what)
    await witness.nothingMore()
  }
  assert.deepEqual(
    broker.log.filter(({ level }) => level === 'error'),
    [],
  )
})

test('an older client that sends a malformed packet is closed without a word', async (t) => {
  const broker = await TestBroker.start(t)
  const witness = await broker.subscriber('witness', ['#'])
  for (const bytes of [
    '36 05 0001 61 0001', // QoS 3
    '30 02 0000', // no topic
    '30 03 0001 23', // wildcard
    '82 06 0001 0001 61 03', // QoS 3
    '82 06 0001 0001 61 04', // options of MQTT 5
    '82 02 0001', // no filter
    '40 03 0001 00', // reason code of MQTT 5
    'e0 01 00', // reason code of MQTT 5
    'f0 00', // AUTH
  ]) {
    const client = await broker.client('bad', 4)
    client.sendBytes(hex(bytes))
    assert.deepEqual(await client.closed(), [], bytes)
    await witness.nothingMore()
  }
})

for (const { what, bytes, reason } of [
  { what: 'reserved flag', bytes: '10 0e 0004 4d515454 05 03 0000 00 0001 61', reason: malformedPacket },
  {
    what: 'will of QoS 3',
    bytes: '10 14 0004 4d515454 05 1e 0000 00 0001 61 00 0001 61 0000',
    reason: malformedPacket,
  },
  { what: 'QoS of a will without a will', bytes: '10 0e 0004 4d515454 05 0a 0000 00 0001 61', reason: malformedPacket },
  {
    what: 'RETAIN of a will without a will',
    bytes: '10 0e 0004 4d515454 05 22 0000 00 0001 61',
    reason: malformedPacket,
  },
  { what: 'ClientID cut off', bytes: '10 0e 0004 4d515454 05 02 0000 00 0002 61', reason: malformedPacket },
  { what: 'ClientID that is no UTF-8', bytes: '10 0e 0004 4d515454 05 02 0000 00 0001 ff', reason: malformedPacket },
  { what: 'ClientID with U+0000', bytes: '10 0e 0004 4d515454 05 02 0000 00 0001 00', reason: malformedPacket },
  { what: 'bytes after the end', bytes: '10 0f 0004 4d515454 05 02 0000 00 0001 61 00', reason: malformedPacket },
  {
    what: 'no user name though announced',
    bytes: '10 0e 0004 4d515454 05 82 0000 00 0001 61',
    reason: malformedPacket,
  },
  {
    what: 'session expiry twice',
    bytes: '10 18 0004 4d515454 05 02 0000 0a 11 00000000 11 00000000 0001 61',
    reason: protocolError,
  },
  { what: 'Receive Maximum 0', bytes: '10 11 0004 4d515454 05 02 0000 03 21 0000 0001 61', reason: protocolError },
  {
    what: 'Maximum Packet Size 0',
    bytes: '10 13 0004 4d515454 05 02 0000 05 27 00000000 0001 61',
    reason: protocolError,
  },
  {
    what: 'Request Problem Information 2',
    bytes: '10 10 0004 4d515454 05 02 0000 02 17 02 0001 61',
    reason: protocolError,
  },
  {
    what: 'a property of PUBLISH',
    bytes: '10 11 0004 4d515454 05 02 0000 03 23 0001 0001 61',
    reason: malformedPacket,
  },
  {
    what: 'a property of the will among its own',
    bytes: '10 13 0004 4d515454 05 02 0000 05 18 00000001 0001 61',
    reason: malformedPacket,
  },
]) {
  test(`CONNECT with ${what} is refused with 0x${reason.toString(16)}`, async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.open(5)
    client.sendBytes(hex(bytes))
    assert.equal((await client.next('connack')).reasonCode, reason)
    assert.deepEqual(await client.closed(), [])
    assert.equal(broker.broker.sessions.count, 0)
  })
}

test('CONNECT of 3.1.1 with a password and no user name closes the connection [MQTT-3.1.2-22]', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.open(4)
  client.sendBytes(hex('10 10 0004 4d515454 04 42 0000 0001 61 0001 70'))
  assert.deepEqual(await client.closed(), [])
})

/** Good packets of MQTT 5, to be spoilt. */
const good: readonly Buffer[] = [
  publish('t/1', 'payload', {
    qos: 1,
    messageId: 1,
    properties: { contentType: 'c', messageExpiryInterval: 7, userProperties: { a: ['1', '2'] } },
  }),
  publish('t/2', 'payload', {
    qos: 2,
    messageId: 2,
    retain: true,
    properties: { topicAlias: 2, responseTopic: 'r', correlationData: Buffer.from('c') },
  }),
  publish('t/3', '', { retain: true }),
  {
    cmd: 'subscribe',
    messageId: 3,
    subscriptions: [
      { topic: 'x/#', qos: 1 },
      { topic: '$share/g/y', qos: 2 },
    ],
    properties: { subscriptionIdentifier: 4 },
  },
  { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['x/#', 'z'] },
  { cmd: 'puback', messageId: 5, reasonCode: 0x10, properties: { reasonString: 'why' } },
  { cmd: 'pubrec', messageId: 6 },
  { cmd: 'pubrel', messageId: 2 },
  { cmd: 'pubcomp', messageId: 7 },
  { cmd: 'pingreq' },
  { cmd: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 1, reasonString: 'r' } },
  {
    cmd: 'connect',
    protocolVersion: 5,
    clientId: 'fuzz',
    clean: true,
    keepalive: 1,
    username: 'u',
    password: Buffer.from('p'),
    properties: { sessionExpiryInterval: 1, receiveMaximum: 2, userProperties: { a: 'b' } },
    will: { topic: 'w', payload: Buffer.from('w'), qos: 1, properties: { willDelayInterval: 3, contentType: 'x' } },
  },
].map((packet) => generate(packet as Parameters<typeof generate>[0], { protocolVersion: 5 }))

/** Good packets of which some bytes were changed, taken out or put in. */
const spoilt: fc.Arbitrary<Buffer> = fc
  .array(
    fc.record({
      packet: fc.constantFrom(...good),
      edits: fc.array(fc.record({ at: fc.nat(), cut: fc.nat(2), put: fc.uint8Array({ maxLength: 2 }) }), {
        maxLength: 3,
      }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) =>
    Buffer.concat(
      parts.map(({ packet, edits }) =>
        edits.reduce((bytes, { at, cut, put }) => {
          const from = at % bytes.length
          return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)])
        }, packet),
      ),
    ),
  )

const garbage: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))

test('no bytes whatsoever crash the broker or reach another connection that did not ask for them', async (t) => {
  const broker = await TestBroker.start(t)
  const witness = await broker.subscriber('witness', ['witness/#'])
  let round = 0
  const survive = async (client: RawClient, bytes: Buffer): Promise<void> => {
    client.sendBytes(bytes)
    // Either the broker closes the connection, or it has read everything and still answers others.
    const payload = String(round++)
    witness.send(publish('witness/self', payload))
    assert.equal(String((await witness.next('publish')).payload), payload)
    await client.destroy()
  }
  const chunks = fc.oneof({ weight: 1, arbitrary: garbage }, { weight: 4, arbitrary: spoilt })
  await fc.assert(
    fc.asyncProperty(fc.boolean(), chunks, async (isConnected, bytes) => {
      const client = isConnected ? await broker.client('fuzz') : await broker.open()
      await survive(client, bytes)
    }),
    { numRuns: 500 },
  )
  await broker.connections(1)
  assert.deepEqual(
    broker.log.filter(({ level }) => level === 'error'),
    [],
  )
})

test('a fault of our own closes that connection with 0x80, is logged, and touches nobody else', async (t) => {
  const broker = await TestBroker.start(t)
  const witness = await broker.subscriber('witness', ['#'])
  const client = await broker.client('a')
  broker.broker.subscriptions.remove = () => {
    throw new Error('a fault of our own')
  }
  client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['x'] })
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.unspecifiedError)
  await client.closed()
  await witness.nothingMore()
  assert.deepEqual(
    broker.log.filter(({ level }) => level === 'error').map(({ event }) => event),
    ['connection_crashed'],
  )
  Reflect.deleteProperty(broker.broker.subscriptions, 'remove')
})
