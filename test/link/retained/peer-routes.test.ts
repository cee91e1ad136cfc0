/** Which routes of a peer the outbox of its link hears of, so that the peer is told what is retained under them. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeRouteMessage, type RouteMessage } from '../../../src/link/emqx/route-ops.ts'
import type { PeerSink } from '../../../src/link/retained/peer-sink.ts'
import { BenchClient, GateBench, publishOf } from '../inbound/gate-bench.ts'

function hearing(heard: string[], id = 'first'): PeerSink {
  return {
    id,
    accept: () => undefined,
    routeAdded: (topicFilter) => void heard.push(`+${topicFilter}`),
    routeRemoved: (topicFilter) => void heard.push(`-${topicFilter}`),
  }
}

function start() {
  const bench = new GateBench('cl.b')
  const heard: string[] = []
  bench.sinks.set('cl.a', hearing(heard))
  bench.setLink('cl.a', { retained: 'live' })
  const client = new BenchClient('p')
  const say = (message: RouteMessage): void => {
    const properties = { responseTopic: '$LINK/cluster/resp/cl.b/n1', correlationData: Buffer.from('1') }
    bench.gate.publish(client, publishOf('$LINK/cluster/route/cl.a', encodeRouteMessage(message), { properties }))
  }
  const route = (type: 'add' | 'delete', topicFilter: string): void =>
    say({ type: 'route', actor: 'n1', incarnation: 1, ops: [{ type, topicFilter, id: topicFilter }] })
  say({ type: 'actor_init', actor: 'n1', incarnation: 1, targetCluster: 'cl.b', protocolVersion: 1 })
  return { bench, heard, route }
}

test('a link that syncs hears of routes that appear and go, once each', () => {
  const { bench, heard, route } = start()
  bench.setLink('cl.a', { retained: 'sync' })
  route('add', 'a/#')
  route('add', 'a/#')
  route('delete', 'a/#')
  assert.deepEqual(heard, ['+a/#', '-a/#'])
})

test('a link that begins to sync hears of the routes that there are; one that does not hears of none', () => {
  const { bench, heard, route } = start()
  route('add', 'a')
  route('add', 'b')
  route('delete', 'b')
  assert.deepEqual(heard, [])
  bench.setLink('cl.a', { retained: 'sync' })
  bench.setLink('cl.a', { retained: 'sync', max_inflight: 7 })
  assert.deepEqual(heard, ['+a'])
  bench.setLink('cl.a', { retained: 'live' })
  route('add', 'c')
  assert.deepEqual(heard, ['+a'])
})

test('a new outbox hears of all routes, and a disabled link of their end', () => {
  const { bench, heard, route } = start()
  bench.setLink('cl.a', { retained: 'sync' })
  route('add', 'a')
  const second: string[] = []
  bench.sinks.set('cl.a', hearing(second, 'second'))
  bench.gate.linksChanged()
  assert.deepEqual([heard, second], [['+a'], ['+a']])
  bench.setLink('cl.a', { retained: 'sync', enable: false })
  assert.deepEqual(second, ['+a', '-a'])
})
