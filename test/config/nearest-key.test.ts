import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearestKey } from '../../src/config/nearest-key.ts'

const keys = ['name', 'enable', 'server', 'clientid', 'topics', 'pool_size', 'retry_interval', 'max_inflight']

for (const { written, meant } of [
  { written: 'topcis', meant: 'topics' },
  { written: 'topic', meant: 'topics' },
  { written: 'Name', meant: 'name' },
  { written: 'poolSize', meant: 'pool_size' },
  { written: 'client_id', meant: 'clientid' },
  { written: 'retry-intervall', meant: 'retry_interval' },
  { written: 'enabled', meant: 'enable' },
  { written: 'banana', meant: undefined },
  { written: 'x', meant: undefined },
  { written: '', meant: undefined },
  { written: 'max_inflight_window_of_messages', meant: undefined },
]) {
  test(`${JSON.stringify(written)} was meant as ${meant}`, () => assert.equal(nearestKey(written, keys), meant))
}

test('the distance is a distance: nothing to itself, the same both ways, at most the longer length', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a))
      assert.equal(editDistance(a, b) === 0, a === b)
      assert.ok(editDistance(a, b) <= Math.max(a.length, b.length))
      assert.ok(editDistance(a, b) >= Math.abs(a.length - b.length))
    }),
  )
  assert.equal(editDistance('topcis', 'topics'), 1)
})

test('an absurdly long key costs little', () => {
  assert.equal(nearestKey('a'.repeat(1_000_000), keys), undefined)
})
