/** The product's small state machines, in every interleaving up to a bound; deeper with `npm run model`. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { storyOf } from './explore.ts'
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
