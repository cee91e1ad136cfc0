/** Over real sockets: what MQTT.js writes and reads, and the messages that are led past it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet'
import { PACKET_ID_MAX, PacketStream } from '../../src/link/packet-stream.ts'

async function start(t: TestContext) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const accepted = once(server, 'connection')
  const faults: Error[] = []
  const socket = connect({ port: address.port, host: '127.0.0.1' })
  const stream = new PacketStream(socket, (fault) => faults.push(fault))
  const [peer] = (await accepted) as [Socket]
  t.after(() => {
    stream.destroy()
    peer.destroy()
    server.close()
  })
  return { stream, socket, peer, faults }
}

/** Resolves with the packets that come, once there are so many. */
async function packets(source: NodeJS.ReadableStream, count: number): Promise<Packet[]> {
  const found: Packet[] = []
  const reader = parser({ protocolVersion: 5 })
  return new Promise((resolve, reject) => {
    reader.on('error', reject)
    reader.on('packet', (packet) => {
      found.push(packet)
      if (found.length === count) resolve(found)
    })
    source.on('data', (chunk: Buffer) => reader.parse(chunk))
  })
}

function asPublish(packet: Packet | undefined): IPublishPacket {
  assert.ok(packet?.cmd === 'publish')
  return packet
}

const puback = (messageId: number, reasonCode = 0) =>
  generate({ cmd: 'puback', messageId, reasonCode }, { protocolVersion: 5 })
const pingresp = generate({ cmd: 'pingresp' }, { protocolVersion: 5 })

test('messages go in order, short and long, between the packets of MQTT.js', async (t) => {
  const { stream, peer } = await start(t)
  const arrived = packets(peer, 4)
  stream.write(generate({ cmd: 'pingreq' }, { protocolVersion: 5 }))
  stream.publish({ topic: 'a', payload: Buffer.from('short'), qos: 1 })
  stream.publish({ topic: 'b', payload: Buffer.alloc(100_000, 1), qos: 1 })
  stream.publish({ topic: 'c', payload: Buffer.from('unnumbered'), qos: 0 })
  const [ping, ...published] = await arrived
  assert.equal(ping?.cmd, 'pingreq')
  assert.deepEqual(
    published.map(asPublish).map(({ topic, payload, qos, messageId }) => [topic, payload.length, qos, messageId]),
    [
      ['a', 5, 1, 1],
      ['b', 100_000, 1, 2],
      ['c', 10, 0, undefined],
    ],
  )
})

test('each PUBACK is told to whom it answers, however it is cut, and MQTT.js gets all else', async (t) => {
  const { stream, peer } = await start(t)
  const codes: string[] = []
  for (const name of ['first', 'second', 'third'])
    stream.publish({ topic: 'a', payload: Buffer.from(name), qos: 1 }, (code) => codes.push(`${name} ${code}`))
  await packets(peer, 3)
  const others = packets(stream, 2)
  peer.setNoDelay(true)
  const answers = Buffer.concat([puback(2), puback(9), pingresp, puback(1, 0x97), puback(2), puback(3, 0x10), pingresp])
  for (const byte of answers) await new Promise((resolve) => void peer.write(Buffer.of(byte), resolve))
  assert.deepEqual(
    (await others).map(({ cmd }) => cmd),
    ['pingresp', 'pingresp'],
  )
  assert.deepEqual(codes, ['second 0', 'first 151', 'third 16'])
})

test('a packet identifier is not used again while it is unanswered', async (t) => {
  const { stream, peer } = await start(t)
  const publish = () => stream.publish({ topic: '', payload: Buffer.alloc(0), qos: 1 }, () => undefined)
  const arrived = packets(peer, PACKET_ID_MAX + 1)
  for (let i = 0; i < PACKET_ID_MAX; i += 1) publish()
  const answered = new Promise<void>((resolve) => {
    stream.on('data', () => resolve())
  })
  peer.write(Buffer.concat([puback(3), pingresp]))
  await answered
  publish()
  assert.equal(asPublish((await arrived).at(-1)).messageId, 3)
})

