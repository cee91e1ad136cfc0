import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, received, startMembers } from './members.ts'
import { longQueues, ofPublisher, routesKnown } from './traffic.ts'

const qualities = [0, 1, 2] as const
const COUNT = 200

test('a publish on any node reaches subscribers on every node, once each and in order', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 3, { cluster: 'c', nats: [nats.url], more: longQueues })
  const topic = 'a/b/x'
  const subscribers = await Promise.all(
    members.flatMap((member) =>
      qualities.map(async (qos) => {
        const client = await member.connect(t)
        const arrived = received(client)
        // Overlapping filters, of which the one with the highest QoS counts: still once.
        await client.subscribeAsync({ 'a/#': { qos }, 'a/+/x': { qos: 0 }, [topic]: { qos: 0 } })
        return { who: `${member.name} QoS ${qos}`, arrived }
      }),
    ),
  )
  await routesKnown(members, topic, members)
  const publishers = await Promise.all(
    members.flatMap((member, at) =>
      qualities.map(async (qos) => ({ name: `p${at}-${qos}`, qos, client: await member.connect(t) })),
    ),
  )
  // All at once: what is in order is what each of them says.
  await Promise.all(
    publishers.map(async ({ name, qos, client }) => {
      const sent = Array.from({ length: COUNT }, (_, n) => client.publishAsync(topic, `${name} ${n}`, { qos }))
      await Promise.all(sent)
    }),
  )
  await eventually('all have come', () => {
    for (const { who, arrived } of subscribers) assert.equal(arrived.length, COUNT * publishers.length, who)
  })
  for (const { who, arrived } of subscribers)
    for (const { name } of publishers)
      assert.deepEqual(
        ofPublisher(arrived, name),
        Array.from({ length: COUNT }, (_, n) => `${name} ${n}`),
        who,
      )
})

test('a client hears its own publishes once, and not at all where it said No Local, whatever other nodes do', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 2, { cluster: 'c', nats: [nats.url] })
  const clients = await Promise.all(members.map((member) => member.connect(t)))
  const arrived = clients.map(received)
  await clients[0]!.subscribeAsync('own/#', { qos: 1, nl: true })
  await clients[1]!.subscribeAsync('own/#', { qos: 1 })
  await routesKnown(members, 'own/1', members)
  for (const [at, client] of clients.entries()) await client.publishAsync('own/1', `of ${at}`, { qos: 1 })
  await eventually('all have come', () => assert.equal(arrived.flat().length, 3))
  assert.deepEqual(arrived, [['of 1'], ['of 0', 'of 1']])
})
