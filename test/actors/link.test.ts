import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, fromCallback, SimulatedClock } from 'xstate'
import { forwardingMachine, poolMemberMachine, type PoolMemberEvent } from '../../actors/forwarding.ts'
import { linkMachine } from '../../actors/link.ts'
import { endingChildren } from '../../src/link/end-children.ts'
import { handshakeRejected } from '../../src/link/link-failure.ts'
import { routeSyncMachine, type RouteSessionCommand, type RouteSyncEvent } from '../../actors/route-sync.ts'

function start(onAnnounce: () => void = () => {}) {
  const clock = new SimulatedClock()
  const seen = { sessions: 0, members: 0, open: 0, released: [] as string[], statuses: [] as string[] }
  const crash = { session: false }
  let report: ((event: RouteSyncEvent) => void) | undefined
  const reportRoutes = (event: RouteSyncEvent) => report?.(event)
  const routeSync = routeSyncMachine.provide({
    actors: {
      session: fromCallback<RouteSessionCommand, object>(({ sendBack }) => {
        seen.sessions += 1
        if (crash.session) throw new Error('no file handles')
        report = sendBack
        seen.open += 1
        return () => (seen.open -= 1)
      }),
    },
  })
  const member = poolMemberMachine.provide({
    actors: {
      client: fromCallback<PoolMemberEvent, { readonly index: number }>(({ sendBack }) => {
        seen.members += 1
        sendBack({ type: 'connected', dialect: 'emqx' })
        seen.open += 1
        return () => (seen.open -= 1)
      }),
    },
  })
  const machine = linkMachine.provide({
    actors: { routeSync, forwarding: forwardingMachine.provide({ actors: { member } }) },
    actions: {
      release: (_args, plane) => seen.released.push(plane),
      announce: (_args, { state, reasons }) => {
        const words = [state, ...reasons].join(': ')
        if (seen.statuses.at(-1) !== words) seen.statuses.push(words)
        onAnnounce()
      },
    },
  })
  const actor = createActor(endingChildren(machine), {
    clock,
    input: {
      link: 'cl.b',
      settings: { poolSize: 2, dialect: 'auto', connectMs: 5_000, ackMs: 15_000 },
      inbound: { state: 'absent' },
      outbox: { aboveHighWaterMark: false },
      random: () => 0,
      nowMs: () => clock.now(),
    },
  })
  let error: unknown
  actor.subscribe({ error: (thrown) => (error = thrown) })
  actor.start()
  const sync = () => {
    reportRoutes({ type: 'connected' })
    reportRoutes({ type: 'actor_init_ok', needBootstrap: true })
    reportRoutes({ type: 'bootstrap_begun', ops: 0 })
  }
  return { actor, clock, crash, error: () => error, reportRoutes, seen, sync }
}

test('a link goes from connecting over bootstrapping to running', () => {
  const { reportRoutes, seen } = start()
  reportRoutes({ type: 'connected' })
  reportRoutes({ type: 'actor_init_ok', needBootstrap: true })
  reportRoutes({ type: 'bootstrap_begun', ops: 1 })
  reportRoutes({ type: 'batch_acked', ops: 1, pending: 0 })
  assert.deepEqual(seen.statuses, ['connecting', 'bootstrapping', 'running'])
})

test('a plane that crashes starts again while the other goes on', () => {
  const { actor, clock, crash, seen, sync } = start()
  sync()
  crash.session = true
  actor.send({ type: 'restart_routes' })
  assert.match(seen.statuses.at(-1) ?? '', /^degraded: .*crashed: no file handles/)
  crash.session = false
  clock.increment(100)
  sync()
  assert.equal(seen.statuses.at(-1), 'running')
  assert.equal(seen.members, 2, 'nobody touched the pool')
  assert.deepEqual(new Set(seen.released), new Set(['routeSync']))
})

test('a plane that crashes again and again takes the link with it', () => {
  const { actor, clock, crash, error, seen } = start()
  crash.session = true
  actor.send({ type: 'restart_routes' })
  for (let pause = 0; pause < 5; pause += 1) clock.increment(1_000)
  assert.match(String(error()), /no file handles/)
  assert.equal(seen.open, 0, 'the other plane does not outlive it')
})

for (const { event, sessions, members, released } of [
  { event: 'restart_routes', sessions: 2, members: 2, released: ['routeSync'] },
  { event: 'rebuild_pool', sessions: 1, members: 4, released: ['forwarding'] },
] as const) {
  test(`${event} restarts one plane and not the other`, () => {
    const { actor, seen, sync } = start()
    sync()
    actor.send({ type: event })
    assert.deepEqual([seen.sessions, seen.members, seen.released], [sessions, members, released])
  })
}

test('a rebuilt pool has the new size', () => {
  const { actor, seen } = start()
  actor.send({ type: 'settings_changed', settings: { poolSize: 5, dialect: 'auto', connectMs: 5_000, ackMs: 15_000 } })
  actor.send({ type: 'rebuild_pool' })
  assert.equal(seen.members, 2 + 5)
})

test('a peer that is let in is news for both planes, each time', () => {
  const { actor, clock, reportRoutes, seen } = start()
  const refused = { type: 'handshake_refused', failure: handshakeRejected('cluster_link_disabled') } as const
  for (const admissions of [1, 2]) {
    reportRoutes(refused)
    actor.send({ type: 'inbound_changed', inbound: { state: 'live', admissions } })
    const { sessions } = seen
    clock.increment(750)
    assert.equal(seen.sessions, sessions + 1)
  }
  reportRoutes(refused)
  actor.send({ type: 'inbound_changed', inbound: { state: 'live', admissions: 2 } })
  const { sessions } = seen
  clock.increment(750)
  assert.equal(seen.sessions, sessions, 'that it is still there is no news')
})

test('what the peer does and how full the outbox is change the status', () => {
  const { actor, seen, sync } = start()
  sync()
  actor.send({ type: 'inbound_changed', inbound: { state: 'stale' } })
  actor.send({ type: 'inbound_changed', inbound: { state: 'live', admissions: 1 } })
  actor.send({ type: 'outbox_changed', outbox: { aboveHighWaterMark: true } })
  assert.deepEqual(seen.statuses.slice(-3), [
    'degraded: the peer has fallen silent: what it wanted last is kept for it',
    'running',
    'degraded: the outbox is nearly full',
  ])
})

test('a link that crashes by itself leaves nothing behind', () => {
  let broken = false
  const { actor, clock, error, seen, sync } = start(() => {
    if (broken) throw new Error('somebody’s hook')
  })
  sync()
  assert.equal(seen.open, 3)
  broken = true
  actor.send({ type: 'inbound_changed', inbound: { state: 'stale' } })
  assert.match(String(error()), /hook/)
  assert.equal(seen.open, 0)
  const opened = seen.members + seen.sessions
  clock.increment(60_000)
  assert.equal(seen.members + seen.sessions, opened)
})
