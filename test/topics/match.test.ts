import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matches } from '../../src/topics/match.ts'
import { topicArbitrary, topicFilterArbitrary } from './arbitraries.ts'
import { readGolden } from './golden.ts'

for (const { when, topic, topicFilter, result } of [
  { when: 'a # at the end matches the parent', topic: 'a', topicFilter: 'a/#', result: true },
  { when: 'a # at the end matches an empty level', topic: 'a/', topicFilter: 'a/#', result: true },
  { when: 'a # at the end matches far below', topic: 'a/b/c/d/e', topicFilter: 'a/#', result: true },
  { when: 'a # does not match a longer first level', topic: 'ab', topicFilter: 'a/#', result: false },
  { when: 'a + matches an empty level', topic: 'a/', topicFilter: 'a/+', result: true },
  { when: 'a + does not match a missing level', topic: 'a', topicFilter: 'a/+', result: false },
  { when: 'a + does not match two levels', topic: 'a/b', topicFilter: '+', result: false },
  { when: 'a slash in front makes a level', topic: '/a', topicFilter: '+/+', result: true },
  { when: 'a + and its parent', topic: 'a', topicFilter: '+/#', result: true },
  { when: 'a # in front does not see $ topics', topic: '$SYS/a', topicFilter: '#', result: false },
  { when: 'a + in front does not see $ topics', topic: '$SYS/a', topicFilter: '+/a', result: false },
  { when: 'a wildcard behind a literal $ level does', topic: '$SYS/a', topicFilter: '$SYS/#', result: true },
  { when: 'a $ further down is an ordinary character', topic: 'a/$b', topicFilter: '+/+', result: true },
  { when: 'a filter that goes on after the topic', topic: 'a/b', topicFilter: 'a/b/c', result: false },
  { when: 'a filter that ends within a level', topic: 'a/bc', topicFilter: 'a/b', result: false },
]) {
  test(`match: ${when}: ${topicFilter} and ${topic} ${result ? 'match' : 'do not match'}`, () => {
    assert.equal(matches(topic, topicFilter), result)
  })
}

test('match: agrees with EMQX on every recorded pair', () => {
  const { match } = readGolden()
  assert.ok(match.length > 400)
  for (const { name, filter, result } of match) assert.equal(matches(name, filter), result, `${name} ${filter}`)
})

test('match: agrees with the filter as a regular expression', () => {
  fc.assert(
    fc.property(topicArbitrary, topicFilterArbitrary, (topic, topicFilter) => {
      assert.equal(matches(topic, topicFilter), regExpOf(topicFilter).test(topic))
    }),
    { numRuns: 5000 },
  )
})

/** The rule of MQTT 5, 4.7, said another way. */
function regExpOf(topicFilter: string): RegExp {
  const noDollar = /^[+#]/.test(topicFilter) ? '(?!\\$)' : ''
  const body = topicFilter
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : level === '#' ? '.*' : level.replaceAll('$', '\\$')))
    .join('/')
    .replace(/\/\.\*$/, '(/.*)?')
  return new RegExp(`^${noDollar}${body}$`, 'su')
}
