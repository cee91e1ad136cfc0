import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSubscription } from '../../src/topics/subscription.ts'
import { readGolden } from './golden.ts'

/** Where we do not answer as EMQX does, and why. */
const notAsEmqx: Readonly<Record<string, { readonly why: string; readonly ours: string }>> = {
  '$share/g': {
    why: 'EMQX crashes with a case_clause for want of a slash; a share without a filter has an empty filter',
    ours: 'share_subscription_topic_cannot_be_empty',
  },
}

for (const { text, result } of [
  { text: 'a/+', result: { type: 'plain', topicFilter: 'a/+' } },
  { text: '$share', result: { type: 'plain', topicFilter: '$share' } },
  { text: '$queue', result: { type: 'plain', topicFilter: '$queue' } },
  { text: '$shared/g/t', result: { type: 'plain', topicFilter: '$shared/g/t' } },
  { text: '$share/g/t', result: { type: 'shared', group: 'g', topicFilter: 't' } },
  { text: '$share/g//', result: { type: 'shared', group: 'g', topicFilter: '/' } },
  { text: '$share/g/$SYS/#', result: { type: 'shared', group: 'g', topicFilter: '$SYS/#' } },
  { text: '$queue/t/#', result: { type: 'shared', group: '$queue', topicFilter: 't/#' } },
  { text: '$queue/', result: { type: 'invalid', problem: 'share_subscription_topic_cannot_be_empty' } },
  { text: '$share/g/a/#/b', result: { type: 'invalid', problem: 'topic_invalid_#' } },
  { text: '$share/g/a+', result: { type: 'invalid', problem: 'topic_invalid_char' } },
  { text: '$share/g\0/a', result: { type: 'invalid', problem: 'topic_invalid_char' } },
  { text: '$share/#/a', result: { type: 'invalid', problem: 'share_subscription_group_name_cannot_include_wildcard' } },
  { text: '$share/g/$share/h/t', result: { type: 'invalid', problem: 'invalid_topic_filter' } },
  { text: '$queue/$share/h/t', result: { type: 'invalid', problem: 'invalid_topic_filter' } },
  { text: '', result: { type: 'invalid', problem: 'empty_topic' } },
]) {
  test(`subscription: ${JSON.stringify(text)} is ${result.type}`, () => {
    assert.deepEqual(parseSubscription(text), result)
  })
}

test('subscription: agrees with EMQX on every recorded filter, apart from the named exceptions', () => {
  const golden = readGolden().validate_filter
  assert.ok(golden.length > 50)
  for (const { topic, result } of golden) {
    // Erlang prints an atom with a # in quotes.
    const theirs = result === true ? 'valid' : result.error.replaceAll("'", '')
    const parsed = parseSubscription(topic)
    const ours = parsed.type === 'invalid' ? parsed.problem : 'valid'
    assert.equal(ours, notAsEmqx[topic]?.ours ?? theirs, topic.slice(0, 80))
  }
})
