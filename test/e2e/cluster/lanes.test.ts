/** Members that are stopped, or killed and started again, while publishers elsewhere go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, membersSeenBy, received, seesAll, startMembers } from './members.ts'
import {
  assertAllArrive,
  assertArrive,
  assertOnceInOrder,
  connectKept,
  longQueues,
  publishSteadily,
  routesKnown,
} from './traffic.ts'

const FROZEN_MS = 8_000
/** Sessions that end with their connection, and others; each has publishers and filters of its own. */
const kinds = ['live', 'kept'] as const

test('a member stopped for 8 s: publishers elsewhere go on after a moment, and its subscribers get everything once', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 2, { cluster: 'c', nats: [nats.url], more: longQueues })
  const [one, two] = members
  assert(one !== undefined && two !== undefined)
  const subscribers = await Promise.all(
    members.flatMap((member) =>
      [0, 3600].map(async (sessionExpiryInterval) => {
        const who = `${member.name} expiry ${sessionExpiryInterval}`
        const client = await member.connect(t, { clientId: who, clean: false, properties: { sessionExpiryInterval } })
        const arrived = received(client)
        const kind = sessionExpiryInterval === 0 ? 'live' : 'kept'
        await client.subscribeAsync(`${kind}/#`, { qos: 2 })
        return { who, kind, arrived }
      }),
    ),
  )
  for (const kind of kinds) await routesKnown(members, `${kind}/1`, members)
  const publishings = await Promise.all(
    members.flatMap((member, at) =>
      kinds.map(async (kind, n) =>
        publishSteadily(await member.connect(t), `${kind}/${at}`, { name: `${kind}-${at}`, qos: n === 0 ? 1 : 2 }),
      ),
    ),
  )
  await eventually('all publish', () => assert.ok(publishings.every(({ acknowledgedCount }) => acknowledgedCount > 10)))

  two.freeze()
  const frozenAtMs = performance.now()
  await eventually('it is given up', async () => assert.deepEqual(await membersSeenBy(one), [one.name]))
  const counts = publishings.map(({ acknowledgedCount }) => acknowledgedCount)
  await after(FROZEN_MS - (performance.now() - frozenAtMs))
  for (const at of [0, 1]) assert.ok(publishings[at]!.acknowledgedCount > counts[at]! + 20, `${at} goes on`)
  two.thaw()
  await Promise.all(members.map((member) => seesAll(member, [one.name, two.name])))
  const published = await Promise.all(publishings.map((publishing) => publishing.stop()))
  for (const { name, slowestMs } of publishings.slice(0, 2)) {
    t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
    assert.ok(slowestMs < 5_000, `${name} waited ${slowestMs} ms`)
  }
  for (const { who, kind, arrived } of subscribers)
    for (const payloads of published)
      if (payloads[0]!.startsWith(kind)) await assertArrive(who, arrived, payloads, 20_000)
})

test('a member killed and started again: its kept sessions get all that others acknowledged meanwhile', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 2, { cluster: 'c', nats: [nats.url], more: longQueues })
  const [one, two] = members
  assert(one !== undefined && two !== undefined)
  const [away, there] = await Promise.all([connectKept(t, two, 'away'), connectKept(t, two, 'there')])
  await away.client.subscribeAsync('t/#', { qos: 1 })
  await away.client.endAsync()
  // At QoS 2 a client shows a message only at its PUBREL: one that has just come would go with the client that is cut here.
  await there.client.subscribeAsync('t/#', { qos: 1 })
  await routesKnown([one], 't/1', [two])
  const elsewhere = await one.connect(t)
  const arrivedElsewhere = received(elsewhere)
  await elsewhere.subscribeAsync('t/#', { qos: 1 })
  const publishings = await Promise.all(
    ([1, 2] as const).map(async (qos) =>
      publishSteadily(await one.connect(t), `t/${qos}`, { name: `p${qos}`, qos, everyMs: 5 }),
    ),
  )
  await eventually('all publish', () =>
    assert.ok(publishings.every(({ acknowledgedCount }) => acknowledgedCount > 100)),
  )

  await two.kill()
  await eventually('it is given up', async () => assert.deepEqual(await membersSeenBy(one), [one.name]))
  await two.restart()
  const [awayAgain, thereAgain] = await Promise.all([connectKept(t, two, 'away'), connectKept(t, two, 'there')])
  for (const { connack } of [awayAgain, thereAgain]) assert.equal(connack.sessionPresent, true)
  await Promise.all(members.map((member) => seesAll(member, [one.name, two.name])))
  const published = await Promise.all(publishings.map((publishing) => publishing.stop()))
  for (const { slowestMs, name } of publishings) {
    t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
    assert.ok(slowestMs < 5_000, `${name} waited ${slowestMs} ms`)
  }
  for (const payloads of published) {
    await assertArrive('elsewhere', arrivedElsewhere, payloads)
    // What the node had when it was killed, and nobody knew that it had it, comes to it again; what its client had, and the
    // node could not remember, to the client.
    await assertAllArrive('away', () => awayAgain.arrived, payloads)
    await assertAllArrive('there', () => [...there.arrived, ...thereAgain.arrived], payloads)
    for (const { arrived } of [awayAgain, thereAgain])
      assertOnceInOrder('since it is back', [...new Set(arrived)], payloads[0]!.split(' ')[0]!)
  }
})
