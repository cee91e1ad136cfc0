/** A link over the API alone, between two nodes that begin without any: made, used, changed, switched off, measured and deleted. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assertHolds } from '../../api/holds.ts'
import { asker, type Ask, nodeWithApi, readLocalToken } from '../../api/node-with-api.ts'
import { createNode } from '../../../src/index.ts'
import { connectClient } from '../clients.ts'
import { eventually } from '../cluster/members.ts'
import { temporaryDirectory } from '../clusters.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

async function start(t: TestContext, cluster: string) {
  const started = await nodeWithApi(t, { node: { name: `${cluster}@127.0.0.1` }, cluster: { name: cluster } })
  return { ...started, mqtt: started.node.status().listeners['tcp:default']! }
}

async function has(asked: ReturnType<Ask>, status: number, body: object): Promise<void> {
  const answer = await asked
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  assertHolds(answer.body, body)
}

const portOf = (address: string) => Number(address.split(':').at(-1))

/** Resolves when the answer has it. */
function becomes(ask: Ask, path: string, body: object): Promise<void> {
  return eventually(JSON.stringify(body), () => has(ask(path), 200, body))
}

test('a link that is made over the API carries messages, is changed, switched off, measured and deleted', async (t) => {
  const [a, b] = await Promise.all([start(t, 'cl-a'), start(t, 'cl-b')])
  const toB = {
    name: 'cl-b',
    server: b.mqtt,
    topics: [],
    username: 'u',
    password: 'geheim',
    resource_opts: { request_ttl: '1h' },
  }
  const { password: _, ...shown } = toB
  await has(a.ask('/cluster/links', { method: 'POST', body: toB }), 201, { ...shown, password: '******' })
  await has(
    b.ask('/cluster/links', { method: 'POST', body: { name: 'cl-a', server: a.mqtt, topics: ['t/#'] } }),
    201,
    {},
  )
  const running = {
    status: 'running',
    emqx_status: 'connected',
    peer: { node: 'cl-b@127.0.0.1' },
    peer_dialect: 'native',
    node_status: [
      {
        node: 'cl-a@127.0.0.1',
        planes: { route_sync: { state: 'syncing' }, forwarding: { state: 'up' }, inbound: { state: 'live' } },
      },
    ],
  }
  await becomes(a.ask, '/cluster/links/cl-b', running)
  await becomes(b.ask, '/cluster/links/cl-a', { status: 'running' })

  const [publisher, subscriber] = await Promise.all([
    connectClient(t, portOf(a.mqtt)),
    connectClient(t, portOf(b.mqtt)),
  ])
  const arrived: string[] = []
  subscriber.on('message', (_topic, payload) => void arrived.push(payload.toString()))
  await subscriber.subscribeAsync(['t/x', 'u/x'], { qos: 1 })
  const metrics = '/cluster/links/link/cl-b/metrics'
  await becomes(a.ask, metrics, { metrics: { router: { routes: 1 }, routers: { routes: 1 } } })
  await publisher.publishAsync('t/x', 'one', { qos: 1 })
  await eventually('it crosses', () => assert.deepEqual(arrived, ['one']))
  await becomes(a.ask, metrics, {
    metrics: {
      forwarding: { matched: 1, success: 1, failed: 0, dropped: 0, queuing: 0, inflight: 0 },
      ledger: { matched: 1, delivered: 1 },
      outbox: { messages: 0, oldest_ms: null },
      routes: { ours: 0, peers: 1 },
    },
    node_metrics: [{ node: 'cl-a@127.0.0.1', metrics: { forwarding: { success: 1 } } }],
  })
  const { body } = await a.ask<{ metrics: { bytes: { out: number }; latency: { ack: { count: number } } } }>(metrics)
  assert.ok(body.metrics.bytes.out > 0 && body.metrics.latency.ack.count > 0, JSON.stringify(body))
  const received = await b.ask<{ metrics: { bytes: { in: number } } }>('/cluster/links/cl-a/metrics')
  assertHolds(received.body, { metrics: { inbound: { received: 1, accepted: 1 }, routes: { ours: 1 } } })
  assert.ok(received.body.metrics.bytes.in > 0, JSON.stringify(received.body))

  await t.test('another topic is wanted: what comes back from a read is taken, with one field changed', async () => {
    const { body: link } = await b.ask<object>('/cluster/links/cl-a')
    await has(b.ask('/cluster/links/cl-a', { method: 'PUT', body: { ...link, topics: ['t/#', 'u/#'] } }), 200, {
      topics: ['t/#', 'u/#'],
    })
    await becomes(a.ask, metrics, { metrics: { router: { routes: 2 } } })
    await publisher.publishAsync('u/x', 'two', { qos: 1 })
    await eventually('it crosses, too', () => assert.deepEqual(arrived, ['one', 'two']))
  })

  await t.test('counts begin anew', async () => {
    await becomes(a.ask, metrics, { metrics: { forwarding: { success: 2 } } })
    assert.equal((await a.ask(`${metrics}/reset`, { method: 'PUT' })).status, 204)
    await has(a.ask(metrics), 200, { metrics: { forwarding: { matched: 0, success: 0 } } })
  })

  await t.test('switched off and on again', async () => {
    await has(a.ask('/cluster/links/cl-b/enable', { method: 'PUT', body: { enable: false } }), 200, {
      enable: false,
      status: 'stopped',
      emqx_status: 'disconnected',
      reasons: ['the link is disabled'],
    })
    await becomes(b.ask, '/cluster/links/cl-a', {
      status: 'connecting',
      node_status: [{ planes: { inbound: { state: 'left', reason: 'the peer has disabled its link to us' } } }],
    })
    await a.ask('/cluster/links/cl-b/enable', { method: 'PUT', body: { enable: true } })
    await becomes(a.ask, '/cluster/links/cl-b', { status: 'running' })
  })

  await t.test('deleted while it is enabled', async () => {
    assert.equal((await a.ask('/cluster/links/cl-b', { method: 'DELETE' })).status, 204)
    await has(a.ask('/cluster/links'), 200, [])
    await has(a.ask(metrics), 404, { code: 'NOT_FOUND', message: 'Cluster link not found' })
    assert.deepEqual(a.node.status().links, [])
  })
})

