/** What a node may rely on of its store holds on the real disk and on the simulated one; what happens to a disk is the simulated one's. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Change } from '../../../src/broker/store-port.ts'
import { LmdbStore } from '../../../src/store/lmdb-store.ts'
import { StoreError } from '../../../src/store/store-error.ts'
import { SimulatedDisk, type SimulatedStore } from './disk.ts'
import { PlainProcess } from './plain-process.ts'
import { SeededRandom } from './random.ts'
import { VirtualTime } from './virtual-time.ts'

type Opened = {
  readonly open: () => Pick<SimulatedStore, 'entries' | 'entriesAfter' | 'commit' | 'close'>
  /** Lets it happen. */
  readonly over: <T>(promised: Promise<T>) => Promise<T>
}

function real(t: TestContext): Opened {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-disk-'))
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return { open: () => LmdbStore.open(join(directory, 'store.mdb')), over: (promised) => promised }
}

function simulated(): Opened {
  const { disk, time } = world()
  return {
    open: () => disk.openStore('data/store.mdb', new PlainProcess()),
    over: async (promised) => {
      await time.runUntil(time.nowMs + 1000)
      return promised
    },
  }
}

function world(): { readonly time: VirtualTime; readonly disk: SimulatedDisk } {
  const time = new VirtualTime()
  return { time, disk: new SimulatedDisk(time, new SeededRandom(1)) }
}

const put = (key: string, value: string | undefined): Change => ({
  table: 'retained',
  key: Buffer.from(key),
  value: value === undefined ? undefined : Buffer.from(value),
})
const contents = (entries: Iterable<readonly [Buffer, Buffer]>): string =>
  [...entries].map(([key, value]) => `${key.toString('latin1')}=${value.toString()}`).join(' ')

for (const [name, kind] of Object.entries({ real, simulated })) {
  test(`${name} store: what was committed is found in the order of the keys, also by who opens it next`, async (t) => {
    const { open, over } = kind(t)
    const store = open()
    await over(store.commit([put('b', '1'), put('a', '2'), put('ab', '3'), put('\u00FF', '4')]))
    await over(store.commit([put('a', undefined), put('b', '5'), put('nobody', undefined), put('c', '')]))
    assert.equal(contents(store.entries('retained')), 'ab=3 b=5 c= \u00C3\u00BF=4')
    assert.equal(contents(store.entriesAfter('retained', Buffer.from('b'))), 'c= \u00C3\u00BF=4')
    assert.equal(contents(store.entriesAfter('retained', Buffer.from('aa'))), 'ab=3 b=5 c= \u00C3\u00BF=4')
    assert.equal(contents(store.entries('wills')), '')
    await over(store.close())
    const again = open()
    assert.equal(contents(again.entries('retained')), 'ab=3 b=5 c= \u00C3\u00BF=4')
    await over(again.close())
  })

  test(`${name} store: a second user is refused as long as the first has it open`, async (t) => {
    const { open, over } = kind(t)
    const store = open()
    assert.throws(open, { name: 'StoreError', code: 'STORE_IN_USE' })
    await over(store.close())
    await over(open().close())
  })

  test(`${name} store: commits are made in their order, and what is not over is not seen`, async (t) => {
    const { open, over } = kind(t)
    const store = open()
    const order: number[] = []
    const commits = [1, 2, 3].map((number) =>
      store.commit([put('k', String(number))]).then(() => void order.push(number)),
    )
    assert.equal(contents(store.entries('retained')), '')
    await over(Promise.all(commits))
    assert.deepEqual([order, contents(store.entries('retained'))], [[1, 2, 3], 'k=3'])
    await over(store.close())
  })
}

test('a disk without room refuses a transaction as a whole, and files; with room it goes on', async () => {
  const { disk, time } = world()
  const store = disk.openStore('data/store.mdb', new PlainProcess())
  const files = disk.filesOf(new PlainProcess())
  files.makeDirectory('data/a')
  files.replace('data/a/x', 'old')
  disk.fullChance = 1
  const refused = assert.rejects(store.commit([put('a', '1'), put('b', '2')]), (error) => {
    return error instanceof StoreError && error.code === 'STORE_WRITE_FAILED' && error.isFull
  })
  await time.runUntil(100)
  await refused
  assert.throws(() => files.replace('data/a/x', 'new'), { code: 'DATA_DIR_UNUSABLE', message: /no space left/ })
  const late = assert.rejects(files.replaceSoon('data/a/x', 'new'), { code: 'DATA_DIR_UNUSABLE' })
  await time.runUntil(200)
  await late
  assert.equal(files.read('data/a/x')?.toString(), 'old')
  disk.heal()
  const made = Promise.all([store.commit([put('c', '3')]), files.replaceSoon('data/a/x', 'new')])
  await time.runUntil(300)
  await made
  assert.deepEqual([contents(store.entries('retained')), disk.failures], ['c=3', 3])
  assert.equal(files.read('data/a/x')?.toString(), 'new')
  files.remove('data/a/x')
  assert.equal(files.read('data/a/x'), undefined)
})

