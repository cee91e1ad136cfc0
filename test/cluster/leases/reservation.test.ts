import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  beginReservation,
  extendReservation,
  RESERVED,
  takeIncarnation,
} from '../../../src/cluster/leases/reservation.ts'

for (const { when, nowMs, known, next } of [
  { when: 'at the wall clock', nowMs: 5_000.7, known: 0, next: 5_000 },
  { when: 'above what is on record, where the clock was set back', nowMs: 5_000, known: 9_000, next: 9_001 },
])
  test(`a reservation begins ${when}`, () =>
    assert.deepEqual(beginReservation(nowMs, known), { next, upTo: next + RESERVED - 1 }))

test('what is on record is used one after another, and nothing beyond', () => {
  let reservation = beginReservation(100, 0)
  for (let n = 0; n < RESERVED; n++) {
    const taken = takeIncarnation(reservation)
    assert.equal(taken?.incarnation, 100 + n)
    reservation = taken?.left ?? reservation
  }
  assert.equal(takeIncarnation(reservation), undefined)
})

test('more is reserved when half is used, and not before', () => {
  assert.deepEqual(extendReservation({ next: 1, upTo: 1_000 }), { next: 1, upTo: 1_000 })
  assert.deepEqual(extendReservation({ next: 501, upTo: 1_000 }), { next: 501, upTo: 2_000 })
  assert.deepEqual(extendReservation({ next: 1_001, upTo: 1_000 }), { next: 1_001, upTo: 2_000 })
})
