import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, fromCallback, SimulatedClock } from 'xstate'
import {
  handshakeMs,
  heartbeatMs,
  routeSyncFact,
  routeSyncMachine,
  type RouteSessionCommand,
  type RouteSyncEvent,
} from '../../actors/route-sync.ts'
import { connectRefused, handshakeRejected, routesRefused, subscribeRefused } from '../../src/link/link-failure.ts'

/** The machine, its clock, and everything it told its sessions. */
function start() {
  const clock = new SimulatedClock()
  const commands: string[] = []
  const logged: string[] = []
  const sessions = { opened: 0, closed: 0 }
  const machine = routeSyncMachine.provide({
    actors: {
      session: fromCallback<RouteSessionCommand, object>(({ receive }) => {
        sessions.opened += 1
        receive((command) => commands.push(command.type))
        return () => {
          sessions.closed += 1
        }
      }),
    },
    actions: {
      log: (_args, { event, failure }) => logged.push(failure === undefined ? event : `${event}: ${failure.reason}`),
    },
  })
  const actor = createActor(machine, {
    clock,
    input: { link: 'cl.b', random: () => 0.5, connectMs: 5_000, batchMs: 15_000 },
  }).start()
  const phase = () => routeSyncFact(actor.getSnapshot()).phase
  const reason = () => routeSyncFact(actor.getSnapshot()).failure?.reason
  const send = (...events: RouteSyncEvent[]) => {
    for (const event of events) actor.send(event)
  }
  return { clock, commands, logged, sessions, actor, phase, reason, send }
}

const connected = { type: 'connected' } as const
const init = (needBootstrap: boolean) => ({ type: 'actor_init_ok', needBootstrap }) as const
const begun = (ops: number) => ({ type: 'bootstrap_begun', ops }) as const
const acked = (ops: number, pending = 0) => ({ type: 'batch_acked', ops, pending }) as const
const lost = {
  type: 'disconnected',
  failure: { cause: 'socket_error', reason: 'cut', kind: 'lost', logLevel: 'warn' },
} as const

function synced() {
  const run = start()
  run.send(connected, init(true), begun(2), acked(2))
  run.clock.increment(10)
  run.send(acked(0))
  run.commands.length = 0
  return run
}

test('a first contact connects, shakes hands, bootstraps in batches and is in sync', () => {
  const { commands, logged, phase, send } = start()
  assert.equal(phase(), 'connecting')
  send(connected)
  assert.equal(phase(), 'handshaking')
  send(init(true))
  assert.equal(phase(), 'bootstrapping')
  send(begun(9_000), acked(4_000, 5_000), acked(4_000, 1_000), acked(1_000))
  assert.equal(phase(), 'syncing')
  assert.deepEqual(commands, ['handshake', 'begin_bootstrap', 'send_batch', 'send_batch', 'send_batch'])
  assert.deepEqual(logged, [
    'cluster_link_routerepl_connected',
    'cluster_link_routerepl_bootstrap_complete',
    'cluster_link_routerepl_online',
  ])
})

test('the first connection of a life bootstraps whatever the peer says', () => {
  const { phase, send } = start()
  send(connected, init(false))
  assert.equal(phase(), 'bootstrapping')
})

test('a bootstrap that was cut off is taken up again though the peer knows this life', () => {
  const { clock, phase, send } = start()
  send(connected, init(true), begun(9_000), acked(4_000, 5_000), lost)
  clock.increment(5_000)
  send(connected, init(false))
  assert.equal(phase(), 'bootstrapping')
})

test('a bootstrap of nothing sends nothing', () => {
  const { commands, phase, send } = start()
  send(connected, init(true), begun(0))
  assert.equal(phase(), 'syncing')
  assert.ok(!commands.includes('send_batch'))
})

test('a reconnect to a peer that has our routes sends only what changed', () => {
  const { clock, commands, phase, send } = synced()
  send(lost)
  assert.equal(phase(), 'disconnected')
  clock.increment(5_000)
  send(connected, init(false))
  assert.equal(phase(), 'syncing')
  clock.increment(10)
  assert.deepEqual(commands, ['handshake', 'send_batch'])
})

