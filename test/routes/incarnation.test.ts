import assert from 'node:assert/strict'
import test from 'node:test'
import { nextIncarnation } from '../../src/routes/incarnation.ts'

for (const { when, nowMs, last, next } of [
  { when: 'the first life of all', nowMs: 1_700_000_000_000, last: 0, next: 1_700_000_000_000 },
  { when: 'a clock that was set back', nowMs: 1_600_000_000_000, last: 1_700_000_000_000, next: 1_700_000_000_001 },
  {
    when: 'two lives within a millisecond',
    nowMs: 1_700_000_000_000,
    last: 1_700_000_000_000,
    next: 1_700_000_000_001,
  },
  { when: 'a clock with fractions', nowMs: 1_700_000_000_000.7, last: 5, next: 1_700_000_000_000 },
]) {
  test(`the incarnation grows: ${when}`, () => assert.equal(nextIncarnation(nowMs, last), next))
}
