import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import test from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { generate, type IConnectPacket } from 'mqtt-packet'
import { WebSocket } from 'ws'
import { ManualClock } from '../manual-clock.ts'
import { parsePacket } from '../raw-client.ts'
import { publish, subscribe } from '../test-broker.ts'
import { ended, firstPeer, openDoor, statusOf, tcp, until, websocket, websocketClient } from './doors.ts'

const connect: IConnectPacket = {
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 5,
  clientId: 'ws',
  clean: true,
  keepalive: 0,
}
const bytesOf = (packet: Parameters<typeof generate>[0]): Buffer => generate(packet, { protocolVersion: 5 })

/** Frames as they come. */
function framesOf(client: WebSocket): { next(): Promise<Buffer> } {
  const frames: Buffer[] = []
  client.on('message', (data: Buffer) => frames.push(data))
  return {
    async next() {
      await until(() => frames.length > 0)
      return frames.shift()!
    },
  }
}

/** The code with which the server closes. */
async function closeCode(client: WebSocket): Promise<number> {
  const [code] = (await once(client, 'close')) as [number]
  return code
}

for (const type of ['ws', 'wss'] as const) {
  test(`${type}: packets large and small go both ways`, async (t) => {
    const { port } = await openDoor(t, type)
    const client = await websocketClient(t, `${type}://localhost:${port}/mqtt`)
    await client.connect()
    await subscribe(client, 't')
    client.send(publish('t', Buffer.alloc(900_000)), publish('t', 'small'))
    assert.deepEqual(
      (await client.publishes(2)).map(({ payload }) => payload.length),
      [900_000, 5],
    )
  })
}

test('a packet may span frames, and a frame hold many packets', async (t) => {
  const { port } = await openDoor(t, 'ws')
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`)
  const frames = framesOf(client)
  for (const byte of bytesOf(connect)) client.send(Buffer.from([byte]))
  assert.equal(parsePacket(await frames.next(), 5).cmd, 'connack')
  client.send(
    Buffer.concat([
      bytesOf({ cmd: 'pingreq' }),
      bytesOf({ cmd: 'pingreq' }),
      bytesOf({ cmd: 'pingreq' }).subarray(0, 1),
    ]),
  )
  client.send(bytesOf({ cmd: 'pingreq' }).subarray(1), { fin: false })
  client.send(bytesOf({ cmd: 'pingreq' }), { fin: true })
  let answers = 0
  while (answers < 8) answers += (await frames.next()).length
  assert.equal(answers, 8)
})

test('where packets must travel singly, each goes out in a frame of its own', async (t) => {
  const { port } = await openDoor(t, 'ws', { websocket: { mqtt_piggyback: 'single' } })
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`)
  const frames = framesOf(client)
  client.send(Buffer.concat([bytesOf(connect), bytesOf({ cmd: 'pingreq' }), bytesOf({ cmd: 'pingreq' })]))
  for (const cmd of ['connack', 'pingresp', 'pingresp']) assert.equal(parsePacket(await frames.next(), 5).cmd, cmd)
})

