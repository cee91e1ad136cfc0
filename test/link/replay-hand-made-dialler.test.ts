/** A hand-made dialler against a real accepting EMQX 5.10.4: our gate gets the same packets and has to give the same answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConversation } from './emqx/wire-fixtures.ts'
import { GateBench } from './inbound/gate-bench.ts'
import { deviations } from './inbound/hand-made-deviations.ts'
import { Replay, assertSameAnswers } from './inbound/replay.ts'

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
    maybe_duplicate: 0,
    not_in_topics: 2,
    link_disabled: 0,
    malformed: 6,
  })
  assert.equal(bench.gate.inboundStatus('cl.dis')?.messages.link_disabled, 1)
  assert.equal(bench.delivered.length, 18)
  assert.ok(bench.delivered.every(({ origin, topic }) => origin === 'cl.c' && /^[cx]\//.test(topic)))
  assert.deepEqual([...bench.gate.strangers().keys()], ['cl.zzz'])
})