test('a peer that lost its memory is told everything again', () => {
  const { clock, commands, phase, send } = synced()
  send(lost)
  clock.increment(5_000)
  send(connected, init(true))
  assert.equal(phase(), 'bootstrapping')
  assert.deepEqual(commands, ['handshake', 'begin_bootstrap'])
})

test('changes are gathered for 10 ms, and those that come meanwhile follow', () => {
  const { clock, commands, send } = synced()
  send({ type: 'routes_changed' })
  clock.increment(9)
  assert.deepEqual(commands, [])
  clock.increment(1)
  assert.deepEqual(commands, ['send_batch'])
  send({ type: 'routes_changed' }, acked(1, 3))
  clock.increment(10)
  assert.deepEqual(commands, ['send_batch', 'send_batch'])
  send(acked(3))
  clock.increment(1_000)
  assert.equal(commands.length, 2)
})

test('a heartbeat goes every 10 s, during a bootstrap too, and stops with the connection', () => {
  const { clock, commands, send, phase } = start()
  send(connected, init(true), begun(5_000))
  clock.increment(heartbeatMs)
  assert.equal(phase(), 'bootstrapping')
  send(acked(4_000, 1_000), acked(1_000))
  clock.increment(heartbeatMs)
  send(acked(0))
  assert.equal(commands.filter((type) => type === 'heartbeat').length, 2)
  send(lost)
  clock.increment(60_000)
  assert.equal(commands.filter((type) => type === 'heartbeat').length, 2)
})

for (const { when, events, waitMs, phase, reason } of [
  { when: 'no CONNACK', events: [], waitMs: 5_000, phase: 'disconnected', reason: 'no CONNACK within 5000 ms' },
  {
    when: 'no answer to actor_init',
    events: [connected],
    waitMs: handshakeMs,
    phase: 'disconnected',
    reason: 'no answer to our actor_init within 5000 ms',
  },
  {
    when: 'no PUBACK to a bootstrap batch',
    events: [connected, init(true), begun(1)],
    waitMs: 15_000,
    phase: 'disconnected',
    reason: 'no acknowledgement within 15000 ms',
  },
  {
    when: 'a CONNACK that refuses',
    events: [{ type: 'disconnected', failure: connectRefused(0x86) } as const],
    waitMs: 0,
    phase: 'refused',
    reason: 'the peer refused the connection: 0x86 Bad User Name or Password',
  },
  {
    when: 'a SUBACK that refuses',
    events: [connected, { type: 'handshake_refused', failure: subscribeRefused(0x87) } as const],
    waitMs: 0,
    phase: 'refused',
    reason: 'the peer refused our subscription to its answers: 0x87 Not authorized',
  },
  ...(
    [
      ['unknown_cluster', 'the peer has no link to our cluster under this name (unknown_cluster)'],
      [
        'bad_remote_cluster_link_name',
        'the peer’s cluster has another name than this link (bad_remote_cluster_link_name)',
      ],
      ['cluster_link_disabled', 'the peer has disabled its link to us (cluster_link_disabled)'],
      ['something_newer', 'the peer rejected us: something_newer'],
    ] as const
  ).map(([word, words]) => ({
    when: `the ack ${word}`,
    events: [connected, { type: 'handshake_refused', failure: handshakeRejected(word) } as const],
    waitMs: 0,
    phase: 'refused',
    reason: words,
  })),
  {
    when: 'a refused batch of changes',
    events: [connected, init(true), begun(1), { type: 'batch_refused', failure: routesRefused(0x87) } as const],
    waitMs: 0,
    phase: 'degraded',
    reason: 'the peer refused our routes: 0x87 Not authorized',
  },
]) {
  test(`${when}: ${phase}, and says why`, () => {
    const run = start()
    run.send(...events)
    run.clock.increment(waitMs)
    assert.equal(run.phase(), phase)
    assert.equal(run.reason(), reason)
    assert.equal(run.sessions.opened - run.sessions.closed, phase === 'degraded' ? 1 : 0, 'no connection is left open')
  })
}

