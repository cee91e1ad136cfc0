/** A member without NATS for longer than it takes to be given up: what its clients and those of others publish meanwhile arrives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, membersSeenBy, received, seesAll, TestMember } from './members.ts'
import { assertAllArrive, assertArrive, longQueues, publishSteadily, routesKnown } from './traffic.ts'

const CUT_MS = 30_000
/** Sessions that end with their connection, and others; each has publishers and filters of its own. */
const kinds = ['live', 'kept'] as const

test('a member cut off from NATS for 30 s: nothing acknowledged is lost, none comes twice, the order stays', async (t) => {
  const nats = await startNats(t)
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(nats.port)
  const names = ['n1@127.0.0.1', 'n2@127.0.0.1', 'n3@127.0.0.1']
  const [one, two, three] = await Promise.all(
    names.map((name, at) =>
      TestMember.start(t, {
        cluster: 'c',
        name,
        nats: [at === 1 ? `nats://127.0.0.1:${relay.port}` : nats.url],
        more: longQueues,
      }),
    ),
  )
  assert(one !== undefined && two !== undefined && three !== undefined)
  const members = [one, two, three]
  await Promise.all(members.map((member) => seesAll(member, names)))

  const subscribers = await Promise.all(
    members.flatMap((member) =>
      ([1, 2] as const).flatMap((qos) =>
        [0, 3600].map(async (sessionExpiryInterval) => {
          const who = `${member.name} QoS ${qos} expiry ${sessionExpiryInterval}`
          const client = await member.connect(t, { clientId: who, clean: false, properties: { sessionExpiryInterval } })
          const arrived = received(client)
          const kind = sessionExpiryInterval === 0 ? 'live' : 'kept'
          await client.subscribeAsync(`${kind}/#`, { qos })
          return { who, kind, arrived }
        }),
      ),
    ),
  )
  // One member of the group is cut off, too: the other one gets what is for both.
  const workers = await Promise.all(
    [two, three].map(async (member) => {
      const client = await member.connect(t)
      const arrived = received(client)
      await client.subscribeAsync('$share/g/+/0', { qos: 1 })
      return arrived
    }),
  )
  for (const kind of kinds) await routesKnown(members, `${kind}/1`, members)
  const publishings = await Promise.all(
    members.flatMap((member, at) =>
      kinds.map(async (kind, n) =>
        publishSteadily(await member.connect(t), `${kind}/${at}`, { name: `${kind}-${at}`, qos: n === 0 ? 1 : 2 }),
      ),
    ),
  )

  relay.hold()
  relay.cut()
  const cutAtMs = performance.now()
  await eventually('it is given up', async () => assert.ok(!(await membersSeenBy(one)).includes(two.name)))
  const counts = publishings.map(({ acknowledgedCount }) => acknowledgedCount)
  await after(CUT_MS - (performance.now() - cutAtMs))
  for (const [at, { name, acknowledgedCount }] of publishings.entries())
    assert.ok(acknowledgedCount > counts[at]! + 100, `${name} went on: ${counts[at]}, then ${acknowledgedCount}`)
  relay.pointAt(nats.port)
  await Promise.all(members.map((member) => seesAll(member, names)))
  const published = await Promise.all(publishings.map((publishing) => publishing.stop()))
  for (const { name, slowestMs } of publishings) {
    t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
    assert.ok(slowestMs < 6_000, `${name} waited ${slowestMs} ms`)
  }
  for (const payloads of published.slice(0, kinds.length))
    await assertAllArrive('the group', () => workers.flat(), payloads, 20_000)
  const twice = workers[0]!.filter((payload) => workers[1]!.includes(payload))
  t.diagnostic(
    `${twice.length} went to both members of the group: the one that was cut off had them, and could not say so`,
  )
  for (const { who, kind, arrived } of subscribers)
    for (const payloads of published)
      if (payloads[0]!.startsWith(kind)) await assertArrive(who, arrived, payloads, 20_000)
})
