import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { covers } from '../../src/topics/covers.ts'
import { intersect } from '../../src/topics/intersect.ts'
import { matches } from '../../src/topics/match.ts'
import { union } from '../../src/topics/union.ts'
import { allTopics, topicFilterArbitrary } from './arbitraries.ts'
import { readGolden } from './golden.ts'

test('union: keeps the order of what stays, each once', () => {
  assert.deepEqual(union(['c', 'a/b', 'b/+', 'a/#', 'c', 'b/x']), ['c', 'b/+', 'a/#'])
})

test('union: of two filters that match the same the shorter one stays', () => {
  assert.deepEqual(union(['+/#', '#']), ['#'])
  assert.deepEqual(union(['/+/#', '/#']), ['/#'])
  assert.deepEqual(union(['+/#', 'a']), ['+/#'])
})

test('union: reads its filters once', () => {
  assert.deepEqual(union(['a/b', 'a/+'].values()), ['a/+'])
})

test('union: several partial overlaps with a link give several routes', () => {
  const topics = ['t/global/#', 't/+/1/+', 't/local/2']
  const overlaps = topics.flatMap((wanted) => intersect('t/+/+/x', wanted) ?? [])
  assert.deepEqual(union(overlaps), ['t/global/+/x', 't/+/1/x'])
})

/** Where we do not answer as EMQX does, and why. */
const notAsEmqx = [
  { theyKeep: '/#', beside: '+/+/#', why: 'the parent of /# is the empty string, which is no topic: +/+/# covers /#' },
]

test('union: agrees with EMQX on every recorded set, apart from the named exceptions', () => {
  const golden = readGolden().union
  assert.ok(golden.length >= 300)
  for (const { set, result } of golden) {
    const surplus = notAsEmqx.filter(({ beside }) => result.includes(beside)).map(({ theyKeep }) => theyKeep)
    const expected = result.filter((topicFilter) => !surplus.includes(topicFilter))
    assert.deepEqual(union(set).sort(), expected.sort(), set.join(' '))
  }
})

test('union: loses and adds nothing, and no part of it covers another', () => {
  fc.assert(
    fc.property(fc.array(topicFilterArbitrary, { maxLength: 8 }), (topicFilters) => {
      const parts = union(topicFilters)
      for (const part of parts) {
        assert.ok(topicFilters.includes(part))
        assert.ok(!parts.some((other) => other !== part && covers(other, part)))
      }
      for (const topic of allTopics) {
        const matchesOne = (topicFilter: string) => matches(topic, topicFilter)
        assert.equal(parts.some(matchesOne), topicFilters.some(matchesOne), topic)
      }
    }),
    { numRuns: 300 },
  )
})
