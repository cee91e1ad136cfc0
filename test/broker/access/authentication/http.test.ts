import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { HttpService } from '../../../../src/broker/access/authentication/http.ts'
import { accepted, type Outcome } from '../../../../src/broker/access/authentication/outcome.ts'
import { systemClock } from '../../../../src/broker/clock.ts'
import type { HttpConfig } from '../../../../src/config/authentication/authentication-config.ts'
import { attempt, credentials, Latch, recordingLog } from './credentials.ts'
import { deadUrl, sendJson, startWebServer } from './web-server.ts'

const allow = sendJson({ result: 'allow' })

function service(t: TestContext, config: Partial<HttpConfig> & { readonly url: string }) {
  const { log, lines } = recordingLog()
  const http = new HttpService(
    {
      mechanism: 'password_based',
      backend: 'http',
      enable: true,
      method: 'post',
      headers: {},
      body: { username: '${username}', password: '${password}' },
      request_timeout: 10_000,
      pool_size: 2,
      ssl: { enable: false, verify: 'verify_none' },
      ...config,
    },
    systemClock,
    log,
  )
  t.after(() => http.stop())
  const ask = (who = alice, how = attempt()): Promise<Outcome> => http.authenticate(who, how)
  return { http, ask, lines }
}

const alice = credentials({
  username: 'alice',
  password: 's3cret &"ä',
  certificate: { commonName: 'cn', subject: 'CN=cn,O=x' },
})

test('a request by post has a body of JSON, with all placeholders filled in', async (t) => {
  const server = await startWebServer(t, sendJson({ result: 'allow', is_superuser: true, client_attrs: { role: 'r' } }))
  const { ask } = service(t, {
    url: `${server.url}/auth/\${clientid}?from=\${peerhost}:\${peerport}`,
    headers: { 'x-listener': '${listener}' },
    body: {
      'u-${username}': '${username}',
      password: '${password}',
      cn: '${cert_common_name}',
      dn: '${cert_subject}',
      fixed: '1',
    },
  })
  const outcome = await ask({ ...alice, clientId: 'a/b ?' })
  assert.deepEqual(outcome, accepted(true, { role: 'r' }))
  const [asked] = server.asked
  assert.equal(asked?.method, 'POST')
  assert.equal(asked.path, '/auth/a%2Fb%20%3F?from=192.0.2.1:54321')
  assert.equal(asked.headers['content-type'], 'application/json')
  assert.equal(asked.headers['x-listener'], 'tcp:default')
  const body = { 'u-alice': 'alice', password: 's3cret &"ä', cn: 'cn', dn: 'CN=cn,O=x', fixed: '1' }
  assert.deepEqual(JSON.parse(asked.body), body)
})

