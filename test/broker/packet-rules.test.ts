/** The rules refuse nothing that MQTT allows: whatever `mqtt-packet` writes from good values is taken. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { generate, type IConnectPacket, type Packet } from 'mqtt-packet'
import {
  encodeControlPacket,
  parseConnect,
  parseDisconnect,
  parseSubscribe,
  parseUnsubscribe,
} from '../../src/broker/connection/control-packets.ts'
import { checkAcknowledgement, versionToAnswer } from '../../src/broker/connection/packet-rules.ts'
import { PacketFault, reasonCode } from '../../src/packets/reason-code.ts'
import { hex, parsePacket } from './raw-client.ts'

const string = fc
  .oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.string({ minLength: 120, maxLength: 300 }))
  .filter((text) => !/[\0\p{Surrogate}]/u.test(text))
const filter = string.filter((text) => text !== '')
const binary = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
const uint16 = fc.nat(65_535)
const uint32 = fc.nat(0xffffffff)
const packetId = fc.integer({ min: 1, max: 65_535 })
const version = fc.constantFrom(4 as const, 5 as const)
const userProperties = fc.dictionary(string, fc.oneof(string, fc.array(string, { minLength: 2, maxLength: 3 })), {
  minKeys: 1,
  maxKeys: 3,
})
const optional: { requiredKeys: []; noNullPrototype: true } = { requiredKeys: [], noNullPrototype: true }

/** Only MQTT 5 has properties. */
function inVersion<P extends Packet>(of: 4 | 5, packet: P, properties: object): P {
  return of === 5 ? { ...packet, properties } : packet
}

function bodyOf(bytes: Buffer): number {
  let at = 1
  while (bytes[at]! >= 128) at++
  return at + 1
}

const will = fc.record({
  topic: filter,
  payload: binary,
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
})
const willProperties = fc.record(
  {
    willDelayInterval: uint32,
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: uint32,
    contentType: string,
    responseTopic: string,
    correlationData: binary,
    userProperties,
  },
  optional,
)
const connect = fc
  .record({
    version,
    clientId: filter,
    clean: fc.boolean(),
    keepalive: uint16,
    credentials: fc.option(
      fc.record({
        username: string.filter((text) => text !== ''),
        password: binary.filter(({ length }) => length > 0),
      }),
    ),
    will: fc.option(will),
    willProperties,
    properties: fc.record(
      {
        sessionExpiryInterval: uint32,
        receiveMaximum: uint16,
        maximumPacketSize: uint32,
        topicAliasMaximum: uint16,
        requestResponseInformation: fc.boolean(),
        requestProblemInformation: fc.boolean(),
        authenticationMethod: string,
        userProperties,
      },
      optional,
    ),
  })
  .map(({ version, credentials, will, willProperties, properties, ...rest }) => {
    const packet: IConnectPacket = { cmd: 'connect', protocolVersion: version, ...rest, ...credentials }
    if (will !== null) packet.will = version === 5 ? { ...will, properties: willProperties } : will
    return inVersion(version, packet, properties)
  })

test('any good CONNECT is read as it was written', () => {
  fc.assert(
    fc.property(connect, (packet) => {
      const bytes = generate(packet)
      const read = parseConnect(bytes, bodyOf(bytes))
      assert.equal(read.facts.version, packet.protocolVersion)
      assert.equal(read.facts.isBridge, false)
      assert.deepEqual([read.clientId, read.clean, read.keepalive], [packet.clientId, packet.clean, packet.keepalive])
      assert.equal(read.username, packet.username)
      assert.equal(read.will?.topic, packet.will?.topic)
      assert.equal(read.properties?.receiveMaximum, packet.properties?.receiveMaximum)
      const pairs = Object.entries(packet.will?.properties?.userProperties ?? {})
      assert.deepEqual(
        read.facts.willUserProperties,
        pairs.flatMap(([name, values]) => [values].flat().map((value) => [name, value])),
      )
      assert.equal(versionToAnswer(bytes, bodyOf(bytes)), packet.protocolVersion)
    }),
  )
})

