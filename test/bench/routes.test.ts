import assert from 'node:assert/strict'
import test from 'node:test'
import { benchRoutes } from '../../scripts/bench/routes.ts'

test('the benchmark of a link’s routes works, and two runs do the same work', async () => {
  const first = await benchRoutes({ routes: 2_000, changed: 100 })
  const second = await benchRoutes({ routes: 2_000, changed: 100 })
  assert.equal(first.hash, second.hash)
  assert.ok(first.reconnectBytes < 1_024, String(first.reconnectBytes))
  assert.ok(first.bootstrapBytes > 2_000 * 20 && first.bootstrapBytes < 2_000 * 100, String(first.bootstrapBytes))
  assert.ok(first.resyncBytes < 100 * 100, String(first.resyncBytes))
})
