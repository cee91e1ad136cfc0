import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { type AuditEntry, AuditFile } from '../../../src/api/access/audit-file.ts'
import { redacted } from '../../../src/api/access/redact.ts'

const silent = { warn() {}, error() {} }

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-audit-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function entry(second: number): AuditEntry {
  return {
    at: new Date(second * 1000).toISOString(),
    node: 'n1',
    name: 'ann',
    role: 'administrator',
    via: 'login',
    from: '::1',
    method: 'PUT',
    path: '/api/v5/x',
    status: 200,
    duration_ms: 1,
  }
}

async function secondsIn(file: AuditFile): Promise<number[]> {
  const seconds: number[] = []
  for await (const { at } of file.entries()) seconds.push(Date.parse(at) / 1000)
  return seconds
}

test('what is on record outlives the process, the latest first; half a line of a crash spoils nothing', async (t) => {
  const directory = directoryOf(t)
  const first = new AuditFile(directory, silent)
  for (const second of [1, 2, 3]) first.add(entry(second))
  await first.flush()
  const path = join(directory, 'audit.jsonl')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  appendFileSync(path, '{"at":"19')
  const again = new AuditFile(directory, silent)
  again.add(entry(4))
  assert.deepEqual(await secondsIn(again), [4, 3, 2, 1])
})

test('the record is bounded: a full file is set aside, and the one before it goes', async (t) => {
  const directory = directoryOf(t)
  const bytesMax = 1_000
  const file = new AuditFile(directory, silent, bytesMax)
  for (let second = 0; second < 40; second++) {
    file.add(entry(second))
    await file.flush()
  }
  const seconds = await secondsIn(file)
  assert.equal(seconds[0], 39)
  assert.deepEqual(
    seconds,
    seconds.map((_, index) => 39 - index),
  )
  assert.ok(seconds.length >= 4 && seconds.length < 12, `${seconds.length} are kept`)
  for (const name of ['audit.jsonl', 'audit.1.jsonl'])
    assert.ok(readFileSync(join(directory, name)).length <= bytesMax, name)
})

test('a disk that takes nothing is told, and harms nobody', async (t) => {
  const told: string[] = []
  const file = new AuditFile(join(directoryOf(t), 'nowhere'), { warn() {}, error: (_, event) => void told.push(event) })
  file.add(entry(1))
  await file.flush()
  assert.deepEqual(told, ['audit_not_written'])
})

for (const { what, body, is } of [
  { what: 'a password', body: { username: 'a', password: 's3cret' }, is: { username: 'a', password: '******' } },
  {
    what: 'both of a change',
    body: { old_pwd: 's3cret', new_pwd: 's3cret' },
    is: { old_pwd: '******', new_pwd: '******' },
  },
  { what: 'a switch named like one', body: { enable_password: true }, is: { enable_password: true } },
  {
    what: 'those of a link',
    body: [{ name: 'eu', password: 's3cret', ssl: { keyfile: 's3cret', certfile: '-----BEGIN s3cret' } }],
    is: [{ name: 'eu', password: '******', ssl: { keyfile: '******', certfile: '******' } }],
  },
  { what: 'one in an address', body: { server: 'mqtt://u:s3cret@h:1' }, is: { server: 'mqtt://******@h:1' } },
  { what: 'a payload', body: { topic: 't', payload: 's3cret' }, is: { topic: 't', payload: '******' } },
  { what: 'nothing', body: null, is: undefined },
])
  test(`on record of a body: ${what}`, () => assert.deepEqual(redacted(body), is))

test('whatever is sent, little of it is on record and none of its passwords', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => {
      const kept = redacted({ value, password: 's3cret', deeper: { value: [value], api_secret: ['s3cret'] } })
      const text = JSON.stringify(kept)
      assert.ok(text.length < 10_000)
      assert.ok(!text.includes('s3cret'))
    }),
  )
})
