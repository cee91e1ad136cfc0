import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { Jwt } from '../../../../src/broker/access/authentication/jwt.ts'
import { accepted, type Outcome } from '../../../../src/broker/access/authentication/outcome.ts'
import { systemClock } from '../../../../src/broker/clock.ts'
import type { JwtConfig, JwtKeys } from '../../../../src/config/authentication/authentication-config.ts'
import { ManualClock } from '../../manual-clock.ts'
import { attempt, credentials, recordingLog } from './credentials.ts'

const secret = Buffer.from('emqxsecret')
const hmac: JwtKeys = { type: 'hmac', secret }

function jwt(
  t: TestContext,
  keys: JwtKeys,
  config: Partial<JwtConfig> = {},
  clock = systemClock,
): (token: string, username?: string) => Promise<Outcome> {
  const member = new Jwt(
    {
      mechanism: 'jwt',
      enable: true,
      from: 'password',
      keys,
      verify_claims: {},
      disconnect_after_expire: true,
      ...config,
    },
    clock,
    recordingLog().log,
  )
  t.after(() => member.stop())
  return (password, username = 'alice') => member.authenticate(credentials({ username, password }), attempt())
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Made without the library. */
function signed(claims: object, key = secret, header: object = { alg: 'HS256' }, hash = 'sha256'): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`
}

test('a token that Python made', async (t) => {
  const token =
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6ImFsaWNlIiwiZXhwIjo0MTAyNDQ0ODAwLCJpc19zdXBlcnVzZXIiOnRydWUsImNsaWVudF9hdHRycyI6eyJyb2xlIjoiYWRtaW4ifX0.E9qs4xa10buQUmcuytNkdl8imIMObjVS7AmDpCop2M0'
  const ask = jwt(t, hmac, { verify_claims: { username: '${username}' } })
  assert.deepEqual(await ask(token), accepted(true, { role: 'admin' }, 4_102_444_800_000))
  const other = await ask(token, 'bob')
  assert.equal(other.type === 'refused' && other.reason, 0x86)
})

test('the example of RFC 7515, A.2: RS256', async (t) => {
  const jwk = {
    kty: 'RSA',
    n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
    e: 'AQAB',
  }
  const { createPublicKey } = await import('node:crypto')
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString()
  const token =
    'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw'
  const clock = new ManualClock()
  clock.setWall(1_300_819_379_000 - clock.nowMs())
  const ask = jwt(t, { type: 'public', pem }, {}, clock)
  assert.deepEqual(await ask(token), accepted(false, {}, 1_300_819_380_000))
  clock.setWall(1000)
  assert.match(JSON.stringify(await ask(token)), /expired/)
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keyPairs: Readonly<Record<string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>> = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()

for (const [alg, { publicKey, privateKey }] of Object.entries(keyPairs)) {
  test(`${alg}: its own key proves a token, no other does`, async (t) => {
    const token = await new SignJWT({ a: 1 }).setProtectedHeader({ alg }).sign(privateKey)
    assert.deepEqual(await jwt(t, { type: 'public', pem: pemOf(publicKey) })(token), accepted())
    const stranger = alg.startsWith('ES') ? keyPairs['EdDSA'] : keyPairs['ES256']
    assert.equal((await jwt(t, { type: 'public', pem: pemOf(stranger!.publicKey) })(token)).type, 'ignored')
    assert.equal((await jwt(t, hmac)(token)).type, 'ignored')
    const [head, , tail] = token.split('.')
    assert.equal(
      (await jwt(t, { type: 'public', pem: pemOf(publicKey) })(`${head}.${encode({ a: 2 })}.${tail}`)).type,
      'ignored',
    )
  })
}

for (const [alg, hash] of [
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
] as const)
  test(`${alg}: the secret proves a token, another does not`, async (t) => {
    assert.deepEqual(await jwt(t, hmac)(signed({}, secret, { alg }, hash)), accepted())
    assert.equal((await jwt(t, hmac)(signed({}, Buffer.from('other'), { alg }, hash))).type, 'ignored')
  })

for (const { what, keys, token } of [
  { what: 'alg none', keys: hmac, token: `${encode({ alg: 'none' })}.${encode({})}.` },
  { what: 'alg none with a signature', keys: hmac, token: signed({}, secret, { alg: 'none' }) },
  {
    what: 'alg NONE',
    keys: { type: 'public', pem: pemOf(rsa.publicKey) },
    token: `${encode({ alg: 'NONE' })}.${encode({})}.`,
  },
  // The old attack: what is public as a secret.
  {
    what: 'a public key taken for a secret',
    keys: { type: 'public', pem: pemOf(rsa.publicKey) },
    token: signed({}, Buffer.from(pemOf(rsa.publicKey))),
  },
  {
    what: 'a public key taken for a secret, as DER',
    keys: { type: 'public', pem: pemOf(rsa.publicKey) },
    token: signed({}, rsa.publicKey.export({ type: 'spki', format: 'der' })),
  },
  {
    what: 'a key of the token’s own',
    keys: { type: 'public', pem: pemOf(rsa.publicKey) },
    token: signed({}, secret, { alg: 'HS256', jwk: { kty: 'oct', k: secret.toString('base64url') } }),
  },
  {
    what: 'a critical header that nobody knows',
    keys: hmac,
    token: signed({}, secret, { alg: 'HS256', crit: ['x'], x: 1 }),
  },
  { what: 'an algorithm by another name', keys: hmac, token: signed({}, secret, { alg: 'hs256' }) },
  { what: 'an algorithm that is no text', keys: hmac, token: signed({}, secret, { alg: ['HS256'] }) },
  { what: 'a signature that was cut', keys: hmac, token: signed({}).slice(0, -2) },
  { what: 'no signature', keys: hmac, token: signed({}).replace(/[^.]*$/, '') },
] as const)
  test(`${what}: proves nothing`, async (t) => assert.equal((await jwt(t, keys)(token)).type, 'ignored'))

for (const [what, password] of [
  ['a plain password', 'secret'],
  ['a password with dots', 'a.b.c'],
  ['an empty password', ''],
  ['bytes', '\u0000\u0001'],
  ['five parts, which is an encrypted token', 'a.b.c.d.e'],
  ['a header without alg', `${encode({ typ: 'JWT' })}.${encode({})}.x`],
] as const)
  test(`${what} is somebody else's to judge`, async (t) => {
    assert.deepEqual(await jwt(t, hmac)(password), { type: 'ignored', words: 'no token' })
  })

