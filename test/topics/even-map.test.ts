import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { EvenMap } from '../../src/topics/even-map.ts'

test('it does what a Map does, in another order', () => {
  const key = fc.oneof(fc.constantFrom('', 'a', 'a/b', '+/#'), fc.string({ unit: 'binary', maxLength: 3 }))
  const edits = fc.array(fc.tuple(key, fc.option(fc.nat(3), { nil: undefined })), { maxLength: 60 })
  fc.assert(
    fc.property(edits, (edits) => {
      const [map, model] = [new EvenMap<number>(), new Map<string, number>()]
      for (const [key, value] of edits) {
        if (value === undefined) assert.equal(map.delete(key), model.delete(key))
        else {
          map.set(key, value)
          model.set(key, value)
        }
        assert.equal(map.size, model.size)
        assert.equal(map.get(key), model.get(key))
      }
      assert.deepEqual([...map.keys()].toSorted(), [...model.keys()].toSorted())
      assert.equal(sum(map.values()), sum(model.values()))
    }),
  )
})

test('what is there throughout a walk comes once, however much comes and goes meanwhile', () => {
  const map = new EvenMap<number>()
  for (let i = 0; i < 5_000; i += 1) map.set(`stays/${i}`, i)
  const told: string[] = []
  let more = 0
  for (const key of map.keys()) {
    if (key.startsWith('stays/')) told.push(key)
    if (more < 5_000) map.set(`more/${more++}`, 0)
    if (more % 3 === 0) map.delete(`more/${more - 1}`)
  }
  assert.equal(told.length, 5_000)
  assert.equal(new Set(told).size, 5_000)
})

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0)
}
