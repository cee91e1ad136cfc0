/** What all of the API has of its server: a real node, asked over HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'

import { join } from 'node:path'
import { test } from 'node:test'
import { asker, nodeWithApi } from './node-with-api.ts'

test('no other origin is let in, browsers are told to be careful, and nothing says what serves here', async (t) => {
  const { url, ask } = await nodeWithApi(t)
  const headers = { origin: 'http://evil.example' }
  for (const { headers: got } of [await ask('/me', { headers }), await fetch(`${url}/api-docs/`, { headers })]) {
    assert.deepEqual(
      [...got.keys()].filter((name) => name.startsWith('access-control-')),
      [],
    )
    assert.match(got.get('content-security-policy') ?? '', /default-src 'self'/)
    assert.doesNotMatch(got.get('content-security-policy') ?? '', /upgrade-insecure|https?:/)
    assert.equal(got.get('x-content-type-options'), 'nosniff')
    assert.equal(got.get('x-frame-options'), 'DENY')
    assert.deepEqual(
      [got.get('server'), got.get('x-powered-by'), got.get('strict-transport-security')],
      [null, null, null],
    )
  }
  const preflight = await fetch(`${url}/api/v5/users`, { method: 'OPTIONS', headers })
  assert.notEqual(preflight.status, 204)
  assert.equal(preflight.headers.get('access-control-allow-origin'), null)
})

test('a body that is too long, or no JSON, is refused with words', async (t) => {
  const { ask } = await nodeWithApi(t)
  type Problem = { readonly code: string }
  const long = await ask<Problem>('/users', { method: 'POST', body: `"${'x'.repeat(5_000_000)}"` })
  assert.deepEqual([long.status, long.body.code], [413, 'PAYLOAD_TOO_LARGE'])
  const broken = await ask<Problem>('/users', { method: 'POST', body: '{' })
  assert.deepEqual([broken.status, broken.body.code], [400, 'BAD_REQUEST'])
})

test('a node stops while connections are open, idle ones and streams of events', { timeout: 30_000 }, async (t) => {
  const { node, url, authorization } = await nodeWithApi(t)
  const { hostname, port } = new URL(url)
  const idle = connect(Number(port), hostname)
  idle.on('error', () => undefined)
  await once(idle, 'connect')
  const stream = await fetch(`${url}/api/v5/live?topics=links`, { headers: { authorization } })
  assert.equal(stream.status, 200)
  const ended = stream.text().catch(() => undefined)
  await fetch(`${url}/api/v5/me`, { headers: { authorization } })
  await node.stop()
  await ended
})

test('the API is served over TLS, too, and ends there with the node', async (t) => {
  const fixtures = join(process.cwd(), 'test/fixtures/tls/listeners')
  const opened: string[] = []
  const note = (fields: { readonly address?: string; readonly tls?: boolean }, event: string): void => {
    if (event === 'api_opened' && fields.tls === true) opened.push(fields.address ?? '')
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const ssl_options = { certfile: join(fixtures, 'server.pem'), keyfile: join(fixtures, 'server.key') }
  const listeners = { http: { bind: '127.0.0.1:0' }, https: { bind: '127.0.0.1:0', ssl_options } }
  const { authorization, url } = await nodeWithApi(t, { dashboard: { listeners } }, { log })
  const [address] = opened
  assert.ok(address !== undefined)
  const ca = readFileSync(join(fixtures, 'ca.pem'))
  const asked = request(`https://${address}/api/v5/me`, { ca, servername: 'localhost', headers: { authorization } })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.resume()
  assert.equal(answer.statusCode, 200)
  assert.equal((await asker(url, authorization)('/me')).status, 200)
})

test(
  'a node whose API can’t listen does not start, and leaves nothing that listens',
  { timeout: 30_000 },
  async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    // Nobody else has this port, and not at this address.
    const http = { bind: `127.0.0.2:${port}` }
    const certificates = join(process.cwd(), 'test/fixtures/tls/listeners')
    const ssl_options = { certfile: join(certificates, 'server.pem'), keyfile: join(certificates, 'server.key') }
    const https = { bind: `127.0.0.1:${port}`, ssl_options }
    await assert.rejects(nodeWithApi(t, { dashboard: { listeners: { http, https } } }), { code: 'EADDRINUSE' })
    const refused = connect(port, '127.0.0.2')
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNREFUSED')
  },
)
