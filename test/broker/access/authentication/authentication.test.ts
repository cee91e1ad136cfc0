import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  Authentication,
  type AuthenticationConfig,
} from '../../../../src/broker/access/authentication/authentication.ts'
import { accepted } from '../../../../src/broker/access/authentication/outcome.ts'
import { UserTable } from '../../../../src/broker/access/authentication/user-table.ts'
import type { AuthenticationResult } from '../../../../src/broker/access/authenticator.ts'
import type {
  AuthenticatorConfig,
  BuiltInConfig,
  EnableAuthn,
  HttpConfig,
  JwtConfig,
} from '../../../../src/config/authentication/authentication-config.ts'
import { ManualClock } from '../../manual-clock.ts'
import { credentials, recordingLog } from './credentials.ts'
import { sendJson, startWebServer } from './web-server.ts'

const failed_logins = { enable: true, max_count: 3, window_time: 60_000, ban_time: 30_000 }
const alice = credentials({ username: 'alice', password: 'secret' })
const wrong = credentials({ username: 'alice', password: 's3cret' })

function users(
  t: TestContext,
  text = 'user_id,password\nalice,secret\n',
  more: Partial<BuiltInConfig> = {},
): BuiltInConfig {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-users-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const bootstrap_file = join(directory, 'users.csv')
  writeFileSync(bootstrap_file, text)
  return {
    mechanism: 'password_based',
    backend: 'built_in_database',
    enable: true,
    user_id_type: 'username',
    password_hash_algorithm: { name: 'sha256', salt_position: 'prefix' },
    bootstrap_file,
    bootstrap_type: 'plain',
    ...more,
  }
}

const config = (...authentication: readonly AuthenticatorConfig[]): AuthenticationConfig => {
  return { authentication, authentication_settings: { failed_logins } }
}

async function start(t: TestContext, chain: AuthenticationConfig, enableAuthn: EnableAuthn = true) {
  const clock = new ManualClock()
  const { log, lines, events } = recordingLog()
  const authentication = new Authentication(chain, {
    users: new UserTable(),
    clock,
    log,
    enableAuthn: () => enableAuthn,
  })
  t.after(() => authentication.stop())
  await authentication.configure(chain)
  return { authentication, clock, lines, events }
}

const kind = (result: AuthenticationResult): string | number =>
  result.type === 'refused' ? result.reason : result.type

test('an empty chain lets everybody in, and says so', async (t) => {
  const { authentication } = await start(t, config())
  assert.equal(authentication.isOpen, true)
  assert.deepEqual(await authentication.authenticate(credentials()), accepted())
})

test('a chain that is switched off lets nobody in, and says so', async (t) => {
  const { authentication, events } = await start(t, config(users(t, undefined, { enable: false })))
  assert.equal(authentication.isOpen, false)
  assert.equal(kind(await authentication.authenticate(alice)), 0x86)
  assert.equal(kind(await authentication.authenticate(credentials())), 0x87)
  assert.equal(events()[0], 'authentication_lets_nobody_in')
})

test('before the chain is there, nobody gets in', async (t) => {
  const chain = config(users(t))
  const ports = {
    users: new UserTable(),
    clock: new ManualClock(),
    log: recordingLog().log,
    enableAuthn: () => true as const,
  }
  const authentication = new Authentication(chain, ports)
  assert.equal(kind(await authentication.authenticate(alice)), 0x86)
})

for (const { enableAuthn, who, expected } of [
  { enableAuthn: false, who: wrong, expected: 'accepted' },
  { enableAuthn: false, who: credentials(), expected: 'accepted' },
  { enableAuthn: true, who: wrong, expected: 0x86 },
  { enableAuthn: true, who: credentials(), expected: 0x87 },
  { enableAuthn: 'quick_deny_anonymous', who: credentials({ password: 'secret' }), expected: 0x87 },
  { enableAuthn: 'quick_deny_anonymous', who: alice, expected: 'accepted' },
  { enableAuthn: 'quick_deny_anonymous', who: wrong, expected: 0x86 },
] as const)
  test(`enable_authn = ${enableAuthn}: ${who.username ?? 'nobody'} with ${who.password === undefined ? 'no' : who === alice ? 'the right' : 'a wrong'} password is ${expected}`, async (t) => {
    const { authentication } = await start(t, config(users(t)), enableAuthn)
    assert.equal(kind(await authentication.authenticate(who)), expected)
  })

test('nobody learns which users there are, but the log tells', async (t) => {
  const { authentication, lines } = await start(t, config(users(t)))
  const unknown = credentials({ username: 'eve', password: 'x' })
  const [first, second] = [await authentication.authenticate(wrong), await authentication.authenticate(unknown)]
  assert.deepEqual(first, second)
  assert.deepEqual(first, { type: 'refused', reason: 0x86, words: 'bad user name or password' })
  const failures = lines.filter(({ event }) => event === 'authentication_failed')
  assert.deepEqual(
    failures.map(({ fields }) => [fields['username'], fields['reason'], fields['authenticator']]),
    [
      ['alice', 'wrong password', 'password_based:built_in_database'],
      ['eve', 'password_based:built_in_database: no such user', undefined],
    ],
  )
  assert.doesNotMatch(JSON.stringify(lines), /s3cret/)
})

