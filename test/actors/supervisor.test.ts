import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, fromCallback, setup, SimulatedClock } from 'xstate'
import type { ChildSpec, Supervision } from '../../actors/child.ts'
import { supervisorMachine } from '../../actors/supervisor.ts'

const supervision: Supervision = { intensity: 3, periodMs: 10_000, backoffMsMin: 100, backoffMsMax: 1_000 }

type Order = { readonly type: 'crash' } | { readonly type: 'crash_inside' } | { readonly type: 'hello' }

function start() {
  const clock = new SimulatedClock()
  const changes: string[] = []
  const machine = supervisorMachine.provide({
    actions: {
      childChanged: (_args, { id, state, error }) =>
        changes.push(`${id} ${state}${error instanceof Error ? `: ${error.message}` : ''}`),
    },
  })
  const supervisor = createActor(machine, { clock, input: { supervision, random: () => 0, nowMs: () => clock.now() } })
  supervisor.subscribe({ error: (error) => changes.push(`the supervisor crashed: ${String(error)}`) })
  supervisor.start()
  return { clock, changes, supervisor }
}

/** A child that crashes on request, in a transition of its own or within something it has invoked. */
function child(id: string) {
  const seen = { started: [] as unknown[], released: 0, hellos: 0 }
  const logic = setup({
    types: { events: {} as Order, input: {} as number },
    actors: {
      inner: fromCallback<Order>(({ receive }) => {
        receive(({ type }) => {
          if (type === 'crash_inside') throw new Error('boom inside')
        })
      }),
    },
    actions: {
      crash: () => {
        throw new Error('boom')
      },
      greet: () => {
        seen.hellos += 1
      },
    },
  }).createMachine({
    entry: ({ event }) => seen.started.push('input' in event ? event.input : undefined),
    invoke: { src: 'inner', id: 'inner' },
    on: {
      crash: { actions: 'crash' },
      crash_inside: { actions: ({ self }) => self.getSnapshot().children['inner']?.send({ type: 'crash_inside' }) },
      hello: { actions: 'greet' },
    },
  })
  let starts = 0
  const spec: ChildSpec = {
    id,
    logic,
    input: () => (starts += 1),
    release: () => {
      seen.released += 1
    },
  }
  return { spec, seen }
}

const tell = (id: string, type: Order['type']) => ({ type: 'tell_child', id, event: { type } }) as const

for (const crash of ['crash', 'crash_inside'] as const) {
  test(`a child that crashes (${crash}) is released and starts again after a pause, with fresh input`, () => {
    const { clock, changes, supervisor } = start()
    const { spec, seen } = child('eu')
    supervisor.send({ type: 'start_child', spec })
    supervisor.send(tell('eu', crash))
    assert.equal(seen.released, 1)
    assert.equal(seen.started.length, 1)
    clock.increment(99)
    assert.equal(seen.started.length, 1)
    clock.increment(1)
    assert.deepEqual(seen.started, [1, 2])
    supervisor.send(tell('eu', 'hello'))
    assert.equal(seen.hellos, 1)
    assert.equal(changes[0], 'eu running')
    assert.match(changes[1] ?? '', /^eu waiting: boom/)
  })
}

test('a child that crashes beyond its intensity is failed, its siblings and its supervisor live', () => {
  const { clock, changes, supervisor } = start()
  const bad = child('bad')
  const good = child('good')
  supervisor.send({ type: 'start_child', spec: bad.spec })
  supervisor.send({ type: 'start_child', spec: good.spec })
  for (let crashes = 0; crashes < 4; crashes += 1) {
    supervisor.send(tell('bad', 'crash'))
    clock.increment(1_000)
  }
  assert.equal(changes.at(-1), 'bad failed: boom')
  clock.increment(1_000_000)
  assert.equal(bad.seen.started.length, 4)
  supervisor.send(tell('bad', 'hello'))
  supervisor.send(tell('good', 'hello'))
  assert.equal(bad.seen.hellos, 0)
  assert.equal(good.seen.hellos, 1)
  assert.equal(good.seen.started.length, 1)
  assert.equal(supervisor.getSnapshot().status, 'active')
})

test('crashes further apart than the period are forgiven', () => {
  const { clock, changes, supervisor } = start()
  const { spec, seen } = child('eu')
  supervisor.send({ type: 'start_child', spec })
  for (let crashes = 0; crashes < 10; crashes += 1) {
    supervisor.send(tell('eu', 'crash'))
    clock.increment(5_000)
  }
  assert.equal(seen.started.length, 11)
  assert.ok(!changes.some((change) => change.includes('failed')))
})

test('a failed child can be started again, replaced and taken away', () => {
  const { clock, supervisor } = start()
  const { spec, seen } = child('eu')
  const fail = () => {
    for (let crashes = 0; crashes < 4; crashes += 1) {
      supervisor.send(tell('eu', 'crash'))
      clock.increment(1_000)
    }
  }
  supervisor.send({ type: 'start_child', spec })
  fail()
  supervisor.send({ type: 'restart_child', id: 'eu' })
  supervisor.send(tell('eu', 'hello'))
  assert.equal(seen.hellos, 1)
  fail()
  const other = child('eu')
  supervisor.send({ type: 'start_child', spec: other.spec })
  supervisor.send(tell('eu', 'hello'))
  assert.deepEqual([seen.hellos, other.seen.hellos], [1, 1])
  supervisor.send({ type: 'stop_child', id: 'eu' })
  supervisor.send(tell('eu', 'hello'))
  assert.equal(other.seen.hellos, 1)
  assert.equal(supervisor.getSnapshot().context.children.size, 0)
})

test('a child that is stopped while it waits for its restart never comes back', () => {
  const { clock, supervisor } = start()
  const { spec, seen } = child('eu')
  supervisor.send({ type: 'start_child', spec })
  supervisor.send(tell('eu', 'crash'))
  supervisor.send({ type: 'stop_child', id: 'eu' })
  clock.increment(100_000)
  assert.equal(seen.started.length, 1)
})

test('a child that is told to begin anew has all its restarts again', () => {
  const { clock, changes, supervisor } = start()
  const { spec } = child('eu')
  const crashTimes = (count: number) => {
    for (let crashes = 0; crashes < count; crashes += 1) {
      supervisor.send(tell('eu', 'crash'))
      clock.increment(1_000)
    }
  }
  supervisor.send({ type: 'start_child', spec })
  crashTimes(4)
  assert.match(changes.at(-1) ?? '', /^eu failed/)
  supervisor.send({ type: 'restart_child', id: 'eu' })
  crashTimes(3)
  assert.match(changes.at(-1) ?? '', /^eu running/)
  crashTimes(1)
  assert.match(changes.at(-1) ?? '', /^eu failed/)
})
