/** Who may ask a node over its API: a real node, asked over HTTP. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../../src/index.ts'
import { type Ask, asker, nodeWithApi } from '../node-with-api.ts'

const http = { http: { bind: '127.0.0.1:0' } }
const basic = (key: string, secret: string): string => `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`

type Problem = { readonly code: string; readonly message: string }
type LoggedIn = {
  readonly token: string
  readonly role: string
  readonly username: string
  readonly expires_at: string
}
type Line = { readonly event: string; readonly fields: object }

function logBook() {
  const lines: Line[] = []
  const note = (fields: object, event: string): void => void lines.push({ event, fields })
  return { lines, log: { debug: note, info: note, warn: note, error: note } }
}

async function start(t: TestContext, config: ConfigInput = {}) {
  const { lines, log } = logBook()
  const node = await nodeWithApi(t, config, { log })
  const nobody = asker(node.url, undefined)
  const login = async (username: string, password: string) => {
    const answer = await nobody<LoggedIn & Problem>('/login', { method: 'POST', body: { username, password } })
    return { ...answer, as: asker(node.url, `Bearer ${answer.body.token}`) }
  }
  return { ...node, lines, nobody, login }
}

const withPassword: ConfigInput = { dashboard: { listeners: http, default_password: 'public' } }

const codeOf = async (ask: Ask, path: string, init?: Parameters<Ask>[1]): Promise<unknown[]> => {
  const { status, body } = await ask<Problem>(path, init)
  return [status, body.code]
}

test('a first password is made and told once; it opens the API, and is kept only as a hash', async (t) => {
  const { lines, login, dataDir, nobody, ask } = await start(t)
  const told = lines.filter(({ event }) => event === 'dashboard_password_made')
  assert.equal(told.length, 1)
  const { username, password } = told[0]!.fields as { username: string; password: string }
  assert.equal(username, 'admin')
  const { status, body, as } = await login(username, password)
  assert.deepEqual([status, body.role, body.username], [200, 'administrator', 'admin'])
  assert.ok(Date.parse(body.expires_at) > Date.now() + 3_000_000)
  assert.deepEqual((await as('/me')).body, { name: 'admin', role: 'administrator', via: 'login' })
  const file = join(dataDir, 'access.json')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!readFileSync(file, 'utf8').includes(password))
  assert.equal(lines.filter(({ fields }) => JSON.stringify(fields).includes(password)).length, 1)
  const tail = JSON.stringify((await ask('/log')).body)
  assert.ok(tail.includes('dashboard_password_made') && !tail.includes(password), 'who looks at the log is not told')
  assert.deepEqual(await codeOf(nobody, '/me'), [401, 'AUTHORIZATION_HEADER_ERROR'])
})

test('users are made, changed and deleted; a viewer looks; a login ends with its user and its password', async (t) => {
  const { login, lines } = await start(t, withPassword)
  assert.ok(!lines.some(({ event }) => event === 'dashboard_password_made'))
  const { as: admin } = await login('admin', 'public')
  const made = await admin('/users', { method: 'POST', body: { username: 'vic', password: 'look-only-1' } })
  const vic = { username: 'vic', description: '', role: 'viewer', backend: 'local' }
  assert.deepEqual([made.status, made.body], [200, vic])
  assert.deepEqual(
    await codeOf(admin, '/users', { method: 'POST', body: { username: 'vic', password: 'look-only-1' } }),
    [400, 'ALREADY_EXISTS'],
  )
  const weak = await admin<Problem>('/users', { method: 'POST', body: { username: 'x', password: 'short' } })
  assert.match(weak.body.message, /^password: expected 8 to 64 characters/)

  const { as: viewer } = await login('vic', 'look-only-1')
  assert.equal((await viewer('/me')).status, 200)
  assert.deepEqual(await codeOf(viewer, '/users'), [403, 'UNAUTHORIZED_ROLE'])
  assert.deepEqual(await codeOf(viewer, '/users/vic', { method: 'DELETE' }), [403, 'UNAUTHORIZED_ROLE'])
  const others = { method: 'POST', body: { new_pwd: 'another-one-1' } }
  assert.deepEqual(await codeOf(viewer, '/users/admin/change_pwd', others), [403, 'UNAUTHORIZED_ROLE'])
  const wrong = { method: 'POST', body: { old_pwd: 'no', new_pwd: 'another-one-1' } }
  assert.deepEqual(await codeOf(viewer, '/users/vic/change_pwd', wrong), [400, 'ERROR_PWD_NOT_MATCH'])
  const right = { method: 'POST', body: { old_pwd: 'look-only-1', new_pwd: 'another-one-1' } }
  assert.equal((await viewer('/users/vic/change_pwd', right)).status, 204)
  assert.deepEqual(await codeOf(viewer, '/me'), [401, 'BAD_TOKEN'])

  const again = await login('vic', 'another-one-1')
  const promoted = await admin('/users/vic', { method: 'PUT', body: { description: 'chief', role: 'administrator' } })
  assert.deepEqual(promoted.body, { ...vic, description: 'chief', role: 'administrator' })
  assert.equal((await again.as('/users')).status, 200, 'a role counts at once')
  assert.deepEqual(await codeOf(again.as, '/users/vic', { method: 'DELETE' }), [400, 'BAD_REQUEST'])
  assert.equal((await admin('/users/vic', { method: 'DELETE' })).status, 204)
  assert.deepEqual(await codeOf(again.as, '/me'), [401, 'BAD_TOKEN'])
  assert.deepEqual(await codeOf(admin, '/users/vic', { method: 'DELETE' }), [404, 'USER_NOT_FOUND'])
})

test('the last administrator can be neither deleted nor made a viewer, and the local token mends a lost password', async (t) => {
  const { ask, login } = await start(t, withPassword)
  assert.deepEqual(await codeOf(ask, '/users/admin', { method: 'DELETE' }), [400, 'BAD_REQUEST'])
  const demote = { method: 'PUT', body: { description: '', role: 'viewer' } }
  assert.deepEqual(await codeOf(ask, '/users/admin', demote), [400, 'BAD_REQUEST'])
  const mended = await ask('/users/admin/change_pwd', { method: 'POST', body: { new_pwd: 'found-again-1' } })
  assert.equal(mended.status, 204)
  assert.equal((await login('admin', 'found-again-1')).status, 200)
})

test('a login goes on with another token, and all its tokens end at its logout', async (t) => {
  const { login, url } = await start(t, withPassword)
  const { as, body } = await login('admin', 'public')
  const other = await login('admin', 'public')
  const renewed = await as<LoggedIn>('/login/renew', { method: 'POST' })
  assert.equal(renewed.status, 200)
  const later = asker(url, `Bearer ${renewed.body.token}`)
  assert.equal((await later('/logout', { method: 'POST' })).status, 204)
  for (const ask of [as, later]) assert.deepEqual(await codeOf(ask, '/me'), [401, 'BAD_TOKEN'])
  assert.equal((await other.as('/me')).status, 200)
  const [head, , signature] = body.token.split('.')
  const forged = Buffer.from(JSON.stringify({ sub: 'admin', iss: 'isthmus', jti: 'x', exp: 9e9 })).toString('base64url')
  assert.deepEqual(await codeOf(asker(url, `Bearer ${head}.${forged}.${signature}`), '/me'), [401, 'BAD_TOKEN'])
})

test('who guesses is made to wait, and the right password is no way round it', async (t) => {
  const { login, nobody, url, ask } = await start(t, withPassword)
  const tried: unknown[] = []
  for (let i = 0; i < 6; i++) {
    const { status, body } = await login('admin', `wrong ${i}`)
    tried.push([status, body.code])
  }
  const wrong = [401, 'BAD_USERNAME_OR_PWD']
  assert.deepEqual(tried, [wrong, wrong, wrong, wrong, wrong, [429, 'TOO_MANY_REQUESTS']])
  assert.equal((await login('admin', 'public')).status, 429)
  assert.deepEqual([(await login('nobody', 'x')).status, (await nobody('/status')).status], [401, 200])
  const keys = await Promise.all(Array.from({ length: 8 }, (_, i) => asker(url, basic('nokey', `${i}`))('/me')))
  assert.deepEqual(
    keys
      .map(({ status }) => String(status))
      .toSorted()
      .join(' '),
    '401 401 401 401 401 429 429 429',
  )
  assert.equal((await ask('/me')).status, 200)
})

test('API keys: made with a secret that is told once, changed, ended; for scripts, not for who manages access', async (t) => {
  const { ask, url, dataDir } = await start(t, withPassword)
  type Key = { name: string; api_key: string; api_secret: string; role: string; expired: boolean; expired_at: string }
  const { status, body: key } = await ask<Key>('/api_key', {
    method: 'POST',
    body: { name: 'ci', role: 'viewer', desc: 'd' },
  })
  assert.deepEqual([status, key.name, key.role, key.expired_at, key.expired], [200, 'ci', 'viewer', 'infinity', false])
  assert.ok(!readFileSync(join(dataDir, 'access.json'), 'utf8').includes(key.api_secret))
  const script = asker(url, basic(key.api_key, key.api_secret))
  const all = await Promise.all(Array.from({ length: 20 }, () => script('/me')))
  assert.deepEqual(new Set(all.map((answer) => answer.status)), new Set([200]))
  assert.deepEqual(all[0]!.body, { name: 'ci', role: 'viewer', via: 'api_key' })
  assert.deepEqual(await codeOf(asker(url, basic(key.api_key, 'x')), '/me'), [401, 'BAD_API_KEY_OR_SECRET'])

  const { api_secret: _, ...shown } = key
  assert.deepEqual((await ask('/api_key/ci')).body, shown)
  const role = await ask<Key>('/api_key/ci', { method: 'PUT', body: { role: 'administrator' } })
  assert.deepEqual(role.body, { ...shown, role: 'administrator' })
  assert.deepEqual(await codeOf(script, '/api_key'), [403, 'API_KEY_NOT_ALLOW'])
  assert.deepEqual(await codeOf(script, '/users', { method: 'POST', body: {} }), [403, 'API_KEY_NOT_ALLOW'])
  const past = '2020-01-01T00:00:00Z'
  for (const [change, after] of [
    [{ enable: false }, 401],
    [{ enable: true }, 200],
    [{ expired_at: past }, 401],
    [{ expired_at: 'infinity' }, 200],
  ] as const) {
    assert.equal((await ask('/api_key/ci', { method: 'PUT', body: change })).status, 200)
    assert.equal((await script('/me')).status, after, JSON.stringify(change))
  }
  assert.equal((await ask('/api_key/ci', { method: 'DELETE' })).status, 204)
  assert.deepEqual(await codeOf(script, '/me'), [401, 'BAD_API_KEY_OR_SECRET'])
  assert.deepEqual(await codeOf(ask, '/api_key/ci'), [404, 'NOT_FOUND'])
})

test('keys of a bootstrap file are there from the start', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-keys-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'keys')
  writeFileSync(file, 'ci:s3cret\ngrafana:s3cret2:viewer\n')
  const { url } = await start(t, { ...withPassword, api_key: { bootstrap_file: file } })
  assert.deepEqual((await asker(url, basic('ci', 's3cret'))('/me')).body, {
    name: 'bootstrap-ci',
    role: 'administrator',
    via: 'api_key',
  })
  assert.deepEqual((await asker(url, basic('grafana', 's3cret2'))('/me')).body, {
    name: 'bootstrap-grafana',
    role: 'viewer',
    via: 'api_key',
  })
})

test('changes are on record, without secrets: who, what, from where, and what came of it', async (t) => {
  const { ask, login, lines } = await start(t, withPassword)
  const { as: admin } = await login('admin', 'public')
  await admin('/users', { method: 'POST', body: { username: 'vic', password: 'look-only-1' } })
  const viewer = await login('vic', 'look-only-1')
  await viewer.as('/users/vic', { method: 'DELETE' })
  await login('vic', 'wrong')
  await admin('/users')
  type Entry = {
    name: string
    via: string
    role: string | null
    method: string
    path: string
    status: number
    body?: object
    from: string
    node: string
  }
  const { body } = await ask<{ data: Entry[]; meta: object }>('/audit')
  assert.deepEqual(
    body.data.map(({ name, via, role, method, path, status, body }) => [name, via, role, method, path, status, body]),
    [
      ['vic', 'nobody', null, 'POST', '/api/v5/login', 401, { username: 'vic', password: '******' }],
      ['vic', 'login', 'viewer', 'DELETE', '/api/v5/users/vic', 403, undefined],
      ['vic', 'nobody', null, 'POST', '/api/v5/login', 200, { username: 'vic', password: '******' }],
      [
        'admin',
        'login',
        'administrator',
        'POST',
        '/api/v5/users',
        200,
        { username: 'vic', password: '******', description: '', role: 'viewer' },
      ],
      ['admin', 'nobody', null, 'POST', '/api/v5/login', 200, { username: 'admin', password: '******' }],
    ],
  )
  assert.deepEqual(new Set(body.data.map(({ from, node }) => `${from} ${node}`)), new Set(['127.0.0.1 n1@127.0.0.1']))
  assert.deepEqual(body.meta, { page: 1, limit: 100, count: 5, hasnext: false })
  assert.ok(!JSON.stringify([body, lines]).includes('look-only-1'))
  assert.equal(lines.filter(({ event }) => event === 'api_change').length, 5)
  const page = await ask<{ data: Entry[]; meta: object }>('/audit?page=2&limit=2&name=vic')
  assert.deepEqual(
    page.body.data.map(({ status }) => status),
    [200],
  )
  assert.deepEqual(page.body.meta, { page: 2, limit: 2, count: 3, hasnext: false })
  assert.deepEqual(await codeOf(viewer.as, '/audit'), [403, 'UNAUTHORIZED_ROLE'])
})
