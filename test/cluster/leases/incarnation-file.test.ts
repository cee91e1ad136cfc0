import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import { IncarnationFile } from '../../../src/cluster/leases/incarnation-file.ts'
import { SlotFile } from '../../../src/cluster/slots/slot-file.ts'

function dataDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-kept-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

test('the highest incarnation of each lease is known after a restart', async (t) => {
  const dir = dataDir(t)
  const file = new IncarnationFile(dir)
  assert.equal(file.recall('eu'), 0)
  await Promise.all([file.remember('eu', 5), file.remember('us', 7), file.remember('eu', 9), file.remember('eu', 3)])
  const again = new IncarnationFile(dir)
  assert.deepEqual([again.recall('eu'), again.recall('us'), again.recall('asia')], [9, 7, 0])
})

test('damaged incarnations are refused by name', (t) => {
  const dir = dataDir(t)
  for (const text of ['{', '{"eu":"x"}', '[]x']) {
    writeFileSync(join(dir, 'lease-incarnations.json'), text)
    assert.throws(
      () => new IncarnationFile(dir),
      (error) => error instanceof ClusterError && error.message.includes('lease-incarnations.json is damaged'),
    )
  }
})

test('what can’t be written is an error of the data directory', async (t) => {
  const dir = dataDir(t)
  const file = new IncarnationFile(join(dir, 'missing'))
  await assert.rejects(
    file.remember('eu', 1),
    (error) => error instanceof ClusterError && error.code === 'DATA_DIR_UNUSABLE',
  )
})

test('a slot is known after a restart; a damaged file is none', async (t) => {
  const dir = dataDir(t)
  const file = new SlotFile(dir)
  assert.equal(file.recall(), undefined)
  await file.remember(3)
  assert.equal(new SlotFile(dir).recall(), 3)
  for (const text of ['{', '{"slot":0}', '{"slot":"1"}']) {
    writeFileSync(join(dir, 'slot.json'), text)
    assert.equal(new SlotFile(dir).recall(), undefined)
  }
})
