import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { covers } from '../../src/topics/covers.ts'
import { FilterTrie } from '../../src/topics/filter-trie.ts'
import { matches } from '../../src/topics/match.ts'
import { topicArbitrary, topicFilterArbitrary } from './arbitraries.ts'

type Change = { readonly topicFilter: string; readonly value: number | undefined }

const changesArbitrary: fc.Arbitrary<Change[]> = fc.array(
  fc.record({ topicFilter: topicFilterArbitrary, value: fc.option(fc.nat(9), { nil: undefined }) }),
  { maxLength: 40 },
)

/** Applies the changes to a trie and to a plain map; `undefined` deletes. */
function build(changes: readonly Change[]): { trie: FilterTrie<number>; map: Map<string, number> } {
  const trie = new FilterTrie<number>()
  const map = new Map<string, number>()
  for (const { topicFilter, value } of changes) {
    if (value === undefined) assert.equal(trie.delete(topicFilter), map.delete(topicFilter))
    else {
      trie.set(topicFilter, value)
      map.set(topicFilter, value)
    }
  }
  return { trie, map }
}

test('trie: is a map after any additions and deletions', () => {
  fc.assert(
    fc.property(changesArbitrary, topicFilterArbitrary, (changes, other) => {
      const { trie, map } = build(changes)
      assert.equal(trie.size, map.size)
      assert.deepEqual([...trie.filters()].sort(), [...map.keys()].sort())
      for (const topicFilter of [other, ...map.keys()]) assert.equal(trie.get(topicFilter), map.get(topicFilter))
    }),
    { numRuns: 1000 },
  )
})

test('trie: a filter is added unless it is here or covered', () => {
  fc.assert(
    fc.property(changesArbitrary, fc.array(topicFilterArbitrary), (changes, more) => {
      const { trie, map } = build(changes)
      for (const topicFilter of more) {
        const isCovered = [...map.keys()].some((wide) => wide !== topicFilter && covers(wide, topicFilter))
        const outcome = map.has(topicFilter) ? 'known' : isCovered ? 'covered' : 'added'
        assert.equal(trie.addUncovered(topicFilter, 7), outcome)
        if (outcome === 'added') map.set(topicFilter, 7)
      }
      assert.equal(trie.size, map.size)
      assert.deepEqual([...trie.filters()].sort(), [...map.keys()].sort())
      for (const [topicFilter, value] of map) assert.equal(trie.get(topicFilter), value)
    }),
    { numRuns: 1000 },
  )
})

function filterOf(index: number): string {
  return `a/${index % 7}/${index}/${index % 3 === 0 ? '#' : index}`
}

test('trie: keeps a hundred thousand filters, and few of them', () => {
  const trie = new FilterTrie<number>()
  for (let index = 0; index < 100_000; index += 1) trie.set(filterOf(index), index)
  for (let index = 0; index < 100_000; index += 1) assert.equal(trie.get(filterOf(index)), index)
  for (let index = 0; index < 100_000; index += 1) if (index % 100 > 0) assert.ok(trie.delete(filterOf(index)))
  assert.equal(trie.size, 1_000)
  for (let index = 0; index < 100_000; index += 1) {
    assert.equal(trie.get(filterOf(index)), index % 100 > 0 ? undefined : index)
  }
})

test('trie: finds what matches, covers and is covered as a scan does', () => {
  fc.assert(
    fc.property(changesArbitrary, topicFilterArbitrary, topicArbitrary, (changes, topicFilter, topic) => {
      const { trie, map } = build(changes)
      const filters = [...map.keys()]
      const matching = filters.filter((filter) => matches(topic, filter)).map((filter) => map.get(filter)!)
      assert.deepEqual(trie.matching(topic).map(String).sort(), matching.map(String).sort())
      const covering = filters.filter((filter) => covers(filter, topicFilter))
      assert.deepEqual(trie.covering(topicFilter).sort(), covering.sort())
      assert.equal(
        trie.isCovered(topicFilter),
        covering.some((filter) => filter !== topicFilter),
      )
      const covered = filters.filter((filter) => covers(topicFilter, filter))
      assert.deepEqual(trie.coveredBy(topicFilter).sort(), covered.sort())
    }),
    { numRuns: 3000 },
  )
})

test('trie: an empty one that was large starts anew', () => {
  const trie = new FilterTrie<number>()
  for (let i = 0; i < 10_000; i += 1) trie.set(`a/${i}/+`, i)
  for (let i = 0; i < 10_000; i += 1) assert.ok(trie.delete(`a/${i}/+`))
  assert.equal(trie.size, 0)
  assert.deepEqual([...trie.filters()], [])
  trie.set('a/1/+', 7)
  assert.deepEqual(trie.matching('a/1/x'), [7])
})

test('trie: thousands of siblings leave in any order', () => {
  const trie = new FilterTrie<number>()
  const count = 5000
  for (let i = 0; i < count; i += 1) trie.set(`a/${i}`, i)
  // 7 has no factor in common with the count, so that each is met once.
  for (let i = 0; i < count; i += 1) {
    const n = (i * 7) % count
    assert.ok(trie.delete(`a/${n}`))
    assert.equal(trie.get(`a/${n}`), undefined)
    const later = (n + 7) % count
    if (i < count - 1) assert.equal(trie.get(`a/${later}`), later)
  }
})

test('trie: takes filters as deep as there can be', () => {
  const trie = new FilterTrie<string>()
  const deep = `${'+/'.repeat(32_766)}#`
  const topic = '/'.repeat(65_535)
  trie.set(deep, 'wildcards')
  trie.set(topic, 'empty levels')
  assert.deepEqual(trie.matching(topic).sort(), ['empty levels', 'wildcards'])
  assert.deepEqual(trie.coveredBy('#').length, 2)
  assert.ok(trie.isCovered(topic))
  assert.ok(trie.delete(deep))
  assert.deepEqual(trie.matching(topic), ['empty levels'])
})

test('trie: a question that ends early leaves nothing behind for the next', () => {
  const trie = new FilterTrie<number>()
  for (const [value, topicFilter] of ['#', '+/b', 'a/+', 'a/b', 'a/#'].entries()) trie.set(topicFilter, value)
  assert.ok(trie.isCovered('a/b'))
  assert.deepEqual(trie.matching('c'), [0])
})
