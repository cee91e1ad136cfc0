/** A node and its signals: SIGTERM drains and ends, SIGHUP applies the difference between two files. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { connectClient, createInbox, prove, publishMany, subscribe } from './clients.ts'
import { linkedPair, linkTo, nodeFile, relayedPair, relayTo, reserve, startCluster, waitForReason } from './clusters.ts'

test('SIGTERM ends a node with clients, links and messages in flight within ten seconds', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['#'], bWants: ['#'] })
  const inbox = await subscribe(await connectClient(t, b.mqttPort), '#')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')
  const sent = await publishMany(publisher, 't/1', '', 300)
  const disconnected = new Promise<number | undefined>((resolve) => {
    publisher.once('disconnect', (packet) => resolve(packet.reasonCode))
  })
  const startedMs = performance.now()
  assert.equal(await a.stop(), 0)
  assert.ok(performance.now() - startedMs < 10_000)
  assert.equal(await disconnected, 0x8b, 'clients are told: server shutting down')
  await inbox.waitForPayload('299')
  assert.deepEqual(inbox.payloads(), sent, 'what was acknowledged has crossed before the end')
  await waitForReason(b, 'cl-a', /./)
  assert.equal(await b.stop(), 0)
})

test('a node whose peer never answers still ends at once', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const silent = await relayTo(t, clusterB)
  silent.hold()
  const a = await startCluster(t, clusterA, [linkTo(silent.cluster, ['#'])])
  await a.waitFor('a status', (event) => event.msg === 'cluster_link_status')
  const startedMs = performance.now()
  assert.equal(await a.stop(), 0)
  assert.ok(performance.now() - startedMs < 5000, `${performance.now() - startedMs} ms`)
})

test('SIGHUP applies the difference and leaves the rest alone', async (t) => {
  const [clusterA, clusterB, clusterC] = await Promise.all(['cl-a', 'cl-b', 'cl-c'].map(reserve))
  assert(clusterA && clusterB && clusterC)
  const [a, b, c] = await Promise.all([
    startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])]),
    startCluster(t, clusterB, [linkTo(clusterA, [])]),
    startCluster(t, clusterC, [linkTo(clusterA, [])]),
  ])
  const dataDir = a.config.node.data_dir
  const [publisherB, publisherC] = await Promise.all([b, c].map((node) => connectClient(t, node.mqttPort)))
  assert(publisherB && publisherC)
  await a.waitForStatus('cl-b', 'running')
  const reader = await connectClient(t, a.mqttPort)
  const inbox = await subscribe(reader, 't/#')
  await prove(inbox, publisherB, 't/b')
  let reconnects = 0
  reader.on('reconnect', () => reconnects++)

  await t.test('a link added begins to run', async () => {
    a.reload(nodeFile(clusterA, [linkTo(clusterB, ['t/#']), linkTo(clusterC, ['t/#'])], dataDir))
    await a.waitForStatus('cl-c', 'running')
    await prove(inbox, publisherC, 't/c')
    await prove(inbox, publisherB, 't/b')
  })

  await t.test('topics edited while messages flow: what is wanted before and after never stops', async () => {
    let count = 0
    const publish = setInterval(() => void publisherB.publish('t/b', `n${count++}`, { qos: 1 }), 5)
    await inbox.waitForPayload('n20')
    await subscribe(reader, 'more/1', 1, createInbox('more'))
    a.reload(nodeFile(clusterA, [linkTo(clusterB, ['t/#', 'more/#']), linkTo(clusterC, ['t/#'])], dataDir))
    await prove(inbox, publisherB, 'more/1')
    clearInterval(publish)
    await publisherB.publishAsync('t/b', 'the end', { qos: 1 })
    await inbox.waitForPayload('the end')
    const numbered = inbox.payloads().filter((payload) => payload.startsWith('n'))
    assert.deepEqual(new Set(numbered), new Set(Array.from({ length: count }, (_, index) => `n${index}`)))
  })

  await t.test('a file with an error changes nothing and is reported', async () => {
    const logged = a.log.length
    a.reload(nodeFile(clusterA, [linkTo(clusterA, ['t/#'])], dataDir))
    const refused = await a.waitFor('refusal', (event) => event.msg === 'config_reload_refused', logged)
    assert.match(JSON.stringify(refused), /cl-a/)
    await prove(inbox, publisherB, 't/b')
    await prove(inbox, publisherC, 't/c')
  })

  await t.test('a link disabled is stopped, a link removed is gone; clients notice neither', async () => {
    a.reload(nodeFile(clusterA, [linkTo(clusterB, ['t/#'], { enable: false })], dataDir))
    await a.waitForStatus('cl-b', 'stopped')
    await waitForReason(b, 'cl-a', /cluster_link_disabled|disabled/)
    await waitForReason(c, 'cl-a', /unknown_cluster/)
    assert.equal(reconnects, 0)
  })
})

test('SIGTERM within ten seconds, though a client reads nothing and the peer is out of reach', async (t) => {
  const { a, b, toB } = await relayedPair(t)
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 't/1')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')
  const deaf = connect(a.mqttPort, '127.0.0.1')
  t.after(() => deaf.destroy())
  deaf.on('error', () => deaf.destroy())
  deaf.write(
    generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: 'deaf', keepalive: 0 }),
  )
  deaf.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't/#', qos: 0 }] }))
  await new Promise((resolve) => deaf.once('data', resolve))
  deaf.pause()
  toB.hold()
  toB.cut()
  const payload = 'x'.repeat(100_000)
  for (let index = 0; index < 100; index += 1) await publisher.publishAsync('t/1', payload, { qos: 1 })
  const startedMs = performance.now()
  assert.equal(await a.stop(), 0)
  assert.ok(performance.now() - startedMs < 10_000, `${performance.now() - startedMs} ms`)
})
