/**
 * What gathered during an outage crosses afterwards, and is not too much for those who get it: brokers as they come, whose sessions
 * have queues of a thousand messages. `ISTHMUS_TEST_BACKLOG=50000` makes it as much as publishers can do in a second.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Account } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { relayedPair, reserve } from '../clusters.ts'

const MESSAGES = Number(process.env['ISTHMUS_TEST_BACKLOG'] ?? 12_000)
const PUBLISHERS = 4

test(`what is published during an outage reaches subscribers with short queues, each once and in order; live ones don’t wait`, async (t) => {
  const [{ a, b, toB }, nowhere] = await Promise.all([relayedPair(t), reserve('nowhere')])
  const account = new Account()
  const readers = await Promise.all(
    ([1, 2] as const).map(async (qos) => {
      const client = await connectClient(t, b.mqttPort)
      const reader = account.read(client, `reader of QoS ${qos}`, (topic) => topic.startsWith('t/late/'))
      await client.subscribeAsync('t/late/+', { qos })
      return reader
    }),
  )
  const probe = await subscribe(await connectClient(t, b.mqttPort), 't/live')
  const live = await connectClient(t, a.mqttPort)
  await prove(probe, live, 't/live')

  const logged = a.log.length
  toB.pointAt(nowhere.port)
  toB.cut()
  await a.waitFor('the outage', (event) => event.msg === 'cluster_link_status' && event['status'] !== 'running', logged)
  const publishings = await Promise.all(
    Array.from({ length: PUBLISHERS }, async (_, number) => {
      const client = await connectClient(t, a.mqttPort)
      return account.publish(client, `p${number}`, { topics: [`t/late/${number}`], perSecond: MESSAGES / PUBLISHERS })
    }),
  )
  // However slow the machine is: more than fit into the readers' queues.
  do await pause(1_000)
  while (readers.some((reader) => account.missing(reader).length <= 3_000))
  await Promise.all(publishings.map((publishing) => publishing.stop()))
  assert.ok(readers.every(({ arrivals }) => arrivals === 0))
  const before = a.log.length
  toB.pointAt(b.mqttPort)
  await a.waitFor('the link', (event) => event.msg === 'cluster_link_status' && event['status'] === 'running', before)
  await prove(probe, live, 't/live')
  for (const reader of readers) {
    await account.complete(reader)
    t.diagnostic(`${reader.name}: ${reader.arrivals} arrivals`)
    assert.equal(reader.repeats, 0, reader.name)
    assert.ok(reader.arrivals > 3_000, `${reader.name}: more than fit into its queue`)
  }
})
