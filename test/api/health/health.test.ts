import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { createApiServer } from '../../../src/api/api-server.ts'
import { healthRoutes } from '../../../src/api/health/health.ts'
import { unreadyReasons } from '../../../src/node/readiness.ts'
import { nodeWithApi } from '../node-with-api.ts'

const silent = { warn: () => {}, error: () => {} }

test('alive is alive; ready is 200, or 503 with the reasons', async () => {
  let reasons: string[] = ['the node is starting']
  const app = await createApiServer({ parts: [], roots: [healthRoutes(() => reasons)], log: silent })
  const ask = async (url: string) => {
    const { statusCode, body } = await app.inject(url)
    const read: unknown = JSON.parse(body)
    return [statusCode, read]
  }
  assert.deepEqual(await ask('/healthz'), [200, { status: 'alive' }])
  assert.deepEqual(await ask('/readyz'), [503, { status: 'not_ready', reasons }])
  reasons = []
  assert.deepEqual(await ask('/readyz'), [200, { status: 'ready' }])
})

const listeners = { tcp: {}, ssl: {}, ws: {}, wss: {} }
for (const { when, facts, reasons } of [
  { when: 'serves', facts: {}, reasons: [] },
  { when: 'starts', facts: { phase: 'starting' }, reasons: ['the node is starting'] },
  {
    when: 'stops, whatever else',
    facts: { phase: 'stopping', isStoreFailing: true },
    reasons: ['the node is stopping'],
  },
  {
    when: 'can’t write',
    facts: { isStoreFailing: true },
    reasons: ['the store takes nothing: see store_write_failed in the log'],
  },
] as const)
  test(`readiness of a node that ${when}`, () => {
    const serving = { phase: 'serving', listeners, addresses: {}, isStoreFailing: false } as const
    assert.deepEqual(unreadyReasons({ ...serving, ...facts }), reasons)
  })

test('a node is ready once it has started, not while a listener does not listen, and not while it stops', async (t) => {
  const { node, url, dataDir } = await nodeWithApi(t)
  const ready = async () => {
    const response = await fetch(`${url}/readyz`)
    const read: unknown = await response.json()
    return { status: response.status, read }
  }
  assert.deepEqual(await ready(), { status: 200, read: { status: 'ready' } })
  const taken = createServer()
  await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening))
  t.after(() => void taken.close())
  const address = taken.address()
  assert.ok(typeof address === 'object' && address !== null)
  await node.reconfigure({
    node: { name: 'n1@127.0.0.1', data_dir: dataDir },
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' }, other: { bind: `127.0.0.1:${address.port}` } } },
  })
  assert.deepEqual(await ready(), {
    status: 503,
    read: { status: 'not_ready', reasons: ['the listener tcp:other does not listen'] },
  })
  // A client that is told goodbye and takes its time: so long the node stops.
  const [host = '', port] = (node.status().listeners['tcp:default'] ?? '').split(':')
  const client = connect({ host, port: Number(port), allowHalfOpen: true })
  t.after(() => void client.destroy())
  client.write(Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61]))
  await once(client, 'data')
  client.resume()
  const goodbye = once(client, 'end')
  const stopped = node.stop()
  await goodbye
  assert.deepEqual(await ready(), { status: 503, read: { status: 'not_ready', reasons: ['the node is stopping'] } })
  client.end()
  await stopped
})
