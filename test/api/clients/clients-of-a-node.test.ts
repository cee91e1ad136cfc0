/** A node of its own, real clients, and its API: what is listed is what is there, and what is ended ends. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { assertHolds } from '../holds.ts'
import { nodeWithApi } from '../node-with-api.ts'

type Row = { readonly clientid: string; readonly topic: string; readonly node: string }
type List = { readonly data: readonly Row[]; readonly meta: { readonly count: number; readonly hasnext: boolean } }

async function started(t: TestContext, config: Parameters<typeof nodeWithApi>[1] = {}) {
  const { node, ask } = await nodeWithApi(t, config)
  const address = node.status().listeners['tcp:default'] ?? ''
  const clients: MqttClient[] = []
  t.after(() => Promise.all(clients.map((client) => client.endAsync(true))))
  const connect = async (clientId: string, options: IClientOptions = {}): Promise<MqttClient> => {
    const more = { clientId, reconnectPeriod: 0, protocolVersion: 5, ...options } as const
    const client = await connectAsync(`mqtt://${address}`, more, false)
    // A connection that a test has ended may still be written to.
    client.on('error', () => undefined)
    clients.push(client)
    return client
  }
  const ids = async (query: string): Promise<string[]> => {
    const { body } = await ask<List>(`/clients?${query}`)
    return body.data.map(({ clientid }) => clientid).toSorted()
  }
  return { ask, connect, ids }
}

test('clients are listed page by page, and found by what EMQX lets one search for', async (t) => {
  const { ask, connect, ids } = await started(t)
  const since = Date.now()
  const kept = { clean: false, properties: { sessionExpiryInterval: 600 } }
  const away = await connect('car-2', { ...kept, username: 'fleet' })
  await away.subscribeAsync('cars/2/#', { qos: 1 })
  await away.endAsync()
  await connect('car-1', { username: 'fleet', keepalive: 30 })
  await connect('phone', { protocolVersion: 4 })

  for (const { query, found } of [
    { query: '', found: ['car-1', 'car-2', 'phone'] },
    { query: 'clientid=car-1', found: ['car-1'] },
    { query: 'clientid=car', found: [] },
    { query: 'like_clientid=car', found: ['car-1', 'car-2'] },
    { query: 'username=fleet&conn_state=connected', found: ['car-1'] },
    { query: 'like_username=fle', found: ['car-1', 'car-2'] },
    { query: 'conn_state=disconnected', found: ['car-2'] },
    { query: 'proto_ver=4', found: ['phone'] },
    { query: 'ip_address=127.0.0.1', found: ['car-1', 'car-2', 'phone'] },
    { query: 'ip_address=127.0.0.2', found: [] },
    { query: `gte_connected_at=${since - 60_000}`, found: ['car-1', 'phone'] },
    { query: `lte_connected_at=${encodeURIComponent(new Date(since - 60_000).toISOString())}`, found: [] },
    { query: 'node=n1@127.0.0.1', found: ['car-1', 'car-2', 'phone'] },
  ])
    assert.deepEqual(await ids(query), found, query)

  const pages = await Promise.all([1, 2].map((page) => ask<List>(`/clients?page=${page}&limit=2`)))
  assert.deepEqual(
    pages.map(({ body }) => [body.data.length, body.meta.count, body.meta.hasnext]),
    [
      [2, 3, true],
      [1, 3, false],
    ],
  )
  assertHolds((await ask('/clients/car-1')).body, {
    node: 'n1@127.0.0.1',
    username: 'fleet',
    connected: true,
    proto_ver: 5,
    keepalive: 30,
    listener: 'tcp:default',
    is_link: false,
    expiry_interval: 0,
  })
  assertHolds((await ask('/clients/car-2')).body, { connected: false, expiry_interval: 600, subscriptions_cnt: 1 })
  assert.equal((await ask('/clients?node=n9')).status, 404)
  assert.equal((await ask('/clients?gte_connected_at=yesterday')).status, 400)
  assert.equal((await ask('/clients/nobody')).status, 404)
})

test('who is kicked is told why, its session is over and its will is published', async (t) => {
  const { ask, connect } = await started(t)
  const watcher = await connect('watcher')
  await watcher.subscribeAsync('wills/#')
  const will = { topic: 'wills/car', payload: Buffer.from('gone'), qos: 0 as const, retain: false }
  const client = await connect('car', { clean: false, properties: { sessionExpiryInterval: 600 }, will })
  await client.subscribeAsync('a')
  const told = new Promise<number | undefined>((resolve) =>
    client.on('disconnect', ({ reasonCode }) => resolve(reasonCode)),
  )
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()))
  const heard = new Promise<string>((resolve) => watcher.on('message', (topic) => resolve(topic)))
  assert.equal((await ask('/clients/car', { method: 'DELETE' })).status, 204)
  assert.equal(await told, 0x98)
  assert.equal(await heard, 'wills/car')
  await closed
  assert.equal((await ask('/clients/car')).status, 404)
  assert.equal((await ask('/clients/car', { method: 'DELETE' })).status, 404)

  const away = await connect('away', { clean: false, properties: { sessionExpiryInterval: 600 } })
  await away.endAsync()
  assert.equal((await ask('/clients/away', { method: 'DELETE' })).status, 204)
  assert.equal((await ask('/clients/away')).status, 404)
})

test('subscriptions are listed and searched', async (t) => {
  const { ask, connect } = await started(t)
  const one = await connect('one')
  await one.subscribeAsync({ 'a/+': { qos: 1, nl: true }, '$share/g/b/#': { qos: 2 } })
  const two = await connect('two')
  await two.subscribeAsync('a/x')
  const found = async (query: string): Promise<string[]> => {
    const { body } = await ask<List>(`/subscriptions?${query}`)
    assert.equal(body.meta.count, body.data.length)
    return body.data.map(({ clientid, topic }) => `${clientid} ${topic}`).toSorted()
  }
  const all = ['one $share/g/b/#', 'one a/+', 'two a/x']
  for (const { query, rows } of [
    { query: '', rows: all },
    { query: 'clientid=one', rows: all.slice(0, 2) },
    { query: 'match_topic=a/x', rows: all.slice(1) },
    { query: 'match_topic=b/c', rows: all.slice(0, 1) },
    { query: 'topic=a/x', rows: all.slice(2) },
    { query: `topic=${encodeURIComponent('b/#')}`, rows: all.slice(0, 1) },
    { query: 'share_group=g', rows: all.slice(0, 1) },
    { query: 'qos=1', rows: all.slice(1, 2) },
  ])
    assert.deepEqual(await found(query), rows, query)
  assertHolds((await ask('/clients/one/subscriptions')).body, [{ topic: 'a/+', nl: 1, qos: 1 }, { share_group: 'g' }])
  assert.equal((await ask('/clients/nobody/subscriptions')).status, 404)
})

test('retained messages are listed, shown, and cleared for whoever comes and whoever is there', async (t) => {
  const { ask, connect } = await started(t)
  const client = await connect('sender')
  await client.publishAsync('s/1', 'hello', { retain: true, qos: 1 })
  await client.publishAsync('s/2', Buffer.alloc(1024 * 1024 - 100, 1), { retain: true, qos: 1 })
  await client.publishAsync('t/1', 'x', { retain: true, qos: 1 })
  const { body } = await ask<List>(`/mqtt/retainer/messages?topic=${encodeURIComponent('s/#')}`)
  assert.deepEqual(body.data.map(({ topic }) => topic).toSorted(), ['s/1', 's/2'])
  assertHolds((await ask('/mqtt/retainer/messages?topic=s/1')).body, {
    data: [{ topic: 's/1', qos: 1, from_clientid: 'sender', bytes: 5 }],
  })
  assert.equal((await ask<List>('/mqtt/retainer/messages?limit=1')).body.meta.count, 3)
  assert.equal((await ask('/mqtt/retainer/messages?topic=a%23')).status, 400)
  const shown = await ask<{ readonly payload: string }>('/mqtt/retainer/message/s%2F1')
  assert.equal(Buffer.from(shown.body.payload, 'base64').toString(), 'hello')

  await client.subscribeAsync('s/1')
  const heard = new Promise<number>((resolve) =>
    client.on('message', (_topic, payload) => {
      if (payload.length === 0) resolve(payload.length)
    }),
  )
  assert.equal((await ask('/mqtt/retainer/message/s%2F1', { method: 'DELETE' })).status, 204)
  assert.equal(await heard, 0)
  assert.equal((await ask('/mqtt/retainer/message/s%2F1')).status, 404)
  assert.equal((await ask('/mqtt/retainer/message/s%2F1', { method: 'DELETE' })).status, 404)
})

test('a node tells of itself', async (t) => {
  const { ask, connect } = await started(t)
  await connect('one')
  assertHolds((await ask('/nodes')).body, [
    { node: 'n1@127.0.0.1', node_status: 'running', live_connections: 1, coordination: 'solo' },
  ])
  const { body } = await ask<Readonly<Record<string, unknown>>>('/nodes/n1@127.0.0.1')
  for (const [field, least] of [
    ['uptime', 1],
    ['memory_used', 1_000_000],
    ['memory_total', 1_000_000],
    ['store_bytes', 1],
    ['event_loop_delay_p99_ms', 0],
  ] as const)
    assert.ok(Number(body[field]) >= least, `${field}: ${String(body[field])}`)
  assertHolds((await ask('/members')).body, [{ node: 'n1@127.0.0.1', state: 'up', is_self: true }])
  assert.deepEqual((await ask('/leases')).body, [])
  assert.equal((await ask('/nodes/n2')).status, 404)
})
