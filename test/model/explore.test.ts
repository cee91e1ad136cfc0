/** The search itself, over systems whose states can be counted by hand. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { explore, KeyTooCoarse, storyOf, type System } from './explore.ts'

/** Places on a board, from one corner, a step right or up at a time. */
type Board = { x: number; y: number; steps: number }

function board(size: number, forbidden?: string): System<Board> {
  return {
    start: () => ({ x: 0, y: 0, steps: 0 }),
    actions: ({ x, y }) => [...(x + 1 < size ? ['right'] : []), ...(y + 1 < size ? ['up'] : [])],
    perform: (world, action) => {
      if (action === 'right') world.x += 1
      else world.y += 1
      world.steps += 1
    },
    key: ({ x, y }) => `${x} ${y}`,
    broken: ({ x, y }) => (`${x} ${y}` === forbidden ? `somebody stands at ${x} ${y}` : undefined),
  }
}

test('all states of a system that has an end are found, each once', async () => {
  const found = await explore(board(7), { depth: 100 })
  const { states, transitions, depth, isExhaustive, completeTo, settled, violation } = found
  assert.deepEqual(
    { states, transitions, depth, isExhaustive, completeTo, settled, violation },
    { states: 49, transitions: 84, depth: 12, isExhaustive: true, completeTo: 12, settled: 0, violation: undefined },
  )
})

test('what is beyond the depth is not looked at, and said not to be', async () => {
  const { states, depth, isExhaustive, completeTo } = await explore(board(7), { depth: 3 })
  assert.deepEqual(
    { states, depth, isExhaustive, completeTo },
    { states: 10, depth: 3, isExhaustive: false, completeTo: 3 },
  )
})

test('when there are too many states it stops, and says how far it got', async () => {
  const { states, isExhaustive, completeTo } = await explore(board(100), { depth: 100, statesMax: 20 })
  assert.ok(states >= 20 && states <= 22)
  assert.deepEqual({ isExhaustive, completeTo }, { isExhaustive: false, completeTo: 4 })
})

test('a violation is reached by as few actions as possible, and told as a story', async () => {
  const roundabout = board(9, '2 1')
  const { violation } = await explore(roundabout, { depth: 100 })
  assert.ok(violation !== undefined)
  assert.equal(violation.actions.length, 3)
  assert.deepEqual([...violation.actions].toSorted(), ['right', 'right', 'up'])
  const story = storyOf(violation)
  assert.match(story, /^3 actions lead to what must not be:\n {3}1\. (right|up)\n/)
  assert.match(story, /=> somebody stands at 2 1$/)
})

test('what an action throws is a violation, with the action', async () => {
  const system = board(3)
  const fragile: System<Board> = {
    ...system,
    perform: (world, action) => {
      assert.ok(world.y < 1 || action !== 'up', 'that far up it breaks')
      void system.perform(world, action)
    },
  }
  const { violation } = await explore(fragile, { depth: 9 })
  assert.deepEqual(violation?.actions, ['up', 'up'])
  assert.match(violation.words, /that far up it breaks/)
})

test('what does not come right when faults stop is a violation, and states are settled as often as is asked for', async () => {
  const stuck: System<Board> = { ...board(4), settle: ({ x }) => (x === 2 ? 'it is stuck' : undefined) }
  const { violation } = await explore(stuck, { depth: 9 })
  assert.deepEqual(violation?.actions, ['right', 'right'])
  assert.match(storyOf(violation), /=> and when faults stop: it is stuck$/)
  const calm: System<Board> = { ...board(4), settle: async () => undefined }
  assert.equal((await explore(calm, { depth: 9, settleEvery: 4 })).settled, 4)
})

test('a key that leaves out what decides the future is found out', async () => {
  const system = board(5)
  const coarse: System<Board> = { ...system, key: ({ x, y }) => `${Math.min(x, 3)} ${y}` }
  await assert.rejects(explore(coarse, { depth: 9, compareEvery: 1 }), KeyTooCoarse)
  const fine = await explore(system, { depth: 9, compareEvery: 1 })
  assert.equal(fine.compared, fine.transitions - fine.states + 1)
})

test('actions may take their time', async () => {
  const system = board(3)
  const slow: System<Board> = {
    ...system,
    start: async () => system.start(),
    perform: async (world, action) => {
      await Promise.resolve()
      await system.perform(world, action)
    },
  }
  assert.equal((await explore(slow, { depth: 9 })).states, 9)
})