test('any good SUBSCRIBE, UNSUBSCRIBE and DISCONNECT is read as it was written', () => {
  const options = fc.record({
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    nl: fc.boolean(),
    rap: fc.boolean(),
    rh: fc.nat(2),
  })
  const subscriptions = fc.array(fc.tuple(filter, options), { minLength: 1, maxLength: 5 })
  const identifier = fc.record(
    { subscriptionIdentifier: fc.integer({ min: 1, max: 268_435_455 }), userProperties },
    optional,
  )
  const goodbye = fc.record({ sessionExpiryInterval: uint32, reasonString: string, userProperties }, optional)
  fc.assert(
    fc.property(
      version,
      packetId,
      subscriptions,
      identifier,
      goodbye,
      (version, messageId, filters, properties, last) => {
        const subscriptions = filters.map(([topic, { qos, ...rest }]) =>
          version === 5 ? { topic, qos, ...rest } : { topic, qos },
        )
        const subscribe = generate(inVersion(version, { cmd: 'subscribe', messageId, subscriptions }, properties), {
          protocolVersion: version,
        })
        const subscribed = parseSubscribe(subscribe, bodyOf(subscribe), version)
        assert.deepEqual(subscribed.subscriptions, subscriptions)
        assert.equal(subscribed.messageId, messageId)
        assert.equal(
          subscribed.properties?.subscriptionIdentifier,
          version === 5 ? properties.subscriptionIdentifier : undefined,
        )

        const unsubscriptions = filters.map(([topic]) => topic)
        const { subscriptionIdentifier: _, ...others } = properties
        const unsubscribe = generate(inVersion(version, { cmd: 'unsubscribe', messageId, unsubscriptions }, others), {
          protocolVersion: version,
        })
        assert.deepEqual(parseUnsubscribe(unsubscribe, bodyOf(unsubscribe), version).unsubscriptions, unsubscriptions)

        const packet =
          version === 5 ? ({ cmd: 'disconnect', reasonCode: 4 } as const) : ({ cmd: 'disconnect' } as const)
        const disconnect = generate(inVersion(version, packet, last), { protocolVersion: version })
        assert.equal(parseDisconnect(disconnect, bodyOf(disconnect), version).reasonCode, packet.reasonCode)
      },
    ),
  )
})

test('any good acknowledgement is taken', () => {
  const properties = fc.record({ reasonString: string, userProperties }, optional)
  const kinds = fc.constantFrom(
    { cmd: 'puback', reason: 0x10 } as const,
    { cmd: 'pubrec', reason: 0x97 } as const,
    { cmd: 'pubrel', reason: 0x92 } as const,
    { cmd: 'pubcomp', reason: 0 } as const,
  )
  fc.assert(
    fc.property(kinds, packetId, properties, ({ cmd, reason }, messageId, properties) => {
      const bytes = generate({ cmd, messageId, reasonCode: reason, properties }, { protocolVersion: 5 })
      const body = bodyOf(bytes)
      checkAcknowledgement(bytes, body + 2, bytes.length, 5, cmd === 'puback' || cmd === 'pubrec')
    }),
  )
})

for (const { what, bytes, reasonCode: expected } of [
  { what: 'without anything', bytes: 'e0 00', reasonCode: 0 },
  { what: 'with a reason alone', bytes: 'e0 01 04', reasonCode: 4 },
  { what: 'with a reason and no properties', bytes: 'e0 02 00 00', reasonCode: 0 },
]) {
  test(`DISCONNECT ${what} is a good one`, () => assert.equal(parseDisconnect(hex(bytes), 2, 5).reasonCode, expected))
}

test('a bridge says so in its version', () => {
  const { facts } = parseConnect(hex('10 0d 0004 4d515454 84 02 0000 0001 61'), 2)
  assert.deepEqual([facts.version, facts.isBridge], [4, true])
})

for (const { name, version } of [
  { name: 'MQIsdp', version: 4 },
  { name: 'MQIsdp', version: 5 },
  { name: 'MQTT', version: 3 },
  { name: 'mqtt', version: 4 },
  { name: 'MQTT', version: 0 },
]) {
  test(`${name} of version ${version} is no protocol`, () => {
    const body = Buffer.concat([
      hex('00'),
      Buffer.from([name.length]),
      Buffer.from(name),
      Buffer.from([version]),
      hex('02 0000 0001 61'),
    ])
    const bytes = Buffer.concat([Buffer.from([0x10, body.length]), body])
    assert.throws(
      () => parseConnect(bytes, 2),
      (error: unknown) => error instanceof PacketFault && error.reason === reasonCode.unsupportedProtocolVersion,
    )
  })
}

test('a CONNECT that is cut off anywhere is malformed, not a crash', () => {
  fc.assert(
    fc.property(connect, fc.nat(), (packet, at) => {
      const bytes = generate(packet)
      const body = bodyOf(bytes)
      const cut = bytes.subarray(0, body + (at % (bytes.length - body)))
      assert.throws(() => parseConnect(cut, body), PacketFault)
      assert([4, 5].includes(versionToAnswer(cut, body)))
    }),
  )
})

test('what the server sends is what mqtt-packet reads', () => {
  const suback = encodeControlPacket({ cmd: 'suback', messageId: 3, granted: [0, 1, 2, 0x8f] }, 5)
  assert.deepEqual(suback, hex('90 07 0003 00 0001028f'))
  const connack = encodeControlPacket({ cmd: 'connack', sessionPresent: true, returnCode: 0 }, 4)
  assert.deepEqual(connack, hex('20 02 01 00'))
  const disconnect = encodeControlPacket({ cmd: 'disconnect', reasonCode: 0x8b, properties: { reasonString: 'x' } }, 5)
  assert.equal(parsePacket(disconnect, 5).cmd, 'disconnect')
})
