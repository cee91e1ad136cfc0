import assert from 'node:assert/strict'
import test from 'node:test'
import type { MemberFact } from '../../actors/forwarding.ts'
import type { RouteSyncPhase } from '../../actors/route-sync.ts'
import { connectTimedOut, handshakeRejected, routesRefused, type LinkFailure } from '../../src/link/link-failure.ts'
import { sameStatus, statusOf, type LinkFacts, type LinkState } from '../../src/link/status.ts'

const up: MemberFact = { index: 1, state: 'up', dialect: 'emqx', failure: undefined }
const starting: MemberFact = { ...up, state: 'connecting', dialect: undefined }
const broken: MemberFact = { ...starting, state: 'waiting', failure: connectTimedOut(5_000) }

function facts(
  phase: RouteSyncPhase,
  failure: LinkFailure | undefined,
  members: MemberFact[],
  other: Partial<LinkFacts> = {},
) {
  const quiet = { inbound: { state: 'live', admissions: 1 }, outbox: { aboveHighWaterMark: false } } as const
  return { ...quiet, routeSync: { phase, failure }, forwarding: { members }, ...other } satisfies LinkFacts
}

const unknown = handshakeRejected('unknown_cluster')
const lost = connectTimedOut(5_000)

function standingBy(holder: string | undefined, failure: LinkFailure | undefined, members: MemberFact[]) {
  const routeSync = { phase: 'standby', failure, speaking: { state: 'follower', holder } } as const
  return facts('standby', failure, members, { routeSync })
}

const rows: { when: string; is: LinkState; because: RegExp[]; given: LinkFacts }[] = [
  {
    when: 'everything is just starting',
    is: 'connecting',
    because: [],
    given: facts('connecting', undefined, [starting]),
  },
  {
    when: 'the peer has taken its leave, and we can’t reach it',
    is: 'connecting',
    because: [/disabled its link to us/, /no link to our cluster/],
    given: facts('refused', unknown, [up], { inbound: { state: 'left', reason: 'disabled' } }),
  },
  {
    when: 'routes are in sync and the pool starts',
    is: 'connecting',
    because: [],
    given: facts('syncing', undefined, [starting, starting]),
  },
  {
    when: 'the pool is up and routes shake hands',
    is: 'connecting',
    because: [],
    given: facts('handshaking', undefined, [up]),
  },
  {
    when: 'routes are bootstrapping',
    is: 'bootstrapping',
    because: [],
    given: facts('bootstrapping', undefined, [up, starting]),
  },
  { when: 'all is well', is: 'running', because: [], given: facts('syncing', undefined, [up, up]) },
  {
    when: 'all is well with a part of the pool on its way',
    is: 'running',
    because: [],
    given: facts('syncing', undefined, [up, starting]),
  },
  {
    when: 'a part of the pool is down',
    is: 'degraded',
    because: [/1 of 2 connections lacking: no CONNACK/],
    given: facts('syncing', undefined, [up, broken]),
  },
  {
    when: 'the whole pool is down',
    is: 'degraded',
    because: [/no connection: no CONNACK/],
    given: facts('syncing', undefined, [broken, broken]),
  },
  {
    when: 'a bootstrap goes on without a pool',
    is: 'degraded',
    because: [/no connection/],
    given: facts('bootstrapping', undefined, [broken]),
  },
  {
    when: 'the peer does not know us',
    is: 'degraded',
    because: [/unknown_cluster/],
    given: facts('refused', unknown, [up]),
  },
  {
    when: 'a refused peer is tried again',
    is: 'degraded',
    because: [/unknown_cluster/],
    given: facts('connecting', unknown, [up]),
  },
  {
    when: 'the peer refuses our routes',
    is: 'degraded',
    because: [/0x87/],
    given: facts('degraded', routesRefused(0x87), [up]),
  },
  {
    when: 'routes are cut and the pool is up',
    is: 'degraded',
    because: [/no CONNACK/],
    given: facts('disconnected', lost, [up]),
  },
  {
    when: 'nothing gets through',
    is: 'connecting',
    because: [/want: no CONNACK/, /no connection/],
    given: facts('disconnected', lost, [broken]),
  },
  {
    when: 'the peer never came',
    is: 'running',
    because: [],
    given: facts('syncing', undefined, [up], { inbound: { state: 'absent' } }),
  },
  {
    when: 'heartbeats of the peer are overdue',
    is: 'degraded',
    because: [/heartbeats of the peer are late/],
    given: facts('syncing', undefined, [up], { inbound: { state: 'late' } }),
  },
  {
    when: 'the peer fell silent',
    is: 'degraded',
    because: [/fallen silent/],
    given: facts('syncing', undefined, [up], { inbound: { state: 'stale' } }),
  },
  {
    when: 'we refused the peer',
    is: 'degraded',
    because: [/we refused the peer: no link/],
    given: facts('syncing', undefined, [up], { inbound: { state: 'refused', reason: 'no link' } }),
  },
  {
    when: 'the outbox is nearly full',
    is: 'degraded',
    because: [/outbox/],
    given: facts('syncing', undefined, [up], { outbox: { aboveHighWaterMark: true } }),
  },
  {
    when: 'the outbox is nearly full while we wait for the peer',
    is: 'connecting',
    because: [/want/, /no connection/, /outbox/],
    given: facts('disconnected', lost, [broken], { outbox: { aboveHighWaterMark: true } }),
  },
  { when: 'another node speaks', is: 'running', because: [], given: standingBy('a2', undefined, [up]) },
  {
    when: 'another node speaks and the pool starts',
    is: 'connecting',
    because: [],
    given: standingBy('a2', undefined, [starting]),
  },
  {
    when: 'another node speaks and the pool is down',
    is: 'degraded',
    because: [/no connection/],
    given: standingBy('a2', undefined, [broken]),
  },
  {
    when: 'no node is known to speak',
    is: 'connecting',
    because: [/^no node of the cluster .* want$/],
    given: standingBy(undefined, undefined, [up]),
  },
  {
    when: 'we gave way and nobody took over',
    is: 'connecting',
    because: [/from here: no CONNACK/],
    given: standingBy(undefined, lost, [up]),
  },
  {
    when: 'the nodes do not reach each other',
    is: 'degraded',
    because: [/^coordination lost$/],
    given: facts('syncing', undefined, [up], { coordinationLost: true }),
  },
  {
    when: 'the nodes do not reach each other and the link starts',
    is: 'connecting',
    because: [/^coordination lost$/],
    given: facts('connecting', undefined, [starting], { coordinationLost: true }),
  },
]

