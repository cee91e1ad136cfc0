/** Who may speak for a peer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AcceptConfig } from '../../../src/config/config.ts'
import { encodeLinkMessage, messageId } from '../../../src/link/emqx/link-message.ts'
import { encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { judgeSpeaker, type Speaker, type SpeakerVerdict } from '../../../src/link/inbound/judge-speaker.ts'
import { BenchClient, GateBench, publishOf } from './gate-bench.ts'

const notAuthorized = 0x87
const noSubscribers = 0x10

const closed: Speaker = { clientId: 'b:1', username: 'peer', certificateCommonName: 'cn', brokerIsOpen: false }
const open: Speaker = { ...closed, brokerIsOpen: true }

for (const { when, client = closed, accept, rules = 'unsaid', is } of [
  { when: 'nothing guards the broker', client: open, is: 'accepted' },
  {
    when: 'nothing guards the broker, but accept wants somebody else',
    client: open,
    accept: { username: 'x' },
    is: 'not_accepted',
  },
  {
    when: 'a rule denies it, though nothing else guards the broker',
    client: open,
    rules: 'denied',
    is: 'denied_by_rule',
  },
  { when: 'the broker asks who clients are, and nobody says that this one may', is: 'nobody_accepts' },
  { when: 'a rule allows it', rules: 'allowed', is: 'accepted' },
  {
    when: 'a rule allows it, but accept wants somebody else',
    accept: { username: 'x' },
    rules: 'allowed',
    is: 'not_accepted',
  },
  { when: 'accept fits, but a rule denies it', accept: { username: 'peer' }, rules: 'denied', is: 'denied_by_rule' },
  { when: 'the user name fits', accept: { username: 'peer' }, is: 'accepted' },
  { when: 'the user name is only like it', accept: { username: 'Peer' }, is: 'not_accepted' },
  {
    when: 'there is no user name',
    client: { ...closed, username: undefined },
    accept: { username: 'undefined' },
    is: 'not_accepted',
  },
  { when: 'the ClientID begins so', accept: { clientid_prefix: 'b:' }, is: 'accepted' },
  {
    when: 'the ClientID holds it elsewhere',
    client: { ...closed, clientId: 'xb:' },
    accept: { clientid_prefix: 'b:' },
    is: 'not_accepted',
  },
  { when: 'the certificate fits', accept: { cert_common_name: 'cn' }, is: 'accepted' },
  {
    when: 'there is no certificate',
    client: { ...closed, certificateCommonName: undefined },
    accept: { cert_common_name: 'cn' },
    is: 'not_accepted',
  },
  {
    when: 'all three fit',
    accept: { username: 'peer', clientid_prefix: 'b:', cert_common_name: 'cn' },
    is: 'accepted',
  },
  {
    when: 'two of three fit',
    accept: { username: 'peer', clientid_prefix: 'x:', cert_common_name: 'cn' },
    is: 'not_accepted',
  },
] satisfies {
  when: string
  client?: Speaker
  accept?: AcceptConfig
  rules?: Parameters<typeof judgeSpeaker>[3]
  is: string
}[]) {
  test(`speaking as a peer, when ${when}: ${is}`, () =>
    assert.equal(wordOf(judgeSpeaker(client, 'cl.a', accept, rules)), is))
}

const wordOf = (verdict: SpeakerVerdict): string => (verdict.type === 'accepted' ? verdict.type : verdict.reason)

test('property: with accept, an identity that lacks one thing it asks for never speaks, whatever else is the case', () => {
  const text = fc.constantFrom('a', 'b', 'ab')
  const maybe = fc.option(text, { nil: undefined })
  fc.assert(
    fc.property(
      fc.record({ clientId: text, username: maybe, certificateCommonName: maybe, brokerIsOpen: fc.boolean() }),
      fc.record({ username: maybe, clientid_prefix: maybe, cert_common_name: maybe }),
      fc.constantFrom('allowed', 'denied', 'unsaid'),
      (client, accept, rules) => {
        const { username, clientid_prefix: prefix, cert_common_name: name } = accept
        const lacks =
          (username !== undefined && username !== client.username) ||
          (prefix !== undefined && !client.clientId.startsWith(prefix)) ||
          (name !== undefined && name !== client.certificateCommonName)
        const verdict = judgeSpeaker(client, 'cl.a', accept, rules)
        assert.equal(verdict.type === 'accepted', !lacks && rules !== 'denied')
      },
    ),
  )
})

test('words of a refusal say who came, as whom, and what was wanted', () => {
  const verdict = judgeSpeaker(closed, 'cl.a', { username: 'other', clientid_prefix: 'b:' }, 'unsaid')
  assert.ok(verdict.type === 'refused')
  assert.equal(
    verdict.words,
    'client "b:1" (user name "peer", certificate "cn") may not speak as cl.a: accept wants username "other" and clientid_prefix "b:"',
  )
  const long = judgeSpeaker({ ...closed, clientId: 'x'.repeat(60_000) }, 'cl.a', undefined, 'unsaid')
  assert.ok(long.type === 'refused' && long.words.length < 300)
})

/** Two links, each with its own user. */
function guarded(): GateBench {
  const bench = new GateBench('cl.local')
  bench.setLink('cl.b', { accept: { username: 'b' } })
  bench.setLink('cl.c', { accept: { username: 'c' } })
  bench.changed.length = 0
  return bench
}

function peer(username: string): BenchClient {
  const client = new BenchClient(`link-${username}`, 5, { username })
  client.brokerIsOpen = false
  return client
}

