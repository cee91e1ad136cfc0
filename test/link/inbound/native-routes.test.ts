/** What a native peer wants, as our gate hears it: over connections, incarnations, and the members of our cluster. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import type { Sharing } from '../../../src/link/inbound/sharing-port.ts'
import { LinkRoutes } from '../../../src/routes/link-routes.ts'
import { encodeRouteFrame } from '../../../src/routes/route-frames.ts'
import { BenchClient, GateBench, publishOf } from './gate-bench.ts'
import { MapsCluster } from './maps-cluster.ts'
import { actor, answerTopic, peer, routeTopic, Speaker } from './native-speaker.ts'

const filters = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `site/${from + n}/x`)

function benchFor(sharing?: Sharing): GateBench {
  const bench = new GateBench('cl.b', sharing)
  bench.setLink(peer)
  return bench
}

test('a first connection is told everything, and the next one nothing', async () => {
  const bench = benchFor()
  const speaker = new Speaker(7, filters(0, 3_000))
  for (const told of [3_000, 0]) {
    speaker.told = 0
    const client = new BenchClient('c')
    await speaker.connect(bench, client)
    speaker.talk(bench, client)
    assert.equal(speaker.told, told)
    assert.equal(speaker.routes?.isConfirmed, true)
    assert.deepEqual(bench.routes(peer), filters(0, 3_000).toSorted())
    bench.gate.closed(client)
  }
})

test('another speaker of the cluster tells only what differs, and what both want is never away', async () => {
  const bench = benchFor()
  const first = new Speaker(7, filters(0, 1_000))
  const client = new BenchClient('c1')
  await first.connect(bench, client)
  first.talk(bench, client)
  bench.gate.closed(client)

  const next = new Speaker(8, filters(2, 1_002))
  const other = new BenchClient('c2')
  await next.connect(bench, other)
  const kept = filters(2, 1_000)
  next.talk(bench, other, () => assert.ok(kept.every((filter) => bench.attached.has(`${filter} > ${peer}`))))
  assert.deepEqual(bench.routes(peer), filters(2, 1_002).toSorted())
  assert.ok(next.told < 50, `${next.told} entries`)
  assert.equal(next.routes?.isConfirmed, true)
})

test('an earlier incarnation is turned away while the later one lives', async () => {
  const bench = benchFor()
  const speaker = new Speaker(8, ['t/1'])
  const client = new BenchClient('c1')
  await speaker.connect(bench, client)
  speaker.talk(bench, client)
  const zombie = new BenchClient('c2')
  const init = { type: 'actor_init', actor, incarnation: 7, targetCluster: 'cl.b', protocolVersion: 1 } as const
  const properties = { responseTopic: answerTopic, correlationData: Buffer.from('1') }
  bench.gate.publish(zombie, publishOf(routeTopic, encodeRouteMessage(init), { properties }))
  assert.notEqual(zombie.disconnected, undefined)
  assert.deepEqual(bench.routes(peer), ['t/1'])
})

test('another member of our cluster on which the peer lands goes on with what all of them know', async () => {
  const maps = new MapsCluster()
  const benches = ['b1', 'b2'].map((name) => benchFor(maps.join(name)))
  const [one, other] = benches
  assert.ok(one !== undefined && other !== undefined)
  const settle = () => {
    for (const bench of benches) bench.clock.pass(0)
    maps.settle()
    for (const bench of benches) bench.clock.pass(0)
  }
  const speaker = new Speaker(7, filters(0, 500))
  const client = new BenchClient('c1')
  settle()
  await speaker.connect(one, client, settle)
  speaker.talk(one, client)
  settle()
  assert.deepEqual(other.routes(peer), filters(0, 500).toSorted())
  assert.equal(speaker.told, 500)

  one.gate.closed(client)
  speaker.source.add('new')
  speaker.told = 0
  const second = new BenchClient('c2')
  await speaker.connect(other, second, settle)
  speaker.talk(other, second)
  settle()
  assert.ok(speaker.told < 10, `${speaker.told} entries`)
  for (const bench of benches) assert.deepEqual(bench.routes(peer), [...filters(0, 500), 'new'].toSorted())

  const { routes } = speaker
  assert.ok(routes)
  speaker.say(other, second, routes.goodbye('disabled'))
  settle()
  for (const bench of benches) assert.deepEqual(bench.routes(peer), [])
  for (const bench of benches) assert.deepEqual(bench.gate.inboundFact(peer), { state: 'left', reason: 'disabled' })

  other.gate.closed(second)
  const next = new Speaker(8, ['again'])
  const third = new BenchClient('c3')
  await next.connect(one, third, settle)
  next.talk(one, third)
  settle()
  for (const bench of benches) {
    assert.deepEqual(bench.routes(peer), ['again'])
    assert.equal(bench.gate.inboundFact(peer).state, 'live')
  }
})

test('the end of a former connection does not silence the present one', async () => {
  const bench = benchFor()
  const former = new BenchClient('c1')
  const speaker = new Speaker(7, ['t/1'])
  await speaker.connect(bench, former)
  speaker.talk(bench, former)
  const next = new Speaker(8, ['t/1', 't/2'])
  const client = new BenchClient('c2')
  await next.connect(bench, client)
  bench.gate.closed(former)
  next.talk(bench, client)
  assert.equal(next.routes?.isConfirmed, true)
  assert.deepEqual(bench.routes(peer), ['t/1', 't/2'])
})

test('a goodbye takes all routes, and whoever comes back is told everything', async () => {
  const bench = benchFor()
  const speaker = new Speaker(7, filters(0, 2_500))
  const client = new BenchClient('c')
  await speaker.connect(bench, client)
  speaker.talk(bench, client)
  assert.ok(speaker.routes)
  speaker.say(bench, client, speaker.routes.goodbye('deleted'))
  bench.clock.pass(0)
  assert.deepEqual(bench.routes(peer), [])
  assert.deepEqual(bench.gate.inboundFact(peer), { state: 'left', reason: 'deleted' })
  bench.gate.closed(client)
  const next = new Speaker(8, filters(0, 10))
  const again = new BenchClient('c2')
  await next.connect(bench, again)
  next.talk(bench, again)
  assert.deepEqual(bench.routes(peer), filters(0, 10).toSorted())
  assert.equal(bench.gate.inboundFact(peer).state, 'live')
})

test('a peer that falls silent turns stale and its routes stay, until stale_ttl', async () => {
  const bench = benchFor()
  bench.setLink(peer, { actor_ttl: 30_000, stale_ttl: 600_000 })
  const speaker = new Speaker(7, ['t/1'])
  const client = new BenchClient('c')
  await speaker.connect(bench, client)
  speaker.talk(bench, client)
  assert.ok(speaker.routes)
  bench.clock.pass(20_000)
  speaker.say(bench, client, speaker.routes.heartbeat())
  bench.clock.pass(29_000)
  assert.notEqual(bench.gate.inboundFact(peer).state, 'stale', 'a heartbeat is a sign of life')
  bench.clock.pass(2_000)
  assert.equal(bench.gate.inboundFact(peer).state, 'stale')
  assert.deepEqual(bench.routes(peer), ['t/1'])
  bench.clock.pass(600_000)
  assert.deepEqual(bench.routes(peer), [])
})

for (const { what, payload } of [
  { what: 'a frame of a kind that there is not', payload: Buffer.from([0xc1, 0x91, 99]) },
  { what: 'half a frame', payload: Buffer.from([0xc1, 0x95, 16, 0xcf, 0, 0]) },
  { what: 'a question', payload: encodeRouteFrame({ type: 'pull', life: 7, offset: 0, buckets: [1] }) },
])
  test(`${what} ends the connection with a word, and is logged`, async () => {
    const bench = benchFor()
    const speaker = new Speaker(7, ['t/1'])
    const client = new BenchClient('c')
    await speaker.connect(bench, client)
    speaker.talk(bench, client)
    bench.gate.publish(client, publishOf(routeTopic, payload))
    assert.notEqual(client.disconnected, undefined)
    assert.equal(bench.gate.inboundStatus(peer)?.lastRefusal?.reason, 'malformed_frame')
    assert.ok(bench.logged.includes('cluster_link_routerepl_protocol_error'))
    assert.deepEqual(bench.routes(peer), ['t/1'], 'what was heard before stays')
  })

test('a link whose dialect is emqx answers no greeting, and takes no frame', async () => {
  const bench = benchFor()
  bench.setLink(peer, { dialect: 'emqx' })
  const speaker = new Speaker(7, ['t/1'])
  const client = new BenchClient('c')
  assert.equal(await speaker.connect(bench, client), undefined)
  const { source } = speaker
  const routes = new LinkRoutes({ source, cluster: peer, incarnation: 7, hashKey: [1, 2] })
  speaker.say(bench, client, routes.heartbeat())
  assert.notEqual(client.disconnected, undefined)
})
