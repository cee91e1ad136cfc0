/** What a peer may say on its route connection and when, and that one peer's troubles stay its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRouteMessage, type RouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { BenchClient, GateBench, publishOf } from './gate-bench.ts'

const init: RouteMessage = {
  type: 'actor_init',
  actor: 'n1',
  incarnation: 7,
  targetCluster: 'cl.b',
  protocolVersion: 1,
}
const older: RouteMessage = { ...init, incarnation: 6 }
const beat: RouteMessage = { type: 'heartbeat', actor: 'n1', incarnation: 7 }
const routes = route('add', 't/1', 't/1')

for (const { when, said, reason } of [
  { when: 'routes before actor_init', said: [routes], reason: 'routes_before_init' },
  { when: 'a second actor_init', said: [init, init], reason: 'actor_init_twice' },
  { when: 'an older life', said: [init, older], reason: 'outdated_incarnation' },
  { when: "another actor's heartbeat", said: [init, { ...beat, actor: 'n2' }], reason: 'another_actor' },
  { when: 'what is no term', said: [init, Buffer.from([131, 104])], reason: 'malformed_term' },
] satisfies { when: string; said: (RouteMessage | Buffer)[]; reason: string }[]) {
  test(`${when} ends the connection that said it, and no other`, () => {
    const bench = linked('cl.a', 'cl.c')
    const good = new BenchClient('good')
    for (const message of [init, routes]) say(bench, good, message, 'cl.c')
    const bad = new BenchClient('bad')
    // The older life comes on a connection of its own: on the first one it would be a second actor_init.
    const speakers = reason === 'outdated_incarnation' ? [new BenchClient('newer'), bad] : [bad, bad]
    for (const [index, message] of said.entries()) say(bench, speakers[index] ?? bad, message)
    assert.equal(bench.gate.inboundStatus('cl.a')?.lastRefusal?.reason, reason)
    assert.equal(bad.disconnected?.reasonCode, 131)
    say(bench, good, beat, 'cl.c')
    assert.equal(good.disconnected, undefined)
    assert.deepEqual(bench.routes('cl.c'), ['t/1'])
  })
}

test('a heartbeat before actor_init is left alone, and the peer may still introduce itself', async () => {
  const bench = linked('cl.a')
  const peer = new BenchClient('p')
  assert.equal(say(bench, peer, beat), 0x10)
  assert.equal(peer.disconnected, undefined)
  say(bench, peer, init)
  await Promise.resolve()
  assert.equal(peer.sent.length, 1)
  say(bench, peer, beat)
  say(bench, peer, routes)
  assert.deepEqual(bench.routes('cl.a'), ['t/1'])
})

test('a peer that is gone for good takes its own routes along, and not those of a peer whose actor has the same name', () => {
  const bench = linked('cl.a', 'cl.c')
  const [gone, living] = [new BenchClient('gone'), new BenchClient('living')]
  for (const message of [init, routes]) {
    say(bench, gone, message, 'cl.a')
    say(bench, living, message, 'cl.c')
  }
  bench.gate.closed(gone)
  // Beyond the lease, and beyond the time for which an outage is bridged.
  for (let hour = 0; hour < 26; hour += 1) {
    for (let beats = 0; beats < 360; beats += 1) {
      bench.clock.pass(10_000)
      say(bench, living, beat, 'cl.c')
    }
  }
  assert.deepEqual(bench.routes('cl.a'), [])
  assert.deepEqual(bench.routes('cl.c'), ['t/1'])
  assert.equal(bench.gate.inboundStatus('cl.c')?.stale, false)
})

test('a topic with more than a hundred thousand subscribers at the peer is one route, and goes with the last of them', () => {
  const bench = linked('cl.a')
  const peer = new BenchClient('p')
  say(bench, peer, init)
  const groups = Array.from({ length: 100_001 }, (_, index) => `$s/g${index}/crowd`)
  for (const type of ['add', 'delete'] as const) {
    assert.equal(bench.routes('cl.a').length, type === 'add' ? 0 : 1)
    for (let from = 0; from < groups.length; from += 4_000) {
      say(bench, peer, route(type, 'crowd', ...groups.slice(from, from + 4_000)))
    }
  }
  assert.equal(peer.disconnected, undefined)
  assert.deepEqual(bench.routes('cl.a'), [])
})

function linked(...peers: readonly string[]): GateBench {
  const bench = new GateBench('cl.b')
  for (const peer of peers) bench.setLink(peer)
  return bench
}

function route(type: 'add' | 'delete', topicFilter: string, ...ids: readonly string[]): RouteMessage {
  return { type: 'route', actor: 'n1', incarnation: 7, ops: ids.map((id) => ({ type, topicFilter, id })) }
}

function say(bench: GateBench, client: BenchClient, message: RouteMessage | Buffer, sender = 'cl.a'): number {
  const payload = Buffer.isBuffer(message) ? message : encodeRouteMessage(message)
  const properties = { responseTopic: `$LINK/cluster/resp/${sender}/n1`, correlationData: Buffer.from('q') }
  return bench.gate.publish(client, publishOf(`$LINK/cluster/route/${sender}`, payload, { properties }))
}

test('of clusters that nobody here has a link to only the latest are remembered', async () => {
  const bench = linked('cl.a')
  for (let index = 0; index < 200; index += 1) {
    const stranger = new BenchClient(`s${index}`)
    say(bench, stranger, init, `stranger-${index}`)
    await Promise.resolve()
    assert.equal(stranger.sent.length, 1, 'each is told')
  }
  const remembered = [...bench.gate.strangers().keys()]
  assert.equal(remembered.at(-1), 'stranger-199')
  assert.ok(remembered.length < 100, `${remembered.length}`)
})
