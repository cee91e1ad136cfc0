/** One of three NATS servers is killed, and then another: of the cluster nobody notices. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNatsCluster } from '../../cluster/nats-server.ts'
import { startLinked, linkRuns, speakerAmong, wantedOn } from './linked.ts'
import { eventually, membersSeenBy, received, seesAll, type TestMember } from './members.ts'
import { assertArrive, publishSteadily, routesKnown } from './traffic.ts'

/** A connection that is gone is noticed at once, and another server is tried at once: a second or two, on a busy machine. */
const LOST_MS_MAX = 10_000

test('one NATS server of three is killed: no node is without coordination for longer than a moment, and nothing is lost', async (t) => {
  const servers = await startNatsCluster(t, 3)
  const urls = servers.map(({ url }) => url)
  const [members, [far]] = await startLinked(t, servers[0]!, [
    { cluster: 'near', size: 3, topics: ['far/#'], more: () => ({ nats: urls }) },
    { cluster: 'far', size: 1, topics: ['near/#'], more: () => ({ nats: urls }) },
  ])
  assert(far !== undefined)
  const names = members.map(({ name }) => name)
  const subscribers = await Promise.all(
    [...members, far].map(async (member) => {
      const client = await member.connect(t)
      const arrived = received(client)
      await client.subscribeAsync('near/t/#', { qos: 2 })
      return { who: member.name, arrived }
    }),
  )
  await routesKnown(members, 'near/t/x', members)
  await wantedOn(members, 'near/t/x', 'far')
  const publishings = await Promise.all(
    members.map(async (member, at) =>
      publishSteadily(await member.connect(t), `near/t/${at}`, { name: `p${at}`, qos: at === 2 ? 2 : 1 }),
    ),
  )
  await eventually('all publish', () => assert.ok(publishings.every(({ acknowledgedCount }) => acknowledgedCount > 20)))

  // First the one that most of them are connected to; when it is back, the next.
  for (const server of [serverOf(servers, members[0]!), serverOf(servers, members[1]!)]) {
    const counts = publishings.map(({ acknowledgedCount }) => acknowledgedCount)
    await server.kill()
    const killedMs = performance.now()
    await eventually('publishers go on', () => {
      for (const [at, { acknowledgedCount }] of publishings.entries()) assert.ok(acknowledgedCount > counts[at]! + 100)
    })
    await Promise.all(members.map((member) => seesAll(member, names)))
    await linkRuns(members, 'far')
    await speakerAmong(members, 'far')
    t.diagnostic(`a server killed: all runs as before after ${Math.round(performance.now() - killedMs)} ms at most`)
    await server.restart()
  }

  const published = await Promise.all(publishings.map((publishing) => publishing.stop()))
  for (const { name, slowestMs } of publishings)
    t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
  for (const member of [...members, far]) {
    const lostMs = lostTimes(member)
    t.diagnostic(`${member.name}: without coordination for ${lostMs.join(', ') || 'no time'} ms`)
    for (const ms of lostMs) assert.ok(ms < LOST_MS_MAX, `${member.name}: ${ms} ms`)
    assert.deepEqual(
      member.process.log.filter(
        ({ msg, level }) => /^member_(?:lost|left)$|^messages_lost$/.test(msg) || level === 'error',
      ),
      [],
    )
  }
  for (const member of members) assert.deepEqual((await membersSeenBy(member)).toSorted(), names)
  for (const { who, arrived } of subscribers)
    for (const payloads of published) await assertArrive(who, arrived, payloads)
})

/** The server that the member is connected to. */
function serverOf<Server extends { readonly port: number }>(
  servers: readonly Server[],
  { process }: TestMember,
): Server {
  const address = process.log.findLast(({ msg }) => msg === 'coordination_connected')?.['server']
  const server = servers.find(({ port }) => address === `127.0.0.1:${port}`)
  assert(server !== undefined, String(address))
  return server
}

/** How long the member was without coordination, each time, milliseconds. */
function lostTimes({ process }: TestMember): number[] {
  const times: number[] = []
  let sinceMs: number | undefined
  for (const { msg, time } of process.log) {
    if (msg === 'coordination_lost') sinceMs = Date.parse(String(time))
    if (msg !== 'coordination_connected' || sinceMs === undefined) continue
    times.push(Date.parse(String(time)) - sinceMs)
    sinceMs = undefined
  }
  assert.equal(sinceMs, undefined, 'it is connected again')
  return times
}
