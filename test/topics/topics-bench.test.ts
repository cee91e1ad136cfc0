import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchTopics } from '../../scripts/bench/topics.ts'

test('bench of topics: runs with 1,000 filters, and does the same work for the same seed', () => {
  const first = benchTopics({ filters: 1000, seed: 7 })
  const second = benchTopics({ filters: 1000, seed: 7 })
  assert.equal(first.hash, second.hash)
  assert.notEqual(benchTopics({ filters: 1000, seed: 8 }).hash, first.hash)
  for (const [name, value] of Object.entries(first)) {
    if (typeof value === 'number') assert.ok(Number.isFinite(value) && value > 0, `${name} ${value}`)
  }
})
