/** What is committed is found again; what can't be used is refused in words, and left as it is. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { open } from 'lmdb'
import { LmdbStore } from '../../src/store/lmdb-store.ts'

function temporaryFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-store-'))
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return join(directory, 'data', 'store.mdb')
}

async function openStore(t: TestContext, file: string): Promise<LmdbStore> {
  const store = LmdbStore.open(file)
  t.after(() => store.close())
  return store
}

const bytes = (text: string): Buffer => Buffer.from(text)
const contents = (store: LmdbStore): string[] =>
  [...store.entries('retained')].map(([key, value]) => `${key.toString()}=${value.toString()}`)

test('entries come back in the order of their keys, byte by byte, after the store was closed', async (t) => {
  const file = temporaryFile(t)
  const store = LmdbStore.open(file)
  await store.commit([
    { table: 'retained', key: bytes('b'), value: bytes('1') },
    { table: 'retained', key: Buffer.from([0]), value: bytes('') },
    { table: 'retained', key: bytes('a'), value: Buffer.alloc(300_000, 'x') },
    { table: 'retained', key: Buffer.from([0xff, 0]), value: bytes('2') },
    { table: 'wills', key: bytes('b'), value: bytes('3') },
  ])
  await store.commit([
    { table: 'retained', key: bytes('b'), value: undefined },
    { table: 'retained', key: bytes('nobody'), value: undefined },
  ])
  await store.close()
  const again = await openStore(t, file)
  const found = [...again.entries('retained')].map(([key, value]) => [key.toString('hex'), value.length])
  assert.deepEqual(found, [
    ['00', 0],
    ['61', 300_000],
    ['ff00', 1],
  ])
  assert.deepEqual([...again.entries('wills')].length, 1)
})

test('nobody else may read the file', async (t) => {
  const file = temporaryFile(t)
  await openStore(t, file)
  assert.equal(statSync(file).mode & 0o077, 0)
})

test('a second node in the same process is refused, and may come when the first is gone', async (t) => {
  const file = temporaryFile(t)
  const store = LmdbStore.open(file)
  assert.throws(() => LmdbStore.open(file), {
    name: 'StoreError',
    code: 'STORE_IN_USE',
    message: /another node\.data_dir/,
  })
  await store.close()
  await openStore(t, file)
})

test('a store that another process uses is refused, and free again once that was killed', async (t) => {
  const file = temporaryFile(t)
  const module = fileURLToPath(new URL('../../src/store/lmdb-store.js', import.meta.url))
  const program = `import { LmdbStore } from ${JSON.stringify(module)}
    const store = LmdbStore.open(${JSON.stringify(file)})
    await store.commit([{ table: 'retained', key: Buffer.from('k'), value: Buffer.from('v') }])
    process.stdout.write('ready')
    setInterval(() => {}, 1000)`
  const other = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => other.kill('SIGKILL'))
  await once(other.stdout, 'data')
  assert.throws(() => LmdbStore.open(file), { code: 'STORE_IN_USE', message: new RegExp(`process ${other.pid}`) })
  other.kill('SIGKILL')
  await once(other, 'exit')
  assert.deepEqual(contents(await openStore(t, file)), ['k=v'])
})

for (const { what, harm, code, words } of [
  {
    what: 'is text',
    harm: (file: string) => writeFileSync(file, 'a'.repeat(100_000)),
    code: 'STORE_DAMAGED',
    words: /does not begin as a store/,
  },
  {
    what: 'is short text',
    harm: (file: string) => writeFileSync(file, 'hello'),
    code: 'STORE_DAMAGED',
    words: /does not begin as a store/,
  },
  {
    what: 'lacks its second half',
    harm: (file: string) => truncateSync(file, statSync(file).size / 2),
    code: 'STORE_DAMAGED',
    words: /ends after \d+ bytes, of \d+/,
  },
  { what: 'lost its pages', harm: overwritePages, code: 'STORE_DAMAGED', words: /store is damaged/ },
]) {
  test(`a file that ${what} is refused and left as it is`, async (t) => {
    const file = temporaryFile(t)
    const store = LmdbStore.open(file)
    const entry = { table: 'retained' as const, value: Buffer.alloc(2000, 'x') }
    await store.commit(Array.from({ length: 100 }, (_, i) => ({ ...entry, key: bytes(`${i}`) })))
    await store.close()
    harm(file)
    const before = readFileSync(file)
    assert.throws(
      () => {
        const damaged = LmdbStore.open(file)
        t.after(() => damaged.close())
        contents(damaged)
      },
      (error: Error) =>
        'code' in error && error.code === code && words.test(error.message) && error.message.includes(file),
    )
    assert(readFileSync(file).equals(before), 'it was written to')
  })
}

/** All but the two first, which say where the others are. */
function overwritePages(file: string): void {
  const whole = readFileSync(file)
  writeFileSync(file, whole.fill(0xa5, 8192))
}

test('a store of another layout, or of another program, is refused', async (t) => {
  for (const { key, value, words } of [
    { key: 'layout', value: 'isthmus 99', words: /layout "isthmus 99"/ },
    { key: 'something', value: 'else', words: /something else than Isthmus/ },
  ]) {
    const file = temporaryFile(t)
    const foreign = open<Buffer, Buffer>({ path: file, noSubdir: true, encoding: 'binary', keyEncoding: 'binary' })
    await foreign.put(bytes(key), bytes(value))
    await foreign.close()
    assert.throws(() => LmdbStore.open(file), { code: 'STORE_VERSION_UNKNOWN', message: words })
  }
})

test('a directory that can not be made is named', (t) => {
  const file = temporaryFile(t)
  const notADirectory = dirname(dirname(file))
  writeFileSync(join(notADirectory, 'data'), '')
  assert.throws(() => LmdbStore.open(file), { code: 'STORE_UNUSABLE', message: /data\/store\.mdb/ })
})

test('a store that was written before links kept anything opens, and has their tables', async (t) => {
  const file = temporaryFile(t)
  mkdirSync(dirname(file), { recursive: true })
  const old = open<Buffer, Buffer>({
    path: file,
    noSubdir: true,
    maxDbs: 8,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
  })
  await old.put(bytes('layout'), bytes('isthmus 1'))
  for (const name of ['meta', 'sessions', 'subscriptions', 'messages', 'progress', 'retained', 'wills', 'users'])
    await old.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' }).put(bytes('k'), bytes(name))
  await old.close()
  const store = await openStore(t, file)
  assert.deepEqual(contents(store), ['k=retained'])
  assert.deepEqual([...store.entries('outbox'), ...store.entries('ledgers')], [])
  await store.commit([{ table: 'outbox', key: bytes('k'), value: bytes('1') }])
  assert.equal([...store.entries('outbox')].length, 1)
})

test('a table is read on after any key, whether that is there or not', async (t) => {
  const store = await openStore(t, temporaryFile(t))
  await store.commit(
    ['a', 'c', 'e'].map((name) => ({ table: 'outbox' as const, key: bytes(name), value: bytes(name) })),
  )
  const after = (key: string) => [...store.entriesAfter('outbox', bytes(key))].map(([found]) => found.toString())
  assert.deepEqual(
    ['', 'a', 'b', 'c', 'e', 'z'].map((key) => after(key).join('')),
    ['ace', 'ce', 'ce', 'e', '', ''],
  )
  assert.equal([...store.entriesAfter('outbox', undefined)].length, 3)
})
