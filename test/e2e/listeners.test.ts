/** A node with a listener of each kind, and MQTT.js before every one of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { createNode, type Node } from '../../src/node.ts'

const pemPath = (name: string): string => join(process.cwd(), 'test/fixtures/tls/listeners', name)
const pem = (name: string): Buffer => readFileSync(pemPath(name))
const bind = '127.0.0.1:0'
const ssl_options = {
  certfile: pemPath('server.pem'),
  keyfile: pemPath('server.key'),
  cacertfile: pemPath('ca.pem'),
  verify: 'verify_peer',
} as const

const every = {
  tcp: { default: { bind } },
  ssl: { default: { bind, ssl_options } },
  ws: { default: { bind } },
  wss: { default: { bind, ssl_options } },
}

async function start(t: TestContext, listeners: NonNullable<ConfigInput['listeners']>) {
  const data_dir = await mkdtemp(join(tmpdir(), 'isthmus-listeners-'))
  const configOf = (other: NonNullable<ConfigInput['listeners']>): ConfigInput => ({
    node: { data_dir },
    listeners: other,
  })
  const node = createNode(configOf(listeners))
  t.after(async () => {
    await node.stop()
    await rm(data_dir, { recursive: true, force: true })
  })
  await node.start()
  return { node, configOf }
}

const schemes = { tcp: 'mqtt', ssl: 'mqtts', ws: 'ws', wss: 'wss' } as const
type Type = keyof typeof schemes

async function client(t: TestContext, node: Node, type: Type, options: IClientOptions = {}): Promise<MqttClient> {
  const port = String(node.status().listeners[`${type}:default`]?.split(':').at(-1))
  const tls =
    type === 'ssl' || type === 'wss' ? { ca: pem('ca.pem'), cert: pem('client.pem'), key: pem('client.key') } : {}
  const url = `${schemes[type]}://localhost:${port}${type.startsWith('ws') ? '/mqtt' : ''}`
  const connected = await connectAsync(url, { reconnectPeriod: 0, ...tls, ...options })
  t.after(() => connected.endAsync(true))
  return connected
}

for (const protocolVersion of [4, 5] as const) {
  test(`MQTT.js over each kind of listener, MQTT ${protocolVersion}: what one publishes all get`, async (t) => {
    const { node } = await start(t, every)
    assert.deepEqual(Object.keys(node.status().listeners), ['tcp:default', 'ssl:default', 'ws:default', 'wss:default'])
    const clients = await Promise.all(
      (['tcp', 'ssl', 'ws', 'wss'] as const).map((type) => client(t, node, type, { protocolVersion })),
    )
    const counts = clients.map(() => 0)
    const payload = Buffer.alloc(100_000, 'p')
    const all = new Promise<void>((resolve) => {
      for (const [index, one] of clients.entries()) {
        one.on('message', (_topic, received: Buffer) => {
          assert.ok(received.equals(payload))
          counts[index]!++
          if (counts.every((count) => count === 12)) resolve()
        })
      }
    })
    for (const one of clients) await one.subscribeAsync('t/#', { qos: 1 })
    for (const one of clients)
      for (const qos of [0, 1, 2] as const) await one.publishAsync(`t/${qos}`, payload, { qos })
    await all
    assert.deepEqual(counts, [12, 12, 12, 12])
  })
}

test('while clients are connected: limits and certificates change under them, a port moves, one listener goes', async (t) => {
  const { node, configOf } = await start(t, every)
  const clients = {
    tcp: await client(t, node, 'tcp'),
    ssl: await client(t, node, 'ssl'),
    ws: await client(t, node, 'ws'),
    wss: await client(t, node, 'wss'),
  }
  const before = node.status().listeners
  const renewed = { ...ssl_options, certfile: pemPath('renewed.pem'), keyfile: pemPath('renewed.key') }
  const changes = await node.reconfigure(
    configOf({
      tcp: { default: { bind, max_connections: 1 } },
      ssl: { default: { bind, ssl_options: renewed } },
      ws: { default: { bind: '127.0.0.2:0' } },
    }),
  )
  assert.deepEqual(
    changes.map(({ type }) => type),
    ['listener_changed', 'listener_changed', 'listener_changed', 'listener_removed'],
  )
  const after = node.status().listeners
  assert.deepEqual(Object.keys(after).toSorted(), ['ssl:default', 'tcp:default', 'ws:default'])
  // What Node can change in place is changed in place.
  assert.equal(after['tcp:default'], before['tcp:default'])
  assert.equal(after['ssl:default'], before['ssl:default'])
  assert.match(after['ws:default'] ?? '', /^127\.0\.0\.2:/)
  for (const one of Object.values(clients)) await one.publishAsync('still', 'here', { qos: 1 })
  const onceMore = connect({ host: '127.0.0.1', port: Number(after['tcp:default']?.split(':').at(-1)) })
  onceMore.on('error', () => onceMore.destroy())
  onceMore.resume()
  // There is one already, and one is the limit.
  await new Promise((resolve) => onceMore.once('close', resolve))
  await (await client(t, node, 'ssl')).publishAsync('new', 'certificate', { qos: 1 })
})

test('a change to certificates that are no good is refused as a whole, and everything goes on', async (t) => {
  const { node, configOf } = await start(t, every)
  const bad = { ...ssl_options, keyfile: pemPath('client.key') }
  await assert.rejects(node.reconfigure(configOf({ ssl: { default: { bind, ssl_options: bad } } })), {
    code: 'CONFIG_INVALID',
    message: /listeners\.ssl\.default\.ssl_options\.keyfile: this key does not belong/,
  })
  assert.equal(Object.keys(node.status().listeners).length, 4)
  await (await client(t, node, 'ssl')).publishAsync('t', 'x', { qos: 1 })
})