test('who is killed finds each transaction as a whole or not at all, and what it was promised always', async () => {
  const found = new Set<string>()
  for (let killMs = 0; killMs < 8; killMs += 0.1) {
    const { disk, time } = world()
    const process = new PlainProcess()
    const store = disk.openStore('s', process)
    const promised: string[] = []
    for (const name of ['1', '2', '3'])
      void store.commit([put(`a${name}`, name), put(`b${name}`, name)]).then(() => promised.push(name))
    time.after(killMs, () => process.kill())
    await time.runUntil(50)
    const kept = contents(disk.openStore('s', new PlainProcess()).entries('retained'))
    const names = ['1', '2', '3'].filter((name) => kept.includes(`a${name}`))
    assert.equal(
      kept,
      [...names.map((name) => `a${name}=${name}`), ...names.map((name) => `b${name}=${name}`)].join(' '),
    )
    assert.ok(
      promised.every((name) => names.includes(name)),
      `promised ${promised.join()}, found ${names.join()}`,
    )
    found.add(`${promised.length} of ${names.length}`)
  }
  // Nothing, all, and a transaction that was made for nobody.
  for (const way of ['0 of 0', '0 of 1', '3 of 3']) assert.ok(found.has(way), [...found].join(', '))
})

test('who is killed leaves the old file or the new one', async () => {
  const found = new Set<string>()
  for (let killMs = 0; killMs < 5; killMs += 0.1) {
    const { disk, time } = world()
    const process = new PlainProcess()
    const files = disk.filesOf(process)
    files.replace('x', 'old')
    let isTold = false
    void files.replaceSoon('x', 'new').then(() => (isTold = true))
    time.after(killMs, () => process.kill())
    await time.runUntil(50)
    found.add(`${String(files.read('x'))} ${isTold ? 'told' : 'untold'}`)
  }
  assert.deepEqual([...found], ['old untold', 'new untold', 'new told'])
})

test('a stopped process writes nothing, and goes on where it was', async () => {
  const { disk, time } = world()
  const process = new PlainProcess()
  const store = disk.openStore('s', process)
  let isOver = false
  void store.commit([put('a', '1')]).then(() => (isOver = true))
  process.freeze()
  await time.runUntil(1000)
  assert.deepEqual([isOver, disk.commits], [false, 0])
  process.thaw()
  await time.runUntil(2000)
  assert.deepEqual([isOver, disk.commits], [true, 1])
})

test('a slow disk takes its time; another disk has nothing on it', async () => {
  const { disk, time } = world()
  const process = new PlainProcess()
  disk.commitMs = { minMs: 500, maxMs: 600 }
  const made = disk.openStore('s', process).commit([put('a', '1')])
  await time.runUntil(390)
  assert.equal(disk.commits, 0)
  await time.runUntil(610)
  await made
  process.kill()
  const files = disk.filesOf(new PlainProcess())
  files.makeDirectory('d')
  files.replace('d/x', '1')
  disk.wipe()
  assert.equal(contents(disk.openStore('s', new PlainProcess()).entries('retained')), '')
  assert.equal(files.read('d/x'), undefined)
  assert.throws(() => files.replace('d/x', '1'), /ENOENT/)
})

test('who reads while something is written goes on behind the last key that it had', async () => {
  const { disk, time } = world()
  const store = disk.openStore('s', new PlainProcess())
  const first = store.commit(['b', 'd', 'f'].map((key) => put(key, key)))
  await time.runUntil(10)
  await first
  const read: string[] = []
  for (const [key] of store.entries('retained')) {
    read.push(key.toString())
    if (read.length > 1) continue
    const second = store.commit([put('a', 'a'), put('c', 'c'), put('d', undefined)])
    await time.runUntil(20)
    await second
  }
  assert.equal(read.join(''), 'bcf')
})
