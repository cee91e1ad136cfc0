import assert from 'node:assert/strict'
import test from 'node:test'
import { createActor, createMachine } from 'xstate'
import { TransitionHistory, transitionsMax } from '../../src/link/transitions.ts'

function lamp(id: string) {
  return createMachine({
    id,
    initial: 'off',
    states: { off: { on: { press: 'on', touch: {} } }, on: { on: { press: 'off' } } },
  })
}

function watched() {
  let nowMs = 0
  const history = new TransitionHistory(
    () => (nowMs += 1),
    ({ machine }) => (machine.id === 'seen' ? 'eu/seen' : undefined),
  )
  const actor = createActor(lamp('seen'), { inspect: history.inspect }).start()
  const unseen = createActor(lamp('unseen'), { inspect: history.inspect }).start()
  return { actor, history, unseen }
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
  assert.deepEqual(history.names(), ['eu/seen'])
})

test('the last 256 are kept', () => {
  const { actor, history } = watched()
  for (let presses = 0; presses < 1_000; presses += 1) actor.send({ type: 'press' })
  assert.equal(history.of('eu/seen').length, transitionsMax)
  assert.equal(history.of('eu/seen').at(-1)?.atMs, 1_001)
})

test('what belonged to a link goes with it, and nothing else', () => {
  const { history } = watched()
  history.forget('e')
  assert.equal(history.of('eu/seen').length, 1)
  history.forget('eu')
  assert.equal(history.of('eu/seen').length, 0)
})
