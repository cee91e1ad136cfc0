/** What a disk without room means, on a real one of two megabytes. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const module = fileURLToPath(new URL('../../src/store/lmdb-store.js', import.meta.url))

/** Runs in a process that has the disk to itself. Prints what became of each commit, and what is there at the end. */
const program = `
  import { rmSync, writeFileSync } from 'node:fs'
  import { LmdbStore } from ${JSON.stringify(module)}
  const directory = process.env.DISK
  writeFileSync(directory + '/filler', Buffer.alloc(1_000_000))
  const store = LmdbStore.open(directory + '/store.mdb')
  const say = []
  const commit = (key, bytes) =>
    store.commit([{ table: 'retained', key: Buffer.from(key), value: Buffer.alloc(bytes, 120) }]).then(
      () => say.push('ok'),
      (error) => say.push([error.code, error.isFull, error.message.includes('no room is left')].join(' ')),
    )
  for (let i = 0; i < 8; i++) await commit('k' + i, 200_000)
  rmSync(directory + '/filler')
  await commit('after', 200_000)
  const keys = [...store.entries('retained')].map(([key]) => key.toString())
  await store.close()
  console.log(JSON.stringify({ say, keys }))`

test('a commit without room fails as a whole and says why; with room it goes on as if nothing had been', (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'isthmus-disk-'))
  t.after(() => rmSync(disk, { recursive: true, force: true, maxRetries: 5 }))
  // A mount of its own in a namespace of its own, which goes with the process.
  const mounted = `mount -t tmpfs -o size=2m tmpfs "$DISK" || exit 77; exec "$NODE" --input-type=module --eval "$PROGRAM"`
  const run = spawnSync('unshare', ['--map-root-user', '--mount', 'sh', '-c', mounted], {
    env: { ...process.env, DISK: disk, NODE: process.execPath, PROGRAM: program },
    encoding: 'utf8',
  })
  if (run.error !== undefined || run.status === 77 || /unshare/.test(run.stderr))
    return t.skip('this machine lets nobody mount a small disk')
  assert.equal(run.status, 0, run.stderr)
  const { say, keys }: { say: string[]; keys: string[] } = JSON.parse(run.stdout)
  const kept = say.flatMap((what, i) => (what === 'ok' ? [i === 8 ? 'after' : `k${i}`] : []))
  assert.deepEqual(keys.toSorted(), kept.toSorted())
  assert.equal(say.at(-1), 'ok')
  assert(say.includes('STORE_WRITE_FAILED true true'), say.join(', '))
  assert(
    say.every((what) => what === 'ok' || what === 'STORE_WRITE_FAILED true true'),
    say.join(', '),
  )
  return undefined
})
