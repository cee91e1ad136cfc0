import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedProbe, probe as shape } from '../../../src/api/links/probes.ts'
import type { Probe } from '../../../src/link/probe/probe-view.ts'

const one: Probe = {
  kind: 'native',
  sent: 10,
  answered: 9,
  lost: 1,
  round_trip: { count: 9, p50_ms: 1, p90_ms: 2, p99_ms: 30, max_ms: 40 },
  round_trip_last_5m: null,
  one_way: null,
  one_way_back: null,
  one_way_messages: null,
  clock_offset_ms: -30,
  last_round_trip_ms: 2,
  last_one_way_ms: null,
  last_crossed_at: '2026-01-01T00:00:02.000Z',
  last_received_at: null,
  mute_since: null,
  mute_restarts: 1,
}

test('what several nodes measured: sums, the longest, the latest', () => {
  const other: Probe = {
    ...one,
    kind: 'emqx',
    sent: 1,
    answered: 1,
    lost: 0,
    round_trip: { count: 1, p50_ms: 5, p90_ms: 5, p99_ms: 5, max_ms: 5 },
    clock_offset_ms: 20,
    last_round_trip_ms: 5,
    last_crossed_at: '2026-01-01T00:00:01.000Z',
    mute_since: '2026-01-01T00:00:03.000Z',
    note: 'no more than that',
  }
  const quiet: Probe = {
    ...one,
    sent: 0,
    answered: 0,
    lost: 0,
    round_trip: null,
    last_crossed_at: null,
    mute_restarts: 0,
  }
  const merged = mergedProbe([one, other, quiet])
  assert.deepEqual(merged, {
    ...one,
    kind: 'emqx',
    sent: 11,
    answered: 10,
    lost: 1,
    round_trip: { count: 10, p50_ms: 5, p90_ms: 5, p99_ms: 30, max_ms: 40 },
    last_round_trip_ms: 5,
    mute_since: '2026-01-01T00:00:03.000Z',
    mute_restarts: 2,
    note: 'no more than that',
  })
  assert.deepEqual(shape.parse(merged), merged)
})

test('of one node it is what that node says, and of none there is nothing', () => {
  assert.equal(mergedProbe([one]), one)
  assert.equal(mergedProbe([]), undefined)
})
