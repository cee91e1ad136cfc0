import assert from 'node:assert/strict'
import test from 'node:test'
import { Looks } from './looks.ts'

/** When it looks up to then, if these things happen at these moments. */
function looksUntil(untilMs: number, planned: readonly number[], happened: number[] = [], traffic: number[] = []) {
  let nowMs = 0
  const count = (moments: readonly number[]): number => moments.filter((atMs) => atMs <= nowMs).length
  const looks = new Looks({ planned, happened: () => count(happened), traffic: () => count(traffic) })
  const moments: number[] = []
  for (;;) {
    nowMs = looks.nextMs(nowMs)
    if (nowMs > untilMs) return moments
    moments.push(nowMs)
  }
}

function longest(moments: readonly number[], fromMs: number, toMs: number): number {
  const within = moments.filter((atMs) => atMs >= fromMs && atMs <= toMs)
  return Math.max(...within.slice(1).map((atMs, at) => atMs - within[at]!))
}

test('looks often at the beginning, and rarely once nothing happens', () => {
  const moments = looksUntil(60_000, [])
  assert.equal(longest(moments, 0, 12_000), 500)
  assert.equal(longest(moments, 12_000, 60_000), 2_500)
})

test('looks just before whatever is planned, and often for a while afterwards', () => {
  const moments = looksUntil(60_000, [41_234, 30_000])
  for (const plannedMs of [30_000, 41_234]) {
    assert(moments.includes(plannedMs - 1), `not before ${plannedMs}`)
    assert.equal(longest(moments, plannedMs - 1, plannedMs + 11_000), 500)
  }
  assert.equal(longest(moments, 54_500, 60_000), 2_500)
})

test('looks often for a while after something happened that nobody planned', () => {
  const moments = looksUntil(60_000, [], [30_000])
  assert.equal(longest(moments, 30_000, 42_000), 500)
  assert.equal(longest(moments, 45_000, 60_000), 2_500)
})

test('looks often as long as messages come', () => {
  const traffic = Array.from({ length: 40 }, (_, at) => 30_000 + at * 400)
  const moments = looksUntil(60_000, [], [], traffic)
  assert.equal(longest(moments, 32_500, 45_000), 500)
  assert.equal(longest(moments, 49_000, 60_000), 2_500)
})
