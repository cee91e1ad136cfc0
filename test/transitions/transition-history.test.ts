import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, createMachine } from 'xstate'
import {
  endedMax,
  TransitionHistory,
  transitionsMax,
  type Transition,
} from '../../src/transitions/transition-history.ts'

function lamp(id: string) {
  return createMachine({
    id,
    initial: 'off',
    states: { off: { on: { press: 'on', touch: {} } }, on: { on: { press: 'off' } } },
  })
}

function watched() {
  let nowMs = 0
  const history = new TransitionHistory(() => (nowMs += 1))
  const inspect = history.inspector(({ machine }) =>
    machine.id === 'seen' ? { id: 'eu/seen', parent: 'eu' } : undefined,
  )
  const begin = () => createActor(lamp('seen'), { inspect }).start()
  const actor = begin()
  const unseen = createActor(lamp('unseen'), { inspect }).start()
  return { actor, begin, history, unseen }
}

test('transitions carry time, event, states and the reason', () => {
  const { actor, history, unseen } = watched()
  const press = { type: 'press', failure: { reason: 'dark' } }
  actor.send({ type: 'touch' })
  actor.send(press)
  unseen.send({ type: 'press' })
  assert.deepEqual(history.of('eu/seen'), [
    { atMs: 1, event: 'xstate.init', from: '', to: 'off' },
    { atMs: 2, event: 'press', from: 'off', to: 'on', reason: 'dark' },
  ])
  assert.deepEqual(history.ids(), ['eu/seen'])
})

test('an actor stands where it was named, in its last state and since then', () => {
  const { actor, history } = watched()
  actor.send({ type: 'press' })
  assert.deepEqual(history.actors(), [{ id: 'eu/seen', parent: 'eu', state: 'on', sinceMs: 2, restarts: 0 }])
  actor.stop()
  assert.deepEqual(history.actor('eu/seen'), {
    id: 'eu/seen',
    parent: 'eu',
    state: 'stopped',
    sinceMs: 3,
    restarts: 0,
  })
  assert.equal(history.actor('eu'), undefined)
})

test('a successor is a restart, and its predecessor’s end does not change its state', () => {
  const { actor, begin, history } = watched()
  begin().send({ type: 'press' })
  actor.stop()
  assert.deepEqual(history.actor('eu/seen'), { id: 'eu/seen', parent: 'eu', state: 'on', sinceMs: 3, restarts: 1 })
  assert.equal(history.of('eu/seen').at(-1)?.to, 'stopped')
})

test('the last 256 are kept', () => {
  const { actor, history } = watched()
  for (let presses = 0; presses < 1_000; presses += 1) actor.send({ type: 'press' })
  assert.equal(history.of('eu/seen').length, transitionsMax)
  assert.equal(history.of('eu/seen').at(-1)?.atMs, 1_001)
})

test('what belonged to a link goes with it, and nothing else', () => {
  const { actor, history } = watched()
  history.forget('e')
  assert.equal(history.of('eu/seen').length, 1)
  history.forget('eu')
  assert.equal(history.of('eu/seen').length, 0)
  actor.stop()
  assert.deepEqual(history.ids(), [])
})

test('listeners are told of each transition until they stop', () => {
  const { actor, history } = watched()
  const told: [string, Transition][] = []
  const stop = history.onTransition((id, transition) => void told.push([id, transition]))
  actor.send({ type: 'press' })
  stop()
  actor.send({ type: 'press' })
  assert.deepEqual(told, [['eu/seen', { atMs: 2, event: 'press', from: 'off', to: 'on' }]])
})

test('a crash ends the actor with the reason, and is not possible twice', () => {
  const { actor, history } = watched()
  const errors: unknown[] = []
  actor.subscribe({ error: (error) => void errors.push(error) })
  assert.equal(history.crash('eu/seen', 'for a test'), true)
  assert.equal(history.actor('eu/seen')?.state, 'error')
  assert.equal(history.of('eu/seen').at(-1)?.reason, 'for a test')
  assert.equal(history.crash('eu/seen', 'again'), false)
  assert.equal(history.crash('eu', 'again'), false)
  assert.match(String(errors[0]), /for a test/)
})

test('of those that have ended the last are remembered, and all that run', () => {
  let nowMs = 0
  const history = new TransitionHistory(() => (nowMs += 1))
  const begin = (id: string) => {
    const inspect = history.inspector(() => ({ id, parent: undefined }))
    return createActor(lamp(id), { inspect }).start()
  }
  begin('runs')
  for (let i = 0; i < endedMax * 3; i += 1) begin(`ended ${i}`).stop()
  const ids = history.ids()
  assert.ok(ids.length <= endedMax + 65, `${ids.length} are remembered`)
  assert.equal(ids[0], 'runs')
  assert.equal(ids.at(-1), `ended ${endedMax * 3 - 1}`)
})
