import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  answerTo,
  decodeAnswer,
  decodeGreeting,
  encodeGreeting,
  ourGreeting,
  versionMax,
} from '../../../src/link/native/greeting.ts'

const ours = ourGreeting('us', 'a1@host', '00ff')

test('a greeting and its answer arrive as they were sent', () => {
  assert.deepEqual(decodeGreeting(encodeGreeting(ours)), ours)
  const unused = { ...ours, unusedEpoch: 7 }
  assert.deepEqual(decodeGreeting(encodeGreeting(unused)), unused)
  const answer = answerTo(ours, 'b1@host', '0a')
  assert.ok(answer)
  assert.deepEqual(decodeAnswer(encodeGreeting(answer)), answer)
})

for (const { when, versions, agreed } of [
  { when: 'one of our own', versions: [versionMax, versionMax], agreed: versionMax },
  { when: 'a newer one that still knows ours', versions: [1, versionMax + 5], agreed: versionMax },
  { when: 'a newer one that has forgotten ours', versions: [versionMax + 1, versionMax + 5], agreed: undefined },
] as const)
  test(`versions: with ${when} it is ${String(agreed)}`, () => {
    assert.equal(answerTo({ ...ours, versions }, 'n', 'b')?.version, agreed)
  })

test('features that one side does not know are left out, and so are fields', () => {
  const newer = JSON.stringify({ ...ours, features: ['teleport', 'deflate'], more: { than: 'we know' } })
  const greeting = decodeGreeting(newer)
  assert.ok(greeting)
  assert.deepEqual(answerTo(greeting, 'n', 'b')?.features, ['deflate'])
  assert.deepEqual(answerTo({ ...ours, features: [] }, 'n', 'b')?.features, [])
})

test('whatever comes in its place is no greeting, and does no harm', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (json) => {
      assert.equal(decodeGreeting(json), undefined)
      assert.equal(decodeAnswer(json), undefined)
    }),
  )
  assert.equal(decodeGreeting(encodeGreeting({ ...ours, node: 'x'.repeat(10_000) })), undefined)
})
