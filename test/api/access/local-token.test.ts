import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asker, nodeWithApi } from '../node-with-api.ts'

test('the token in the data directory opens the API to its owner, as long as the node runs', async (t) => {
  const { node, dataDir, url, ask } = await nodeWithApi(t)
  assert.equal(statSync(join(dataDir, 'api.json')).mode & 0o777, 0o600)
  assert.equal((await ask('/nothing/there')).status, 404)
  assert.equal((await asker(url, undefined)('/status')).status, 200)
  await node.stop()
  assert.equal(existsSync(join(dataDir, 'api.json')), false)
})