test('a refusal is tried again, and forgotten once the peer agrees', () => {
  const { clock, phase, reason, send, sessions } = start()
  send(connected, { type: 'handshake_refused', failure: handshakeRejected('unknown_cluster') })
  clock.increment(999)
  assert.equal(sessions.opened, 1)
  clock.increment(4_001)
  assert.equal(phase(), 'connecting')
  assert.match(reason() ?? '', /unknown_cluster/, 'until then it stays the reason')
  send(connected, init(true), begun(0))
  assert.equal(reason(), undefined)
})

test('refused routes are sent again until the peer takes them', () => {
  const { clock, commands, phase, send } = synced()
  send({ type: 'routes_changed' })
  clock.increment(10)
  send({ type: 'batch_refused', failure: routesRefused(0x87) })
  assert.equal(phase(), 'degraded')
  clock.increment(5_000)
  send(acked(1))
  assert.equal(phase(), 'syncing')
  assert.deepEqual(commands.slice(0, 2), ['send_batch', 'send_batch'])
})

test('pauses between attempts grow, jitter, and never exceed 5 s', () => {
  const { clock, send, sessions } = start()
  const pauses: number[] = []
  for (let attempt = 0; attempt < 12; attempt += 1) {
    send(lost)
    const before = sessions.opened
    const from = clock.now()
    while (sessions.opened === before) clock.increment(10)
    pauses.push(clock.now() - from)
  }
  assert.deepEqual(pauses.slice(0, 3), [500, 880, 1_440])
  assert.ok(pauses.every((pause) => pause >= 250 && pause <= 5_000))
})

for (const events of [[], [connected], [connected, init(true), begun(1)], [lost]]) {
  test(`stopped ${events.length === 0 ? 'while connecting' : `after ${events.at(-1)?.type}`} it leaves nothing behind`, () => {
    const { actor, clock, commands, send, sessions } = start()
    send(...events)
    actor.stop()
    const told = commands.length
    clock.increment(60_000)
    assert.equal(sessions.opened, sessions.closed)
    assert.equal(commands.length, told)
  })
}

test('a reconnect within a heartbeat leaves one heartbeat, not two', () => {
  const { clock, commands, send } = synced()
  clock.increment(5_000)
  send(lost)
  clock.increment(1_000)
  send(connected, init(false))
  clock.increment(10)
  send(acked(0))
  for (let seconds = 0; seconds < 30; seconds += 1) clock.increment(1_000)
  assert.equal(commands.filter((type) => type === 'heartbeat').length, 3)
})

for (const { after, failing } of [
  { after: 'many failures', failing: lost },
  {
    after: 'many refusals',
    failing: { type: 'handshake_refused', failure: handshakeRejected('cluster_link_disabled') } as const,
  },
]) {
  test(`a peer that comes to us after ${after} is not kept waiting`, () => {
    const { clock, phase, send, sessions } = start()
    const wait = () => {
      while (phase() !== 'connecting') clock.increment(100)
    }
    for (let attempt = 0; attempt < 8; attempt += 1) {
      send(connected, failing)
      wait()
    }
    send(connected, failing)
    const { opened } = sessions
    clock.increment(100)
    send({ type: 'peer_came' })
    clock.increment(400)
    // However often it comes: what has not long to wait is not made to wait anew.
    send({ type: 'peer_came' })
    clock.increment(350)
    assert.equal(sessions.opened, opened + 1)
    assert.equal(phase(), 'connecting')
  })
}

test('a peer that comes to us disturbs no session', () => {
  const { phase, send, sessions } = synced()
  send({ type: 'peer_came' })
  assert.equal(phase(), 'syncing')
  assert.deepEqual(sessions, { opened: 1, closed: 0 })
})