test('what the API changed and what the file changed both hold after a restart, and conf diff says where they differ', async (t) => {
  const dataDir = join(temporaryDirectory(), 'data')
  const link = { name: 'eu', server: '127.0.0.1:1', topics: ['a'], enable: false }
  const told: object[] = []
  const log = {
    debug() {},
    info() {},
    error() {},
    warn: (fields: object, event: string) => void told.push({ event, ...fields }),
  }
  const config = (links: (typeof link)[]) => ({
    node: { name: 'n1@127.0.0.1', data_dir: dataDir },
    cluster: { name: 'here', links },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
  })
  const run = async (
    links: (typeof link)[],
    work: (ask: Ask, reload: (links: (typeof link)[]) => Promise<unknown>) => Promise<void>,
  ) => {
    const node = createNode(config(links), { log })
    t.after(() => node.stop())
    await node.start()
    const { url, token } = readLocalToken(dataDir)
    await work(asker(url, `Bearer ${token}`), (next) => node.reconfigure(config(next)))
    await node.stop()
  }
  await run([link], async (ask) => {
    await has(ask('/cluster/links', { method: 'POST', body: { ...link, name: 'made' } }), 201, {})
    await has(ask('/cluster/links/eu', { method: 'PUT', body: { ...link, topics: ['b'] } }), 200, {})
  })
  assertHolds(
    told.filter((line) => 'event' in line && line.event === 'config_differs_from_cluster'),
    [{ keys: ['cluster.links.made'] }, { keys: ['cluster.links.eu.topics', 'cluster.links.made'] }],
  )
  const file = join(dataDir, 'isthmus.conf')
  writeFileSync(file, JSON.stringify(config([link])))
  const differing = await confDiff(file)
  assert.equal(differing.code, 1, differing.text)
  assert.match(
    differing.text,
    /cluster\.links\.eu\.topics\n {2}file: \["a"\]\n {2}node: \["b"\]\ncluster\.links\.made\n/,
  )
  const asia = { ...link, name: 'asia' }
  await run([link, asia], async (ask, reload) => {
    await has(ask('/cluster/links'), 200, [{ name: 'eu', topics: ['b'] }, { name: 'made' }, { name: 'asia' }])
    await reload([{ ...link, topics: ['c'] }, asia])
    await has(ask('/cluster/links'), 200, [{ name: 'eu', topics: ['c'] }, { name: 'made' }, { name: 'asia' }])
    assert.equal((await ask('/cluster/links/made', { method: 'DELETE' })).status, 204)
  })
  writeFileSync(file, JSON.stringify(config([{ ...link, topics: ['c'] }, asia])))
  const same = await confDiff(file)
  assert.equal(same.code, 0, same.text)
})

function confDiff(file: string): Promise<{ readonly code: number | string; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'conf', 'diff', file], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }),
    )
  })
}
