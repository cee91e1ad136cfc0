/** Two nodes with a link from one to the other, held back, looked at and emptied by hand. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connectAsync, type MqttClient } from 'mqtt'
import type { ConfigInput } from '../../../src/index.ts'
import { nodeWithApi, type NodeWithApi } from '../node-with-api.ts'

type Dialect = 'native' | 'emqx'

async function client(t: TestContext, { node }: NodeWithApi): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://${node.status().listeners['tcp:default']}`, { protocolVersion: 5 })
  t.after(() => client.endAsync(true))
  return client
}

/** Asks until the answer is as it should be. */
async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (isSo(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Messages under `to/eu/#` cross from `us` to `eu`. */
async function pair(t: TestContext, dialect: Dialect, link: object = {}) {
  const listeners = { tcp: { default: { bind: '127.0.0.1:0' } } }
  const us = await nodeWithApi(t, { cluster: { name: 'us', links: [] } })
  const eu = await nodeWithApi(t, {
    listeners,
    cluster: {
      name: 'eu',
      links: [
        {
          name: 'us',
          server: us.node.status().listeners['tcp:default']!,
          topics: ['to/eu/#'],
          dialect: dialect === 'emqx' ? 'emqx' : 'auto',
        },
      ],
    },
  } satisfies ConfigInput)
  const body = {
    name: 'eu',
    server: eu.node.status().listeners['tcp:default'],
    topics: [],
    dialect: dialect === 'emqx' ? 'emqx' : 'auto',
    ...link,
  }
  assert.equal((await us.ask('/cluster/links', { method: 'POST', body })).status, 201)
  const [publisher, subscriber] = [await client(t, us), await client(t, eu)]
  const received: string[] = []
  subscriber.on('message', (_topic, payload) => received.push(payload.toString()))
  await subscriber.subscribeAsync('to/eu/#', { qos: 1 })
  await until(
    () => us.ask<{ status: string; reasons: string[] }>('/cluster/links/eu'),
    ({ body: { status } }) => status === 'running',
  )
  await until(
    () => Promise.resolve(us.node.status().links[0]),
    (status) => status?.routes.peers === 1,
  )
  return { us, eu, publisher, received }
}

type Outbox = { nodes: { messages: number; head: { topic: string; qos: number; bytes: number; state: string }[] }[] }
type Lanes = {
  nodes: { out: { lane: number; unacknowledged: number; waiting: number }[]; in: object[] }[]
}
type Drift = { node: string; peer_node?: string; data: { what: string; theirs: unknown; agrees: boolean | null }[] }
type LinkAnswer = { status: string; reasons: string[]; node_status: { node: string; paused: boolean }[] }

for (const dialect of ['native', 'emqx'] as const)
  test(`${dialect}: what is held back waits, is seen without payloads, crosses when it may, and can be given up`, async (t) => {
    const { us, eu, publisher, received } = await pair(t, dialect)
    for (const [node, link, direction] of [
      [us, 'eu', 'peers'],
      [eu, 'us', 'ours'],
    ] as const) {
      const { body } = await node.ask<{ data: object[] }>(`/cluster/links/${link}/routes?direction=${direction}`)
      assert.deepEqual(body.data, [{ filter: 'to/eu/#' }])
    }
    const paused = await us.ask<LinkAnswer>('/cluster/links/eu/pause', { method: 'POST' })
    assert.deepEqual(
      [paused.status, paused.body.node_status.map(({ node, paused: isPaused }) => [node, isPaused])],
      [200, [['n1@127.0.0.1', true]]],
    )
    const shown = await us.ask<LinkAnswer>('/cluster/links/eu')
    assert.equal(shown.body.status, 'degraded')
    assert.match(shown.body.reasons.join(), /^forwarding is paused by local since 20/)

    for (let index = 0; index < 5; index += 1) await publisher.publishAsync(`to/eu/${index}`, `m${index}`, { qos: 1 })
    const { body } = await us.ask<Outbox>('/cluster/links/eu/outbox?limit=3')
    assert.equal(body.nodes[0]?.messages, 5)
    assert.deepEqual(
      body.nodes[0]?.head.map(({ topic, qos, state }) => [topic, qos, state]),
      [0, 1, 2].map((index) => [`to/eu/${index}`, 1, 'waiting']),
    )
    assert.ok(!JSON.stringify(body).includes('m0'))
    assert.deepEqual(received, [])

    assert.equal((await us.ask('/cluster/links/eu/resume', { method: 'POST' })).status, 200)
    await until(
      () => Promise.resolve(received.length),
      (count) => count === 5,
    )
    assert.deepEqual(received, ['m0', 'm1', 'm2', 'm3', 'm4'])
    await until(
      () => us.ask<LinkAnswer>('/cluster/links/eu'),
      ({ body: { status } }) => status === 'running',
    )

    await us.ask('/cluster/links/eu/pause', { method: 'POST' })
    for (let index = 0; index < 3; index += 1) await publisher.publishAsync('to/eu/x', 'gone', { qos: 1 })
    const none = await us.ask('/cluster/links/eu/outbox', { method: 'DELETE', body: { reason: ' ' } })
    assert.equal(none.status, 400)
    const purge = await us.ask('/cluster/links/eu/outbox', { method: 'DELETE', body: { reason: 'a test' } })
    assert.deepEqual(purge.body, { purged: 3 })
    assert.equal(us.node.status().links[0]?.ledger?.dropped.purged, 3)
    const { body: lanes } = await us.ask<Lanes>('/cluster/links/eu/lanes')
    assert.deepEqual(
      lanes.nodes[0]?.out.map(({ lane, unacknowledged, waiting }) => [lane, unacknowledged, waiting]),
      [
        [0, 0, 0],
        [1, 0, 0],
      ],
    )
    const { body: taken } = await eu.ask<Lanes>('/cluster/links/us/lanes')
    assert.equal((taken.nodes[0]?.in.length ?? 0) > 0, dialect === 'native')
    const { body: drift } = await us.ask<Drift>('/cluster/links/eu/drift')
    const disagreeing = drift.data.filter(({ agrees }) => agrees === false)
    assert.deepEqual([drift.node, disagreeing], ['n1@127.0.0.1', []])
    const theirs = (name: string): unknown => drift.data.find(({ what }) => what === name)?.theirs
    assert.equal(theirs('the peer’s name'), 'eu')
    const isTold = dialect === 'native'
    assert.equal(drift.peer_node, isTold ? eu.node.status().node : undefined)
    assert.deepEqual(theirs('topics that the peer wants'), isTold ? ['to/eu/#'] : undefined)
    assert.equal(theirs('the link is enabled'), isTold ? true : undefined)
    assert.equal(theirs('who has paused sending'), isTold ? 'nobody' : undefined)
    assert.deepEqual(
      ['messages that it took of us', 'messages that we took of it'].map(theirs),
      isTold ? [5, 0] : [null, null],
    )
    await us.ask('/cluster/links/eu/resume', { method: 'POST' })
    await publisher.publishAsync('to/eu/x', 'last', { qos: 1 })
    await until(
      () => Promise.resolve(received.length),
      (count) => count === 6,
    )
    assert.equal(received.at(-1), 'last')
  })

test('a pause outlives the connection and an edit of the link', async (t) => {
  const { us, publisher, received } = await pair(t, 'native')
  await us.ask('/cluster/links/eu/pause', { method: 'POST' })
  await publisher.publishAsync('to/eu/x', 'waits', { qos: 1 })
  const { body } = await us.ask<Record<string, unknown>>('/cluster/links/eu')
  const edited = { ...body, retry_interval: '17s', pool_size: 2 }
  assert.equal((await us.ask('/cluster/links/eu', { method: 'PUT', body: edited })).status, 200)
  for (const enable of [false, true]) await us.ask('/cluster/links/eu/enable', { method: 'PUT', body: { enable } })
  await until(
    () => us.ask<LinkAnswer>('/cluster/links/eu'),
    ({ body: { status } }) => status === 'degraded',
  )
  assert.deepEqual(received, [])
  assert.equal(us.node.status().links[0]?.ledger?.queued, 1)
  await us.ask('/cluster/links/eu/resume', { method: 'POST' })
  await until(
    () => Promise.resolve(received.length),
    (count) => count === 1,
  )
})

for (const [method, path] of [
  ['POST', '/cluster/links/nobody/pause'],
  ['POST', '/cluster/links/nobody/resume'],
  ['GET', '/cluster/links/nobody/outbox'],
] as const)
  test(`${method} ${path}: 404`, async (t) => {
    const { ask } = await nodeWithApi(t)
    assert.equal((await ask(path, { method })).status, 404)
  })
