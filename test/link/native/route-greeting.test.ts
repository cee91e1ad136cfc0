import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  decodeRouteAnswer,
  decodeRouteGreeting,
  encodeRouteGreeting,
  ourRouteGreeting,
  routeAnswerTo,
} from '../../../src/link/native/route-greeting.ts'

const self = { node: 'a1@host', boot: '00ff' }
const terms = { frameBytesMax: 90_000, hashKey: [1, -2] } as const
const ours = ourRouteGreeting('us', self, terms)

test('a greeting for routes and its answer arrive as they were sent', () => {
  assert.deepEqual(decodeRouteGreeting(encodeRouteGreeting(ours)), ours)
  const answer = routeAnswerTo(ours, { node: 'b1@host', boot: '0a' }, { frameBytesMax: 70_000, hashKey: [3, 4] })
  assert.ok(answer)
  assert.deepEqual(decodeRouteAnswer(encodeRouteGreeting(answer)), answer)
})

test('a source that can do with any hash key says none', () => {
  const free = { ...ours, hashKey: undefined }
  assert.deepEqual(decodeRouteGreeting(encodeRouteGreeting(free)), free)
})

for (const { when, change, expected } of [
  { when: 'no limit', change: { frameBytesMax: undefined }, expected: { ...ours, frameBytesMax: 1_048_576 } },
  { when: 'a limit that nothing fits', change: { frameBytesMax: 1 }, expected: { ...ours, frameBytesMax: 1_048_576 } },
  { when: 'a hash key that is none', change: { hashKey: ['a', 1.5] }, expected: { ...ours, hashKey: undefined } },
  { when: 'more than we know', change: { colour: 'blue' }, expected: ours },
])
  test(`a greeting with ${when} is one nevertheless`, () => {
    assert.deepEqual(decodeRouteGreeting(JSON.stringify({ ...ours, ...change })), expected)
  })

test('whatever stands in its place is no greeting, and does no harm', () => {
  assert.equal(decodeRouteGreeting(undefined), undefined)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.equal(decodeRouteGreeting(text), undefined)
      assert.equal(decodeRouteAnswer(text), undefined)
    }),
  )
})
