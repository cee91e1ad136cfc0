import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { covers } from '../../src/topics/covers.ts'
import { matches } from '../../src/topics/match.ts'
import { allTopics, topicFilterArbitrary } from './arbitraries.ts'

for (const { when, wide, narrow, result } of [
  { when: 'itself', wide: 'a/+/#', narrow: 'a/+/#', result: true },
  { when: 'a # its parent', wide: 'a/#', narrow: 'a', result: true },
  { when: 'a # a + below', wide: 'a/#', narrow: 'a/+/c', result: true },
  { when: 'a # another # further down', wide: 'a/#', narrow: 'a/+/#', result: true },
  { when: 'a + a literal', wide: 'a/+', narrow: 'a/b', result: true },
  { when: 'a + no #, which has a parent', wide: 'a/+', narrow: 'a/#', result: false },
  { when: 'a + and a # no # that has a parent', wide: 'a/+/#', narrow: 'a/#', result: false },
  { when: 'a + and a # in front every topic that # matches', wide: '+/#', narrow: '#', result: true },
  { when: 'a # in front every topic that + and # match', wide: '#', narrow: '+/#', result: true },
  { when: 'a + before the # the topics below an empty level', wide: '/+/#', narrow: '/#', result: true },
  { when: 'two + and a # the topics below an empty level', wide: '+/+/#', narrow: '/#', result: true },
  { when: 'two + and a # not all', wide: '+/+/#', narrow: '#', result: false },
  { when: 'a literal no +', wide: 'a/b', narrow: 'a/+', result: false },
  { when: 'a # in front no $ topics', wide: '#', narrow: '$SYS/a', result: false },
  { when: 'a + in front no $ topics', wide: '+/a', narrow: '$SYS/a', result: false },
  { when: 'a # behind $SYS all of it', wide: '$SYS/#', narrow: '$SYS/+/b', result: true },
]) {
  test(`covers: ${when}: ${wide} ${result ? 'covers' : 'does not cover'} ${narrow}`, () => {
    assert.equal(covers(wide, narrow), result)
  })
}

/** Few enough that each pair is asked, so that no odd one is left to chance. */
const oddFilters = [
  '#',
  '+',
  '/',
  '/#',
  '+/#',
  '/+',
  '+/+',
  '+/',
  '//',
  '//#',
  '/+/#',
  '+/+/#',
  '+//#',
  '$',
  '$/#',
  '$/+',
  '$/+/#',
  'a/#',
  'a',
]

test('covers: holds for every pair of odd filters', () => {
  for (const wide of oddFilters) {
    for (const narrow of oddFilters) {
      const outside = allTopics.find((topic) => matches(topic, narrow) && !matches(topic, wide))
      assert.equal(covers(wide, narrow), outside === undefined, `${wide} ${narrow} ${outside}`)
    }
  }
})

test('covers: true exactly if every topic that the narrow one matches is matched by the wide one', () => {
  fc.assert(
    fc.property(topicFilterArbitrary, topicFilterArbitrary, (wide, narrow) => {
      const outside = allTopics.find((topic) => matches(topic, narrow) && !matches(topic, wide))
      assert.equal(covers(wide, narrow), outside === undefined, outside)
    }),
    { numRuns: 2000 },
  )
})
