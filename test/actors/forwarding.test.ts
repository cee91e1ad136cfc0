import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, fromCallback, SimulatedClock } from 'xstate'
import { forwardingFact, forwardingMachine, poolMemberMachine, type PoolMemberEvent } from '../../actors/forwarding.ts'
import { connectRefused, type LinkFailure } from '../../src/link/link-failure.ts'

const cut: LinkFailure = { cause: 'socket_error', reason: 'cut', kind: 'lost', logLevel: 'warn' }

function start(poolSize: number, random = () => 0) {
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
    input: { link: 'cl.b', poolSize, random, connectMs: 5_000 },
  }).start()
  const send = (index: number, event: PoolMemberEvent) => report.get(index)?.(event)
  const states = () => forwardingFact(actor.getSnapshot()).members.map(({ state }) => state)
  return { actor, clock, logged, opened, report, send, states, value: () => actor.getSnapshot().value }
}

test('the pool is down, partial or up, as its members are', () => {
  const { opened, send, states, value } = start(3)
  assert.deepEqual(opened, [1, 2, 3])
  assert.equal(value(), 'down')
  send(2, { type: 'connected' })
  assert.equal(value(), 'partial')
  send(1, { type: 'connected' })
  send(3, { type: 'connected' })
  assert.equal(value(), 'up')
  send(2, { type: 'disconnected', failure: cut })
  assert.equal(value(), 'partial')
  assert.deepEqual(states(), ['up', 'waiting', 'up'])
  send(1, { type: 'disconnected', failure: cut })
  send(3, { type: 'disconnected', failure: cut })
  assert.equal(value(), 'down')
})

test('a member that lost its connection comes back by itself, and forgets why once it is up', () => {
  const { actor, clock, opened, send } = start(2)
  send(1, { type: 'connected' })
  send(1, { type: 'disconnected', failure: connectRefused(0x87) })
  assert.match(forwardingFact(actor.getSnapshot()).members[0]?.failure?.reason ?? '', /0x87/)
  clock.increment(250)
  assert.deepEqual(opened, [1, 2, 1])
  send(1, { type: 'connected' })
  assert.deepEqual(forwardingFact(actor.getSnapshot()).members[0], { state: 'up', failure: undefined })
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
  send(1, { type: 'connected' })
  send(2, { type: 'disconnected', failure: cut })
  actor.stop()
  clock.increment(60_000)
  assert.equal(report.size, 0)
  assert.deepEqual(opened, [1, 2, 3])
})

test('a peer that comes to us is not kept waiting by those who failed, and those who work go on', () => {
  const { actor, clock, opened, send, states } = start(2)
  send(2, { type: 'connected' })
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
  const { actor, clock, opened, send } = start(1, () => 0.999)
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
