import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Framer } from '../../src/packets/framer.ts'
import { variableByteLength, writeVariableByte } from '../../src/packets/publish-form.ts'
import { PacketFault, reasonCode } from '../../src/packets/reason-code.ts'

/** A packet of this type whose body is so long and tells its bytes apart. */
function packetOf(firstByte: number, bodyLength: number): Buffer {
  const head = 1 + variableByteLength(bodyLength)
  const packet = Buffer.alloc(head + bodyLength)
  packet[0] = firstByte
  writeVariableByte(packet, 1, bodyLength)
  for (let i = 0; i < bodyLength; i++) packet[head + i] = i * 7
  return packet
}

/** Collects whole packets, and checks what it is told of each. */
function collector() {
  const packets: string[] = []
  const framer = new Framer(
    {
      onPacket(buffer, start, body, end) {
        const packet = Buffer.from(buffer.subarray(start, end))
        const head = 1 + variableByteLength(end - body)
        assert.equal(body - start, head)
        packets.push(packet.toString('hex'))
        return true
      },
    },
    1_000_000,
  )
  return { framer, packets }
}

const bodyLength = fc.oneof(fc.nat(300), fc.constantFrom(0, 1, 127, 128, 129, 16_383, 16_384, 16_385), fc.nat(5_000))
const packets = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 255 }), bodyLength).map(([first, length]) => packetOf(first, length)),
  {
    minLength: 1,
    maxLength: 12,
  },
)

test('a stream gives the same packets however it is cut', () => {
  fc.assert(
    fc.property(packets, fc.infiniteStream(fc.integer({ min: 1, max: 3_000 })), fc.boolean(), (sent, cuts, fine) => {
      const { framer, packets: got } = collector()
      const stream = Buffer.concat(sent)
      let at = 0
      for (const cut of cuts) {
        const to = at + (fine ? 1 + (cut % 7) : cut)
        // A copy, as a read is: the framer may keep it.
        framer.push(Buffer.from(stream.subarray(at, to)))
        at = to
        if (at >= stream.length) break
      }
      assert.deepEqual(
        got,
        sent.map((packet) => packet.toString('hex')),
      )
    }),
    { numRuns: 300 },
  )
})

test('packets cut in two at every byte', () => {
  const sent = [packetOf(0x30, 0), packetOf(0x31, 1), packetOf(0x32, 127), packetOf(0x33, 128), packetOf(0xc0, 0)]
  const stream = Buffer.concat(sent)
  for (let cut = 0; cut <= stream.length; cut++) {
    const { framer, packets: got } = collector()
    framer.push(Buffer.from(stream.subarray(0, cut)))
    framer.push(Buffer.from(stream.subarray(cut)))
    assert.deepEqual(
      got,
      sent.map((packet) => packet.toString('hex')),
      `cut at ${cut}`,
    )
  }
})

test('a packet that came whole in one read is handed on where it lies', () => {
  const chunk = Buffer.concat([packetOf(0x30, 10), packetOf(0x30, 20)])
  const seen: [Buffer, number][] = []
  const framer = new Framer({ onPacket: (buffer, start) => seen.push([buffer, start]) > 0 }, 1_000)
  framer.push(chunk)
  assert.deepEqual(
    seen.map(([buffer, start]) => [buffer === chunk, start]),
    [
      [true, 0],
      [true, 12],
    ],
  )
})

test('a handler that wants no more gets no more of this read', () => {
  for (const cut of [0, 1, 5, 12]) {
    let count = 0
    const framer = new Framer({ onPacket: () => ++count < 1 }, 1_000)
    const stream = Buffer.concat([packetOf(0x30, 10), packetOf(0x30, 10), packetOf(0x30, 10)])
    framer.push(stream.subarray(0, cut))
    framer.push(stream.subarray(cut))
    assert.equal(count, cut === 12 ? 2 : 1, `cut at ${cut}`)
  }
})

for (const { what, bytes, reason } of [
  {
    what: 'a remaining length of five bytes',
    bytes: [0x30, 0x80, 0x80, 0x80, 0x80, 0x01],
    reason: reasonCode.malformedPacket,
  },
  {
    what: 'a remaining length in two bytes that needs one',
    bytes: [0x30, 0x81, 0x00, 0x61],
    reason: reasonCode.malformedPacket,
  },
  { what: 'a packet of 1001 bytes', bytes: [0x30, 0xe6, 0x07], reason: reasonCode.packetTooLarge },
  { what: 'a packet of the greatest length', bytes: [0x30, 0xff, 0xff, 0xff, 0x7f], reason: reasonCode.packetTooLarge },
]) {
  test(`${what} is refused as soon as its length is there, in whatever pieces`, () => {
    for (const cut of bytes.keys()) {
      const framer = new Framer({ onPacket: () => true }, 1_000)
      const fault = (error: unknown) => error instanceof PacketFault && error.reason === reason
      assert.throws(
        () => {
          framer.push(Buffer.from(bytes.slice(0, cut)))
          framer.push(Buffer.from(bytes.slice(cut)))
        },
        fault,
        `cut at ${cut}`,
      )
    }
  })
}

test('a packet of exactly the greatest size is taken', () => {
  let count = 0
  const framer = new Framer({ onPacket: () => ++count > 0 }, 1_000)
  framer.push(packetOf(0x30, 997))
  assert.equal(count, 1)
})
