import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { Jwt } from '../../../../src/broker/access/authentication/jwt.ts'
import { accepted, type Outcome } from '../../../../src/broker/access/authentication/outcome.ts'
import type { Logger } from '../../../../src/broker/logger.ts'
import { ManualClock } from '../../manual-clock.ts'
import { attempt, credentials, Latch, recordingLog } from './credentials.ts'
import { type Answer, deadUrl, sendJson, startWebServer } from './web-server.ts'

type Pair = { readonly jwk: object; sign(header?: object): Promise<string> }

function pair(kid: string | undefined, kind: 'rsa' | 'ec' = 'ec'): Pair {
  const keys =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const alg = kind === 'rsa' ? 'RS256' : 'ES256'
  const named = kid === undefined ? {} : { kid }
  return {
    jwk: { ...keys.publicKey.export({ format: 'jwk' }), ...named },
    sign: (header = named) => new SignJWT({}).setProtectedHeader({ alg, ...header }).sign(keys.privateKey),
  }
}

function jwt(
  t: TestContext,
  endpoint: string,
  log: Logger,
  clock = new ManualClock(),
): { readonly ask: (token: string) => Promise<Outcome>; readonly clock: ManualClock; readonly member: Jwt } {
  const ssl = { enable: false, verify: 'verify_none' } as const
  const member = new Jwt(
    {
      mechanism: 'jwt',
      enable: true,
      from: 'password',
      keys: { type: 'jwks', endpoint, headers: { 'x-key': 'k' }, refresh_interval: 60_000, pool_size: 2, ssl },
      verify_claims: {},
      disconnect_after_expire: true,
    },
    clock,
    log,
  )
  t.after(() => member.stop())
  return { ask: (password) => member.authenticate(credentials({ password }), attempt()), clock, member }
}

test('a token is proved by the key that it names, and the set is fetched once', async (t) => {
  const [first, second, stranger] = [pair('1'), pair('2', 'rsa'), pair('1')]
  const server = await startWebServer(t, sendJson({ keys: [first.jwk, second.jwk] }))
  const { ask } = jwt(t, `${server.url}/keys?x=1`, recordingLog().log)
  assert.deepEqual(await ask(await first.sign()), accepted())
  assert.deepEqual(await ask(await second.sign()), accepted())
  assert.equal((await ask(await stranger.sign())).type, 'ignored')
  assert.deepEqual(
    server.asked.map(({ method, path, headers }) => [method, path, headers['x-key']]),
    [['GET', '/keys?x=1', 'k']],
  )
})

test('a token that names no key is tried with each that it could mean', async (t) => {
  const pairs = [pair('1'), pair('2'), pair('3')]
  const server = await startWebServer(
    t,
    sendJson({ keys: [...pairs.map(({ jwk }) => jwk), { kty: 'oct', k: 'AAAA' }] }),
  )
  const { ask } = jwt(t, server.url, recordingLog().log)
  for (const each of pairs) assert.deepEqual(await ask(await each.sign({})), accepted())
  assert.equal((await ask(await pair('1').sign({}))).type, 'ignored')
})

test('a secret in a key set is none', async (t) => {
  const secret = Buffer.alloc(32, 7)
  const server = await startWebServer(
    t,
    sendJson({ keys: [{ kty: 'oct', k: secret.toString('base64url'), kid: '1' }] }),
  )
  const { ask } = jwt(t, server.url, recordingLog().log)
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'HS256', kid: '1' }).sign(secret)
  assert.equal((await ask(token)).type, 'ignored')
})

test('a new key is found when a token names it, but strangers cannot make us ask and ask', async (t) => {
  const [old, fresh] = [pair('old'), pair('new')]
  let keys = [old.jwk]
  const server = await startWebServer(t, (asked, response) => sendJson({ keys })(asked, response))
  const { ask, clock } = jwt(t, server.url, recordingLog().log)
  assert.deepEqual(await ask(await old.sign()), accepted())
  keys = [fresh.jwk]
  for (let guess = 0; guess < 20; guess++)
    assert.equal((await ask(await old.sign({ kid: `x${guess}` }))).type, 'ignored')
  assert.equal(server.asked.length, 1)
  clock.advance(5000)
  assert.deepEqual(await ask(await fresh.sign()), accepted())
  assert.equal(server.asked.length, 2)
  assert.equal((await ask(await old.sign())).type, 'ignored')
})

test('the set is fetched again in time, and nobody waits for it; while that fails the old one counts', async (t) => {
  const only = pair('1')
  let answer: Answer = sendJson({ keys: [only.jwk] })
  let heard = new Latch()
  const server = await startWebServer(t, (asked, response) => {
    answer(asked, response)
    heard.open()
  })
  const { log, events } = recordingLog()
  const { ask, clock } = jwt(t, server.url, log)
  const token = await only.sign()
  assert.deepEqual(await ask(token), accepted())
  clock.advance(60_001)
  answer = () => {}
  heard = new Latch()
  assert.deepEqual(await ask(token), accepted())
  await heard.promise
  assert.deepEqual(await ask(token), accepted())
  assert.equal(server.asked.length, 2)
  assert.deepEqual(events(), ['authentication_jwks_fetched'])
})

for (const { what, answer } of [
  { what: 'a status of failure', answer: sendJson({}, 503) },
  { what: 'no JSON', answer: ((_, response) => void response.end('<html>')) as Answer },
  { what: 'no key set', answer: sendJson({ keys: 'x' }) },
  { what: 'null', answer: sendJson(null) },
  { what: 'a closed connection', answer: ((_, response) => void response.destroy()) as Answer },
])
  test(`${what}: the server is unavailable, until it is well again`, async (t) => {
    const only = pair('1')
    let now = answer
    const server = await startWebServer(t, (asked, response) => now(asked, response))
    const { log, events } = recordingLog()
    const { ask, clock } = jwt(t, server.url, log)
    const token = await only.sign()
    assert.equal((await ask(token)).type, 'unavailable')
    assert.equal((await ask(token)).type, 'unavailable')
    assert.equal(server.asked.length, 1)
    assert.deepEqual(events(), ['authentication_jwks_failed'])
    now = sendJson({ keys: [only.jwk] })
    clock.advance(5000)
    assert.deepEqual(await ask(token), accepted())
  })

test('nobody listens there: unavailable, and the log holds no secret of the address', async (t) => {
  const { log, lines } = recordingLog()
  const { host } = new URL(await deadUrl(t))
  const { ask } = jwt(t, `http://user:s3cret@${host}/keys?key=s3cret`, log)
  assert.equal((await ask(await pair('1').sign())).type, 'unavailable')
  assert.match(JSON.stringify(lines), /ECONNREFUSED/)
  assert.doesNotMatch(JSON.stringify(lines), /s3cret/)
})

test('stopped while it fetches, it says nothing more', async (t) => {
  const heard = new Latch()
  const server = await startWebServer(t, () => heard.open())
  const { log, events } = recordingLog()
  const { ask, member } = jwt(t, server.url, log)
  const answer = ask(await pair('1').sign())
  await heard.promise
  member.stop()
  assert.equal((await answer).type, 'unavailable')
  assert.deepEqual(events(), [])
})
