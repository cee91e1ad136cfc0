/** Retained messages over links between real nodes: told once, cleared everywhere, back from nowhere. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { type LinkFile, type LogEvent, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { connectClient, prove, subscribe } from './clients.ts'
import { type Cluster, linkTo, nodeFile, relayTo, reserve, startCluster, temporaryDirectory } from './clusters.ts'

const DEADLINE_MS = 25_000

/** A client for whom some thousands may wait. */
const toNode = (t: TestContext, port: number): Promise<MqttClient> =>
  connectClient(t, port, { properties: { receiveMaximum: 65_535 } })

/** What is retained there under `t/#`, by topic. */
async function retainedAt(t: TestContext, port: number): Promise<Record<string, string>> {
  const client = await toNode(t, port)
  const end = `end/${randomUUID()}`
  const found: Record<string, string> = {}
  const ended = new Promise<void>((resolve) => {
    client.on('message', (topic, payload, { retain }) => {
      if (topic === end) resolve()
      else if (retain) found[topic] = payload.toString()
    })
  })
  await client.subscribeAsync([end, 't/#'], { qos: 0 })
  // It stands behind all that is retained.
  await client.publishAsync(end, 'end', { qos: 0 })
  await ended
  await client.endAsync()
  return found
}

/** Resolves when exactly this is retained there. */
async function retainedBecomes(t: TestContext, port: number, wanted: Record<string, string>): Promise<void> {
  const untilMs = performance.now() + DEADLINE_MS
  for (;;) {
    const found = await retainedAt(t, port)
    if (performance.now() > untilMs) return assert.deepEqual(found, wanted)
    try {
      return assert.deepEqual(found, wanted)
    } catch {
      await pause(200)
    }
  }
}

const isUp =
  (link: string) =>
  (event: LogEvent): boolean =>
    event.msg === 'cluster_link_status' && event['link'] === link && event['status'] === 'running'

const isTold = ({ msg }: LogEvent): boolean => msg === 'cluster_link_retained_told'

const retain = (client: MqttClient, topic: string, payload: string): Promise<unknown> =>
  client.publishAsync(topic, payload, { qos: 1, retain: true })

/** A node that can be started again with what it had. */
function restartable(t: TestContext, cluster: Cluster, links: readonly LinkFile[]) {
  const directory = temporaryDirectory()
  return async (): Promise<NodeProcess> => {
    const node = await startNodeProcess(nodeFile(cluster, links, join(directory, 'data')), directory)
    t.after(() => node.kill())
    return node
  }
}

/** By hand with more: `ISTHMUS_TEST_RETAINED=100000`. */
const RETAINED = Number(process.env['ISTHMUS_TEST_RETAINED'] ?? 30_000)

test('very many retained messages are told once, however often the connections are cut', async (t) => {
  const count = RETAINED
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const [toA, toB] = await Promise.all([relayTo(t, clusterA), relayTo(t, clusterB)])
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(toB.cluster, [], { retained: 'sync' })]),
    startCluster(t, clusterB, [linkTo(toA.cluster, ['t/#'])]),
  ])
  const publisher = await toNode(t, a.mqttPort)
  for (let i = 0; i < count - 1; i += 1) publisher.publish(`t/${i}`, `${i}`, { qos: 0, retain: true })
  await retain(publisher, `t/${count - 1}`, `${count - 1}`)

  const reader = await toNode(t, b.mqttPort)
  const seen = new Map<string, number>()
  const all = new Promise<void>((resolve) => {
    reader.on('message', (topic) => {
      seen.set(topic, (seen.get(topic) ?? 0) + 1)
      if (seen.size === count) resolve()
    })
  })
  await reader.subscribeAsync('t/#', { qos: 0 })
  await all
  for (let cuts = 0; cuts < 5; cuts += 1) {
    const [fromA, fromB] = [a.log.length, b.log.length]
    toA.cut()
    toB.cut()
    await Promise.all([a.waitFor('cl-b', isUp('cl-b'), fromA), b.waitFor('cl-a', isUp('cl-a'), fromB)])
  }
  await prove(await subscribe(await toNode(t, b.mqttPort), 't/probe'), publisher, 't/probe')
  seen.delete('t/probe')
  assert.equal(seen.size, count)
  assert.deepEqual(
    [...seen].filter(([, times]) => times > 1),
    [],
  )
  // The last message may be there before the teller has found that it was the last.
  await a.waitFor('the end of telling', isTold)
  assert.deepEqual(
    a.log.filter(isTold).map((event) => event['messages']),
    [count],
  )
})

