import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { PublishView } from '../../src/packets/publish-view.ts'
import { PacketFault } from '../../src/packets/reason-code.ts'
import { bodyOf, published, viewOf } from './publishes.ts'

test('a view shows what mqtt-packet wrote', () => {
  fc.assert(
    fc.property(published, fc.nat(20), ({ version, packet, bytes }, before) => {
      // In the middle of other bytes, as in a read.
      const read = Buffer.concat([Buffer.alloc(before, 0xee), bytes, Buffer.alloc(7, 0xee)])
      const view = new PublishView()
      view.read(read, before, bodyOf(read, before), before + bytes.length, version === 5)
      assert.equal(read.toString('utf8', view.topicStart, view.topicEnd), packet.topic)
      assert.equal(view.topicLength, Buffer.byteLength(packet.topic))
      assert.deepEqual(read.subarray(view.payloadStart, view.end), packet.payload)
      assert.deepEqual([view.qos, view.retain, view.dup], [packet.qos, packet.retain, packet.dup])
      assert.equal(view.packetId, packet.qos === 0 ? 0 : packet.messageId)
      assert.equal(view.v5, version === 5)
      assert.equal(view.messageExpiryInterval, packet.properties?.messageExpiryInterval ?? -1)
      assert.equal(view.topicAlias, 0)
    }),
  )
})

test('a packet that is cut off anywhere before its payload is malformed, and never read beyond its end', () => {
  fc.assert(
    fc.property(published, ({ version, bytes }) => {
      const { payloadStart } = viewOf(bytes, version)
      const body = bodyOf(bytes)
      for (let end = body; end < payloadStart; end++) {
        // What lies behind the end looks like a good rest.
        assert.throws(() => new PublishView().read(bytes, 0, body, end, version === 5), PacketFault, `cut at ${end}`)
      }
    }),
    { numRuns: 50 },
  )
})

test('any bytes are either read or refused with a reason', () => {
  const bytes = fc.uint8Array({ minLength: 2, maxLength: 60 }).map((array) => Buffer.from(array))
  fc.assert(
    fc.property(bytes, fc.boolean(), (body, v5) => {
      const packet = Buffer.concat([Buffer.from([0x30 | (body[0]! & 15), body.length]), body])
      const view = new PublishView()
      try {
        view.read(packet, 0, 2, packet.length, v5)
      } catch (error) {
        assert(error instanceof PacketFault)
        return
      }
      assert(
        view.topicEnd <= packet.length && view.payloadStart <= packet.length && view.propertiesEnd <= packet.length,
      )
    }),
    { numRuns: 2_000 },
  )
})
