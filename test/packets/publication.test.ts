import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { expiresAtMs } from '../../src/packets/message.ts'
import { encodeMessage, Publication, readProperties } from '../../src/packets/publication.ts'
import { asPacketProperties, message, parsePublish, published, viewOf } from './publishes.ts'

const publisher = { clientId: 'c', username: 'u', peerHost: '127.0.0.1' }

test('a message that is encoded is read again as it was', () => {
  fc.assert(
    fc.property(message, (given) => {
      const bytes = encodeMessage(given)
      const { from, username, peerHost, timestampMs, origin } = given
      const publication = Publication.read(
        given.topic,
        bytes,
        { clientId: from, username, peerHost },
        timestampMs,
        origin,
      )
      assert.deepEqual(publication.toMessage(), given)
      assert.equal(publication.toMessage(), publication.toMessage())
      assert.equal(publication.expiresAtMs, expiresAtMs(given))
      assert.equal(publication.payloadLength, given.payload.length)
      assert.equal(publication.qos, given.qos)
    }),
  )
})

test('an encoded message is what mqtt-packet reads in it', () => {
  fc.assert(
    fc.property(message, (given) => {
      const packet = parsePublish(encodeMessage(given), 5)
      assert.equal(packet.topic, given.topic)
      assert.deepEqual(packet.payload, given.payload)
      assert.deepEqual([packet.qos, packet.retain, packet.dup], [given.qos, given.retain, false])
      assert.equal(packet.messageId, given.qos === 0 ? undefined : 1)
      const { userProperties: _, ...others } = asPacketProperties(given.properties ?? {})
      const { userProperties, ...read } = packet.properties ?? {}
      assert.deepEqual(read, others)
      const pairs = given.properties?.userProperties ?? []
      for (const [name, value] of Object.entries(userProperties ?? {})) {
        const values = pairs.filter(([other]) => other === name).map(([, own]) => own)
        // `mqtt-packet` forgets an empty value when the name comes again.
        if (!values.includes('')) assert.deepEqual([value].flat(), values)
      }
    }),
  )
})

test('a publication keeps a copy: what happens to the read afterwards does not touch it', () => {
  fc.assert(
    fc.property(published, fc.nat(), ({ version, packet, bytes }, receivedAtMs) => {
      const read = Buffer.from(bytes)
      const publication = new Publication(packet.topic, viewOf(read, version), publisher, receivedAtMs, undefined)
      read.fill(0xee)
      assert.deepEqual(publication.bytes, bytes)
      const kept = publication.toMessage()
      assert.deepEqual(kept.payload, packet.payload)
      assert.equal(kept.timestampMs, receivedAtMs)
      assert.equal(kept.from, 'c')
      assert.equal(publication.v5, version === 5)
      const shown = viewOf(publication.bytes, version)
      assert.deepEqual(kept.properties, readProperties(shown))
    }),
  )
})

for (const { seconds, atMs, left } of [
  { seconds: 10, atMs: 0, left: 10 },
  { seconds: 10, atMs: 1, left: 10 },
  { seconds: 10, atMs: 9_999, left: 1 },
  { seconds: 10, atMs: 10_000, left: 0 },
  { seconds: 10, atMs: 99_000, left: 0 },
  { seconds: undefined, atMs: 99_000, left: Number.POSITIVE_INFINITY },
]) {
  test(`a life of ${seconds} s has ${left} s left after ${atMs} ms`, () => {
    const properties = seconds === undefined ? undefined : { messageExpiryInterval: seconds }
    const bytes = encodeMessage({
      topic: 't',
      payload: Buffer.alloc(0),
      qos: 0,
      retain: false,
      properties,
      from: 'c',
      username: undefined,
      peerHost: undefined,
      timestampMs: 0,
      origin: undefined,
    })
    assert.equal(Publication.read('t', bytes, publisher, 0, undefined).expirySecondsLeft(atMs), left)
  })
}
