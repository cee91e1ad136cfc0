/** Chapter 6: MQTT in WebSocket frames. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { generate, type Packet } from 'mqtt-packet'
import { WebSocket } from 'ws'
import { listenerOf } from '../broker/listener-of.ts'
import { parsePacket, type Version } from '../broker/raw-client.ts'
import { publish, TestBroker } from '../broker/test-broker.ts'
import { holds } from './holds.ts'

const DEADLINE_MS = 10_000

/** A broker that is reached by WebSocket as well. */
async function start(t: TestContext): Promise<{ broker: TestBroker; url: string }> {
  const broker = await TestBroker.start(t)
  return { broker, url: `ws://${await broker.server.listen('ws', listenerOf('ws'))}/mqtt` }
}

const connect = (version: Version) =>
  generate(
    { cmd: 'connect', protocolVersion: version as 4 | 5, protocolId: 'MQTT', clientId: 'a', clean: true, keepalive: 0 },
    { protocolVersion: version },
  )

async function open(t: TestContext, url: string, protocols: readonly string[]): Promise<WebSocket> {
  const websocket = new WebSocket(url, [...protocols], { handshakeTimeout: DEADLINE_MS })
  t.after(() => websocket.terminate())
  await once(websocket, 'open')
  return websocket
}

/** Collects the packets that come, each in a frame or in several together. */
function packetsOf(websocket: WebSocket, version: Version) {
  let rest = Buffer.alloc(0)
  const packets: Packet[] = []
  let wake: (() => void) | undefined
  websocket.on('message', (data: Buffer, isBinary: boolean) => {
    assert(isBinary)
    rest = Buffer.concat([rest, data])
    // All packets of these tests are shorter than 128 bytes.
    for (; rest.length >= 2 && rest.length >= 2 + rest[1]!; rest = rest.subarray(2 + rest[1]!))
      packets.push(parsePacket(rest.subarray(0, 2 + rest[1]!), version))
    wake?.()
  })
  return async (count: number): Promise<Packet[]> => {
    const late = AbortSignal.timeout(DEADLINE_MS)
    while (packets.length < count)
      await new Promise<void>((resolve, reject) => {
        wake = resolve
        late.addEventListener('abort', () => reject(new Error(`${packets.length} of ${count} packets came`)))
      })
    return packets.splice(0)
  }
}

holds('the server chooses the subprotocol mqtt', { 4: '6.0.0-3 6.0.0-4', 5: '6.0.0-3 6.0.0-4' }, async (t, version) => {
  const { url } = await start(t)
  for (const offered of [['mqtt'], ['other', 'mqtt']]) {
    const websocket = await open(t, url, offered)
    assert.equal(websocket.protocol, 'mqtt')
    const next = packetsOf(websocket, version)
    websocket.send(connect(version))
    assert.deepEqual(
      (await next(1)).map(({ cmd }) => cmd),
      ['connack'],
    )
  }
  const other = new WebSocket(url, ['other'])
  t.after(() => other.terminate())
  await assert.rejects(once(other, 'open'), /400/)
})

holds('packets need not begin and end with frames', { 4: '6.0.0-2', 5: '6.0.0-2' }, async (t, version) => {
  const { url } = await start(t)
  const packets: Packet[] = [
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 0 }] },
    publish('t', 'one'),
    publish('t', 'two', { qos: 1, messageId: 2 }),
    { cmd: 'pingreq' },
  ]
  const stream = Buffer.concat([
    connect(version),
    ...packets.map((packet) => generate(packet, { protocolVersion: version })),
  ])
  for (const size of [1, 2, 7, stream.length]) {
    const websocket = await open(t, url, ['mqtt'])
    const next = packetsOf(websocket, version)
    for (let at = 0; at < stream.length; at += size) websocket.send(stream.subarray(at, at + size))
    const got = (await next(6)).map(({ cmd }) => cmd)
    assert.deepEqual(got.sort(), ['connack', 'pingresp', 'puback', 'publish', 'publish', 'suback'], String(size))
    websocket.terminate()
  }
})

holds('a frame that is not binary closes the connection', { 4: '6.0.0-1', 5: '6.0.0-1' }, async (t, version) => {
  const { broker, url } = await start(t)
  const watcher = await broker.subscriber('watcher', ['#'])
  const websocket = await open(t, url, ['mqtt'])
  const next = packetsOf(websocket, version)
  websocket.send(connect(version))
  await next(1)
  const closed = once(websocket, 'close')
  websocket.send(generate(publish('t', 'as text'), { protocolVersion: version }).toString('latin1'))
  await closed
  await watcher.nothingMore()
})
