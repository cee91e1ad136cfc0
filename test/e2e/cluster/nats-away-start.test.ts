/** Nodes that start while NATS is away: they serve their clients by themselves, and are one cluster when it comes. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { LogEvent } from '../../../src/cli/demo/node-process.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { linkOf, linkRuns, startLinked } from './linked.ts'
import { eventually, received, seesAll, TestMember } from './members.ts'
import { routesKnown } from './traffic.ts'

/** A node waits 5 s for NATS, and then starts without it; on a slow and busy machine all may take so much longer. */
const SERVES_MS_MAX = 15_000
/** The same for 5 s after NATS has come. */
const CONVERGED_MS = 15_000
const names = ['n1@127.0.0.1', 'n2@127.0.0.1']

test('nodes that start without NATS serve their clients within seconds, and are one cluster when it comes', async (t) => {
  const nats = await startNats(t)
  await nats.kill()
  const members = await Promise.all(names.map((name) => TestMember.start(t, { cluster: 'c', nats: [nats.url], name })))
  for (const member of members) assertServesSoon(t, member)

  const clients = await Promise.all(members.map((member) => member.connect(t)))
  const arrived = clients.map(received)
  for (const [at, client] of clients.entries()) {
    await client.subscribeAsync('t/#', { qos: 1 })
    await client.publishAsync(`t/${at}`, `local ${at}`, { qos: 1, retain: true })
  }
  await eventually('each is served', () => assert.deepEqual(arrived, [['local 0'], ['local 1']]))
  for (const member of members) {
    const { members: seen } = await member.call('members.list')
    assert.equal(Array.isArray(seen) && seen.length, 1)
  }

  await nats.restart()
  const cameMs = performance.now()
  await Promise.all(members.map((member) => seesAll(member, names)))
  await routesKnown(members, 't/x', members)
  for (const [at, client] of clients.entries()) await client.publishAsync('t/x', `global ${at}`, { qos: 1 })
  await eventually('both hear both', () => {
    for (const [at, payloads] of arrived.entries())
      assert.deepEqual(payloads.toSorted(), ['global 0', 'global 1', `local ${at}`])
  })
  // What each has retained by itself, both have.
  for (const member of members)
    await eventually(`${member.name} has all that is retained`, async () => {
      const late = await member.connect(t)
      const retained = received(late)
      await late.subscribeAsync(['t/0', 't/1'], { qos: 1 })
      await eventually('it comes', () => assert.deepEqual(retained.toSorted(), ['local 0', 'local 1']), 500)
    })
  const convergedMs = Math.round(performance.now() - cameMs)
  t.diagnostic(`NATS comes: one cluster after ${convergedMs} ms`)
  assert.ok(convergedMs < CONVERGED_MS, `${convergedMs} ms`)
})

test('a node of a linked cluster that starts again without NATS serves its clients, and its link runs when NATS comes', async (t) => {
  const [nats, farNats] = await Promise.all([startNats(t), startNats(t)])
  const [[one, two], [far]] = await startLinked(t, farNats, [
    { cluster: 'near', size: 2, topics: ['far/#'], more: () => ({ nats: [nats.url] }) },
    { cluster: 'far', size: 1, topics: ['near/#'] },
  ])
  assert(one !== undefined && two !== undefined && far !== undefined)
  const subscriber = await far.connect(t)
  const arrivedFar = received(subscriber)
  await subscriber.subscribeAsync('near/t', { qos: 1 })
  await nats.kill()
  await two.kill()
  await two.restart()
  assertServesSoon(t, two)
  const client = await two.connect(t)
  const arrived = received(client)
  await client.subscribeAsync(['near/t', 'far/t'], { qos: 1 })
  await client.publishAsync('near/t', 'local', { qos: 1 })
  await eventually('it is served', () => assert.deepEqual(arrived, ['local']))
  const { state, reasons } = await linkOf(two, 'far')
  assert.deepEqual({ state, reasons: reasons.at(-1) }, { state: 'connecting', reasons: 'coordination lost' })
  assert.deepEqual((await linkOf(one, 'far')).reasons, ['coordination lost'])

  await nats.restart()
  const cameMs = performance.now()
  await Promise.all([one, two].map((member) => seesAll(member, [one.name, two.name])))
  await linkRuns([one, two], 'far')
  const publisher = await far.connect(t)
  await eventually('it gets what the far cluster has', async () => {
    await publisher.publishAsync('far/t', 'from far', { qos: 1 })
    assert.ok(arrived.includes('from far'))
  })
  await eventually('the far cluster gets what it has', async () => {
    await client.publishAsync('near/t', 'from near', { qos: 1 })
    assert.ok(arrivedFar.includes('from near'))
  })
  const convergedMs = Math.round(performance.now() - cameMs)
  t.diagnostic(`NATS comes: the link runs on both after ${convergedMs} ms`)
  assert.ok(convergedMs < CONVERGED_MS, `${convergedMs} ms`)
})

/** From its first words on: how long the process takes to come to them is no matter of NATS. */
function assertServesSoon(t: TestContext, { name, process: { log } }: TestMember): void {
  const ms = timeOf(log.find(({ msg }) => msg === 'node_started')) - timeOf(log[0])
  t.diagnostic(`${name} without NATS: clients are served after ${ms} ms`)
  assert.ok(ms < SERVES_MS_MAX, `${ms} ms`)
}

function timeOf(event: LogEvent | undefined): number {
  return Date.parse(String(event?.['time']))
}