test('a text frame ends the connection with 1003, and the will is published', async (t) => {
  const { broker, port } = await openDoor(t, 'ws')
  const witness = await broker.subscriber('witness', ['will'])
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`)
  client.send(bytesOf({ ...connect, will: { topic: 'will', payload: Buffer.from('w'), qos: 0, retain: false } }))
  await once(client, 'message')
  client.send('text')
  assert.equal(await closeCode(client), 1003)
  await witness.next('publish')
})

for (const { when, path = '/mqtt', protocols = ['mqtt'], headers = {}, options = {}, outcome } of [
  { when: 'the subprotocol is mqtt', outcome: 'mqtt' },
  { when: 'it is that of MQTT 3.1', protocols: ['mqttv3.1'], outcome: 'mqttv3.1' },
  { when: 'it is one of several', protocols: ['x', 'mqtt'], outcome: 'mqtt' },
  { when: 'it is another', protocols: ['x'], outcome: 400 },
  { when: 'there is none', protocols: [], outcome: 400 },
  { when: 'there is none and may be none', protocols: [], options: { fail_if_no_subprotocol: false }, outcome: '' },
  { when: 'the path is another', path: '/', outcome: 404 },
  { when: 'the path is the one configured', path: '/x/y?z', options: { mqtt_path: '/x/y' }, outcome: 'mqtt' },
  {
    when: 'the origin is allowed',
    headers: { origin: 'https://a' },
    options: { check_origin_enable: true, check_origins: 'https://a' },
    outcome: 'mqtt',
  },
  {
    when: 'the origin is another',
    headers: { origin: 'https://b' },
    options: { check_origin_enable: true, check_origins: 'https://a' },
    outcome: 403,
  },
  { when: 'there is no origin', options: { check_origin_enable: true }, outcome: 'mqtt' },
  {
    when: 'there is no origin and there must be one',
    options: { check_origin_enable: true, allow_origin_absence: false },
    outcome: 403,
  },
] as readonly {
  when: string
  path?: string
  protocols?: string[]
  headers?: Record<string, string>
  options?: object
  outcome: string | number
}[]) {
  test(`handshake: ${when}: ${outcome === '' ? 'no subprotocol' : outcome}`, async (t) => {
    const door = await openDoor(t, 'ws', { websocket: options })
    const client = new WebSocket(`ws://127.0.0.1:${door.port}${path}`, protocols, { headers })
    t.after(() => client.terminate())
    const answer = await new Promise((resolve) => {
      client.once('open', () => resolve(client.protocol))
      client.once('unexpected-response', (_request, response) => resolve(response.statusCode))
      client.once('error', (error) => resolve(error))
    })
    assert.equal(answer, outcome)
    if (typeof outcome === 'string') return
    assert.deepEqual(statusOf(door).refused, { websocket_handshake: 1 })
    await until(() => statusOf(door).connections === 0)
  })
}

test('a browser that comes without WebSocket is told what is served here', async (t) => {
  const door = await openDoor(t, 'ws')
  const status = (path: string) =>
    new Promise((resolve) => {
      get({ host: '127.0.0.1', port: door.port, path }, (response) => resolve(response.resume().statusCode))
    })
  assert.deepEqual([await status('/mqtt'), await status('/')], [426, 404])
  await until(() => statusOf(door).connections === 0)
})

test('what is no HTTP is turned away', async (t) => {
  const door = await openDoor(t, 'ws')
  const client = await tcp(t, door.port)
  client.write(bytesOf(connect))
  await ended(client)
  await until(() => statusOf(door).connections === 0)
  assert.deepEqual(statusOf(door).refused, { websocket_handshake: 1 })
})

test('headers that never end are cut off in time, however slowly they come', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'ws', {}, { clock, mqtt: { idle_timeout: 5_000 } })
  const client = await tcp(t, door.port)
  await until(() => statusOf(door).connections === 1)
  for (let second = 0; second < 7; second++) {
    client.write('GET /mqtt HTTP/1.1\r\n'.slice(second, second + 1))
    clock.advance(1_000)
  }
  await ended(client)
  assert.deepEqual(statusOf(door).refused, { handshake_timeout: 1 })
})

test('a WebSocket on which no CONNECT comes is closed in time', async (t) => {
  const clock = new ManualClock()
  const { broker, port } = await openDoor(t, 'ws', {}, { clock, mqtt: { idle_timeout: 5_000 } })
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`)
  await broker.connections(1)
  clock.advance(7_000)
  assert.equal(await closeCode(client), 1006)
})

test('idle_timeout ends a client that says nothing; a ping is something', async (t) => {
  const clock = new ManualClock()
  const { port } = await openDoor(t, 'ws', { websocket: { idle_timeout: '10s' } }, { clock })
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`)
  client.send(bytesOf(connect))
  await once(client, 'message')
  for (let i = 0; i < 3; i++) {
    clock.advance(8_000)
    client.ping('hello')
    const [answer] = (await once(client, 'pong')) as [Buffer]
    assert.equal(String(answer), 'hello')
  }
  clock.advance(12_000)
  assert.equal(await closeCode(client), 1006)
})