for (const { when, is, because, given } of rows) {
  test(`when ${when}, the link is ${is}`, () => {
    const { state, reasons } = statusOf(given)
    assert.equal(state, is)
    assert.equal(reasons.length, because.length, reasons.join('; '))
    for (const [index, words] of because.entries()) assert.match(reasons[index] ?? '', words)
  })
}

test('each plane has its own state, and its own reason if it has one', () => {
  const given = facts('disconnected', lost, [up, broken], { inbound: { state: 'refused', reason: 'no such user' } })
  assert.deepEqual(statusOf(given).planes, {
    routeSync: {
      state: 'disconnected',
      reason: `the peer does not know what we want: ${lost.reason}`,
      failure: lost,
    },
    forwarding: {
      state: 'partial',
      connections: 2,
      up: 1,
      reason: `messages cannot all be sent, 1 of 2 connections lacking: ${lost.reason}`,
      failure: lost,
    },
    inbound: { state: 'refused', reason: 'we refused the peer: no such user' },
  })
  const well = statusOf(facts('syncing', undefined, [up])).planes
  assert.deepEqual(well, {
    routeSync: { state: 'syncing' },
    forwarding: { state: 'up', connections: 1, up: 1 },
    inbound: { state: 'live' },
  })
  assert.equal(statusOf(facts('syncing', undefined, [broken])).planes?.forwarding.state, 'down')
  const left = statusOf(facts('refused', unknown, [up], { inbound: { state: 'left', reason: 'disabled' } })).planes
  assert.equal(left?.inbound.reason, 'the peer has disabled its link to us')
})

test('the status of a link of a cluster says who speaks, and that of a node alone does not', () => {
  assert.equal(statusOf(standingBy('a2', undefined, [up])).speaker, 'a2')
  assert.ok(!('speaker' in statusOf(facts('syncing', undefined, [up]))))
})

test('a status differs by its state, its reasons or who speaks', () => {
  const status = { state: 'degraded', reasons: ['a'] } as const
  assert.ok(sameStatus(status, { state: 'degraded', reasons: ['a'] }))
  assert.ok(!sameStatus(status, { state: 'degraded', reasons: ['b'] }))
  assert.ok(!sameStatus(status, { state: 'running', reasons: ['a'] }))
  assert.ok(!sameStatus(status, { state: 'degraded', reasons: ['a'], speaker: 'a2' }))
})