test('what is cleared while both are away is cleared on the far side, and nobody is told twice', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const startA = restartable(t, clusterA, [linkTo(clusterB, [], { retained: 'sync' })])
  const startB = restartable(t, clusterB, [linkTo(clusterA, ['t/#'])])
  let [a, b] = await Promise.all([startA(), startB()])
  const publisher = await toNode(t, clusterA.port)
  for (const topic of ['t/1', 't/2', 't/3']) await retain(publisher, topic, 'old')
  const kept = { clientId: 'reader', clean: false, resubscribe: false, properties: { sessionExpiryInterval: 600 } }
  const reader = await connectClient(t, clusterB.port, kept)
  const inbox = await subscribe(reader, 't/#')
  await inbox.waitForCount(3)
  // What is acknowledged is on the disk, and so is all that came before.
  await retain(reader, 'here', 'x')
  await b.kill()
  await retain(publisher, 't/1', '')
  // What waits in the outbox goes with the node.
  await a.kill()
  a = await startA()
  b = await startB()
  await retainedBecomes(t, b.mqttPort, { 't/2': 'old', 't/3': 'old' })
  await retain(publisher, 't/4', 'new')
  await inbox.waitForPayload('new')
  const topics = inbox.arrivals.map(({ topic, payload }) => `${topic} ${payload}`)
  assert.deepEqual(topics.toSorted(), ['t/1 ', 't/1 old', 't/2 old', 't/3 old', 't/4 new'])
  assert.deepEqual(await retainedAt(t, a.mqttPort), await retainedAt(t, b.mqttPort))
})

test('three clusters in a mesh have the same, one copy each, and a cluster that was away brings nothing back', async (t) => {
  const clusters = await Promise.all([reserve('cl-a'), reserve('cl-b'), reserve('cl-c')])
  const starts = clusters.map((own) => {
    const links = clusters.filter((peer) => peer !== own).map((peer) => linkTo(peer, ['t/#'], { retained: 'sync' }))
    return restartable(t, own, links)
  })
  const nodes = await Promise.all(starts.map((start) => start()))
  const clients = await Promise.all(nodes.map(({ mqttPort }) => toNode(t, mqttPort)))
  for (const [at, client] of clients.entries()) {
    await retain(client, `t/${at}`, `of ${at}`)
    await retain(client, 't/common', `of ${at}`)
    await retain(client, 't/cleared', `of ${at}`)
  }
  const inboxes = await Promise.all(clients.map((client) => subscribe(client, 't/#')))
  // Whoever published it last is the later one, wherever it is.
  const before = { 't/0': 'of 0', 't/1': 'of 1', 't/2': 'of 2', 't/cleared': 'of 2', 't/common': 'of 2' }
  for (const { mqttPort } of nodes) await retainedBecomes(t, mqttPort, before)
  for (const { mqttPort } of nodes) await retainedBecomes(t, mqttPort, before)

  await nodes[2]!.kill()
  await retain(clients[0]!, 't/cleared', '')
  await retain(clients[1]!, 't/2', 'of 1')
  // What waits for the third one goes with its node.
  await nodes[0]!.kill()
  nodes[0] = await starts[0]!()
  nodes[2] = await starts[2]!()
  const after = { 't/0': 'of 0', 't/1': 'of 1', 't/2': 'of 1', 't/common': 'of 2' }
  for (const { mqttPort } of nodes) await retainedBecomes(t, mqttPort, after)
  for (const { mqttPort } of nodes) await retainedBecomes(t, mqttPort, after)
  // The second one was there all the time: it has seen each once.
  const seen = inboxes[1]!.arrivals.map(({ topic, payload }) => `${topic} ${payload}`)
  assert.equal(new Set(seen).size, seen.length, seen.toSorted().join(', '))
})

test('over a link that is off nothing is retained, in either direction; everything is delivered', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(clusterB, ['t/b/#'], { retained: 'off' })]),
    startCluster(t, clusterB, [linkTo(clusterA, ['t/a/#'], { retained: 'live' })]),
  ])
  const [clientA, clientB] = [await toNode(t, a.mqttPort), await toNode(t, b.mqttPort)]
  const [atA, atB] = [await subscribe(clientA, 't/b/#'), await subscribe(clientB, 't/a/#')]
  await prove(atA, clientB, 't/b/probe')
  await prove(atB, clientA, 't/a/probe')
  await retain(clientA, 't/a/1', 'from a')
  await retain(clientB, 't/b/1', 'from b')
  await Promise.all([atA.waitForPayload('from b'), atB.waitForPayload('from a')])
  assert.deepEqual(await retainedAt(t, a.mqttPort), { 't/a/1': 'from a' })
  assert.deepEqual(await retainedAt(t, b.mqttPort), { 't/b/1': 'from b' })
})

test('a peer that speaks EMQX’s dialect is told as if it were published now, and of what was cleared only if it may have it', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(clusterB, [], { retained: 'sync', dialect: 'emqx' })]),
    startCluster(t, clusterB, [linkTo(clusterA, ['t/#'], { dialect: 'emqx' })]),
  ])
  const [clientA, clientB] = [await toNode(t, a.mqttPort), await toNode(t, b.mqttPort)]
  for (const topic of ['t/1', 't/2', 't/3']) await retain(clientA, topic, 'old')
  await retain(clientA, 't/3', '')
  const inbox = await subscribe(clientB, 't/#')
  await inbox.waitForCount(2)
  assert.deepEqual(inbox.arrivals.map(({ topic, payload }) => `${topic} ${payload}`).toSorted(), ['t/1 old', 't/2 old'])
  await retainedBecomes(t, b.mqttPort, { 't/1': 'old', 't/2': 'old' })
  // Nobody there wants it for a while, in which it is cleared.
  await clientB.unsubscribeAsync('t/#')
  await retain(clientA, 't/1', '')
  await retain(clientA, 't/2', 'new')
  await clientB.subscribeAsync('t/#', { qos: 1 })
  await retainedBecomes(t, b.mqttPort, { 't/2': 'new' })
})
