import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BcryptThread } from '../../../../src/broker/access/authentication/bcrypt-thread.ts'
import { BuiltIn } from '../../../../src/broker/access/authentication/built-in.ts'
import { accepted, type Attempt, type Outcome } from '../../../../src/broker/access/authentication/outcome.ts'
import { UserTable } from '../../../../src/broker/access/authentication/user-table.ts'
import { WorkGate } from '../../../../src/broker/access/authentication/work-gate.ts'
import type { Credentials } from '../../../../src/broker/access/client-info.ts'
import type { BuiltInConfig } from '../../../../src/config/authentication/authentication-config.ts'
import { attempt, credentials, Latch, MemoryStore, recordingLog } from './credentials.ts'

const csv = 'user_id,password,is_superuser\nalice,secret,true\nbob,geheim,false\n'

function file(t: TestContext, text: string, name = 'users.csv'): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-users-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function builtIn(
  t: TestContext,
  config: Partial<BuiltInConfig> = {},
  users = new UserTable(new MemoryStore()),
  gate = new WorkGate(2, 10),
) {
  const bcrypt = new BcryptThread()
  t.after(() => bcrypt.stop())
  const { log, lines } = recordingLog()
  const member = new BuiltIn(
    {
      mechanism: 'password_based',
      backend: 'built_in_database',
      enable: true,
      user_id_type: 'username',
      password_hash_algorithm: { name: 'sha256', salt_position: 'prefix' },
      bootstrap_type: 'plain',
      ...config,
    },
    { users, bcrypt, gate, log },
  )
  const ask = (who: Credentials, how: Attempt = attempt()): Promise<Outcome> => member.authenticate(who, how)
  return { member, users, ask, lines }
}

const kind = (outcome: Outcome): string | number => (outcome.type === 'refused' ? outcome.reason : outcome.type)

for (const password_hash_algorithm of [
  { name: 'sha256', salt_position: 'prefix' },
  { name: 'bcrypt', salt_rounds: 5 },
  { name: 'pbkdf2', mac_fun: 'sha256', iterations: 1000 },
  { name: 'scrypt', cost: 1024, block_size: 8, parallelization: 1, dk_length: 64 },
  { name: 'plain', salt_position: 'disable' },
] as const)
  test(`users of a file, kept with ${password_hash_algorithm.name}`, async (t) => {
    const { member, ask, users } = builtIn(t, { bootstrap_file: file(t, csv), password_hash_algorithm })
    await member.bootstrap()
    assert.deepEqual(await ask(credentials({ username: 'alice', password: 'secret' })), accepted(true))
    assert.deepEqual(await ask(credentials({ username: 'bob', password: 'geheim' })), accepted(false))
    for (const [client, expected] of [
      [{ username: 'alice', password: 'geheim' }, 0x86],
      [{ username: 'alice', password: '' }, 0x86],
      [{ username: 'alice' }, 0x86],
      [{ username: 'eve', password: 'secret' }, 'ignored'],
      [{ username: 'eve', password: '' }, 'ignored'],
      [{ username: 'eve' }, 'ignored'],
      [{ username: '', password: 'secret' }, 'ignored'],
      [{ password: 'secret' }, 'ignored'],
      [{}, 'ignored'],
    ] as const)
      assert.equal(kind(await ask(credentials(client))), expected, JSON.stringify(client))
    if (password_hash_algorithm.name !== 'plain') assert.doesNotMatch(JSON.stringify(users.list()), /"(secret|geheim)"/)
  })

test('users by ClientID', async (t) => {
  const { member, ask } = builtIn(t, { bootstrap_file: file(t, csv), user_id_type: 'clientid' })
  await member.bootstrap()
  assert.deepEqual(await ask(credentials({ clientId: 'alice', username: 'x', password: 'secret' })), accepted(true))
  assert.equal(kind(await ask(credentials({ clientId: 'x', username: 'alice', password: 'secret' }))), 'ignored')
})

test('hashes of a file, as EMQX made them', async (t) => {
  const hash = 'c2705e787f39e55d28f91a42edbe521affa2189126fc459c597558ab959cd494'
  const text = JSON.stringify([{ user_id: 'u', password_hash: hash, salt: 'de1024f462fb83910fd13151bd4bd235' }])
  const { member, ask } = builtIn(t, { bootstrap_file: file(t, text, 'users.json'), bootstrap_type: 'hash' })
  await member.bootstrap()
  assert.deepEqual(await ask(credentials({ username: 'u', password: 'correct horse' })), accepted())
})

test('who is known stays as it is, whatever the file says later; who is new comes in', async (t) => {
  const store = new MemoryStore()
  const bootstrap_file = file(t, csv)
  await builtIn(t, { bootstrap_file }, new UserTable(store)).member.bootstrap()
  writeFileSync(bootstrap_file, 'user_id,password,is_superuser\nalice,changed,false\ncarol,c,\n')
  const { member, ask, lines } = builtIn(t, { bootstrap_file }, new UserTable(store))
  await member.bootstrap()
  assert.deepEqual(await ask(credentials({ username: 'alice', password: 'secret' })), accepted(true))
  assert.equal(kind(await ask(credentials({ username: 'alice', password: 'changed' }))), 0x86)
  assert.deepEqual(await ask(credentials({ username: 'bob', password: 'geheim' })), accepted())
  assert.deepEqual(await ask(credentials({ username: 'carol', password: 'c' })), accepted())
  const [line] = lines
  assert.deepEqual(
    [line?.event, line?.fields['added'], line?.fields['known_already'], line?.fields['users']],
    ['authentication_users_bootstrapped', 1, 1, 3],
  )
})

test('a file that is no good any more is told with its line, and nobody comes in', async (t) => {
  const { member, users } = builtIn(t, { bootstrap_file: file(t, 'user_id,password\na,p\nb\n') })
  await assert.rejects(member.bootstrap(), /users\.csv:3: has 1 field, the header 2 columns/)
  assert.equal(users.size, 0)
  await assert.rejects(builtIn(t, { bootstrap_file: '/nowhere/users.csv' }).member.bootstrap(), /ENOENT/)
})

test('costly hashes wait for their turn, and too many are turned away; nobody is hashed who was shut out', async (t) => {
  const password_hash_algorithm = { name: 'pbkdf2', mac_fun: 'sha256', iterations: 1000 } as const
  const gate = new WorkGate(1, 1)
  const { member, ask } = builtIn(t, { bootstrap_file: file(t, csv), password_hash_algorithm }, new UserTable(), gate)
  await member.bootstrap()
  const latch = new Latch()
  const busy = gate.run(attempt(), () => latch.promise)
  let isWelcome = true
  const waiting = ask(credentials({ username: 'alice', password: 'secret' }), attempt({ isWelcome: () => isWelcome }))
  // One that does not exist costs the same.
  assert.equal((await ask(credentials({ username: 'eve', password: 'x' }))).type, 'busy')
  isWelcome = false
  latch.open()
  await busy
  assert.equal(kind(await waiting), 0x87)
})
