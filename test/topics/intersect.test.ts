import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { intersect } from '../../src/topics/intersect.ts'
import { matches } from '../../src/topics/match.ts'
import { topicFilterProblem } from '../../src/topics/topic-filter.ts'
import { allTopics, topicFilterArbitrary } from './arbitraries.ts'
import { readGolden } from './golden.ts'

for (const { a, b, result } of [
  { a: 't/global/#', b: 't/+/1/+', result: 't/global/1/+' },
  { a: '#', b: 'a/+/#', result: 'a/+/#' },
  { a: 'a/#', b: '+', result: 'a' },
  { a: 'a/#', b: '+/b', result: 'a/b' },
  { a: '+/#', b: '#', result: '+/#' },
  { a: '+/b/#', b: 'a/+/c', result: 'a/b/c' },
  { a: 'a/+', b: 'a/+/#', result: 'a/+' },
  { a: 'a/+', b: 'a', result: undefined },
  { a: 'a/b', b: 'a/c', result: undefined },
  { a: '+', b: '/#', result: undefined },
  { a: '#', b: '$SYS/#', result: undefined },
  { a: '+/a', b: '$SYS/+', result: undefined },
  { a: '$SYS/+', b: '$SYS/a', result: '$SYS/a' },
]) {
  test(`intersect: ${a} and ${b} meet in ${result ?? 'nothing'}`, () => {
    assert.equal(intersect(a, b), result)
    assert.equal(intersect(b, a), result)
  })
}

/** Where we do not answer as EMQX does, and why. */
const notAsEmqx = [
  { pair: '+ /#', theirs: '', why: 'the empty string is the parent of /#, but no topic: nothing matches both' },
  { pair: '/# +', theirs: '', why: 'the same the other way round' },
]

test('intersect: agrees with EMQX on every recorded pair, apart from the named exceptions', () => {
  const { intersection } = readGolden()
  assert.ok(intersection.length > 1000)
  for (const { t1, t2, result } of intersection) {
    const exception = notAsEmqx.find(({ pair }) => pair === `${t1} ${t2}`)
    if (exception !== undefined) assert.equal(result, exception.theirs)
    assert.equal(intersect(t1, t2) ?? false, exception === undefined ? result : false, `${t1} ${t2}`)
  }
})

test('intersect: a topic matches the intersection exactly if it matches both', () => {
  fc.assert(
    fc.property(topicFilterArbitrary, topicFilterArbitrary, (a, b) => {
      const both = intersect(a, b)
      if (both !== undefined) assert.equal(topicFilterProblem(both), undefined)
      for (const topic of allTopics) {
        const inBoth = both !== undefined && matches(topic, both)
        assert.equal(inBoth, matches(topic, a) && matches(topic, b), topic)
      }
    }),
    { numRuns: 500 },
  )
})
