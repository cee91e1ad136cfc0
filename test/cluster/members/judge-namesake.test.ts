import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Claimant, judgeNamesake } from '../../../src/cluster/members/judge-namesake.ts'

const one: Claimant = { standing: 'member', startedAtMs: 100, boot: 'b' }

for (const { when, own, other, verdict } of [
  { when: 'a member stays before one that asks', own: one, other: { ...one, standing: 'asking' }, verdict: 'stay' },
  { when: 'one that asks gives way to a member', own: { ...one, standing: 'asking' }, other: one, verdict: 'give_way' },
  {
    when: 'one that asks gives way to a member that started later',
    own: { ...one, standing: 'asking', startedAtMs: 1 },
    other: one,
    verdict: 'give_way',
  },
  { when: 'the one that started later gives way', own: { ...one, startedAtMs: 101 }, other: one, verdict: 'give_way' },
  { when: 'the one that started earlier stays', own: { ...one, startedAtMs: 99 }, other: one, verdict: 'stay' },
  {
    when: 'at the same moment the larger boot id gives way',
    own: { ...one, boot: 'c' },
    other: one,
    verdict: 'give_way',
  },
] as const)
  test(`of two processes of one name, ${when}`, () => assert.equal(judgeNamesake(own, other), verdict))

const claimant = fc.record({
  standing: fc.constantFrom('asking' as const, 'member' as const),
  startedAtMs: fc.nat(3),
  boot: fc.constantFrom('a', 'b', 'c'),
})

test('of any two processes of one name exactly one gives way', () => {
  fc.assert(
    fc.property(claimant, claimant, (own, other) => {
      fc.pre(own.boot !== other.boot)
      assert.notEqual(judgeNamesake(own, other), judgeNamesake(other, own))
    }),
  )
})
