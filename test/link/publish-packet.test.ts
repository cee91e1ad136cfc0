import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { parser, type Packet } from 'mqtt-packet'
import { publishPacketBytes } from '../../src/link/packet-size.ts'
import { encodePublish } from '../../src/link/publish-packet.ts'

function parse(bytes: Buffer): Packet[] {
  const packets: Packet[] = []
  const reader = parser({ protocolVersion: 5 })
  reader.on('packet', (packet) => packets.push(packet))
  reader.on('error', (error) => assert.fail(error))
  reader.parse(bytes)
  return packets
}

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !/[+#\0]/.test(text))
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.nat({ max: 70_000 }).map((bytes) => new Uint8Array(bytes).fill(7)),
)

test('property: a PUBLISH is what others read', () => {
  fc.assert(
    fc.property(
      fc.record({ topic: word, payload, qos: fc.constantFrom(0 as const, 1 as const) }),
      fc.option(word, { nil: undefined }),
      fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }),
      fc.integer({ min: 1, max: 65_535 }),
      fc.constantFrom(0, 1, 65_535),
      (fields, responseTopic, correlation, packetId, topicAlias) => {
        const correlationData = correlation === undefined ? undefined : Buffer.from(correlation)
        const publish = {
          ...fields,
          payload: Buffer.from(fields.payload),
          ...(responseTopic === undefined ? {} : { responseTopic }),
          ...(correlationData === undefined ? {} : { correlationData }),
        }
        const { bytes, isWhole } = encodePublish(publish, publish.topic, packetId, topicAlias)
        const whole = isWhole ? bytes : Buffer.concat([bytes, publish.payload])
        const [packet, ...others] = parse(whole)
        assert.ok(packet?.cmd === 'publish' && others.length === 0)
        const { topic, qos, retain, dup } = packet
        assert.deepEqual(
          { topic, qos, retain, dup },
          { topic: publish.topic, qos: publish.qos, retain: false, dup: false },
        )
        assert.ok(publish.payload.equals(Buffer.from(packet.payload)))
        if (publish.qos > 0) assert.equal(packet.messageId, packetId)
        assert.equal(packet.properties?.topicAlias, topicAlias === 0 ? undefined : topicAlias)
        assert.equal(packet.properties?.responseTopic, responseTopic)
        assert.deepEqual(packet.properties?.correlationData, correlationData)
        if (responseTopic === undefined && correlation === undefined && topicAlias === 0)
          assert.equal(whole.length, publishPacketBytes(publish.topic, publish.payload.length, publish.qos))
      },
    ),
  )
})

test('a topic that its alias says takes no bytes', () => {
  const { bytes } = encodePublish({ topic: 'a/b', payload: Buffer.from('x'), qos: 1 }, '', 7, 1)
  assert.equal(bytes.toString('hex'), '3209000000070323000178')
})
