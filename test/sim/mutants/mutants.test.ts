/** Each mutant still is one: its text stands once in the compiled product. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutated } from './mutate.ts'
import { mutants } from './mutants.ts'

for (const mutant of mutants) {
  test(`mutant "${mutant.name}" can be made of the product as it is`, () => {
    const text = mutated(mutant)
    assert.ok(text.includes(mutant.replace))
    assert.notEqual(mutant.replace, mutant.find)
  })
}

test('a mutant whose text is gone, or stands twice, is none', () => {
  const [mutant] = mutants
  assert.ok(mutant !== undefined)
  assert.throws(() => mutated({ ...mutant, find: 'nobody wrote this' }), /stands 0 times/)
  assert.throws(() => mutated({ ...mutant, find: 'return' }), /it has to be written anew/)
})

test('no two mutants have one name', () => {
  assert.equal(new Set(mutants.map(({ name }) => name)).size, 10)
})
