/** The library's door: nodes in this process, no command line. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { ConfigurationError, createNode, type ConfigInput, type Node } from '../src/index.ts'

type Link = NonNullable<NonNullable<ConfigInput['cluster']>['links']>[number]

/** A node that lives as long as the test, listening on a port of the system's choice. */
async function startNode(t: TestContext, name: string, links: Link[], bind = '127.0.0.1:0'): Promise<StartedNode> {
  const dataDir = mkdtempSync(join(tmpdir(), 'isthmus-node-'))
  const configWith = (links: Link[]): ConfigInput => ({
    node: { name: `${name}@127.0.0.1`, data_dir: dataDir },
    cluster: { name, links },
    listeners: { tcp: { default: { bind } } },
  })
  const node = createNode(configWith(links))
  t.after(async () => {
    await node.stop()
    rmSync(dataDir, { recursive: true })
  })
  await node.start()
  return Object.assign(node, { configWith, relink: (links: Link[]) => node.reconfigure(configWith(links)) })
}

type StartedNode = Node & {
  configWith(links: Link[]): ConfigInput
  relink(links: Link[]): ReturnType<Node['reconfigure']>
}

const addressOf = (node: Node): string => node.status().listeners['tcp:default'] ?? ''

async function connect(t: TestContext, node: Node): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://${addressOf(node)}`, { protocolVersion: 5, reconnectPeriod: 0 })
  t.after(() => void client.end(true))
  return client
}

/** Asks until the answer is yes: the status of a library node has no event to wait for. */
async function until(question: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 15_000
  while (!question()) {
    assert.ok(Date.now() < giveUpAt, 'did not come about within 15 s')
    await delay(10)
  }
}

test('two nodes in one process: what is subscribed on one side crosses from the other', async (t) => {
  const west = await startNode(t, 'eu-west', [])
  const east = await startNode(t, 'us-east', [{ name: 'eu-west', server: addressOf(west), topics: ['global/#'] }])
  await west.relink([{ name: 'us-east', server: addressOf(east), topics: [] }])
  const subscriber = await connect(t, east)
  await subscriber.subscribeAsync('global/+', { qos: 1 })
  await until(() => [...east.status().links, ...west.status().links].every(({ state }) => state === 'running'))
  const got: string[] = []
  subscriber.on('message', (topic, payload) => got.push(`${topic} ${payload.toString()}`))
  const publisher = await connect(t, west)
  // The route is on its way while the first of these are published.
  while (got.length === 0) await publisher.publishAsync('global/1', 'hello', { qos: 1 })
  assert.equal(got[0], 'global/1 hello')
})

test('a change that can not be used is refused and changes nothing', async (t) => {
  const node = await startNode(t, 'only', [{ name: 'other', server: '127.0.0.1:1', topics: [] }])
  await assert.rejects(node.relink([{ name: 'only', server: '127.0.0.1:1', topics: [] }]), ConfigurationError)
  assert.deepEqual(
    node.status().links.map(({ name }) => name),
    ['other'],
  )
})

test('a configuration that can not be used is refused with every reason', () => {
  assert.throws(
    () => createNode({ cluster: { name: 'a', links: [{ name: 'a', server: ':', topics: ['#', 'x'] }] } }),
    (error) =>
      error instanceof ConfigurationError &&
      ['link_to_itself', 'redundant_topics'].every((reason) => error.errors.some((each) => each.reason === reason)),
  )
})

test('a port that is taken stops the start, by the key of the listener, and leaves nothing running', async (t) => {
  const first = await startNode(t, 'first', [])
  await assert.rejects(
    startNode(t, 'second', [], addressOf(first)),
    /listeners\.tcp\.default: .* another process listens/,
  )
})

test('a stopped node may be stopped again', async (t) => {
  const node = await startNode(t, 'only', [])
  await node.stop()
  await node.stop()
  assert.deepEqual(node.status().links, [])
})

test('of two changes at once the later one holds, in all its parts', async (t) => {
  const dead = '127.0.0.1:1'
  const node = await startNode(t, 'only', [])
  const first = node.reconfigure({
    ...node.configWith([{ name: 'first', server: dead, topics: [] }]),
    listeners: { tcp: { default: { bind: '127.0.0.1:0' }, more: { bind: '127.0.0.1:0' } } },
  })
  const second = node.relink([{ name: 'second', server: dead, topics: [] }])
  assert.deepEqual(
    (await first).map(({ type }) => type),
    ['listener_added', 'link_added'],
  )
  assert.deepEqual(
    (await second).map(({ type }) => type),
    ['listener_removed', 'link_removed', 'link_added'],
  )
  const { links, listeners } = node.status()
  assert.deepEqual(
    links.map(({ name }) => name),
    ['second'],
  )
  assert.deepEqual(Object.keys(listeners), ['tcp:default'])
})

