/** Users of the built-in database over the API of a real node: who logs in and who does not, also after a restart. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import { createNode } from '../../../src/index.ts'
import { asker, nodeWithApi, readLocalToken } from '../node-with-api.ts'

const USERS = '/authentication/password_based:built_in_database/users'

type List = { readonly data: readonly { readonly user_id: string }[]; readonly meta: { readonly count: number } }

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'isthmus-users-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

async function start(t: TestContext, dataDir: string, bootstrapFile?: string) {
  const node = createNode({
    node: { name: 'n1@127.0.0.1', data_dir: dataDir },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
    authentication: [
      {
        mechanism: 'password_based',
        backend: 'built_in_database',
        password_hash_algorithm: { name: 'sha256', salt_position: 'prefix' },
        ...(bootstrapFile === undefined ? {} : { bootstrap_file: bootstrapFile, bootstrap_type: 'plain' }),
      },
    ],
  })
  await node.start()
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (!isStopped) await node.stop()
    isStopped = true
  }
  t.after(stop)
  const { url, token } = readLocalToken(dataDir)
  const address = node.status().listeners['tcp:default'] ?? ''
  const mayLogIn = async (username: string, password: string): Promise<boolean> => {
    try {
      const client = await connectAsync(`mqtt://${address}`, { username, password, reconnectPeriod: 0 }, false)
      await client.endAsync()
      return true
    } catch {
      return false
    }
  }
  return { ask: asker(url, `Bearer ${token}`), mayLogIn, stop }
}

test('a user is made, changed, listed and deleted, and logs in accordingly', async (t) => {
  const { ask, mayLogIn } = await start(t, directory(t))
  assert.equal(await mayLogIn('ann', 'one'), false)
  const made = await ask(USERS, { method: 'POST', body: { user_id: 'ann', password: 'one' } })
  assert.deepEqual([made.status, made.body], [201, { user_id: 'ann', is_superuser: false }])
  assert.deepEqual([await mayLogIn('ann', 'one'), await mayLogIn('ann', 'two')], [true, false])
  const again = await ask<{ readonly code: string }>(USERS, { method: 'POST', body: { user_id: 'ann', password: 'x' } })
  assert.deepEqual([again.status, again.body.code], [409, 'ALREADY_EXISTS'])

  const changed = await ask(`${USERS}/ann`, { method: 'PUT', body: { password: 'two' } })
  assert.deepEqual([changed.status, changed.body], [200, { user_id: 'ann', is_superuser: false }])
  assert.deepEqual([await mayLogIn('ann', 'one'), await mayLogIn('ann', 'two')], [false, true])
  const raised = await ask(`${USERS}/ann`, { method: 'PUT', body: { is_superuser: true } })
  assert.deepEqual(raised.body, { user_id: 'ann', is_superuser: true })
  assert.equal(await mayLogIn('ann', 'two'), true)

  await ask(USERS, { method: 'POST', body: { user_id: 'bob', password: 'b' } })
  for (const { query, found } of [
    { query: '', found: ['ann', 'bob'] },
    { query: '?like_user_id=n', found: ['ann'] },
    { query: '?is_superuser=false', found: ['bob'] },
  ]) {
    const { body } = await ask<List>(`${USERS}${query}`)
    assert.deepEqual([body.data.map(({ user_id }) => user_id).toSorted(), body.meta.count], [found, found.length])
  }
  // As clients of EMQX write it.
  assert.equal((await ask(`/authentication/password_based%3Abuilt_in_database/users/ann`)).status, 200)
  assert.equal((await ask(`${USERS}/ann`, { method: 'DELETE' })).status, 204)
  assert.equal(await mayLogIn('ann', 'two'), false)
  for (const method of ['GET', 'DELETE']) assert.equal((await ask(`${USERS}/ann`, { method })).status, 404)
  assert.equal((await ask(`${USERS}/ann`, { method: 'PUT', body: { password: 'x' } })).status, 404)
  for (const body of [
    { user_id: 'x' },
    { password: 'x' },
    { user_id: '', password: 'x' },
    { user_id: 'x', password: '' },
  ])
    assert.equal((await ask(USERS, { method: 'POST', body })).status, 400)
})

test('users outlive a restart, and a bootstrap file neither overwrites nor brings back what the API said', async (t) => {
  const [dataDir, files] = [directory(t), directory(t)]
  const file = join(files, 'users.csv')
  writeFileSync(file, 'user_id,password,is_superuser\nfile,f,false\nlost,l,false\nann,fromfile,false\n')
  const first = await start(t, dataDir)
  await first.ask(USERS, { method: 'POST', body: { user_id: 'ann', password: 'one' } })
  await first.stop()

  const second = await start(t, dataDir, file)
  assert.deepEqual([await second.mayLogIn('ann', 'one'), await second.mayLogIn('ann', 'fromfile')], [true, false])
  assert.deepEqual([await second.mayLogIn('file', 'f'), await second.mayLogIn('lost', 'l')], [true, true])
  await second.ask(`${USERS}/file`, { method: 'PUT', body: { password: 'changed' } })
  assert.equal((await second.ask(`${USERS}/lost`, { method: 'DELETE' })).status, 204)
  await second.stop()

  const third = await start(t, dataDir, file)
  assert.deepEqual([await third.mayLogIn('file', 'f'), await third.mayLogIn('file', 'changed')], [false, true])
  assert.equal(await third.mayLogIn('lost', 'l'), false)
  assert.equal((await third.ask<List>(USERS)).body.meta.count, 2)
  await third.ask(USERS, { method: 'POST', body: { user_id: 'lost', password: 'found' } })
  assert.equal(await third.mayLogIn('lost', 'found'), true)
})

test('without such an authenticator there are no users, and it says so', async (t) => {
  const { ask } = await nodeWithApi(t)
  const { status, body } = await ask<{ readonly code: string; readonly message: string }>(USERS)
  assert.deepEqual([status, body.code], [404, 'NOT_FOUND'])
  assert.match(body.message, /no authenticator password_based:built_in_database is configured/)
  assert.equal((await ask('/authentication/jwt/users')).status, 404)
})
