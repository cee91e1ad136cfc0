import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ClusterError } from '../../src/cluster/cluster-error.ts'
import { NodeIncarnations } from '../../src/cluster/node-incarnations.ts'

function dataDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-lives-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return join(dir, 'data')
}

test('an incarnation grows also when the clock is set back, and over a restart', (t) => {
  const dir = dataDir(t)
  let nowMs = 1_000_000
  const first = new NodeIncarnations(dir, () => nowMs)
  assert.equal(first.nextIncarnation(), 1_000_000)
  assert.equal(first.nextIncarnation(), 1_000_001)
  nowMs = 5
  const restarted = new NodeIncarnations(dir, () => nowMs)
  assert.equal(restarted.nextIncarnation(), 1_000_002)
  nowMs = 2_000_000
  assert.equal(restarted.nextIncarnation(), 2_000_000)
})

test('a damaged record is refused by name, and not overwritten', (t) => {
  const dir = dataDir(t)
  new NodeIncarnations(dir, () => 7).nextIncarnation()
  writeFileSync(join(dir, 'incarnation.json'), '{"incarn')
  assert.throws(
    () => new NodeIncarnations(dir, () => 8),
    (error) => error instanceof ClusterError && error.message.includes('incarnation.json is damaged'),
  )
})

test('a data directory that can not be made is refused with its key', () => {
  assert.throws(
    () => new NodeIncarnations('/dev/null/data', () => 1),
    (error) => error instanceof ClusterError && error.message.startsWith('node.data_dir: '),
  )
})
