import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExactFilters } from '../../src/topics/exact-filters.ts'
import { plainHashKey } from '../../src/topics/keyed-hash.ts'
import { LevelNames } from '../../src/topics/level-names.ts'

test('exact filters: is a map while thousands come and go', () => {
  const map = new Map<string, number>()
  const filters = new ExactFilters<number>(new LevelNames(plainHashKey), plainHashKey)
  // Every filter is set once and again, and two of three are deleted, with others coming in between.
  for (let i = 0; i < 20_000; i += 1) {
    const here = `fleet/${i % 7}/car/${i % 5000}`
    filters.set(here, i)
    map.set(here, i)
    const gone = `fleet/${(i * 3) % 7}/car/${(i * 3) % 5000}`
    if (i % 3 !== 0) assert.equal(filters.delete(gone), map.delete(gone))
  }
  assert.equal(filters.size, map.size)
  assert.ok(map.size > 1000)
  for (const [topic, value] of map) assert.equal(filters.get(topic), value)
  assert.deepEqual([...filters.filters()].sort(), [...map.keys()].sort())
  assert.equal(filters.get('fleet/1/car'), undefined)
  assert.equal(filters.get('fleet'), undefined)
})

test('exact filters: levels that no filter has any more are given back', () => {
  const names = new LevelNames(plainHashKey)
  const filters = new ExactFilters<string>(names, plainHashKey)
  filters.set('a/b/b', 'x')
  filters.set('a/c', 'y')
  const isKnown = (level: string) => {
    names.readText(level)
    return names.path[0] !== -1
  }
  assert.ok(filters.delete('a/b/b'))
  assert.deepEqual(['a', 'b', 'c'].map(isKnown), [true, false, true])
  assert.ok(filters.delete('a/c'))
  assert.deepEqual(['a', 'b', 'c'].map(isKnown), [false, false, false])
})
