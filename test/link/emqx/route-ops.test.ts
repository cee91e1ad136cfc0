import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { encodeTerm } from '../../../src/link/emqx/etf.ts'
import { decodeRouteMessage, encodeRouteMessage, routeMessageTerm } from '../../../src/link/emqx/route-ops.ts'
import type { RouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { Atom, TermMap, termsEqual } from '../../../src/link/emqx/term.ts'
import { parseErlangText } from './erlang-text.ts'
import { readConversation, readGoldenTerms } from './wire-fixtures.ts'

const incarnation = 1795289014222
const goldenMessages: Readonly<Record<string, RouteMessage>> = {
  actor_init: { type: 'actor_init', actor: 'a1@127.0.0.1', incarnation, targetCluster: 'cl.b', protocolVersion: 1 },
  ack_ok: { type: 'actor_init_ack', actor: 'a1@127.0.0.1', protocolVersion: 1, result: 'ok', needBootstrap: true },
  ack_err: {
    type: 'actor_init_ack',
    actor: 'a1@127.0.0.1',
    protocolVersion: 1,
    result: 'error',
    reason: 'unknown_cluster',
  },
  heartbeat: { type: 'heartbeat', actor: 'a1@127.0.0.1', incarnation },
  route: {
    type: 'route',
    actor: 'a1@127.0.0.1',
    incarnation,
    ops: [
      { type: 'add', topicFilter: 't/1', id: 't/1' },
      { type: 'delete', topicFilter: 't/2', id: '$s/g/t/2' },
    ],
  },
}

for (const [name, message] of Object.entries(goldenMessages)) {
  const golden = readGoldenTerms().find((term) => term.name === name)
  test(`${name} is encoded byte for byte as EMQX does`, () => {
    assert.equal(encodeRouteMessage(message).toString('hex'), golden?.default)
  })
  test(`${name} is decoded from plain and compressed`, () => {
    const expected = message.type === 'route' ? { ...message, skipped: 0 } : message
    for (const hex of [golden?.default, golden?.compressed, golden?.minor0]) {
      assert.deepEqual(decodeRouteMessage(Buffer.from(hex ?? '', 'hex')), expected)
    }
  })
}

for (const name of ['actor_init', 'ack_ok', 'ack_err']) {
  const message = goldenMessages[name]
  assert.ok(message?.type === 'actor_init' || message?.type === 'actor_init_ack')
  test(`${name} with a greeting has one entry more than EMQX's own, under a binary, and arrives`, () => {
    const greeted = { ...message, greeting: '{"versions":[1,1]}' }
    const { entries } = routeMessageTerm(greeted)
    const theirs = routeMessageTerm(message)
    const more = entries.filter(([key]) => theirs.get(key) === undefined)
    assert.deepEqual(more, [[Buffer.from('isthmus'), Buffer.from('{"versions":[1,1]}')]])
    assert.ok(termsEqual(new TermMap(entries.filter((entry) => !more.includes(entry))), theirs))
    assert.deepEqual(decodeRouteMessage(encodeRouteMessage(greeted)), greeted)
  })
}

test('what is no text under the key of the greeting is as if it were not there', () => {
  const init = goldenMessages['actor_init']
  assert.ok(init?.type === 'actor_init')
  for (const value of [7, new Atom('isthmus'), Buffer.from([0xff, 0xfe]), []]) {
    const term = new TermMap([...routeMessageTerm(init).entries, [Buffer.from('isthmus'), value]])
    assert.deepEqual(decodeRouteMessage(encodeTerm(term)), init)
  }
})

test('every recorded route frame of a real node is decoded and encoded again to an equal term', () => {
  const frames = readConversation('two-nodes').filter(({ topic }) =>
    /^\$LINK\/cluster\/(route|resp)\//.test(topic ?? ''),
  )
  assert.ok(frames.length > 60)
  for (const { step, payload_hex = '', decoded = '' } of frames) {
    const message = decodeRouteMessage(Buffer.from(payload_hex, 'hex'))
    assert.ok(message.type !== 'malformed' && message.type !== 'unknown', step)
    assert.ok(termsEqual(routeMessageTerm(message), parseErlangText(decoded)), step)
    if (message.type === 'route') assert.equal(message.skipped, 0)
  }
})

for (const { what, text, expected } of [
  {
    what: 'an unknown operation',
    text: `#{10 => <<"n1">>,'$op' => <<"whatever">>}`,
    expected: { type: 'unknown', op: 'whatever' },
  },
  { what: 'an operation that is no binary', text: `#{'$op' => route}`, expected: { type: 'unknown', op: '' } },
  { what: 'a map without operation', text: '#{10 => <<"n1">>}', expected: { type: 'unknown', op: '' } },
  {
    what: 'an init that lacks its version',
    text: `#{10 => <<"n1">>,11 => 3,13 => <<"cl.b">>,'$op' => <<"actor_init">>}`,
    expected: { type: 'unknown', op: 'actor_init' },
  },
  { what: 'no map', text: '{a,b}', expected: { type: 'malformed', reason: 'not a map' } },
  {
    what: 'an actor that is an atom',
    text: `#{10 => ok,11 => 3,'$op' => <<"heartbeat">>}`,
    expected: { type: 'malformed', reason: 'an actor whose name is no text' },
  },
  {
    what: 'an incarnation that is a float',
    text: `#{10 => <<"n1">>,11 => 3.0,'$op' => <<"heartbeat">>}`,
    expected: { type: 'malformed', reason: 'an incarnation that is no integer' },
  },
  {
    what: 'an init for a cluster given as atom',
    text: `#{10 => <<"n1">>,11 => 3,13 => 'cl.b',14 => 2,99 => ok,<<"x">> => [1],'$op' => <<"actor_init">>}`,
    expected: { type: 'actor_init', actor: 'n1', incarnation: 3, targetCluster: undefined, protocolVersion: 2 },
  },
  {
    what: 'a route of four elements',
    text: `#{10 => <<"n1">>,11 => 3,12 => [{<<"a">>,<<"a">>},{1,2,3,4}],'$op' => <<"route">>}`,
    expected: { type: 'malformed', reason: 'a route that is neither a pair nor a deletion' },
  },
  {
    what: 'a deletion with another mark',
    text: `#{10 => <<"n1">>,11 => 3,12 => [{101,<<"a">>,<<"a">>}],'$op' => <<"route">>}`,
    expected: { type: 'malformed', reason: 'a route that is neither a pair nor a deletion' },
  },
  {
    what: 'routes that are no list',
    text: `#{10 => <<"n1">>,11 => 3,12 => <<"a">>,'$op' => <<"route">>}`,
    expected: { type: 'malformed', reason: 'routes that are no list' },
  },
  {
    what: 'routes with an id of another type, which are skipped',
    text: `#{10 => <<"n1">>,11 => 3,12 => [{<<"a">>,17},{<<255>>,<<"b">>},{<<"c">>,<<"d">>}],'$op' => <<"route">>}`,
    expected: {
      type: 'route',
      actor: 'n1',
      incarnation: 3,
      ops: [{ type: 'add', topicFilter: 'c', id: 'd' }],
      skipped: 2,
    },
  },
  {
    what: 'an ack without key 16',
    text: `#{10 => <<"n1">>,14 => 1,15 => ok,'$op' => <<"actor_init_ack">>}`,
    expected: { type: 'actor_init_ack', actor: 'n1', protocolVersion: 1, result: 'ok', needBootstrap: true },
  },
  {
    what: 'an ack whose error is an atom',
    text: `#{10 => <<"n1">>,14 => 1,15 => {error,some_reason},16 => undefined,'$op' => <<"actor_init_ack">>}`,
    expected: { type: 'actor_init_ack', actor: 'n1', protocolVersion: 1, result: 'error', reason: 'some_reason' },
  },
  {
    what: 'an ack that says nothing',
    text: `#{10 => <<"n1">>,14 => 1,16 => true,'$op' => <<"actor_init_ack">>}`,
    expected: { type: 'malformed', reason: 'an ack that says neither ok nor error' },
  },
] satisfies readonly { what: string; text: string; expected: ReturnType<typeof decodeRouteMessage> }[]) {
  test(`decoding ${what}`, () => assert.deepEqual(decodeRouteMessage(encodeTerm(parseErlangText(text))), expected))
}

test('what is no term is malformed', () => {
  assert.equal(decodeRouteMessage(Buffer.from('not etf')).type, 'malformed')
})

test('a full batch fits the default limits and gets smaller when compressed', () => {
  const ops = Array.from(
    { length: 4000 },
    (_, n) => ({ type: 'add', topicFilter: `site/${n}/+`, id: `site/${n}/+` }) as const,
  )
  const batch: RouteMessage = { type: 'route', actor: 'n1', incarnation, ops }
  const compressed = encodeRouteMessage(batch, { compressFromBytes: 0 })
  assert.ok(compressed.length * 4 < encodeRouteMessage(batch).length)
  assert.deepEqual(decodeRouteMessage(compressed), { ...batch, skipped: 0 })
})

const text = fc.string({ minLength: 1, maxLength: 20 })
const header = { actor: text, incarnation: fc.nat(2 ** 45) }
const messageArbitrary: fc.Arbitrary<RouteMessage> = fc.oneof(
  fc.record({
    type: fc.constant('actor_init'),
    ...header,
    targetCluster: text,
    protocolVersion: fc.nat(300),
    greeting: text,
  }),
  fc.record({ type: fc.constant('heartbeat'), ...header }),
  fc.record({
    type: fc.constant('actor_init_ack'),
    actor: text,
    protocolVersion: fc.nat(300),
    result: fc.constant('ok'),
    needBootstrap: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('actor_init_ack'),
    actor: text,
    protocolVersion: fc.nat(300),
    result: fc.constant('error'),
    reason: text,
  }),
  fc.record({
    type: fc.constant('route'),
    ...header,
    ops: fc.array(fc.record({ type: fc.constantFrom('add', 'delete'), topicFilter: text, id: text })),
  }),
)

test('random messages survive', () => {
  fc.assert(
    fc.property(messageArbitrary, (message) => {
      const ops = message.type === 'route' ? { ops: message.ops.map((op) => ({ ...op })), skipped: 0 } : {}
      const expected = { ...message, ...ops }
      assert.deepEqual(decodeRouteMessage(encodeRouteMessage(message)), expected)
    }),
  )
})
