import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
  const next = restarted.nextIncarnation()
  assert.ok(next > 1_000_001 && next < 1_010_000, String(next))
  assert.equal(restarted.nextIncarnation(), next + 1)
  nowMs = 2_000_000
  assert.equal(restarted.nextIncarnation(), 2_000_000)
})

test('of many the disk is told together, and a crash makes none of them come again', (t) => {
  const dir = dataDir(t)
  let written = 0
  let last = 0
  for (let life = 0; life < 3; life += 1) {
    const lives = new NodeIncarnations(dir, () => 1_000)
    let recorded = ''
    for (let i = 0; i < 2_500; i += 1) {
      const next = lives.nextIncarnation()
      assert.ok(next > last)
      last = next
      const text = readFileSync(join(dir, 'incarnation.json'), 'utf8')
      if (text !== recorded) written += 1
      recorded = text
    }
  }
  assert.ok(written <= 12, String(written))
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
