/** EMQX's first scenario: A wants `t/#` and `c/1` of B, B wants nothing. What crosses is what is subscribed, while it is. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { connectClient, mosquittoPub, mosquittoSub, prove, publishMany, subscribe } from './clients.ts'
import { linkTo, relayTo, reserve, startCluster } from './clusters.ts'

/** Random, so that no compression makes it small. */
const BIG = randomBytes(15_000).toString('base64')

test('routes and messages come with a subscription and end with it', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const toA = await relayTo(t, clusterA)
  const toB = await relayTo(t, clusterB)
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(toB.cluster, ['t/#', 'c/1'])]),
    startCluster(t, clusterB, [linkTo(toA.cluster, [])]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const reader = await connectClient(t, a.mqttPort)
  const marker = await connectClient(t, a.mqttPort)
  const publisher = await connectClient(t, b.mqttPort)
  // `c/1` stays subscribed throughout: what arrives on it shows that everything published before it has crossed, or will not.
  const marks = await subscribe(marker, 'c/1')
  await prove(marks, publisher, 'c/1')

  await t.test('a wildcard subscription within a wanted filter gets what is published there, each once', async () => {
    const inbox = await subscribe(reader, 't/+/x')
    await prove(inbox, publisher, 't/0/x')
    const sent = await publishMany(publisher, 't/1/x', 'first-', 200)
    await inbox.waitForPayload('first-199')
    assert.deepEqual(inbox.payloads(), sent)
  })

  await t.test('mosquitto_pub and mosquitto_sub meet through the link', async (t) => {
    const inbox = mosquittoSub(t, a.mqttPort, ['-q', '1', '-t', 't/mosquitto'])
    await prove(inbox, publisher, 't/mosquitto')
    for (const version of ['311', '5']) {
      await mosquittoPub(b.mqttPort, ['-V', version, '-q', '1', '-t', 't/mosquitto', '-m', `hello from ${version}`])
      await inbox.waitForPayload(`hello from ${version}`)
    }
    assert.equal(inbox.arrivals.length, 2)
  })

  await t.test('a subscription outside the wanted filters gets nothing from the peer', async () => {
    const inbox = await subscribe(reader, 'c/2')
    await publisher.publishAsync('c/2', 'must stay', { qos: 1 })
    await publisher.publishAsync('c/1', 'after c/2', { qos: 1 })
    await marks.waitForPayload('after c/2')
    assert.deepEqual(inbox.payloads(), [])
  })

  await t.test('after the unsubscribe nothing crosses any more', async () => {
    await reader.unsubscribeAsync('t/+/x')
    for (let round = 0; ; round++) {
      const before = toA.bytes()
      await publisher.publishAsync('t/1/x', BIG, { qos: 1 })
      await publisher.publishAsync('c/1', `round ${round}`, { qos: 1 })
      await marks.waitForPayload(`round ${round}`)
      if (toA.bytes() - before < BIG.length) break
      assert.ok(round < 100, 'messages still cross 100 messages after the unsubscribe')
    }
    const before = toA.bytes()
    for (let count = 0; count < 10; count++) await publisher.publishAsync('t/1/x', BIG, { qos: 1 })
    await publisher.publishAsync('c/1', 'end', { qos: 1 })
    await marks.waitForPayload('end')
    assert.ok(toA.bytes() - before < BIG.length, `${toA.bytes() - before} bytes crossed`)
  })

  await t.test('B wants nothing and gets nothing', async () => {
    const atB = await subscribe(await connectClient(t, b.mqttPort), 't/#')
    const atA = await subscribe(await connectClient(t, a.mqttPort), 't/#')
    const before = toB.bytes()
    const publisherAtA = await connectClient(t, a.mqttPort)
    for (let count = 0; count < 10; count++) await publisherAtA.publishAsync('t/1', BIG, { qos: 1 })
    await atA.waitForCount(10)
    await prove(atB, publisher, 't/2')
    assert.deepEqual(atB.payloads(), [])
    assert.ok(toB.bytes() - before < BIG.length, `${toB.bytes() - before} bytes crossed`)
  })
})
