import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { IPublishPacket } from 'mqtt-packet'
import type { PublishProperties } from '../../src/packets/message.ts'
import { encodeMessage } from '../../src/packets/publication.ts'
import { PublishForm, variableByteLength, withoutAlias, writeVariableByte } from '../../src/packets/publish-form.ts'
import { parsePublish, properties, published, qos, viewOf } from './publishes.ts'

const identifiers = fc.uniqueArray(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 4 })
const form = fc.record({
  v5: fc.boolean(),
  qos,
  retain: fc.boolean(),
  dup: fc.boolean(),
  packetId: fc.integer({ min: 1, max: 65_535 }),
  subscriptionIdentifiers: identifiers,
  expirySeconds: fc.nat(0xffffffff),
  topicAlias: fc.nat(65_535),
  topicAliasKnown: fc.boolean(),
})

test('any publish in any form is what mqtt-packet reads in it', () => {
  fc.assert(
    fc.property(published, form, fc.nat(9), ({ version, packet, bytes }, wanted, at) => {
      const view = viewOf(bytes, version)
      const aliased = wanted.v5 && wanted.topicAlias > 0
      const form = Object.assign(new PublishForm(), wanted, {
        dup: wanted.dup && wanted.qos > 0,
        packetId: wanted.qos === 0 ? 0 : wanted.packetId,
        topicAlias: aliased ? wanted.topicAlias : 0,
        topicAliasKnown: aliased && wanted.topicAliasKnown,
        // Only MQTT 5 has them; whoever sets them for an older client asks in vain.
        subscriptionIdentifiers: wanted.subscriptionIdentifiers,
      })
      const length = form.lengthOf(view)
      const target = Buffer.alloc(at + length + 3, 0xee)
      assert.equal(form.write(target, at, view), at + length)
      assert(
        target.subarray(0, at).every((byte) => byte === 0xee) &&
          target.subarray(at + length).every((byte) => byte === 0xee),
      )

      const read = parsePublish(target.subarray(at, at + length), wanted.v5 ? 5 : 4)
      assert.equal(read.topic, form.topicAliasKnown ? '' : packet.topic)
      assert.deepEqual(read.payload, packet.payload)
      assert.deepEqual([read.qos, read.retain, read.dup], [form.qos, form.retain, form.dup])
      assert.equal(read.messageId, form.qos === 0 ? undefined : form.packetId)
      if (!wanted.v5) return assert.equal(read.properties, undefined)
      const { subscriptionIdentifier, topicAlias, ...others } = read.properties ?? {}
      assert.deepEqual([subscriptionIdentifier ?? []].flat(), wanted.subscriptionIdentifiers)
      assert.equal(topicAlias, aliased ? wanted.topicAlias : undefined)
      const { messageExpiryInterval, ...kept } = version === 5 ? (packet.properties ?? {}) : {}
      const expiry = messageExpiryInterval === undefined ? {} : { messageExpiryInterval: wanted.expirySeconds }
      assert.deepEqual(others, { ...kept, ...expiry })
    }),
    { numRuns: 500 },
  )
})

test('where a form keeps the bytes of a publish, writing it gives them but for first byte and packet identifier', () => {
  let kept = 0
  fc.assert(
    fc.property(published, form, ({ version, bytes }, wanted) => {
      const view = viewOf(bytes, version)
      const form = Object.assign(new PublishForm(), wanted, {
        topicAliasKnown: false,
        packetId: wanted.qos === 0 ? 0 : wanted.packetId,
      })
      if (wanted.packetId % 2 === 0) Object.assign(form, { topicAlias: 0, subscriptionIdentifiers: [] })
      if (!form.keepsBytesOf(view)) return
      kept++
      const target = Buffer.alloc(form.lengthOf(view))
      form.write(target, 0, view)
      const expected = Buffer.from(bytes)
      expected[0] = form.firstByte
      if (form.qos > 0) expected.writeUInt16BE(form.packetId, view.packetIdAt)
      assert.deepEqual(target, expected)
    }),
    { numRuns: 1_000 },
  )
  assert(kept > 20)
})

/** The packet with these properties, as our own writer orders them. */
function published5(packet: IPublishPacket & { readonly payload: Buffer }, properties: PublishProperties): Buffer {
  const bytes = encodeMessage({
    topic: packet.topic,
    payload: packet.payload,
    qos: packet.qos,
    retain: packet.retain,
    properties,
    from: '',
    username: undefined,
    peerHost: undefined,
    timestampMs: 0,
    origin: undefined,
  })
  if (packet.dup) bytes[0] = bytes[0]! | 8
  if (packet.qos > 0) bytes.writeUInt16BE(packet.messageId!, viewOf(bytes, 5).packetIdAt)
  return bytes
}

test('an alias is taken off and the topic put in its place; all else stays', () => {
  const alias = fc.integer({ min: 1, max: 65_535 })
  fc.assert(
    fc.property(published, properties, alias, fc.boolean(), ({ packet }, others, topicAlias, isNamed) => {
      const form = new PublishForm()
      const plain = published5(packet, others)
      // Written by our own form, so that the alias also stands after other properties.
      Object.assign(form, {
        v5: true,
        qos: packet.qos,
        retain: packet.retain,
        dup: packet.dup,
        packetId: packet.qos === 0 ? 0 : packet.messageId,
        topicAlias,
        topicAliasKnown: !isNamed,
        expirySeconds: others.messageExpiryInterval ?? 0,
      })
      const view = viewOf(plain, 5)
      const bytes = Buffer.alloc(form.lengthOf(view))
      form.write(bytes, 0, view)
      assert.equal(parsePublish(bytes, 5).properties?.topicAlias, topicAlias)

      const aliased = viewOf(bytes, 5)
      assert.equal(aliased.topicAlias, topicAlias)
      withoutAlias(aliased, Buffer.from(packet.topic))
      assert.deepEqual(aliased.buffer.subarray(aliased.start, aliased.end), plain)
      assert.equal(aliased.topicAlias, 0)
    }),
  )
})

test('a Variable Byte Integer takes as few bytes as it needs', () => {
  for (const { value, bytes } of [
    { value: 0, bytes: '00' },
    { value: 127, bytes: '7f' },
    { value: 128, bytes: '8001' },
    { value: 16_383, bytes: 'ff7f' },
    { value: 16_384, bytes: '808001' },
    { value: 2_097_151, bytes: 'ffff7f' },
    { value: 2_097_152, bytes: '80808001' },
    { value: 268_435_455, bytes: 'ffffff7f' },
  ]) {
    const target = Buffer.alloc(5)
    const end = writeVariableByte(target, 0, value)
    assert.equal(target.subarray(0, end).toString('hex'), bytes)
    assert.equal(variableByteLength(value), end)
  }
})
