import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topicFilterProblem, topicNameProblem } from '../../src/topics/topic-filter.ts'
import { topicArbitrary, topicFilterArbitrary } from './arbitraries.ts'

for (const { when, text, filterProblem, nameProblem } of [
  { when: 'a name', text: 'a/b', filterProblem: undefined, nameProblem: undefined },
  { when: 'nothing', text: '', filterProblem: 'empty_topic', nameProblem: 'empty_topic' },
  { when: 'two empty levels', text: '/', filterProblem: undefined, nameProblem: undefined },
  { when: 'a + of its own', text: 'a/+/b', filterProblem: undefined, nameProblem: 'topic_name_error' },
  { when: 'a # at the end', text: 'a/#', filterProblem: undefined, nameProblem: 'topic_name_error' },
  { when: 'a # before the end', text: 'a/#/b', filterProblem: 'topic_invalid_#', nameProblem: 'topic_name_error' },
  { when: 'a # within a level', text: 'a/b#', filterProblem: 'topic_invalid_char', nameProblem: 'topic_name_error' },
  { when: 'a + within a level', text: '+a/b', filterProblem: 'topic_invalid_char', nameProblem: 'topic_name_error' },
  {
    when: 'two wildcards in a level',
    text: 'a/##',
    filterProblem: 'topic_invalid_char',
    nameProblem: 'topic_name_error',
  },
  { when: 'U+0000', text: 'a\0', filterProblem: 'topic_invalid_char', nameProblem: 'topic_invalid_char' },
  { when: 'half a pair', text: 'a\ud83d', filterProblem: 'topic_invalid_char', nameProblem: 'topic_invalid_char' },
  { when: 'a whole pair', text: 'a/😀', filterProblem: undefined, nameProblem: undefined },
  { when: 'U+FEFF', text: '\ufeffa', filterProblem: undefined, nameProblem: undefined },
  { when: '65,535 bytes', text: 'x'.repeat(65_535), filterProblem: undefined, nameProblem: undefined },
  { when: '65,536 bytes', text: 'x'.repeat(65_536), filterProblem: 'topic_too_long', nameProblem: 'topic_too_long' },
  {
    when: '65,536 bytes in fewer letters',
    text: 'ä'.repeat(32_768),
    filterProblem: 'topic_too_long',
    nameProblem: 'topic_too_long',
  },
]) {
  test(`topic filter: ${when} is ${filterProblem ?? 'good'}`, () =>
    assert.equal(topicFilterProblem(text), filterProblem))
  test(`topic name: ${when} is ${nameProblem ?? 'good'}`, () => assert.equal(topicNameProblem(text), nameProblem))
}

test('the filters and topics of the other tests are valid', () => {
  fc.assert(fc.property(topicFilterArbitrary, (topicFilter) => topicFilterProblem(topicFilter) === undefined))
  fc.assert(fc.property(topicArbitrary, (topic) => topicNameProblem(topic) === undefined))
})
