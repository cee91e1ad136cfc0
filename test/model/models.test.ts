/** The product's small state machines, in every interleaving up to a bound; deeper with `npm run model`. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { storyOf } from './explore.ts'
import { lease } from './lease.ts'
import { models } from './models.ts'

for (const model of models) {
  test(`${model.name}: ${model.holds}`, async (t) => {
    const { states, depth, isExhaustive, completeTo, settled, compared, violation } = await model.explore('tested')
    assert.ok(violation === undefined, violation === undefined ? '' : storyOf(violation))
    assert.ok(states > 200, `only ${states} states`)
    assert.ok(settled > 0 && compared > 0)
    const extent = isExhaustive ? `all there are, to depth ${depth}` : `all to depth ${completeTo}`
    t.diagnostic(`${states} states (${model.bounds('tested')}): ${extent}`)
  })

  for (const mutant of model.mutants)
    test(`${model.name}: found if ${mutant.name}`, async () => {
      const { violation } = await mutant.explore()
      assert.ok(violation !== undefined, 'it goes unnoticed')
      assert.match(violation.words, mutant.says)
    })
}

/** What was found once, by the way that was shortest then. */
test('lease: the late answer to a former claim does not bring back its numbers', async () => {
  const { start, perform, settle } = lease({ faults: 1, stops: 1, restarts: 0, lives: 2, speed: 2 })
  const world = await start()
  for (const action of [
    'a: its next timer is due',
    'a: its read is answered',
    'a: its write is done, and the answer late',
    'b: it is stopped',
    'a: its next timer is due',
    'a: its next timer is due',
    'a: its read, that is question 2, is answered',
    'a: its write, that is question 2, is answered',
  ])
    await perform(world, action)
  assert.equal(await settle?.(world), undefined)
})
