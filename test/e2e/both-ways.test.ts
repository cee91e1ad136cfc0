/** EMQX's second scenario, a migration: everything is wanted both ways, nothing loops and nothing comes twice. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { connectClient, createInbox, mosquittoPub, mosquittoSub, prove, publishMany, subscribe } from './clients.ts'
import { linkedPair, linkTo, reserve, startCluster } from './clusters.ts'

test('with # both ways each subscriber gets each message of both clusters once', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['#'], bWants: ['#'] })
  const [inA, inB, atA, atB] = await Promise.all([a, b, a, b].map((node) => connectClient(t, node.mqttPort)))
  assert(inA && inB && atA && atB)
  const inboxA = await subscribe(atA, '#')
  const inboxB = await subscribe(atB, '#')
  await prove(inboxA, inB, 'm/probe')
  await prove(inboxB, inA, 'm/probe')

  const sent = (await Promise.all([publishMany(inA, 'm/a', 'a-', 500), publishMany(inB, 'm/b', 'b-', 500)])).flat()
  for (const inbox of [inboxA, inboxB]) await inbox.waitForCount(1000)
  // A copy that looped would come behind these, which left after it.
  await Promise.all([publishMany(inA, 'm/a', 'last-a-', 1), publishMany(inB, 'm/b', 'last-b-', 1)])
  for (const inbox of [inboxA, inboxB]) {
    await inbox.waitForPayload('last-a-0')
    await inbox.waitForPayload('last-b-0')
    assert.deepEqual(inbox.payloads().sort(), [...sent, 'last-a-0', 'last-b-0'].sort())
    const ofA = inbox.payloads().filter((payload) => payload.startsWith('a-'))
    assert.deepEqual(ofA, sent.slice(0, 500), 'one publisher, one order')
  }
})

test('each QoS crosses as what it was', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['q/#'], bWants: [] })
  const inbox = mosquittoSub(t, a.mqttPort, ['-q', '2', '-t', 'q/#'])
  const publisher = await connectClient(t, b.mqttPort)
  await prove(inbox, publisher, 'q/probe')
  for (const qos of [0, 1, 2]) {
    for (const version of ['311', '5']) {
      const payload = `qos ${qos} by ${version}`
      await mosquittoPub(b.mqttPort, ['-V', version, '-q', String(qos), '-t', `q/${qos}`, '-m', payload])
      assert.equal((await inbox.waitForPayload(payload)).qos, qos, payload)
    }
  }
  assert.equal(inbox.arrivals.length, 6)
})

test('MQTT 5 properties cross with the message', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['p/#'], bWants: [] })
  const reader = await connectClient(t, a.mqttPort)
  const publisher = await connectClient(t, b.mqttPort)
  const inbox = await subscribe(reader, 'p/#')
  await prove(inbox, publisher, 'p/probe')
  const arrived = new Promise<IPublishPacket['properties']>((resolve) => {
    reader.on('message', (_topic, payload, packet) => payload.toString() === 'mine' && resolve(packet.properties))
  })
  const properties = {
    contentType: 'text/plain',
    responseTopic: 'p/answer',
    correlationData: Buffer.from('c-1'),
    userProperties: { unit: 'K' },
  }
  await publisher.publishAsync('p/1', 'mine', { qos: 1, properties })
  const { contentType, responseTopic, correlationData, userProperties } = (await arrived) ?? {}
  assert.deepEqual({ contentType, responseTopic, correlationData, userProperties: { ...userProperties } }, properties)
})

test('a retained message is retained on the far side, and cleared there', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['r/#'], bWants: [] })
  const publisher = await connectClient(t, b.mqttPort)
  const live = await subscribe(await connectClient(t, a.mqttPort), 'r/#')
  await prove(live, publisher, 'r/probe')

  await mosquittoPub(b.mqttPort, ['-q', '1', '-r', '-t', 'r/state', '-m', 'on'])
  assert.equal((await live.waitForPayload('on')).retain, false, 'to who was there it is a message like any other')
  const later = mosquittoSub(t, a.mqttPort, ['-q', '1', '-t', 'r/#'])
  assert.equal((await later.waitForPayload('on')).retain, true)

  await publisher.publishAsync('r/state', '', { qos: 1, retain: true })
  await live.waitForPayload('')
  const latest = await subscribe(await connectClient(t, a.mqttPort), 'r/#')
  await prove(latest, publisher, 'r/probe')
  assert.deepEqual(latest.payloads(), [])
})

test('each cluster serves its own shared subscription once', async (t) => {
  const { a, b } = await linkedPair(t, { aWants: ['s/#'], bWants: ['s/#'] })
  const publisher = await connectClient(t, b.mqttPort)
  const groups = await Promise.all([a, b].map((node) => sharedGroup(t, node.mqttPort)))
  for (const { inbox } of groups) await prove(inbox, publisher, 's/probe')

  const sent = await publishMany(publisher, 's/1', '', 200)
  for (const { inbox, perMember } of groups) {
    await inbox.waitForCount(200)
    await publishMany(publisher, 's/1', 'end-', 2)
    await inbox.waitForPayload('end-1')
    const numbers = inbox.payloads().filter((payload) => !payload.startsWith('end'))
    assert.deepEqual(numbers.sort(), sent.toSorted())
    assert.ok(
      perMember.every((count) => count > 0),
      `the members share the work: ${perMember.join(', ')}`,
    )
  }
})

/** Two members of one group, whose arrivals fall into one inbox. */
async function sharedGroup(t: TestContext, port: number) {
  const perMember = [0, 0]
  const inbox = createInbox(`$share/g/s/# at ${port}`)
  for (const member of perMember.keys()) {
    const client = await connectClient(t, port)
    client.on('message', () => (perMember[member] = (perMember[member] ?? 0) + 1))
    await subscribe(client, '$share/g/s/#', 1, inbox)
  }
  return { inbox, perMember }
}

test('three clusters in a full mesh: one copy each, none for the clusters of origin', async (t) => {
  const clusters = await Promise.all(['cl-a', 'cl-b', 'cl-c'].map(reserve))
  const nodes = await Promise.all(
    clusters.map((cluster) =>
      startCluster(
        t,
        cluster,
        clusters.filter((peer) => peer !== cluster).map((peer) => linkTo(peer, ['#'])),
      ),
    ),
  )
  await Promise.all(
    nodes.flatMap((node, index) =>
      clusters.filter((_, peer) => peer !== index).map((peer) => node.waitForStatus(peer.name, 'running')),
    ),
  )
  const publishers = await Promise.all(nodes.map((node) => connectClient(t, node.mqttPort)))
  const inboxes = await Promise.all(
    nodes.map(async (node) => subscribe(await connectClient(t, node.mqttPort), 'mesh/#')),
  )
  for (const publisher of publishers) for (const inbox of inboxes) await prove(inbox, publisher, 'mesh/probe')

  const sent = (
    await Promise.all(publishers.map((publisher, index) => publishMany(publisher, `mesh/${index}`, `${index}-`, 100)))
  ).flat()
  for (const inbox of inboxes) await inbox.waitForCount(300)
  await Promise.all(publishers.map((publisher, index) => publishMany(publisher, `mesh/${index}`, `last-${index}-`, 1)))
  for (const inbox of inboxes) {
    for (const index of clusters.keys()) await inbox.waitForPayload(`last-${index}-0`)
    const counted = inbox.payloads().filter((payload) => !payload.startsWith('last'))
    assert.deepEqual(counted.sort(), sent.toSorted())
  }
})
