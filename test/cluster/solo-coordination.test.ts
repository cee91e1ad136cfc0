import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ClusterError } from '../../src/cluster/cluster-error.ts'
import { SoloCoordination } from '../../src/cluster/solo/solo-coordination.ts'
import { coordinationSuite } from './coordination-suite.ts'
import { ClusterLogBook } from './cluster-log-book.ts'

function dataDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-solo-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return join(dir, 'data')
}

const open = (dir: string, boot = '1', log = new ClusterLogBook()): SoloCoordination => {
  return new SoloCoordination({ self: { node: 'a', boot }, dataDir: dir, log })
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

coordinationSuite({
  name: 'solo',
  isShared: false,
  join: async (t) => open(dataDir(t)),
  until: async (isTrue, what) => {
    for (let turn = 0; !isTrue(); turn++) {
      assert.ok(turn < 1000, `never came: ${what}`)
      await turns(1)
    }
  },
  settle: () => turns(3),
})

test('solo: registers survive a restart, and revisions go on', async (t) => {
  const dir = dataDir(t)
  const first = open(dir)
  await first.registers.write('kept', Buffer.from([0, 255, 7]), 0)
  const gone = await first.registers.write('gone', Buffer.from('x'), 0)
  assert.ok(gone.type === 'written')
  const deleted = await first.registers.remove('gone', gone.revision)
  await first.close()
  const again = open(dir, '2')
  assert.deepEqual(await again.registers.read('kept'), { key: 'kept', value: Buffer.from([0, 255, 7]), revision: 1 })
  assert.deepEqual(await again.registers.read('gone'), { key: 'gone', value: undefined, revision: 0 })
  const next = await again.registers.write('gone', Buffer.from('y'), 0)
  assert.ok(next.type === 'written' && deleted.type === 'written' && next.revision > deleted.revision)
})

test('solo: a crash between two writes leaves the older registers', async (t) => {
  const dir = dataDir(t)
  await open(dir).registers.write('k', Buffer.from('1'), 0)
  writeFileSync(join(dir, 'registers.json.new'), '{"revision": 2, "regi')
  const { value } = await open(dir, '2').registers.read('k')
  assert.equal(Buffer.from(value ?? []).toString(), '1')
})

for (const { when, text } of [
  { when: 'cut off', text: '{"revision": 1, "registers": [["k"' },
  { when: 'of another shape', text: '{"revision": 1, "registers": [["k", 5, 1]]}' },
  { when: 'without revision', text: '{"registers": []}' },
]) {
  test(`solo: a file that is ${when} is refused by name`, (t) => {
    const dir = dataDir(t)
    open(dir)
    writeFileSync(join(dir, 'registers.json'), text)
    assert.throws(
      () => open(dir, '2'),
      (error) =>
        error instanceof ClusterError &&
        error.code === 'DATA_DIR_UNUSABLE' &&
        error.message.includes('registers.json is damaged'),
    )
  })
}

test('solo: a data directory that can not be used is an error of the write, and nothing has changed', async (t) => {
  const dir = dataDir(t)
  const solo = open(dir)
  rmSync(dir, { recursive: true })
  await assert.rejects(
    solo.registers.write('k', Buffer.from('1'), 0),
    (error) => error instanceof ClusterError && error.code === 'DATA_DIR_UNUSABLE',
  )
  assert.equal((await solo.registers.read('k')).revision, 0)
})

test('solo: a watcher that throws is logged, and the others are told', async (t) => {
  const log = new ClusterLogBook()
  const solo = open(dataDir(t), '1', log)
  solo.registers.watch('', {
    changed: () => assert.fail('on purpose'),
    ready: () => undefined,
  })
  const told: string[] = []
  solo.registers.watch('', { changed: ({ key }) => told.push(key), ready: () => undefined })
  await turns(1)
  await solo.registers.write('k', Buffer.from('1'), 0)
  await turns(1)
  assert.deepEqual(told, ['k'])
  assert.deepEqual(log.events('error'), ['register_watcher_failed'])
})