test('one topic goes under an alias, after it was named once', async (t) => {
  const { stream, peer } = await start(t)
  const arrived = packets(peer, 5)
  const send = (topic: string, mayAlias: boolean) =>
    stream.publish({ topic, payload: Buffer.alloc(9), qos: 1, mayAlias })
  send('long/topic', true)
  stream.allowAlias(1_000)
  send('long/topic', true)
  send('another', true)
  send('long/topic', false)
  send('long/topic', true)
  assert.deepEqual(
    (await arrived).map(asPublish).map(({ topic, properties }) => [topic, properties?.topicAlias]),
    [
      ['long/topic', undefined],
      ['long/topic', 1],
      ['another', undefined],
      ['long/topic', undefined],
      ['', 1],
    ],
  )
})

test('an alias that makes the packet longer than the peer takes is not set', async (t) => {
  const { stream, peer } = await start(t)
  const arrived = packets(peer, 1)
  stream.allowAlias(20)
  stream.publish({ topic: 'a/b/c', payload: Buffer.alloc(6), qos: 1, mayAlias: true })
  assert.equal(asPublish((await arrived)[0]).properties?.topicAlias, undefined)
})

test('what is no packet ends the connection, and answers nothing that comes after it', async (t) => {
  const { stream, peer, faults } = await start(t)
  const answered: number[] = []
  stream.publish({ topic: 'a', payload: Buffer.from('x'), qos: 1 }, (code) => answered.push(code))
  await packets(peer, 1)
  peer.write(Buffer.concat([Buffer.from([0x40, 1, 0]), puback(1)]))
  await once(stream, 'close')
  assert.deepEqual(
    faults.map(({ message }) => message),
    ['PUBACK without a packet identifier'],
  )
  assert.deepEqual(answered, [])
})

test('whoever is answered may end the connection', async (t) => {
  const { stream, peer } = await start(t)
  const answered: number[] = []
  const answer = (code: number) => {
    answered.push(code)
    stream.destroy()
  }
  for (const topic of ['a', 'b']) stream.publish({ topic, payload: Buffer.alloc(0), qos: 1 }, answer)
  await packets(peer, 2)
  peer.write(Buffer.concat([puback(1), puback(2)]))
  await once(stream, 'close')
  assert.deepEqual(answered, [0])
  stream.publish({ topic: 'c', payload: Buffer.alloc(0), qos: 1 }, answer)
})

test('for a reader that takes nothing, nothing more is read', { timeout: 20_000 }, async (t) => {
  const { stream, socket, peer } = await start(t)
  const large = generate(
    { cmd: 'publish', topic: 'a', payload: Buffer.alloc(60_000), qos: 0, dup: false, retain: false },
    { protocolVersion: 5 },
  )
  const count = 100
  for (let i = 0; i < count; i += 1) peer.write(large)
  while (!socket.isPaused()) await nextTurn()
  assert.ok(stream.readableLength < 200_000)
  assert.equal((await packets(stream, count)).length, count)
})

test('each PINGRESP answers the oldest PINGREQ that was sent here; when there is none it is for MQTT.js', async (t) => {
  const { stream, peer } = await start(t)
  const arrived = packets(peer, 2)
  const answered: string[] = []
  stream.ping(() => answered.push('first'))
  stream.ping(() => answered.push('second'))
  assert.deepEqual(
    (await arrived).map(({ cmd }) => cmd),
    ['pingreq', 'pingreq'],
  )
  const left = packets(stream, 1)
  peer.write(Buffer.concat([pingresp, pingresp, pingresp]))
  assert.equal((await left)[0]?.cmd, 'pingresp')
  assert.deepEqual(answered, ['first', 'second'])
})
