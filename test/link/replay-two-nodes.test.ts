/** Two real EMQX 5.10.4 nodes through the life of their link: our gate stands in for each of them in turn, as the accepting side. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConversation } from './emqx/wire-fixtures.ts'
import { GateBench } from './inbound/gate-bench.ts'
import { Replay, assertSameAnswers } from './inbound/replay.ts'
import type { Deviation } from './inbound/replay.ts'

const byHand = 'somebody cut or kicked the connection while it was recorded: that is no answer'
const goodbye =
  'EMQX lets a peer of a link that is gone talk to nobody; we disconnect it, so that it learns why and comes back with its routes'
const bootstrapAgain =
  'EMQX kept the routes while the link was off, and matched none of them; ours went, so the peer says them again'
const resp = '$LINK/cluster/resp/cl.a/a1@127.0.0.1'

test('as A, our gate answers B as the real A did', async () => {
  const bench = new GateBench('cl.a')
  bench.setLink('cl.b')
  bench.subscribers.push('#')
  const answers = await new Replay(bench, 'B', 'A').run(readConversation('two-nodes'), (step) => {
    if (step === 'wrong_name') {
      assert.deepEqual(bench.routes('cl.b'), ['+/b', 'b/#', 'b/1'])
      bench.deleteLink('cl.b')
    }
    if (step === 'wrong_name_undo') bench.setLink('cl.b')
  })
  assert.equal(answers.size, 22)
  assertSameAnswers(answers, [
    {
      where: 'fwd_internal 6',
      because:
        "the publisher's name is an atom that only B knows, so that A's hook crashed; here an atom is only a text",
      ours: ['PUBACK 15 0'],
    },
    { where: 'fwd_buffered 1', because: byHand, ours: [] },
    { where: 'wrong_name 29', because: goodbye, ours: ['DISCONNECT 152'] },
  ] satisfies readonly Deviation[])
  const forwarded = readConversation('two-nodes').filter(({ topic }) => topic === '$LINK/cluster/msg/cl.b')
  assert.equal(bench.delivered.length, forwarded.length)
  assert.deepEqual(bench.routes('cl.b'), [], 'B was not recorded coming back')
})

test('as B, our gate answers A as the real B did', async () => {
  const bench = new GateBench('cl.b')
  bench.setLink('cl.a')
  bench.subscribers.push('#')
  const acts: Readonly<Record<string, () => void>> = {
    link_disable_on_B: () => bench.setLink('cl.a', { enable: false }),
    link_reenable_on_B: () => bench.setLink('cl.a', { enable: true }),
    link_deleted_on_B: () => bench.deleteLink('cl.a'),
    link_recreated_on_B: () => bench.setLink('cl.a'),
  }
  const routesBefore = new Map<string, string[]>()
  const answers = await new Replay(bench, 'A', 'B').run(readConversation('two-nodes'), (step) => {
    routesBefore.set(step, bench.routes('cl.a'))
    acts[step]?.()
  })
  assert.equal(answers.size, 38)
  assertSameAnswers(answers, [
    { where: 'kick_route_client 2', because: byHand, ours: [] },
    { where: 'tcp_cut 3', because: byHand, ours: [] },
    { where: 'gc_outage 9', because: byHand, ours: [] },
    { where: 'gc_outage 10', because: byHand, ours: [] },
    { where: 'link_disable_on_B 14', because: goodbye, ours: ['DISCONNECT 152'] },
    { where: 'cut_while_disabled 15', because: byHand, ours: [] },
    { where: 'cut_while_disabled 16', because: byHand, ours: [] },
    {
      where: 'link_reenable_on_B 24',
      because: bootstrapAgain,
      ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap true`],
    },
    { where: 'link_deleted_on_B 24', because: goodbye, ours: ['DISCONNECT 152'] },
    { where: 'link_deleted_on_B 18', because: byHand, ours: [] },
    {
      where: 'fwd_while_deleted_on_B 26',
      because:
        "B's hook crashed and the packet went on as an ordinary publish; we refuse a cluster that we have no link to",
      ours: ['PUBACK 2 135'],
    },
    {
      where: 'link_recreated_on_B 31',
      because: bootstrapAgain,
      ours: ['SUBACK 2 1', 'PUBACK 3 16', `PUBLISH ${resp} need_bootstrap true`],
    },
  ] satisfies readonly Deviation[])

  // Where the real B held no routes after 30 s of silence, ours still gathers messages for A.
  const beforeOutage = routesBefore.get('gc_outage') ?? []
  assert.ok(beforeOutage.includes('t/while/down') && beforeOutage.includes('t/#'))
  assert.deepEqual(routesBefore.get('link_disable_on_B'), beforeOutage)
  assert.deepEqual(routesBefore.get('fwd_while_disabled_on_B'), [])
  // A new list of topics; the recording ends before the sign of life that tells that this was all.
  const atEnd = bench.routes('cl.a')
  for (const topicFilter of ['r/#', 'r/+', 'r/+/3', 'r/2', 't/#']) assert.ok(atEnd.includes(topicFilter), topicFilter)
})