test('no password at all, and a token as user name', async (t) => {
  const member = new Jwt(
    {
      mechanism: 'jwt',
      enable: true,
      from: 'username',
      keys: hmac,
      verify_claims: { sub: '${clientid}' },
      disconnect_after_expire: true,
    },
    systemClock,
    recordingLog().log,
  )
  t.after(() => member.stop())
  assert.equal((await member.authenticate(credentials(), attempt())).type, 'ignored')
  const username = signed({ sub: 'client-1' })
  assert.deepEqual(await member.authenticate(credentials({ username }), attempt()), accepted())
})

for (const { what, claims, reason } of [
  { what: 'expired', claims: { exp: 1 }, reason: 0x86 },
  { what: 'not valid yet', claims: { nbf: 4_102_444_800 }, reason: 0x86 },
  { what: 'of the future', claims: { iat: 4_102_444_800 }, reason: 0x86 },
  { what: 'with rules that would not be kept', claims: { acl: [] }, reason: 0x87 },
  { what: 'without claims', claims: [1], reason: 0x86 },
])
  test(`a token that is good but ${what} is refused`, async (t) => {
    const outcome = await jwt(t, hmac)(signed(claims))
    assert.equal(outcome.type === 'refused' && outcome.reason, reason)
  })

test('the end of a token ends the connection only if it shall', async (t) => {
  const token = signed({ exp: 4_102_444_800 })
  assert.deepEqual(await jwt(t, hmac)(token), accepted(false, {}, 4_102_444_800_000))
  assert.deepEqual(await jwt(t, hmac, { disconnect_after_expire: false })(token), accepted())
})