test('an address that fails too often is shut out for a while, whatever it brings; others are not', async (t) => {
  const { authentication, clock, lines } = await start(t, config(users(t)))
  for (let attempt = 0; attempt < 3; attempt++) assert.equal(kind(await authentication.authenticate(wrong)), 0x86)
  assert.equal(kind(await authentication.authenticate(alice)), 0x9f)
  assert.deepEqual(await authentication.authenticate({ ...alice, peerHost: '192.0.2.2' }), accepted())
  clock.advance(29_999)
  assert.equal(kind(await authentication.authenticate(alice)), 0x9f)
  clock.advance(1)
  assert.deepEqual(await authentication.authenticate(alice), accepted())
  const [line] = lines.filter(({ event }) => event === 'authentication_address_shut_out')
  assert.deepEqual(line?.fields, { peer: '192.0.2.1', failures: 3, ban_ms: 30_000 })
})

test('a login that succeeds clears the address', async (t) => {
  const { authentication } = await start(t, config(users(t)))
  for (const who of [wrong, wrong, alice, wrong, wrong, alice]) await authentication.authenticate(who)
  assert.deepEqual(await authentication.authenticate(alice), accepted())
})

test('guesses that come all at once are not hashed once there were too many', async (t) => {
  const costly = { name: 'pbkdf2', mac_fun: 'sha256', iterations: 5000 } as const
  const { authentication } = await start(t, config(users(t, undefined, { password_hash_algorithm: costly })))
  const kinds = (await Promise.all(Array.from({ length: 200 }, () => authentication.authenticate(wrong)))).map(kind)
  assert.ok(kinds.filter((one) => one === 0x86).length <= 3 + 3, 'as many as may fail, and as many as were at work')
  assert.ok(kinds.filter((one) => one === 0x9f).length >= 194)
})

test('a flood of failures leaves a few lines, which say how many there were', async (t) => {
  const { authentication, clock, lines } = await start(t, {
    ...config(users(t)),
    authentication_settings: { failed_logins: { ...failed_logins, max_count: 1_000_000 } },
  })
  for (let attempt = 0; attempt < 500; attempt++) await authentication.authenticate(wrong)
  clock.advance(1000)
  await authentication.authenticate(wrong)
  const suppressed = lines
    .filter(({ event }) => event === 'authentication_failed')
    .map(({ fields }) => fields['suppressed'])
  assert.deepEqual(suppressed, [...Array.from({ length: 10 }, () => 0), 490])
})

test('what is wrong with us does not count against the client', async (t) => {
  const server = await startWebServer(t, (_, response) => void response.destroy())
  const http: HttpConfig = {
    mechanism: 'password_based',
    backend: 'http',
    enable: true,
    method: 'post',
    url: server.url,
    headers: {},
    body: {},
    request_timeout: 10_000,
    pool_size: 1,
    ssl: { enable: false, verify: 'verify_none' },
  }
  const { authentication } = await start(t, config(http))
  for (let attempt = 0; attempt < 5; attempt++)
    assert.deepEqual(await authentication.authenticate(alice), {
      type: 'refused',
      reason: 0x88,
      words: 'authentication is not available now',
    })
})

const jwt: JwtConfig = {
  mechanism: 'jwt',
  enable: true,
  from: 'username',
  keys: { type: 'hmac', secret: Buffer.from('x') },
  verify_claims: {},
  disconnect_after_expire: true,
}

test('where user names may be tokens none is logged', async (t) => {
  const { authentication, lines } = await start(t, config(jwt))
  assert.equal(kind(await authentication.authenticate(alice)), 0x86)
  assert.doesNotMatch(JSON.stringify(lines), /alice/)
})

test('a new chain takes the place of the old one; members that stay keep what they know', async (t) => {
  const server = await startWebServer(t, sendJson({ keys: [] }))
  const jwks: JwtConfig = {
    ...jwt,
    keys: {
      type: 'jwks',
      endpoint: server.url,
      headers: {},
      refresh_interval: 60_000,
      pool_size: 1,
      ssl: { enable: false, verify: 'verify_none' },
    },
  }
  const token = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.AAAA`
  const { authentication } = await start(t, config(jwks))
  assert.equal(kind(await authentication.authenticate(credentials({ username: token }))), 0x86)
  assert.equal(server.asked.length, 1)
  await authentication.configure(config(users(t), { ...jwks }))
  assert.deepEqual(await authentication.authenticate(alice), accepted())
  assert.equal(kind(await authentication.authenticate(credentials({ username: token }))), 0x86)
  assert.equal(server.asked.length, 1)
  await authentication.configure(config())
  assert.equal(authentication.isOpen, true)
})

test('a chain that cannot be leaves the old one', async (t) => {
  const { authentication } = await start(t, config(users(t)))
  await assert.rejects(
    authentication.configure(config({ ...users(t), bootstrap_file: '/nowhere/users.csv' })),
    /ENOENT/,
  )
  assert.deepEqual(await authentication.authenticate(alice), accepted())
  assert.equal(kind(await authentication.authenticate(wrong)), 0x86)
})

test('a bootstrap file is read again with every change, also when its name is the same', async (t) => {
  const chain = users(t)
  const { authentication } = await start(t, config(chain))
  writeFileSync(chain.bootstrap_file ?? '', 'user_id,password\nalice,secret\nbob,b\n')
  await authentication.configure(config(chain))
  assert.deepEqual(await authentication.authenticate(credentials({ username: 'bob', password: 'b' })), accepted())
})
