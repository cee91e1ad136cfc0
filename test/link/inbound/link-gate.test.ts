import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { encodeTerm } from '../../../src/link/emqx/etf.ts'
import { encodeLinkMessage, messageId } from '../../../src/link/emqx/link-message.ts'
import { decodeRouteMessage, encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import type { RouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { parseLinkTopic } from '../../../src/link/inbound/link-topic.ts'
import { parseErlangText } from '../emqx/erlang-text.ts'
import { BenchClient, GateBench, publishOf, sinkTo } from './gate-bench.ts'

const notAuthorized = 0x87
const noSubscribers = 0x10

for (const { what, topicFilter, code } of [
  { what: "an actor's answers", topicFilter: '$LINK/cluster/resp/cl.a/n1@host', code: 1 },
  { what: "all actors' answers", topicFilter: '$LINK/cluster/resp/cl.a/+', code: notAuthorized },
  { what: 'answers of nobody', topicFilter: '$LINK/cluster/resp/cl.a', code: notAuthorized },
  { what: 'everything', topicFilter: '$LINK/#', code: notAuthorized },
  { what: "a cluster's routes", topicFilter: '$LINK/cluster/route/cl.a', code: notAuthorized },
  { what: "a cluster's messages", topicFilter: '$LINK/cluster/msg/cl.a', code: notAuthorized },
  { what: 'what does not exist', topicFilter: '$LINK/x', code: notAuthorized },
]) {
  test(`SUBSCRIBE to ${what} gets 0x${code.toString(16)}`, () => {
    assert.equal(new GateBench('cl.b').gate.subscribe(new BenchClient('c'), topicFilter, 2), code)
  })
}

for (const topic of [
  '$LINK/cluster/resp/cl.a/n1',
  '$LINK/cluster/route',
  '$LINK/cluster/route/',
  '$LINK/cluster/msg/cl.a/more',
  '$LINK/other',
  '$LINK/cluster/x/y',
]) {
  test(`PUBLISH to ${topic} is not authorized and reaches nobody`, () => {
    const bench = linked()
    assert.equal(bench.gate.publish(new BenchClient('c'), publishOf(topic, messagePayload('t/1'))), notAuthorized)
    assert.equal(bench.delivered.length, 0)
  })
}

test('topics of the link protocol are read and nothing else', () => {
  assert.deepEqual(parseLinkTopic('$LINK/cluster/route/cl.a'), { type: 'route', sender: 'cl.a' })
  assert.deepEqual(parseLinkTopic('$LINK/cluster/resp/cl.a/a/b'), { type: 'resp', receiver: 'cl.a', actor: 'a/b' })
  assert.equal(parseLinkTopic('$LINK/cluster/msg/+').type, 'other')
  assert.equal(parseLinkTopic('LINK/cluster/msg/a').type, 'other')
})

test("a peer's routes are attached to the outbox of its link", async () => {
  const bench = linked()
  const peer = await joined(bench)
  assert.deepEqual(decodeRouteMessage(peer.sent[0]?.payload ?? Buffer.alloc(0)), {
    type: 'actor_init_ack',
    actor: 'n1',
    protocolVersion: 1,
    result: 'ok',
    needBootstrap: true,
  })
  assert.equal(say(bench, peer, routes('a/1', 'a/+')), noSubscribers)
  assert.deepEqual(bench.routes('cl.a'), ['a/+', 'a/1'])
  assert.equal(bench.gate.inboundStatus('cl.a')?.routes, 2)
  assert.equal(bench.gate.inboundStatus('cl.a')?.actors[0]?.incarnation, 1)
  assert.deepEqual(bench.gate.inboundFact('cl.a'), { state: 'live', admissions: 1 })
})

test('the ack comes after the PUBACK, and not to a connection that is gone by then', async () => {
  const bench = linked()
  const peer = new BenchClient('p')
  assert.equal(say(bench, peer, init(1)), noSubscribers)
  assert.equal(peer.sent.length, 0)
  bench.gate.closed(peer)
  await Promise.resolve()
  assert.equal(peer.sent.length, 0)
})

test('a new outbox takes over the routes of the former one', async () => {
  const bench = linked()
  const peer = await joined(bench)
  say(bench, peer, routes('a'))
  bench.sinks.set('cl.a', sinkTo('second'))
  bench.gate.linksChanged()
  assert.deepEqual([...bench.attached], ['a > second'])
  bench.sinks.delete('cl.a')
  bench.gate.linksChanged()
  assert.equal(bench.attached.size, 0)
  say(bench, peer, routes('b'))
  bench.sinks.set('cl.a', sinkTo('third'))
  bench.gate.linksChanged()
  assert.deepEqual([...bench.attached].toSorted(), ['a > third', 'b > third'])
})

test('a link that is disabled lets its peer go with a reason, and takes it back when it is enabled again', async () => {
  const bench = linked()
  const peer = await joined(bench)
  say(bench, peer, routes('a'))
  bench.setLink('cl.a', { enable: false })
  assert.deepEqual(peer.disconnected, { reasonCode: 0x98, reasonString: 'the link was disabled' })
  assert.deepEqual(bench.routes('cl.a'), [])
  bench.gate.closed(peer)

  const refused = await joined(bench, 1, 'p2')
  assert.deepEqual(ackOf(refused), { result: 'error', reason: 'cluster_link_disabled' })
  assert.equal(refused.disconnected, undefined, 'EMQX leaves it to the peer to go')
  assert.deepEqual(bench.gate.inboundFact('cl.a'), { state: 'refused', reason: 'the link to cl.a is disabled here' })
  bench.gate.closed(refused)

  // Longer than any lease: the peer is answered as long as it asks, and is let in as soon as the link is there again.
  bench.clock.pass(100_000)
  bench.setLink('cl.a', { enable: true })
  const back = await joined(bench, 1, 'p3')
  assert.deepEqual(ackOf(back), { result: 'ok', needBootstrap: true })
  say(bench, back, routes('a'))
  assert.deepEqual(bench.routes('cl.a'), ['a'])
  assert.equal(bench.gate.inboundStatus('cl.a')?.lastRefusal, undefined)
})

test('a deleted link forgets its peer, and the peer is told that there is none', async () => {
  const bench = linked()
  const peer = await joined(bench)
  say(bench, peer, routes('a'))
  bench.gate.publish(peer, publishOf('$LINK/cluster/msg/cl.a', messagePayload('t/1')))
  bench.deleteLink('cl.a')
  assert.equal(peer.disconnected?.reasonString, 'the link was deleted')
  assert.equal(bench.attached.size, 0)
  assert.equal(bench.clock.armed, 0)
  assert.equal(bench.gate.inboundStatus('cl.a'), undefined)
  assert.deepEqual(bench.gate.inboundFact('cl.a'), { state: 'absent' })
  assert.deepEqual(ackOf(await joined(bench, 1, 'p2')), { result: 'error', reason: 'unknown_cluster' })
  assert.equal(bench.gate.strangers().get('cl.a')?.words, 'there is no link to cl.a here')
  bench.setLink('cl.a')
  assert.equal(bench.gate.inboundStatus('cl.a')?.messages.received, 0)
})

test("a peer that calls us by another name is told so, and the link's status says by which", async () => {
  const bench = linked()
  const peer = new BenchClient('p')
  say(bench, peer, { type: 'actor_init', actor: 'n1', incarnation: 1, targetCluster: 'cl.wrong', protocolVersion: 1 })
  await Promise.resolve()
  assert.deepEqual(ackOf(peer), { result: 'error', reason: 'bad_remote_cluster_link_name' })
  assert.equal(
    bench.gate.inboundStatus('cl.a')?.lastRefusal?.words,
    "the peer's link calls us cl.wrong, and this is cl.b",
  )
  assert.ok(bench.logged.includes('cluster_link_actor_init_rejected'))
})

test('a second life makes before it breaks, as the broker sees it', async () => {
  const bench = linked()
  say(bench, await joined(bench), routes('kept', 'dropped'))
  const second = await joined(bench, 2, 'p2')
  assert.deepEqual(bench.routes('cl.a'), ['dropped', 'kept'])
  say(bench, second, routes('kept', 'new'))
  assert.deepEqual(bench.routes('cl.a'), ['dropped', 'kept', 'new'])
  bench.clock.pass(2_000)
  say(bench, second, { type: 'heartbeat', actor: 'n1', incarnation: 2 })
  assert.deepEqual(bench.routes('cl.a'), ['kept', 'new'])
})

test('the older connection of an actor is ended by its next word, and its end does not disturb the newer one', async () => {
  const bench = linked()
  const first = await joined(bench)
  say(bench, first, routes('a'))
  const second = await joined(bench, 2, 'p2')
  say(bench, first, { type: 'heartbeat', actor: 'n1', incarnation: 1 })
  assert.equal(first.disconnected?.reasonCode, 131)
  bench.gate.closed(first)
  bench.clock.pass(10_000)
  say(bench, second, { type: 'heartbeat', actor: 'n1', incarnation: 2 })
  assert.deepEqual(bench.routes('cl.a'), [], 'the second life wants nothing')
  assert.equal(second.disconnected, undefined)
})

test('a connection lost within the bootstrap costs no route', async () => {
  const bench = linked()
  say(bench, await joined(bench), routes('a', 'b'))
  const second = await joined(bench, 2, 'p2')
  say(bench, second, routes('a'))
  bench.gate.closed(second)
  bench.clock.pass(20_000)
  assert.deepEqual(bench.routes('cl.a'), ['a', 'b'])
  const third = await joined(bench, 2, 'p3')
  say(bench, third, routes('a', 'b'))
  bench.clock.pass(20_000)
  assert.deepEqual(bench.routes('cl.a'), ['a', 'b'])
})

test('one of two connections of the same life is enough for its bootstrap to end', async () => {
  const bench = linked()
  say(bench, await joined(bench), routes('a'))
  const left = await joined(bench, 2, 'p2')
  const stays = await joined(bench, 2, 'p3')
  bench.gate.closed(left)
  bench.clock.pass(10_000)
  say(bench, stays, { type: 'heartbeat', actor: 'n1', incarnation: 2 })
  assert.deepEqual(bench.routes('cl.a'), [])
})

test('a silent peer is late, then stale, keeps its routes, and loses them after stale_ttl', async () => {
  const bench = linked()
  const peer = await joined(bench)
  say(bench, peer, routes('a'))
  bench.gate.closed(peer)
  for (const state of ['late', 'stale'] as const) {
    bench.changed.length = 0
    bench.clock.pass(14_999)
    assert.deepEqual(bench.changed, [], `not ${state} yet`)
    bench.clock.pass(1)
    assert.deepEqual(bench.gate.inboundFact('cl.a'), { state })
    assert.deepEqual(bench.changed, ['cl.a'], 'without anybody asking')
  }
  assert.deepEqual(bench.routes('cl.a'), ['a'])
  bench.clock.pass(86_400_000)
  assert.deepEqual(bench.routes('cl.a'), [])
  assert.deepEqual(bench.gate.inboundFact('cl.a'), { state: 'absent' })
})

test('a peer that falls silent and speaks again on the same connection is live again, and that is told', async () => {
  const bench = linked()
  const peer = await joined(bench)
  for (const sign of [{ type: 'heartbeat', actor: 'n1', incarnation: 1 } as const, routes('a')]) {
    bench.clock.pass(45_000)
    assert.deepEqual(bench.gate.inboundFact('cl.a'), { state: 'stale' })
    bench.changed.length = 0
    say(bench, peer, sign)
    assert.deepEqual(bench.gate.inboundFact('cl.a'), { state: 'live', admissions: 1 })
    assert.deepEqual(bench.changed, ['cl.a'], `by ${sign.type}`)
  }
})

test('what is over by the time that a long batch of routes is attached is taken away all the same', async () => {
  const bench = linked()
  const silent = await joined(bench)
  say(bench, silent, routes('silent'))
  bench.clock.pass(10_000)
  const sibling = new BenchClient('sibling')
  say(bench, sibling, { ...init(1), actor: 'n2' })
  bench.clock.pass(29_000)
  bench.attachMs = 2_000
  say(bench, sibling, { ...routes('a'), actor: 'n2' })
  assert.deepEqual(bench.routes('cl.a'), ['a'])
})

test('when the routes of one peer go, those of another stay', async () => {
  const bench = linked()
  bench.setLink('cl.c')
  const other = new BenchClient('other')
  say(bench, other, init(1), 'cl.c')
  say(bench, other, routes('a'), 'cl.c')
  say(bench, await joined(bench), routes('a'))
  for (let beat = 0; beat < 5; beat += 1) {
    bench.clock.pass(10_000)
    say(bench, other, { type: 'heartbeat', actor: 'n1', incarnation: 1 }, 'cl.c')
  }
  assert.equal(bench.gate.inboundStatus('cl.a')?.stale, true)
  assert.equal(bench.gate.inboundStatus('cl.c')?.stale, false)
  bench.deleteLink('cl.a')
  assert.deepEqual(bench.routes('cl.c'), ['a'])
})

test('a thousand heartbeats in ten seconds set no timer', async () => {
  const bench = linked()
  const peer = await joined(bench)
  const { started } = bench.clock
  for (let beat = 0; beat < 1_000; beat += 1) {
    say(bench, peer, { type: 'heartbeat', actor: 'n1', incarnation: 1 })
    bench.clock.pass(10)
  }
  assert.equal(bench.clock.started, started)
  assert.equal(bench.clock.armed, 1)
})

test('a gate that stopped leaves no timer behind, whatever still comes', async () => {
  const bench = linked()
  const peer = await joined(bench)
  bench.gate.stop()
  assert.equal(bench.clock.armed, 0)
  say(bench, peer, routes('a'))
  bench.gate.closed(peer)
  bench.setLink('cl.c')
  say(bench, new BenchClient('late'), init(1), 'cl.c')
  assert.equal(bench.clock.armed, 0)
})

test('a connection speaks for the cluster that introduced itself on it, and for no other', async () => {
  const bench = linked()
  bench.setLink('cl.c')
  const peer = await joined(bench)
  say(bench, peer, routes('a'), 'cl.c')
  assert.equal(peer.disconnected?.reasonCode, 131)
  assert.deepEqual([...bench.attached], [])
})

test('what is still read from a connection that was ended finds no session', async () => {
  const bench = linked()
  const peer = await joined(bench)
  say(bench, peer, init(1))
  assert.equal(bench.gate.inboundStatus('cl.a')?.lastRefusal?.reason, 'actor_init_twice')
  say(bench, peer, routes('late'))
  assert.deepEqual(bench.routes('cl.a'), [])
})

test('no message comes in under $LINK, not even if the topics asked for it', () => {
  const bench = linked()
  bench.setLink('cl.a', { topics: ['$LINK/#'] })
  bench.gate.publish(new BenchClient('c'), publishOf('$LINK/cluster/msg/cl.a', messagePayload('$LINK/cluster/msg/x')))
  assert.equal(bench.gate.inboundStatus('cl.a')?.messages.not_in_topics, 1)
})

test('a broker that fails ends the connection: a session half served is worth nothing', async () => {
  const bench = linked()
  const peer = await joined(bench)
  bench.attached.add('a > cl.a')
  assert.throws(() => say(bench, peer, routes('a')), /was there already/)
  assert.equal(peer.disconnected?.reasonCode, 131)
})

test('routes that are no filters are left out, the others of their batch are taken', async () => {
  const bench = linked()
  say(bench, await joined(bench), routes('good', 'a/#/b', '', '$share/g/x', '$queue/x', '$LINK/#', '$SYS/x', 'a+'))
  assert.deepEqual(bench.routes('cl.a'), ['$SYS/x', 'good'])
  assert.ok(bench.logged.includes('cluster_link_extrouter_route_ignored'))
})

for (const { what, payload, code, place } of [
  { what: 'that somebody wants', payload: messagePayload('t/1'), code: 0, place: 'accepted' },
  { what: 'that nobody wants', payload: messagePayload('u/1'), code: noSubscribers, place: 'accepted' },
  { what: 'outside the topics', payload: messagePayload('v/1'), code: noSubscribers, place: 'not_in_topics' },
  {
    what: 'under $LINK',
    payload: messagePayload('$LINK/cluster/route/cl.a'),
    code: noSubscribers,
    place: 'not_in_topics',
  },
  { what: 'with a wildcard', payload: messagePayload('t/+'), code: 0x90, place: 'malformed' },
  { what: 'that is no term', payload: Buffer.from('junk'), code: 0x99, place: 'malformed' },
  { what: 'of another record', payload: erlang('{message,1}'), code: noSubscribers, place: 'malformed' },
  {
    what: 'that came from here',
    payload: erlang('{message,<<>>,1,<<"p">>,#{},#{},<<"t/1">>,<<>>,5,#{link_origin => <<"cl.b">>}}'),
    code: noSubscribers,
    place: 'duplicate',
  },
] as const) {
  test(`a message ${what} gets 0x${code.toString(16)} and stands under ${place}`, () => {
    const bench = linked()
    bench.setLink('cl.a', { topics: ['t/#', 'u/+'] })
    bench.subscribers.push('t/1')
    assert.equal(bench.gate.publish(new BenchClient('c'), publishOf('$LINK/cluster/msg/cl.a', payload)), code)
    const { messages } = bench.gate.inboundStatus('cl.a') ?? {}
    assert.deepEqual([messages?.received, messages?.[place]], [1, 1])
    assert.equal(bench.delivered.length, place === 'accepted' ? 1 : 0)
    if (place === 'accepted') assert.equal(bench.delivered[0]?.origin, 'cl.a')
  })
}

test('a message of a disabled link is not even decoded, and stands under link_disabled', () => {
  const bench = linked()
  bench.setLink('cl.a', { enable: false })
  const code = bench.gate.publish(new BenchClient('c'), publishOf('$LINK/cluster/msg/cl.a', Buffer.from('junk')))
  assert.equal(code, noSubscribers)
  assert.equal(bench.gate.inboundStatus('cl.a')?.messages.link_disabled, 1)
  bench.gate.resetMessages('cl.a')
  assert.equal(bench.gate.inboundStatus('cl.a')?.messages.received, 0)
})

test('refused messages are logged once a second, whoever sent them', () => {
  const bench = linked()
  const flood = (): void => {
    for (let n = 0; n < 100; n += 1) {
      bench.gate.publish(new BenchClient('c'), publishOf(`$LINK/cluster/msg/stranger${n}`, Buffer.from('junk')))
      bench.gate.publish(new BenchClient('c'), publishOf('$LINK/cluster/msg/cl.a', Buffer.from('junk')))
    }
  }
  flood()
  bench.clock.pass(1_000)
  flood()
  assert.equal(bench.logged.filter((event) => event.startsWith('unexpected_')).length, 2)
  assert.equal(bench.gate.strangers().size, 32, 'and no more strangers are remembered than that')
  assert.ok(bench.gate.strangers().has('stranger99'))
})

test('whatever is published under $LINK, the gate neither throws nor lets anything in that the topics leave out', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.string().map((topic) => messagePayload(topic)),
    fc.constantFrom(encodeRouteMessage(init(1)), encodeRouteMessage(routes('t/1', '+/#'))),
  )
  const topic = fc.oneof(
    fc.constantFrom(
      '$LINK/cluster/route/cl.a',
      '$LINK/cluster/msg/cl.a',
      '$LINK/cluster/route/x',
      '$LINK/cluster/msg/x',
    ),
    fc.string().map((rest) => `$LINK/${rest}`),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(topic, payload)), (publishes) => {
      const bench = linked()
      bench.setLink('cl.a', { topics: ['t/#'] })
      const client = new BenchClient('c')
      for (const [topic, bytes] of publishes) {
        if (client.disconnected !== undefined) return
        assert.notEqual(bench.gate.publish(client, publishOf(topic, bytes, { properties: replyProperties })), undefined)
      }
      assert.ok(bench.delivered.every(({ topic }) => topic === 't' || topic.startsWith('t/')))
    }),
  )
})