test('a hundred changes at once come to what the last one says', async (t) => {
  const node = await startNode(t, 'only', [])
  const edits = Array.from({ length: 100 }, (_, index) =>
    node.relink([{ name: `peer-${index % 7}`, server: '127.0.0.1:1', topics: [], enable: index % 3 > 0 }]),
  )
  await Promise.all(edits)
  assert.deepEqual(
    node.status().links.map(({ name, state }) => ({ name, stopped: state === 'stopped' })),
    [{ name: 'peer-1', stopped: true }],
  )
})

test('a change that comes with the end brings nothing back', async (t) => {
  const node = await startNode(t, 'only', [])
  const stopped = node.stop()
  const changed = node.reconfigure({
    ...node.configWith([{ name: 'other', server: '127.0.0.1:1', topics: [] }]),
    listeners: { tcp: { default: { bind: '127.0.0.1:0' }, more: { bind: '127.0.0.1:0' } } },
  })
  await stopped
  assert.deepEqual(await changed, [])
  assert.deepEqual([node.status().links, node.status().listeners], [[], {}])
})

test('two listeners change places', async (t) => {
  const node = await startNode(t, 'only', [])
  const bind = async (one: string, other: string) => {
    await node.reconfigure({
      ...node.configWith([]),
      listeners: { tcp: { one: { bind: one }, other: { bind: other } } },
    })
    return node.status().listeners
  }
  const { 'tcp:one': one = '', 'tcp:other': other = '' } = await bind('127.0.0.1:0', '127.0.0.1:0')
  assert.deepEqual(await bind(other, one), { 'tcp:one': other, 'tcp:other': one })
})

test('a change of the cluster’s name waits for a restart, and its links go on as they are', async (t) => {
  const node = await startNode(t, 'only', [{ name: 'other', server: '127.0.0.1:1', topics: [] }])
  const config = node.configWith([{ name: 'other', server: '127.0.0.1:1', topics: [] }])
  const renamed = { ...config, cluster: { ...config.cluster, name: 'renamed' } }
  for (const again of [renamed, renamed]) {
    assert.deepEqual(
      (await node.reconfigure(again)).map(({ type }) => type),
      ['needs_restart'],
    )
  }
  assert.equal(node.status().cluster, 'only')
  assert.deepEqual(await node.reconfigure(config), [])
})

const unheard = (): void => {}

for (const { when, links } of [
  { when: 'with links, whose namespace is open too', links: [{ name: 'other', server: '127.0.0.1:1', topics: [] }] },
  { when: 'without links', links: [] },
]) {
  test(`a node that lets everybody in says so at its start, ${when}`, async (t) => {
    const warnings: object[] = []
    const warn = (fields: object, event: string) => void warnings.push({ ...fields, event })
    const dataDir = mkdtempSync(join(tmpdir(), 'isthmus-node-'))
    const node = createNode(
      {
        node: { name: 'open@127.0.0.1', data_dir: dataDir },
        cluster: { name: 'open', links },
        listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
      },
      { log: { debug: unheard, info: unheard, warn, error: unheard } },
    )
    t.after(async () => {
      await node.stop()
      rmSync(dataDir, { recursive: true })
    })
    await node.start()
    assert.deepEqual(warnings[0], {
      event: 'node_is_open_to_everybody',
      node: 'open@127.0.0.1',
      link_namespace: links.length > 0,
    })
  })
}

test('limits of the broker that change hold for whoever connects then', async (t) => {
  const node = await startNode(t, 'only', [])
  const connectAs = (clientId: string) =>
    mqtt.connectAsync(`mqtt://${addressOf(node)}`, { protocolVersion: 5, reconnectPeriod: 0, clientId })
  const long = 'a-name-that-is-rather-a-long-one'
  await (await connectAs(long)).endAsync(true)
  const changes = await node.reconfigure({ ...node.configWith([]), mqtt: { max_clientid_len: 23 } })
  assert.deepEqual(
    changes.map(({ type }) => type),
    ['mqtt_changed'],
  )
  await assert.rejects(connectAs(long))
  await (await connectAs('short')).endAsync(true)
})

test('a link that is switched off on one side is told to the other, and both say so', async (t) => {
  const west = await startNode(t, 'eu-west', [])
  const toWest: Link = { name: 'eu-west', server: addressOf(west), topics: ['global/#'] }
  const east = await startNode(t, 'us-east', [toWest])
  const toEast: Link = { name: 'us-east', server: addressOf(east), topics: [] }
  await west.relink([toEast])
  const states = () => [...east.status().links, ...west.status().links].map(({ state }) => state)
  await until(() => states().every((state) => state === 'running'))
  await (await connect(t, east)).subscribeAsync('global/1')
  const routesOfEast = () => west.status().links[0]?.routes.peers
  await until(() => routesOfEast() === 1)
  await west.relink([{ ...toEast, enable: false }])
  assert.equal(routesOfEast(), 0, 'at once')
  const reasons = () => east.status().links.flatMap((link) => link.reasons)
  await until(() => reasons().some((words) => words.includes('cluster_link_disabled')))
  assert.equal(states()[1], 'stopped')
  await west.relink([])
  await until(() => reasons().some((words) => words.includes('unknown_cluster')))
  await west.relink([toEast])
  await until(() => states().every((state) => state === 'running') && routesOfEast() === 1)
})
