/** A hand-made dialler against a real accepting EMQX 5.10.4: our gate gets the same packets and has to give the same answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConversation } from './emqx/wire-fixtures.ts'
import { GateBench } from './inbound/gate-bench.ts'
import { Replay, assertSameAnswers } from './inbound/replay.ts'
import type { Deviation } from './inbound/replay.ts'

const resp = '$LINK/cluster/resp/cl.c/n1'
const ownAckOnly =
  'EMQX publishes an ack to whoever subscribed to its topic; ours goes to the connection that asked, so that another cannot read it'

const deviations: readonly Deviation[] = [
  {
    where: 'raw_init_actor_atom 14',
    because: 'an atom is no name: EMQX takes any term for an actor, and no EMQX sends one that is not a binary',
    ours: ['SUBACK 2 1', 'DISCONNECT 131'],
  },
  {
    where: 'raw_unsafe_atom 28',
    because: 'EMQX must guard its atom table; here an atom is only a text, under a key that nobody reads',
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`],
  },
  {
    where: 'raw_two_conns 29',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`, 'PUBACK 4 16'],
  },
  {
    where: 'raw_two_conns 30',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`, 'PUBACK 5 16'],
  },
  {
    where: 'raw_two_conns_newer 31',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap false`, 'DISCONNECT 131'],
  },
  {
    where: 'raw_two_conns_newer 32',
    because: ownAckOnly,
    ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap true`],
  },
  {
    where: 'raw_fwd_bad_etf 54',
    because: "EMQX's hook crashes and the packet leaks to local subscribers of $LINK/#; we say Payload Format Invalid",
    ours: ['PUBACK 2 153'],
  },
  {
    where: 'raw_fwd_unknown_cluster 55',
    because: "EMQX's hook crashes and the packet leaks; a cluster that we have no link to is not authorized",
    ours: ['PUBACK 2 135'],
  },
  {
    where: 'raw_fwd_wild_topic 61',
    because: "EMQX's connection process crashes; one bad message is no reason to end a peer's connection",
    ours: ['PUBACK 2 144'],
  },
  {
    where: 'raw_fwd_other_link_topic 62',
    because: 'EMQX publishes what it does not know under $LINK/ as an ordinary message; the namespace is terminal',
    ours: ['PUBACK 2 135'],
  },
]

test('a hand-made dialler gets the answers that a real EMQX gave', async () => {
  const bench = new GateBench('cl.b')
  bench.setLink('cl.c', { topics: ['c/#', 'x/+'] })
  bench.setLink('cl.dis', { enable: false })
  bench.subscribers.push('c/#', 'x/+')
  const routesAfter = new Map<string, string[]>()
  let last = ''
  const answers = await new Replay(bench, 'raw', 'B').run(readConversation('hand-made-dialler'), (step) => {
    routesAfter.set(last, bench.routes('cl.c'))
    last = step
  })
  assert.equal(answers.size, 61)
  assertSameAnswers(answers, deviations)

  assert.deepEqual(routesAfter.get('raw_init_ok'), ['c/+/x', 'c/1'])
  assert.deepEqual(
    routesAfter.get('raw_init_same_inc_again'),
    ['c/+/x', 'c/1', 'c/2'],
    'the former life is not swept yet',
  )
  const odd = routesAfter.get('raw_route_ops') ?? []
  for (const topicFilter of ['c/a', 'c/b', 'outside/1']) assert.ok(odd.includes(topicFilter), topicFilter)
  for (const topicFilter of ['c/none', 'c/#/bad', '', '$share/g/c/s', 'c/int']) {
    assert.ok(!odd.includes(topicFilter), topicFilter)
  }

  const status = bench.gate.inboundStatus('cl.c')
  assert.deepEqual(status?.messages, {
    received: 26,
    accepted: 18,
    duplicate: 0,
    not_in_topics: 2,
    link_disabled: 0,
    malformed: 6,
  })
  assert.equal(bench.gate.inboundStatus('cl.dis')?.messages.link_disabled, 1)
  assert.equal(bench.delivered.length, 18)
  assert.ok(bench.delivered.every(({ origin, topic }) => origin === 'cl.c' && /^[cx]\//.test(topic)))
  assert.deepEqual([...bench.gate.strangers().keys()], ['cl.zzz'])
})
