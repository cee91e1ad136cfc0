/** The route-sync actor with a peer of our own dialect. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, fromCallback, SimulatedClock } from 'xstate'
import {
  heartbeatMs,
  routeSyncFact,
  routeSyncMachine,
  type RouteSessionCommand,
  type RouteSyncEvent,
} from '../../actors/route-sync.ts'
import { routesRefused } from '../../src/link/link-failure.ts'

const peer = { node: 'b1@127.0.0.1', version: 1, features: [], frameBytesMax: 1_048_576 }
const connected = { type: 'connected' } as const
const init = { type: 'actor_init_ok', needBootstrap: true, peer } as const
const prepared = { type: 'routes_prepared' } as const
const confirmed = { type: 'routes_confirmed' } as const
const asked = (told: number, total = 10_000) => ({ type: 'routes_asked', progress: { told, total } }) as const

function start() {
  const clock = new SimulatedClock()
  const commands: string[] = []
  const ended = { lives: 0 }
  const machine = routeSyncMachine.provide({
    actors: {
      session: fromCallback<RouteSessionCommand, object>(({ receive }) => {
        receive((command) => commands.push(command.type))
      }),
    },
    actions: { endLife: () => void (ended.lives += 1) },
  })
  const input = { link: 'cl.b', random: () => 0.5, connectMs: 5_000, batchMs: 15_000 }
  const actor = createActor(machine, { clock, input }).start()
  const send = (...events: RouteSyncEvent[]) => {
    for (const event of events) actor.send(event)
  }
  return { clock, commands, ended, send, fact: () => routeSyncFact(actor.getSnapshot()) }
}

test('a peer that has everything confirms the first word, and is in sync', () => {
  const { commands, fact, send } = start()
  send(connected, init)
  assert.equal(fact().phase, 'bootstrapping')
  send(confirmed)
  assert.equal(fact().phase, 'bootstrapping', 'nothing was said yet that it could confirm')
  send(prepared, confirmed)
  assert.equal(fact().phase, 'syncing')
  assert.deepEqual(fact().peer, peer)
  assert.deepEqual(commands, ['handshake', 'begin_native'])
})

test('while a peer asks, the progress is known, and the wait for its word begins anew', () => {
  const { clock, fact, send } = start()
  send(connected, init, prepared)
  for (let told = 1_000; told <= 10_000; told += 1_000) {
    send(asked(told))
    assert.deepEqual(fact().progress, { told, total: 10_000 })
    clock.increment(20_000)
  }
  assert.equal(fact().phase, 'bootstrapping')
  send(confirmed)
  assert.equal(fact().phase, 'syncing')
  assert.equal(fact().progress, undefined)
})

test('a word that does not come within some heartbeats is a degradation, and its coming mends it', () => {
  const { clock, commands, fact, send } = start()
  send(connected, init, prepared, confirmed)
  for (let beat = 0; beat < 3; beat += 1) clock.increment(heartbeatMs)
  assert.equal(fact().phase, 'syncing')
  clock.increment(heartbeatMs)
  assert.equal(fact().phase, 'degraded')
  assert.match(fact().failure?.reason ?? '', /has not confirmed our routes/)
  assert.ok(commands.filter((command) => command === 'heartbeat').length >= 4, 'it goes on to be told')
  send(confirmed)
  assert.deepEqual({ phase: fact().phase, failure: fact().failure }, { phase: 'syncing', failure: undefined })
})

test('changes go out in windows, also while the peer catches up', () => {
  const { clock, commands, send } = start()
  send(connected, init, prepared)
  commands.length = 0
  send({ type: 'routes_changed' })
  clock.increment(10)
  assert.deepEqual(commands, ['send_batch'])
  send({ type: 'batch_acked', ops: 0, pending: 1 })
  clock.increment(10)
  assert.deepEqual(commands, ['send_batch', 'send_batch'])
})

test('a peer that refuses changes leaves us degraded, until it confirms again', () => {
  const { clock, fact, send } = start()
  send(connected, init, prepared, confirmed, { type: 'routes_changed' })
  clock.increment(10)
  send({ type: 'batch_refused', failure: routesRefused(0x87) })
  assert.equal(fact().phase, 'degraded')
  send(confirmed)
  assert.equal(fact().phase, 'syncing')
})

test('a peer that finds its copy to differ is being told again', () => {
  const { fact, send } = start()
  send(connected, init, prepared, confirmed, asked(0))
  assert.equal(fact().phase, 'syncing', 'it only looked')
  send(asked(40))
  assert.equal(fact().phase, 'bootstrapping')
  send(confirmed)
  assert.equal(fact().phase, 'syncing')
})

test('a peer that speaks another dialect than before is told everything by a new life', () => {
  const { ended, fact, send } = start()
  send(connected, { type: 'dialect_changed' })
  assert.equal(fact().phase, 'disconnected')
  assert.equal(ended.lives, 1)
})