const replyProperties = { responseTopic: '$LINK/cluster/resp/cl.a/n1', correlationData: Buffer.from('req') }

function linked(): GateBench {
  const bench = new GateBench('cl.b')
  bench.setLink('cl.a')
  return bench
}

function init(incarnation: number): RouteMessage {
  return { type: 'actor_init', actor: 'n1', incarnation, targetCluster: 'cl.b', protocolVersion: 1 }
}

function routes(...topicFilters: readonly string[]): RouteMessage {
  const ops = topicFilters.map((topicFilter) => ({ type: 'add', topicFilter, id: topicFilter }) as const)
  return { type: 'route', actor: 'n1', incarnation: 1, ops }
}

function say(bench: GateBench, client: BenchClient, message: RouteMessage, sender = 'cl.a'): number {
  const publish = publishOf(`$LINK/cluster/route/${sender}`, encodeRouteMessage(message), {
    properties: replyProperties,
  })
  return bench.gate.publish(client, publish)
}

/** A client on a new connection, which introduced itself as `n1` and has its answer. */
async function joined(bench: GateBench, incarnation = 1, clientId = 'p1'): Promise<BenchClient> {
  const client = new BenchClient(clientId)
  say(bench, client, init(incarnation))
  await Promise.resolve()
  return client
}

function ackOf(client: BenchClient): object {
  const ack = decodeRouteMessage(client.sent[0]?.payload ?? Buffer.alloc(0))
  assert.ok(ack.type === 'actor_init_ack')
  return ack.result === 'ok'
    ? { result: ack.result, needBootstrap: ack.needBootstrap }
    : { result: ack.result, reason: ack.reason }
}

function messagePayload(topic: string): Buffer {
  const message = { ...publishOf(topic, Buffer.from('hi')), from: 'device' }
  return encodeLinkMessage(message, messageId(5, Buffer.from('source'), 1))
}

function erlang(text: string): Buffer {
  return encodeTerm(parseErlangText(text))
}
