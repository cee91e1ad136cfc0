/**
 * Clients on one broker: bytes in pieces of any size through real connections, before and after CONNECT, of all three versions, with
 * sockets that close or are not read. Whatever some do, two others have their messages. The first byte chooses the largest packet.
 */
import assert from 'node:assert/strict'
import { parsePacket } from '../../broker/raw-client.ts'
import { readConversation } from '../../link/emqx/wire-fixtures.ts'
import { BrokerWorld } from '../broker-world.ts'
import type { TurnLimits } from '../meter.ts'
import { mutate } from '../mutate.ts'
import { PacketMaker, type Version } from '../packet-maker.ts'
import type { Random } from '../random.ts'
import { StepCodec } from '../steps.ts'
import type { FuzzTarget } from '../target.ts'

const packetSizes = [256, 65_536, 1_048_576] as const
const CLIENTS = 3
/** As much as one read of a socket brings. */
const CHUNK_BYTES_MAX = 65_536
/** What is made beside the packet itself: answers, lists, the socket's next scratch. */
const SLACK_BYTES = 131_072

const codec = new StepCodec(['bytes', 'bytes', 'bytes', 'together', 'gone', 'deaf', 'hears', 'wait'] as const)
type Operation = ReturnType<typeof codec.decode>[number]['operation']

const dictionary = [
  '1000044d5154540502003c0000026330',
  '100e00044d5154540402003c00026330',
  '101000064d5149736470030200000002 6330',
  'c000',
  'd000',
  'e000',
  'f000',
  '8206000100016100',
  '30040001610078',
  '32050001610001',
  '3406000161000100',
  '62020001',
  '50020001',
  'ffffff7f',
  'ffffffff7f',
  '8000',
  '2600000000',
  '230001',
  '0bffffff7f',
  '00012b',
  '000123',
  '0007247368617265',
  'eda080',
  '0000',
  'ffff',
].map((digits) => Buffer.from(digits.replace(' ', ''), 'hex'))

export const packetsTarget: FuzzTarget = {
  name: 'packets',
  seeds: recordedSessions,
  generate,
  mutate(input, others, random) {
    // Bytes of the packets more often than those of the frame around them.
    const steps = codec.decode(input.subarray(1))
    const options = { dictionary, others: others.map((other) => other.subarray(1)), bytesMax: 2 * packetSizes[2] }
    if (steps.length === 0 || random.chance(0.2)) return mutate(input, random, options)
    const at = random.below(steps.length)
    const mutated = steps.map(({ operation, client, payload }, index) =>
      codec.encode(operation, client, index === at ? mutate(payload, random, options) : payload),
    )
    return Buffer.concat([input.subarray(0, 1), ...mutated])
  },
  run(input, meter) {
    const packetBytesMax = packetSizes[(input[0] ?? 0) % packetSizes.length]!
    const world = new BrokerWorld(packetBytesMax, CLIENTS)
    const reading: TurnLimits = {
      bufferBytesMax: packetBytesMax + SLACK_BYTES,
      buffersBytesMax: 4 * (packetBytesMax + SLACK_BYTES),
      heapBytesMax: 64 * 2 ** 20,
    }
    const writing: TurnLimits = { ...reading, bufferBytesMax: 4 * 2 ** 20, buffersBytesMax: 16 * 2 ** 20 }
    const perform = (operation: Operation, client: number, payload: Buffer): void => {
      if (operation === 'wait') meter.turn(writing, () => world.wait((payload[0] ?? 1) * 100))
      else if (operation !== 'bytes' && operation !== 'together')
        meter.turn(writing, () => world.socket(client, operation))
      else {
        for (let at = 0; at < payload.length; at += CHUNK_BYTES_MAX) {
          const chunk = Buffer.from(payload.subarray(at, at + CHUNK_BYTES_MAX))
          meter.turn(reading, () => world.receive(client, chunk))
        }
      }
      if (operation === 'together') return
      do meter.turn(writing, () => world.endTurn())
      while (meter.turn(reading, () => world.proceed()))
    }
    for (const { operation, client, payload } of codec.decode(input.subarray(1)))
      perform(operation, client % CLIENTS, payload)
    world.endTurn()
    world.speak()
    for (let client = 0; client < CLIENTS; client++) perform('gone', client, Buffer.alloc(0))
    world.wait(8 * 3_600_000)
    world.speak()
    const { heard, spoken, faults, sessions, filters } = world.account()
    assert.deepEqual(faults, [])
    assert.deepEqual(
      heard.flatMap((bytes) => cutPackets(bytes)).map((bytes) => payloadOf(bytes)),
      spoken,
      'messages of the others',
    )
    assert.deepEqual({ sessions, filters }, { sessions: 2, filters: 1 }, 'something is left of clients that are gone')
    for (const bytes of world.writtenTo())
      for (const packet of cutPackets(bytes)) assert.ok(isServers(packet), `sent ${packet.toString('hex', 0, 20)}`)
  },
}