function init(bench: GateBench, client: BenchClient, sender: string): number {
  const payload = encodeRouteMessage({
    type: 'actor_init',
    actor: 'n1',
    incarnation: 1,
    targetCluster: 'cl.local',
    protocolVersion: 1,
  })
  const properties = { responseTopic: `$LINK/cluster/resp/${sender}/n1`, correlationData: Buffer.from('1') }
  return bench.gate.publish(client, publishOf(`$LINK/cluster/route/${sender}`, payload, { properties }))
}

function message(bench: GateBench, client: BenchClient, sender: string): number {
  const inner = { ...publishOf('t/1', Buffer.from('hi')), from: 'device' }
  const payload = encodeLinkMessage(inner, messageId(5, Buffer.from('source'), 1))
  return bench.gate.publish(client, publishOf(`$LINK/cluster/msg/${sender}`, payload))
}

test('who may speak as one peer may not speak as another: no answers, no routes, no messages', () => {
  const bench = guarded()
  const b = peer('b')
  assert.equal(bench.gate.subscribe(b, '$LINK/cluster/resp/cl.b/n1', 1), 1)
  assert.equal(bench.gate.subscribe(b, '$LINK/cluster/resp/cl.c/n1', 1), notAuthorized)
  assert.equal(message(bench, b, 'cl.b'), noSubscribers)
  assert.equal(message(bench, b, 'cl.c'), notAuthorized)
  assert.equal(bench.delivered.length, 1)
  assert.equal(bench.delivered[0]?.origin, 'cl.b')
  assert.equal(init(bench, b, 'cl.c'), notAuthorized)
  assert.deepEqual(bench.gate.inboundStatus('cl.c')?.actors, [])
  assert.equal(bench.gate.inboundStatus('cl.c')?.messages.received, 0, 'a stranger is no part of the account')
  assert.equal(init(bench, b, 'cl.b'), noSubscribers)
  assert.equal(bench.gate.inboundStatus('cl.b')?.actors.length, 1)
})

test('a peer whose connection turns to speak as another loses it', async () => {
  const bench = guarded()
  const b = peer('b')
  init(bench, b, 'cl.b')
  await Promise.resolve()
  assert.equal(init(bench, b, 'cl.c'), notAuthorized)
  assert.equal(b.disconnected?.reasonCode, notAuthorized)
  assert.deepEqual(bench.gate.inboundFact('cl.b'), { state: 'live', admissions: 1 })
})

test('a refusal is in the status of the link that was meant, and told once a connection', () => {
  const bench = guarded()
  const b = peer('b')
  for (let i = 0; i < 100; i += 1) message(bench, b, 'cl.c')
  const fact = bench.gate.inboundFact('cl.c')
  assert.ok(fact.state === 'refused')
  assert.match(fact.reason, /"link-b" \(user name "b"\) may not speak as cl\.c: accept wants username "c"/)
  assert.equal(bench.gate.inboundStatus('cl.c')?.lastRefusal?.reason, 'not_accepted')
  assert.deepEqual(bench.changed, ['cl.c'])
  assert.deepEqual(bench.logged, ['cluster_link_speaker_refused'])
  assert.deepEqual(bench.gate.inboundFact('cl.b'), { state: 'absent' })
})

test('a connection that speaks as ever new clusters is told of once a second', () => {
  const bench = guarded()
  const stranger = peer('x')
  for (let i = 0; i < 1000; i += 1) message(bench, stranger, `cl.${i}`)
  assert.equal(bench.logged.length, 1)
  bench.clock.pass(1000)
  message(bench, stranger, 'cl.again')
  assert.equal(bench.logged.length, 2)
})

test('a peer that fits no more after an edit loses its connection at once', async () => {
  const bench = guarded()
  const b = peer('b')
  init(bench, b, 'cl.b')
  await Promise.resolve()
  bench.setLink('cl.b', { accept: { username: 'another' } })
  assert.equal(b.disconnected?.reasonCode, notAuthorized)
  const fact = bench.gate.inboundFact('cl.b')
  assert.ok(fact.state === 'refused')
  assert.match(fact.reason, /accept wants username "another"/)
  bench.setLink('cl.b', { accept: { username: 'b' } })
  init(bench, peer('b'), 'cl.b')
  assert.equal(bench.gate.inboundFact('cl.b').state, 'live')
})

test('a peer that rules no longer let speak has its connection ended at its next word', async () => {
  const bench = new GateBench('cl.local')
  bench.setLink('cl.b')
  const b = peer('b')
  b.rules = 'allowed'
  init(bench, b, 'cl.b')
  await Promise.resolve()
  b.rules = 'denied'
  const heartbeat = encodeRouteMessage({ type: 'heartbeat', actor: 'n1', incarnation: 1 })
  assert.equal(bench.gate.publish(b, publishOf('$LINK/cluster/route/cl.b', heartbeat)), notAuthorized)
  assert.equal(b.disconnected?.reasonCode, notAuthorized)
})

test('a broker that asks who clients are lets nobody speak for a link without accept', () => {
  const bench = new GateBench('cl.local')
  bench.setLink('cl.b')
  const b = peer('b')
  assert.equal(bench.gate.subscribe(b, '$LINK/cluster/resp/cl.b/n1', 1), notAuthorized)
  assert.equal(init(bench, b, 'cl.b'), notAuthorized)
  assert.equal(message(bench, b, 'cl.b'), notAuthorized)
  assert.equal(message(bench, b, 'cl.unknown'), notAuthorized)
  assert.equal(bench.delivered.length, 0)
  b.rules = 'allowed'
  assert.equal(message(bench, b, 'cl.b'), noSubscribers)
})