test('a request by post may have a form', async (t) => {
  const server = await startWebServer(t, allow)
  const { ask } = service(t, { url: server.url, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
  assert.deepEqual(await ask(), accepted())
  const form = Object.fromEntries(new URLSearchParams(server.asked[0]?.body))
  assert.deepEqual(form, { username: 'alice', password: 's3cret &"ä' })
})

test('a request by get has it all in its address, behind what stands there', async (t) => {
  const server = await startWebServer(t, allow)
  const { ask } = service(t, {
    url: `${server.url}/a?x=1`,
    method: 'get',
    body: { u: '${username}', p: '${password}' },
  })
  assert.deepEqual(await ask(), accepted())
  const [asked] = server.asked
  assert.equal(asked?.method, 'GET')
  assert.deepEqual(
    [...new URL(asked.path, 'http://h').searchParams],
    [
      ['x', '1'],
      ['u', 'alice'],
      ['p', 's3cret &"ä'],
    ],
  )
  assert.deepEqual(
    [asked.body, asked.headers['content-type'], asked.headers['content-length']],
    ['', undefined, undefined],
  )
})

test('what a client does not have is empty', async (t) => {
  const server = await startWebServer(t, allow)
  const { ask } = service(t, { url: server.url })
  await ask(credentials())
  assert.deepEqual(JSON.parse(server.asked[0]?.body ?? ''), { username: '', password: '' })
})

test('no name leads out of the path, and none begins a header', async (t) => {
  const server = await startWebServer(t, allow)
  const { ask } = service(t, { url: `${server.url}/auth/\${clientid}/check`, headers: { 'x-name': '${username}' } })
  for (const clientId of ['.', '..', '...']) {
    const outcome = await ask({ ...alice, clientId })
    assert.equal(outcome.type === 'refused' && outcome.reason, 0x86)
  }
  assert.equal(server.asked.length, 0)
  await ask({ ...alice, clientId: '../x', username: 'a\r\nx-evil: 1ä' })
  assert.equal(server.asked[0]?.path, '/auth/..%2Fx/check')
  assert.equal(server.asked[0].headers['x-evil'], undefined)
  assert.equal(server.asked[0].headers['x-name'], 'a%0D%0Ax-evil: 1%C3%A4')
})

test('a redirect is not followed', async (t) => {
  const server = await startWebServer(t, (asked, response) =>
    asked.path === '/' ? void response.writeHead(302, { location: '/there' }).end() : allow(asked, response),
  )
  assert.equal((await service(t, { url: server.url }).ask()).type, 'ignored')
  assert.equal(server.asked.length, 1)
})

test('nobody listens there: unavailable, and the log holds no password', async (t) => {
  const { ask, lines } = service(t, { url: `${await deadUrl(t)}/\${password}`, method: 'get' })
  assert.equal((await ask()).type, 'unavailable')
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['authentication_http_failed'],
  )
  assert.match(JSON.stringify(lines), /ECONNREFUSED/)
  assert.doesNotMatch(JSON.stringify(lines), /s3cret/)
})

for (const { what, answer, says } of [
  {
    what: 'an answer without end',
    answer: (response: ServerResponse) => void response.writeHead(200).write('x'.repeat(100_000)),
    says: /longer than 65536 bytes/,
  },
  {
    what: 'an answer that breaks off',
    answer: (response: ServerResponse) =>
      void response.writeHead(200, { 'content-length': '9' }).write('x', () => response.destroy()),
    says: /aborted|broke off/,
  },
  {
    what: 'a connection that is closed',
    answer: (response: ServerResponse) => void response.destroy(),
    says: /socket hang up|ECONNRESET/,
  },
])
  test(`${what}: unavailable`, async (t) => {
    const server = await startWebServer(t, (_, response) => answer(response))
    const { ask, lines } = service(t, { url: server.url })
    assert.equal((await ask()).type, 'unavailable')
    assert.match(JSON.stringify(lines), says)
  })

test('no answer in time: unavailable', async (t) => {
  const server = await startWebServer(t, () => {})
  const { ask, lines } = service(t, { url: server.url, request_timeout: 50 })
  assert.equal((await ask()).type, 'unavailable')
  assert.match(JSON.stringify(lines), /no answer within 50 ms/)
})

test('never more requests at one time than the pool has, and no more in the line than it holds', async (t) => {
  const held: ServerResponse[] = []
  const two = new Latch()
  const server = await startWebServer(t, (asked, response) => {
    held.push(response)
    if (held.length === 2) two.open()
    if (held.length > 2) allow(asked, response)
  })
  const { ask } = service(t, { url: server.url, pool_size: 2 })
  const outcomes = Array.from({ length: 203 }, () => ask())
  await two.promise
  assert.equal((await outcomes[202])?.type, 'busy')
  assert.equal(server.asked.length, 2)
  for (const response of held.slice(0, 2)) response.writeHead(204).end()
  const all = await Promise.all(outcomes)
  assert.equal(all.filter(({ type }) => type === 'accepted').length, 202)
  assert.ok(server.open() <= 2)
})

test('who was shut out meanwhile is not asked about', async (t) => {
  const server = await startWebServer(t, allow)
  const { ask } = service(t, { url: server.url })
  assert.equal((await ask(alice, attempt({ isWelcome: () => false }))).type, 'refused')
  assert.equal(server.asked.length, 0)
})

test('when it is stopped, what is under way fails and nothing stays open', async (t) => {
  const [asked, gone] = [new Latch(), new Latch()]
  const server = await startWebServer(t, (_, response) => {
    response.on('close', () => gone.open())
    asked.open()
  })
  const { http, ask } = service(t, { url: server.url })
  const answer = ask()
  await asked.promise
  http.stop()
  assert.equal((await answer).type, 'unavailable')
  await gone.promise
})

const tls = (name: string): string => `test/fixtures/tls/${name}.pem`

for (const { what, ssl, expected } of [
  {
    what: 'a certificate of an authority that is known',
    ssl: { verify: 'verify_peer', cacertfile: tls('ca'), server_name_indication: 'link.test' },
    expected: 'accepted',
  },
  {
    what: 'a certificate of a stranger',
    ssl: { verify: 'verify_peer', server_name_indication: 'link.test' },
    expected: 'unavailable',
  },
  {
    what: 'a certificate for another name',
    ssl: { verify: 'verify_peer', cacertfile: tls('ca'), server_name_indication: 'other.test' },
    expected: 'unavailable',
  },
  { what: 'a certificate that nobody looks at', ssl: { verify: 'verify_none' }, expected: 'accepted' },
] as const)
  test(`TLS with ${what}: ${expected}`, async (t) => {
    const key = readFileSync('test/fixtures/tls/server.key')
    const server = await startWebServer(t, allow, { key, cert: readFileSync(tls('server')) })
    const { ask } = service(t, { url: server.url, ssl: { enable: true, ...ssl } })
    assert.equal((await ask()).type, expected)
  })