/** What the clients of a recorded link sent, a connection each. */
function recordedSessions(): readonly Buffer[] {
  const byConnection = new Map<number, Buffer[]>()
  for (const { conn, raw_hex, mqtt_packet_type } of readConversation('hand-made-dialler')) {
    if (conn === undefined || raw_hex === undefined || raw_hex.length > 4000) continue
    const steps = byConnection.get(conn) ?? []
    byConnection.set(conn, steps)
    // What the server answered is in the record too; from a client it is as good as any nonsense, but not at the beginning.
    if (steps.length > 0 || mqtt_packet_type === 'CONNECT')
      steps.push(codec.encode('bytes', 0, Buffer.from(raw_hex, 'hex')))
  }
  return [...byConnection.values()]
    .filter((steps) => steps.length > 0)
    .map((steps) => Buffer.concat([Buffer.of(1), ...steps]))
}

function generate(random: Random): Buffer {
  const size = random.pick([0, 0, 1, 1, 1, 2] as const)
  const bytesMax = random.chance(0.9) ? Math.min(4096, packetSizes[size]) : packetSizes[size]
  const streams = random.list(random.between(1, CLIENTS), () => streamOf(random, bytesMax))
  const chunks = streams.map((stream) => cutAtRandom(stream, random))
  const steps: Buffer[] = []
  for (let left = chunks.reduce((sum, list) => sum + list.length, 0); left > 0; left--) {
    const client = random.pick([...chunks.keys()].filter((at) => chunks[at]!.length > 0))
    steps.push(codec.encode(random.chance(0.8) ? 'bytes' : 'together', client, chunks[client]!.shift()))
    if (random.chance(0.04))
      steps.push(
        codec.encode(
          random.pick(['gone', 'deaf', 'hears', 'wait', 'wait'] as const),
          random.below(CLIENTS),
          random.bytes(1),
        ),
      )
  }
  return Buffer.concat([Buffer.of(size), ...steps])
}

/** What one client sends, from its first byte. */
function streamOf(random: Random, bytesMax: number): Buffer {
  const maker = new PacketMaker(random, random.pick([3, 4, 5, 5, 5] as const satisfies Version[]), bytesMax)
  const before = random.chance(0.04) ? [random.chance(0.5) ? maker.any() : random.bytes(random.size(20))] : []
  const packets = random.list(random.size(random.chance(0.9) ? 12 : 60), () => maker.any())
  const stream = Buffer.concat([
    ...before,
    maker.connect(),
    ...packets,
    ...(random.chance(0.1) ? [maker.connect(), maker.any()] : []),
  ])
  return random.chance(0.15) ? mutate(stream, random, { dictionary, others: [], bytesMax: 2 * bytesMax }) : stream
}

function cutAtRandom(stream: Buffer, random: Random): Buffer[] {
  if (random.chance(0.3)) return [stream]
  const chunks: Buffer[] = []
  const tiny = random.chance(0.1) && stream.length < 2000
  for (let at = 0; at < stream.length;) {
    const end = at + (tiny ? 1 : 1 + random.size(stream.length))
    chunks.push(stream.subarray(at, end))
    at = end
  }
  return chunks
}

/** Whole packets, or it was not packets that were sent. */
function cutPackets(bytes: Buffer): Buffer[] {
  const packets: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    let length = 0
    let body = at + 1
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[body++]
      assert.ok(byte !== undefined && shift <= 21, 'a packet without an end was sent')
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    assert.ok(body + length <= bytes.length, 'half a packet was sent')
    packets.push(bytes.subarray(at, body + length))
    at = body + length
  }
  return packets
}

/** Types of packet that a server sends, and their flags. */
function isServers(packet: Buffer): boolean {
  const first = packet[0]!
  if (first >> 4 === 3) return (first & 6) !== 6
  return [0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0].includes(first)
}

function payloadOf(bytes: Buffer): string {
  const packet = parsePacket(Buffer.from(bytes), 5)
  return packet.cmd === 'publish' ? String(packet.payload) : packet.cmd
}
