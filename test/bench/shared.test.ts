import assert from 'node:assert/strict'
import test from 'node:test'
import { benchShared } from '../../scripts/bench/shared.ts'

test('the benchmark of shared routes works, and two runs do the same work', async () => {
  const first = await benchShared({ routes: 1_000, joined: 1_000 })
  const second = await benchShared({ routes: 1_000, joined: 1_000 })
  assert.equal(first.hash, second.hash)
  assert.ok(first.sentBytes > 20 && first.sentBytes < 300, String(first.sentBytes))
})
