/** Peers that are late, cut off, or killed: the link says so, comes back by itself, and keeps what was acknowledged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectClient, prove, publishMany, subscribe } from './clients.ts'
import { linkTo, reasonsOf, relayedPair, relayTo, reserve, startCluster, waitForReason } from './clusters.ts'

test('a peer that is down at start is waited for, with the reason in the status', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const a = await startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])])
  await waitForReason(a, 'cl-b', /ECONNREFUSED|refused/i)
  assert.notEqual(a.linkStatus('cl-b')?.['status'], 'running')
  const inbox = await subscribe(await connectClient(t, a.mqttPort), 't/1')

  const b = await startCluster(t, clusterB, [linkTo(clusterA, [])])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const publisher = await connectClient(t, b.mqttPort)
  await prove(inbox, publisher, 't/1')
  const sent = await publishMany(publisher, 't/1', '', 50)
  await inbox.waitForCount(50)
  assert.deepEqual(inbox.payloads(), sent)
})

test('a peer killed with SIGKILL comes back, and the link with it', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const linksOfB = [linkTo(clusterA, ['t/#'])]
  const a = await startCluster(t, clusterA, [linkTo(clusterB, ['u/#'])])
  const killed = await startCluster(t, clusterB, linksOfB)
  await Promise.all([a.waitForStatus('cl-b', 'running'), killed.waitForStatus('cl-a', 'running')])
  // MQTT.js reconnects and subscribes again by itself.
  const atB = await subscribe(await connectClient(t, clusterB.port), 't/1')
  const atA = await subscribe(await connectClient(t, clusterA.port), 'u/1')
  const publisherA = await connectClient(t, clusterA.port)
  await prove(atB, publisherA, 't/1')

  const logged = a.log.length
  await killed.kill()
  await a.waitFor(
    'a status other than running',
    (event) => event.msg === 'cluster_link_status' && event['link'] === 'cl-b' && event['status'] !== 'running',
    logged,
  )
  assert.notEqual(reasonsOf(a, 'cl-b'), '[]', 'the outage has a reason')

  const back = await startCluster(t, clusterB, linksOfB)
  await Promise.all([a.waitForStatus('cl-b', 'running'), back.waitForStatus('cl-a', 'running')])
  const publisherB = await connectClient(t, clusterB.port)
  for (const [inbox, publisher, topic] of [
    [atB, publisherA, 't/1'],
    [atA, publisherB, 'u/1'],
  ] as const) {
    await prove(inbox, publisher, topic)
    const sent = await publishMany(publisher, topic, `${topic} `, 50)
    await inbox.waitForPayload(`${topic} 49`)
    assert.deepEqual(inbox.payloads(), sent)
  }
})

test('what is published while the peer is out of reach arrives when it is back', async (t) => {
  const [clusterA, clusterB, nowhere] = await Promise.all([reserve('cl-a'), reserve('cl-b'), reserve('nowhere')])
  const toB = await relayTo(t, clusterB)
  const toA = await relayTo(t, clusterA)
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(toB.cluster, [])]),
    startCluster(t, clusterB, [linkTo(toA.cluster, ['t/#'])]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 't/1')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')

  const logged = a.log.length
  for (const relay of [toA, toB]) {
    relay.pointAt(nowhere.port)
    relay.cut()
  }
  await a.waitFor('the outage', (event) => event.msg === 'cluster_link_status' && event['status'] !== 'running', logged)
  const sent = await publishMany(publisher, 't/1', '', 200)
  assert.deepEqual(inbox.payloads(), [])
  toA.pointAt(a.mqttPort)
  toB.pointAt(b.mqttPort)
  await inbox.waitForPayload('199')
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  assert.deepEqual([...new Set(inbox.payloads())], sent, 'all of it, in order')
})

test('connections cut in full flow lose nothing', async (t) => {
  const { a, b, toB } = await relayedPair(t)
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 't/1')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')
  const sent: string[] = []
  for (const part of [0, 1, 2]) {
    const publishing = publishMany(publisher, 't/1', `${part}-`, 300)
    await inbox.waitForPayload(`${part}-10`)
    toB.cut()
    sent.push(...(await publishing))
    await inbox.waitForPayload(`${part}-299`)
  }
  assert.deepEqual(new Set(inbox.payloads()), new Set(sent))
})
