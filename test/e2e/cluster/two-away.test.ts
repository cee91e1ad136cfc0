/** Failures that overlap: a node that starts while another one is away still keeps messages for the sessions of that one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqtt from 'mqtt'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, membersSeenBy, received, startMembers } from './members.ts'
import { routesKnown } from './traffic.ts'

const kept = { clean: false, clientId: 'reader', properties: { sessionExpiryInterval: 600 } }

test('a node that was started while another one is away keeps messages for the sessions of that one', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 3, { cluster: 'c', nats: [nats.url] })
  const [n1, n2, n3] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]]
  const before = await n3.connect(t, kept)
  await before.subscribeAsync('a/#', { qos: 1 })
  await routesKnown([n1, n2], 'a/b', [n3])
  await n3.kill()
  await n2.kill()
  await n2.restart()
  await eventually('n2 sees n1', async () => {
    assert.ok((await membersSeenBy(n2)).includes(n1.name))
  })
  const payloads = Array.from({ length: 50 }, (_, number) => `p ${number}`)
  const publisher = await n2.connect(t)
  for (const payload of payloads) await publisher.publishAsync('a/b', payload, { qos: 1 })
  await n3.restart()
  const after = mqtt.connect(`mqtt://127.0.0.1:${n3.port}`, { protocolVersion: 5, ...kept })
  t.after(() => void after.end(true))
  const arrived = received(after)
  await eventually('all has arrived', () => assert.deepEqual(arrived, payloads))
})
