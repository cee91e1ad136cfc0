import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { connectPacket, packetWalker, publishForm, subscribePacket } from '../../scripts/bench/mqtt-bytes.ts'

test('however a stream is cut into chunks, the same packets come out of it', () => {
  const packets = [
    connectPacket({ clientId: 'c', username: 'u', isKept: false }),
    subscribePacket(7, ['a/b', 'c/#'], 1),
    publishForm('a/b', 0, Buffer.from('x')).bytes,
    publishForm('a/b', 2, Buffer.alloc(300_000, 7)).bytes,
    Buffer.from([0xe0, 0]),
  ]
  const stream = Buffer.concat(packets)
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
      const seen: number[] = []
      const walk = packetWalker((type, _first, _bytes, bodyAt, end) => seen.push(type, end - bodyAt))
      const ends = [...cuts, stream.length].sort((a, b) => a - b)
      let from = 0
      for (const to of ends) {
        walk(stream.subarray(from, to), to - from)
        from = to
      }
      assert.deepEqual(seen, [1, 16, 8, 14, 3, 6, 3, 300_007, 14, 0])
    }),
    { numRuns: 50 },
  )
})

test('a PUBLISH form tells where its changing parts stand', () => {
  for (const [qos, firstByte] of [
    [1, 0x32],
    [2, 0x34],
  ] as const) {
    const { bytes, packetIdAt, payloadAt } = publishForm('a/b', qos, Buffer.from('load'))
    assert.equal(bytes.subarray(payloadAt).toString(), 'load')
    assert.equal(packetIdAt, 2 + 2 + 'a/b'.length)
    assert.equal(bytes[0], firstByte)
  }
})
