import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { createWebSocketStream, WebSocket } from 'ws'
import { ManualClock } from '../manual-clock.ts'
import { hex, RawClient } from '../raw-client.ts'
import { ended, firstPeer, openDoor, statusOf, tcp, tls, until } from './doors.ts'
import { proxyV2, tlv } from './proxy-header.ts'

const proxied = { proxy_protocol: true }
const source = { host: '192.0.2.7', port: 4711 }
const v1 = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 4711 1883\r\n')

for (const { version, header } of [
  { version: 1, header: v1 },
  { version: 2, header: proxyV2({ source, tlvs: [tlv(0x02, 'h')], checksum: 'right' }) },
]) {
  test(`version ${version} before tcp, also in one piece with CONNECT and byte by byte`, async (t) => {
    for (const way of ['apart', 'together', 'byte by byte']) {
      const { broker, port } = await openDoor(t, 'tcp', proxied)
      const socket = await tcp(t, port)
      const client = new RawClient(socket)
      const connect = client.encode({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 5,
        clientId: 'c',
        clean: true,
        keepalive: 0,
      })
      if (way === 'together') socket.write(Buffer.concat([header, connect]))
      else {
        for (const byte of way === 'apart' ? [] : header) {
          socket.write(Buffer.from([byte]))
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (way === 'apart') socket.write(header)
        socket.write(connect)
      }
      await client.next('connack')
      assert.equal(firstPeer(broker), '192.0.2.7:4711')
      await client.nothingMore()
    }
  })

  test(`version ${version} before ssl`, async (t) => {
    const { broker, port } = await openDoor(t, 'ssl', proxied)
    const client = new RawClient(await tls(t, port, {}, header))
    await client.connect({ clientId: 'c' })
    assert.equal(firstPeer(broker), '192.0.2.7:4711')
    await client.nothingMore()
  })

  for (const type of ['ws', 'wss'] as const) {
    test(`version ${version} before ${type}`, async (t) => {
      const { broker, port } = await openDoor(t, type, proxied)
      const below = type === 'ws' ? await tcp(t, port) : await tls(t, port, {}, header)
      if (type === 'ws') below.write(header)
      const websocket = new WebSocket('ws://localhost/mqtt', ['mqtt'], { createConnection: () => below })
      t.after(() => websocket.terminate())
      await once(websocket, 'open')
      const client = new RawClient(createWebSocketStream(websocket))
      await client.connect({ clientId: 'c' })
      assert.equal(firstPeer(broker), '192.0.2.7:4711')
      await client.nothingMore()
    })
  }
}

test('a proxy that speaks for itself keeps its own address', async (t) => {
  const { broker, port } = await openDoor(t, 'tcp', proxied)
  const socket = await tcp(t, port)
  socket.write(proxyV2({ command: 0 }))
  await new RawClient(socket).connect({ clientId: 'c' })
  assert.equal(firstPeer(broker), `127.0.0.1:${socket.localPort}`)
})

test('a certificate for which the proxy vouches is the client’s', async (t) => {
  const { broker, port } = await openDoor(t, 'tcp', proxied)
  const { authorizer } = broker.broker
  const names: unknown[] = []
  broker.broker.authorizer = {
    ...authorizer,
    accessOf: (identity) => {
      names.push(identity.certificate)
      return authorizer.accessOf(identity)
    },
  }
  const socket = await tcp(t, port)
  socket.write(proxyV2({ source, tlvs: [tlv(0x20, hex('05 00000000'), tlv(0x22, 'device-7'))] }))
  await new RawClient(socket).connect()
  assert.deepEqual(names, [{ commonName: 'device-7', subject: undefined }])
})

test('whoever comes without the header is turned away, and the log says why', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', proxied, { clock })
  const socket = await tcp(t, door.port)
  const client = new RawClient(socket)
  const { localPort } = socket
  client.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId: 'c', clean: true, keepalive: 0 })
  await ended(client)
  assert.deepEqual(statusOf(door).refused, { proxy_protocol: 1 })
  clock.advance(1_000)
  const line = door.broker.log.find(({ event }) => event === 'listener_connections_refused')
  assert.deepEqual(line?.fields, {
    listener: 'tcp:door',
    refused: { proxy_protocol: 1 },
    last_peer: `127.0.0.1:${localPort}`,
    reason: 'does not begin with a PROXY header',
  })
})

test('a header that does not come to its end is not waited for', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'ssl', { ...proxied, proxy_protocol_timeout: '2s' }, { clock })
  const socket = await tcp(t, door.port)
  await until(() => statusOf(door).connections === 1)
  for (const byte of v1.subarray(0, 4)) {
    socket.write(Buffer.from([byte]))
    clock.advance(1_000)
  }
  await ended(socket)
  assert.deepEqual(statusOf(door).refused, { handshake_timeout: 1 })
})
