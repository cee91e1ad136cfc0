/** How the command line finds a node, and what it says if it can't be asked. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ApiClient, ApiFailure } from '../../src/cli/api-client.ts'
import { CommandFailure } from '../../src/cli/command-failure.ts'
import type { NodePlace } from '../../src/cli/find-node.ts'

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'isthmus-cli-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

async function server(t: TestContext, answer: RequestListener): Promise<string> {
  const http = createHttpServer(answer)
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    http.close()
    http.closeAllConnections()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

async function failure(asked: Promise<unknown>): Promise<CommandFailure> {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof CommandFailure, String(error))
  return error
}

const key = { apiKey: 'k', apiSecret: 's' }
const ask = async (place: NodePlace, env: Record<string, string> = {}): Promise<unknown> =>
  (await ApiClient.of(place, env)).get('/me')

// ---- where the node is

type NoWay = {
  readonly when: string
  readonly place: NodePlace
  readonly env?: Record<string, string>
  readonly says: RegExp
  readonly exitCode: 1 | 2
}
const noWays: readonly NoWay[] = [
  {
    when: 'two places are named',
    place: { config: 'a', url: 'b' },
    says: /say one of --config, --data-dir and --url/,
    exitCode: 2,
  },
  {
    when: 'a URL comes without a key',
    place: { url: 'http://h' },
    says: /an API key \(--api-key, ISTHMUS_API_KEY\) is missing; `isthmus api-keys add/,
    exitCode: 2,
  },
  {
    when: 'a key comes without its secret',
    place: { url: 'http://h', apiKey: 'k' },
    says: /secret \(ISTHMUS_API_SECRET\) is missing/,
    exitCode: 2,
  },
  { when: 'a key comes without a URL', place: key, says: /go with --url, or ISTHMUS_URL/, exitCode: 2 },
  { when: 'a key comes with a data directory', place: { dataDir: '.', ...key }, says: /no key is needed/, exitCode: 2 },
  {
    when: 'the URL is none',
    place: { url: 'ftp://h', ...key },
    says: /no address of an API; write http:/,
    exitCode: 2,
  },
  {
    when: 'the URL in the environment is none',
    place: {},
    env: { ISTHMUS_URL: 'http://', ISTHMUS_API_KEY: 'k', ISTHMUS_API_SECRET: 's' },
    says: /no address of an API/,
    exitCode: 2,
  },
  {
    when: 'the certificate of the authority is not there',
    place: { url: 'https://h', ...key, cacert: '/none.pem' },
    says: /--cacert \/none\.pem: there is no such file/,
    exitCode: 2,
  },
  {
    when: 'the configuration is not there',
    place: { config: '/none.conf' },
    says: /cannot read this file/,
    exitCode: 2,
  },
  {
    when: 'no node has left anything',
    place: { dataDir: '/none' },
    says: /^\/none\/api\.json is not there: does the node run, and with dashboard\.listeners\.http\.bind/,
    exitCode: 1,
  },
]
for (const { when, place, env, says, exitCode } of noWays) {
  test(`${when}: words, and ${exitCode}`, async () => {
    const error = await failure(ask(place, env ?? {}))
    assert.match(error.message, says)
    assert.equal(error.exitCode, exitCode)
  })
}

test('a configuration without an API says which line is missing', async (t) => {
  const file = join(directory(t), 'a.conf')
  writeFileSync(file, 'node.name = "a@h"')
  const error = await failure(ask({ config: file }))
  assert.equal(error.exitCode, 2)
  assert.match(
    error.message,
    /dashboard\.listeners\.http\.bind is not set in .*a\.conf.*\n\n {2}dashboard\.listeners\.http\.bind = "127\.0\.0\.1:18083"/,
  )
})

test('what a node left is found by its configuration and by its data directory', async (t) => {
  const url = await server(t, ({ headers, url: path }, response) => {
    response.end(JSON.stringify({ path, authorization: headers.authorization }))
  })
  const dataDir = directory(t)
  writeFileSync(join(dataDir, 'api.json'), JSON.stringify({ url, token: 'local-1' }))
  const config = join(dataDir, 'a.conf')
  writeFileSync(config, `node.data_dir = ${JSON.stringify(dataDir)}\ndashboard.listeners.http.bind = 18083`)
  const expected = { path: '/api/v5/me', authorization: 'Bearer local-1' }
  assert.deepEqual(await ask({ dataDir }), expected)
  assert.deepEqual(await ask({ config }), expected)
  // Who names a node means this one, whatever the environment says.
  assert.deepEqual(await ask({ dataDir }, { ISTHMUS_URL: 'http://127.0.0.1:1' }), expected)
})

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

test('a URL takes key and secret from options and from the environment', async (t) => {
  const url = await server(t, ({ headers }, response) => response.end(JSON.stringify(headers.authorization)))
  const env = { ISTHMUS_URL: url, ISTHMUS_API_KEY: 'ek', ISTHMUS_API_SECRET: 'es' }
  assert.equal(await ask({ url, ...key }), basic('k:s'))
  assert.equal(await ask({}, env), basic('ek:es'))
  assert.equal(await ask({ apiKey: 'k' }, env), basic('k:es'))
  assert.equal(await ask({ url: `${url.replace('http://', '')}/api/v5/`, ...key }), basic('k:s'))
})

for (const [what, text] of [
  ['no JSON', '{'],
  ['no address', '{"url":"nowhere","token":"t"}'],
  ['no token', '{"url":"http://127.0.0.1:1"}'],
] as const) {
  test(`an api.json with ${what} was not written by a node`, async (t) => {
    const dataDir = directory(t)
    writeFileSync(join(dataDir, 'api.json'), text)
    assert.match((await failure(ask({ dataDir }))).message, /api\.json: this was not written by a node/)
  })
}

test('an api.json that can’t be read is told as it is', async (t) => {
  const dataDir = directory(t)
  mkdirSync(join(dataDir, 'api.json'))
  assert.match((await failure(ask({ dataDir }))).message, /api\.json: EISDIR/)
})

// ---- what answers there

test('nobody listens: of a node that is gone, and at an address', async (t) => {
  const dataDir = directory(t)
  const gone = createServer()
  await new Promise<void>((resolve) => void gone.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`
  await new Promise((resolve) => gone.close(resolve))
  writeFileSync(join(dataDir, 'api.json'), JSON.stringify({ url, token: 't' }))
  assert.match(
    (await failure(ask({ dataDir }))).message,
    /nobody listens there\. .*api\.json was left by a node that is gone/,
  )
  assert.match(
    (await failure(ask({ url, ...key }))).message,
    /nobody listens there: does the node run, and is this its dashboard\.listeners/,
  )
})

test('who does not answer is not waited for', async (t) => {
  const url = await server(t, () => {})
  const api = await ApiClient.of({ url, ...key }, {})
  assert.match((await failure(api.request('GET', '/me', { waitMs: 50 }))).message, /no answer for 0\.05 s/)
})

test('a connection that closes, no HTTP, and no TLS have words of their own', async (t) => {
  const closing = createServer((socket) => socket.destroy())
  const talking = createServer((socket) => socket.on('error', () => socket.destroy()).end('220 smtp ready\r\n'))
  for (const one of [closing, talking]) {
    await new Promise<void>((resolve) => void one.listen(0, '127.0.0.1', resolve))
    t.after(() => one.close())
  }
  const at = (one: typeof closing): string => `127.0.0.1:${(one.address() as AddressInfo).port}`
  assert.match(
    (await failure(ask({ url: `http://${at(closing)}`, ...key }))).message,
    /the connection was closed before an answer came/,
  )
  assert.match((await failure(ask({ url: `http://${at(talking)}`, ...key }))).message, /no HTTP is spoken there/)
  assert.match(
    (await failure(ask({ url: `https://${at(talking)}`, ...key }))).message,
    /no TLS is spoken there: write http:/,
  )
})

test('a name without an address', async () => {
  assert.match((await failure(ask({ url: 'http://no-such-host.invalid', ...key }))).message, /this name has no address/)
})

test('something else that answers is no API of a node', async (t) => {
  const url = await server(t, (_request, response) => response.writeHead(502).end('<html>Bad Gateway</html>'))
  assert.match((await failure(ask({ url, ...key }))).message, /what answers there \(status 502\) is no API of Isthmus/)
})

test('what the node refuses is told in its own words, with every field', async (t) => {
  const errors = [{ field: 'topics', reason: 'invalid_topics', message: 'no' }]
  const url = await server(t, (_request, response) => {
    response.writeHead(400).end(JSON.stringify({ code: 'BAD_REQUEST', message: 'topics: no\nserver: no', errors }))
  })
  const error = await failure(ask({ url, ...key }))
  assert.ok(error instanceof ApiFailure)
  assert.deepEqual([error.status, error.code, error.message], [400, 'BAD_REQUEST', 'topics: no\nserver: no'])
  assert.deepEqual(error.errors, [{ field: 'topics', message: 'no' }])
  assert.equal(error.exitCode, 1)
})

for (const [code, says] of [
  ['BAD_API_KEY_OR_SECRET', /Words: http:.* does not know the API key k, or its secret is another/],
  ['API_KEY_NOT_ALLOW', /Words; or say it on the node’s own machine, with --config or --data-dir/],
  ['UNAUTHORIZED_ROLE', /Words \(the API key k is a viewer’s\)/],
  ['NOT_FOUND', /^Words$/],
] as const) {
  test(`a key that is refused with ${code} is told what to do`, async (t) => {
    const url = await server(t, (_request, response) =>
      response.writeHead(401).end(JSON.stringify({ code, message: 'Words' })),
    )
    assert.match((await failure(ask({ url, ...key }))).message, says)
  })
}

test('a token of an earlier run is told as that', async (t) => {
  const url = await server(t, (_request, response) =>
    response.writeHead(401).end(JSON.stringify({ code: 'BAD_TOKEN', message: 'Words' })),
  )
  const dataDir = directory(t)
  writeFileSync(join(dataDir, 'api.json'), JSON.stringify({ url, token: 'old' }))
  assert.match(
    (await failure(ask({ dataDir }))).message,
    /does not believe the token of .*api\.json: it is of an earlier run/,
  )
})

test('an answer without a body is none; a query leaves out what is not said; a body is JSON', async (t) => {
  const seen: string[] = []
  const url = await server(t, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers['content-type'] ?? ''} ${body}`)
      response.writeHead(204).end()
    })
  })
  const api = await ApiClient.of({ url, ...key }, {})
  assert.equal(await api.request('DELETE', '/x', { query: { a: 1, b: undefined, c: 'ä&', d: false } }), undefined)
  assert.equal(await api.request('PUT', '/y', { body: { z: 'ö' } }), undefined)
  assert.deepEqual(seen, ['DELETE /api/v5/x?a=1&c=%C3%A4%26&d=false  ', 'PUT /api/v5/y application/json {"z":"ö"}'])
})