test('a frame beyond the limit ends the connection, before it is there', async (t) => {
  const { port } = await openDoor(t, 'ws', {}, { mqtt: { max_packet_size: 1_000 } })
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`)
  client.send(bytesOf(connect))
  await once(client, 'message')
  client.send(Buffer.alloc(1_000 + 65_536 + 1))
  assert.equal(await closeCode(client), 1009)
})

test('a small frame that would inflate to a large one does so no further than a frame may be long', async (t) => {
  const { port } = await openDoor(t, 'ws', { websocket: { compress: true } }, { mqtt: { max_packet_size: 1_000 } })
  const client = await websocket(t, `ws://127.0.0.1:${port}/mqtt`, ['mqtt'], { perMessageDeflate: true })
  assert.match(client.extensions, /permessage-deflate/)
  client.send(bytesOf(connect))
  await once(client, 'message')
  assert.ok(deflateRawSync(Buffer.alloc(50_000_000)).length < 60_000, 'the bomb is small on the wire')
  client.send(Buffer.alloc(50_000_000))
  assert.equal(await closeCode(client), 1009)
})

test('compressed, both ways', async (t) => {
  const { port } = await openDoor(t, 'ws', { websocket: { compress: true } })
  const client = await websocketClient(t, `ws://127.0.0.1:${port}/mqtt`, { perMessageDeflate: { threshold: 0 } })
  await client.connect()
  await subscribe(client, 't')
  for (let i = 0; i < 20; i++) client.send(publish('t', Buffer.alloc(10_000, i)))
  const got = await client.publishes(20)
  assert.deepEqual(
    got.map(({ payload }) => payload[9_999]),
    Array.from({ length: 20 }, (_, i) => i),
  )
})

test('a slow reader is known by what it has not taken', async (t) => {
  const { broker, port } = await openDoor(t, 'ws', {}, { mqtt: { max_outbound_bytes: 1_048_576 } })
  const client = await websocketClient(t, `ws://127.0.0.1:${port}/mqtt`)
  await client.connect({ clientId: 'slow' })
  await subscribe(client, { topic: 't', qos: 0 })
  client.pause()
  const publisher = await broker.client('publisher')
  const payload = Buffer.alloc(65_536)
  let sent = 0
  while (broker.broker.counters.shedQos0 < 5) {
    publisher.send(publish('t', payload))
    await publisher.nothingMore()
    assert(sent++ < 2_000, 'nothing was shed')
  }
  client.resume()
  await client.publishes(10)
})

for (const { when, options, headers, host, port } of [
  {
    when: 'believed by nobody, by default',
    options: {},
    headers: { 'x-forwarded-for': '192.0.2.1' },
    host: '127.0.0.1',
  },
  {
    when: 'the last one that the proxy added',
    options: { proxy_address_header: 'X-Forwarded-For', proxy_port_header: 'X-Forwarded-Port' },
    headers: { 'x-forwarded-for': '203.0.113.9, 192.0.2.1', 'x-forwarded-port': '4711' },
    host: '192.0.2.1',
    port: 4711,
  },
  {
    when: 'no address at all',
    options: { proxy_address_header: 'X-Forwarded-For' },
    headers: { 'x-forwarded-for': 'unknown' },
    host: '127.0.0.1',
  },
] as readonly { when: string; options: object; headers: Record<string, string>; host: string; port?: number }[]) {
  test(`address in a header: ${when}`, async (t) => {
    const door = await openDoor(t, 'ws', { websocket: options })
    const client = await websocketClient(t, `ws://127.0.0.1:${door.port}/mqtt`, { headers })
    await client.connect({ clientId: 'c' })
    assert.match(String(firstPeer(door.broker)), new RegExp(`^${host}:${port ?? '\\d+'}$`))
  })
}
