import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, fromCallback, SimulatedClock } from 'xstate'
import { forwardingFact, forwardingMachine, poolMemberMachine, type PoolMemberEvent } from '../../actors/forwarding.ts'
import type { LinkConfig } from '../../src/config/config.ts'
import { connectRefused, type LinkFailure } from '../../src/link/link-failure.ts'

type Settings = { readonly dialect?: LinkConfig['dialect']; readonly random?: () => number }

const cut: LinkFailure = { cause: 'socket_error', reason: 'cut', kind: 'lost', logLevel: 'warn' }

function start(poolSize: number, { dialect = 'emqx', random = () => 0 }: Settings = {}) {
  const clock = new SimulatedClock()
  const logged: string[] = []
  const report = new Map<number, (event: PoolMemberEvent) => void>()
  const opened: number[] = []
  const member = poolMemberMachine.provide({
    actors: {
      client: fromCallback<PoolMemberEvent, { readonly index: number }>(({ sendBack, input: { index } }) => {
        opened.push(index)
        report.set(index, sendBack)
        return () => void report.delete(index)
      }),
    },
    actions: { log: (_args, { event, index }) => logged.push(`${event} ${index}`) },
  })
  const actor = createActor(forwardingMachine.provide({ actors: { member } }), {
    clock,
    input: { link: 'cl.b', poolSize, dialect, random, connectMs: 5_000 },
  }).start()
  const send = (index: number, event: PoolMemberEvent) => report.get(index)?.(event)
  const states = () => forwardingFact(actor.getSnapshot()).members.map(({ state }) => state)
  return { actor, clock, logged, opened, report, send, states, value: () => actor.getSnapshot().value }
}

test('the pool is down, partial or up, as its members are', () => {
  const { opened, send, states, value } = start(3)
  assert.deepEqual(opened, [1, 2, 3])
  assert.equal(value(), 'down')
  send(2, { type: 'connected', dialect: 'emqx' })
  assert.equal(value(), 'partial')
  send(1, { type: 'connected', dialect: 'emqx' })
  send(3, { type: 'connected', dialect: 'emqx' })
  assert.equal(value(), 'up')
  send(2, { type: 'disconnected', failure: cut })
  assert.equal(value(), 'partial')
  assert.deepEqual(states(), ['up', 'waiting', 'up'])
  send(1, { type: 'disconnected', failure: cut })
  send(3, { type: 'disconnected', failure: cut })
  assert.equal(value(), 'down')
})

test('whoever may meet one of our kind goes alone at first, and the others follow once EMQX’s dialect is found', () => {
  const { opened, send, states, value } = start(3, { dialect: 'auto' })
  assert.deepEqual(opened, [1])
  assert.deepEqual(states(), ['connecting'])
  send(1, { type: 'connected', dialect: 'emqx' })
  assert.deepEqual(opened, [1, 2, 3])
  assert.deepEqual(states(), ['up', 'connecting', 'connecting'])
  assert.equal(value(), 'partial')
  send(1, { type: 'disconnected', failure: cut })
  send(2, { type: 'connected', dialect: 'emqx' })
  assert.deepEqual(opened, [1, 2, 3], 'nobody is opened twice')
})

test('one connection is the whole pool of a peer of our kind', () => {
  const { opened, clock, send, states, value } = start(8, { dialect: 'auto' })
  send(1, { type: 'connected', dialect: 'native' })
  assert.equal(value(), 'up')
  send(1, { type: 'disconnected', failure: cut })
  assert.equal(value(), 'down')
  clock.increment(250)
  send(1, { type: 'connected', dialect: 'native' })
  assert.deepEqual([opened, states()], [[1, 1], ['up']])
})

test('a peer that turns native is left with the connection that found it so, and with all again if it turns back', () => {
  const { opened, clock, report, send, states, value } = start(3, { dialect: 'auto' })
  send(1, { type: 'connected', dialect: 'emqx' })
  send(3, { type: 'disconnected', failure: cut })
  send(2, { type: 'connected', dialect: 'native' })
  assert.equal(value(), 'up')
  assert.deepEqual([...report.keys()], [2], 'the others are closed')
  clock.increment(60_000)
  assert.deepEqual(opened, [1, 2, 3], 'and stay so')
  send(2, { type: 'disconnected', failure: cut })
  clock.increment(250)
  send(2, { type: 'connected', dialect: 'emqx' })
  assert.deepEqual(opened, [1, 2, 3, 2, 1, 3])
  assert.deepEqual(states(), ['connecting', 'up', 'connecting'])
})

test('a member that lost its connection comes back by itself, and forgets why once it is up', () => {
  const { actor, clock, opened, send } = start(2)
  send(1, { type: 'connected', dialect: 'emqx' })
  send(1, { type: 'disconnected', failure: connectRefused(0x87) })
  assert.match(forwardingFact(actor.getSnapshot()).members[0]?.failure?.reason ?? '', /0x87/)
  clock.increment(250)
  assert.deepEqual(opened, [1, 2, 1])
  send(1, { type: 'connected', dialect: 'emqx' })
  const [first] = forwardingFact(actor.getSnapshot()).members
  assert.deepEqual(first, { index: 1, state: 'up', dialect: 'emqx', failure: undefined })
})

test('a connection attempt has a deadline, and its client is closed', () => {
  const { clock, logged, report, states } = start(1)
  clock.increment(5_000)
  assert.deepEqual(states(), ['waiting'])
  assert.equal(report.size, 0)
  assert.deepEqual(logged, ['cluster_link_forwarding_client_start_failed 1'])
})

test('stopped in any state it closes every client and wakes up no more', () => {
  const { actor, clock, opened, report, send } = start(3)
  send(1, { type: 'connected', dialect: 'emqx' })
  send(2, { type: 'disconnected', failure: cut })
  actor.stop()
  clock.increment(60_000)
  assert.equal(report.size, 0)
  assert.deepEqual(opened, [1, 2, 3])
})

test('a peer that comes to us is not kept waiting by those who failed, and those who work go on', () => {
  const { actor, clock, opened, send, states } = start(2)
  send(2, { type: 'connected', dialect: 'emqx' })
  // With the least of jitter each pause is the shortest.
  for (let attempt = 0; attempt < 4; attempt += 1) {
    send(1, { type: 'disconnected', failure: cut })
    clock.increment(250)
  }
  assert.deepEqual(opened, [1, 2, 1, 1, 1, 1])
  actor.send({ type: 'peer_came' })
  assert.deepEqual(states(), ['connecting', 'up'])
})

test('a peer that comes to us cuts a long pause short', () => {
  const { actor, clock, opened, send } = start(1, { random: () => 0.999 })
  for (let attempt = 0; attempt < 6; attempt += 1) {
    send(1, { type: 'disconnected', failure: cut })
    clock.increment(5_000)
  }
  send(1, { type: 'disconnected', failure: cut })
  const attempts = opened.length
  clock.increment(100)
  actor.send({ type: 'peer_came' })
  clock.increment(700)
  actor.send({ type: 'peer_came' })
  clock.increment(50)
  assert.equal(opened.length, attempts + 1)
})
