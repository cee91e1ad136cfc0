import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, received, startMembers } from './members.ts'

test('a publish on any node reaches subscribers on every node, once each and in order', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 3, { cluster: 'c', nats: [nats.url] })
  const subscribers = await Promise.all(members.map((member) => member.connect(t)))
  const arrived = subscribers.map(received)
  // Overlapping filters on one of them: still once.
  await Promise.all(subscribers.map((client) => client.subscribeAsync(['a/#', 'a/+/x'], { qos: 1 })))
  await eventually('routes are known', async () => {
    for (const member of members) {
      const { total } = await member.call('routes.match', { topic: 'a/b/x' })
      assert.ok(Number(total) >= 4, String(total))
    }
  })
  const publishers = await Promise.all(members.map((member) => member.connect(t)))
  const wanted: string[][] = []
  for (const [index, publisher] of publishers.entries()) {
    const payloads = Array.from({ length: 200 }, (_, n) => `${index} ${n}`)
    wanted.push(payloads)
    await Promise.all(payloads.map((payload) => publisher.publishAsync('a/b/x', payload, { qos: 1 })))
  }
  await eventually('all have come', () => {
    for (const payloads of arrived) assert.equal(payloads.length, 600)
  })
  for (const payloads of arrived)
    for (const [index, expected] of wanted.entries())
      assert.deepEqual(
        payloads.filter((payload) => payload.startsWith(`${index} `)),
        expected,
      )
})
