import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { SslConfig } from '../../src/config/ssl-config.ts'
import { Acceptor } from './acceptor.ts'
import { behaving } from './behaving.ts'
import { linkConfig, message, passing, startRuntime } from './link-fixture.ts'

// Tests run from the root of the package.
const file = (name: string) => resolve('test/fixtures/tls', name)
const read = (name: string) => readFileSync(file(name))
const verified: SslConfig = {
  enable: true,
  verify: 'verify_peer',
  cacertfile: file('ca.pem'),
  server_name_indication: 'link.test',
}

async function start(t: TestContext, ssl: SslConfig, clientCertificate = false) {
  const acceptor = new Acceptor(behaving(), {
    cert: read('server.pem'),
    key: read('server.key'),
    ...(clientCertificate ? { ca: read('ca.pem'), requestCert: true, rejectUnauthorized: true } : {}),
  })
  const port = await acceptor.listen()
  const run = startRuntime()
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  run.runtime.apply([linkConfig(port, { ssl })])
  return { ...run, acceptor }
}

for (const { when, ssl, clientCertificate = false } of [
  { when: 'its certificate is signed by whom we trust, for the name we ask for', ssl: verified },
  { when: 'nobody verifies it', ssl: { enable: true, verify: 'verify_none' } satisfies SslConfig },
  {
    when: 'only its name is left unverified',
    ssl: { ...verified, server_name_indication: 'disable' },
  },
  {
    when: 'whom we trust stands in the configuration itself',
    ssl: { ...verified, cacertfile: read('ca.pem').toString() },
  },
  {
    when: 'it wants our certificate and we have one',
    ssl: { ...verified, certfile: file('client.pem'), keyfile: file('client.key') },
    clientCertificate: true,
  },
]) {
  test(`a link over TLS to a peer runs when ${when}`, async (t) => {
    const { status } = await start(t, ssl, clientCertificate)
    const { reasons } = await status(({ state }) => state === 'running')
    assert.deepEqual(reasons, [])
  })
}

for (const { when, ssl, reason, clientCertificate = false } of [
  {
    when: 'is signed by nobody we trust',
    ssl: { enable: true, verify: 'verify_peer', server_name_indication: 'link.test' } satisfies SslConfig,
    reason: /signed by nobody we trust/,
  },
  {
    when: 'is for another name',
    ssl: { ...verified, server_name_indication: 'other.test' },
    reason: /for another host/,
  },
  {
    when: 'is for a name, and the link has an address',
    ssl: { enable: true, verify: 'verify_peer', cacertfile: file('ca.pem') } satisfies SslConfig,
    reason: /for another host/,
  },
  {
    when: 'cannot be verified for lack of a file',
    ssl: { ...verified, cacertfile: file('none.pem') },
    reason: /none\.pem/,
  },
  { when: 'is good but ours is wanted', ssl: verified, reason: /127\.0\.0\.1/, clientCertificate: true },
]) {
  test(`a link to a peer whose certificate ${when} says so, and is tried again`, async (t) => {
    const { status, clock } = await start(t, ssl, clientCertificate)
    const { reasons } = await status((now) => now.reasons.length === 2)
    assert.ok(
      reasons.every((words) => reason.test(words)),
      reasons.join('; '),
    )
    clock.advance(5_000)
    await status((now) => now.reasons.length === 2)
  })
}

test(
  'messages over TLS to a peer that reads in fits and starts never come to a standstill',
  { timeout: 60_000 },
  async (t) => {
    const { acceptor, runtime, status } = await start(t, verified)
    await status(({ state }) => state === 'running')
    const payload = Buffer.alloc(8_000, 'x')
    const sink = runtime.sinkOf('cl.b')
    // Both directions stop, since the peer's acknowledgements wait for its reading.
    const pausing = setInterval(() => {
      for (const { socket } of acceptor.clients) {
        if (socket.isPaused()) socket.resume()
        else socket.pause()
      }
    }, 3)
    t.after(() => clearInterval(pausing))
    for (let index = 0; index < 2_000; index += 1) {
      // Within what the outbox holds.
      while ((runtime.ledger('cl.b')?.queued ?? 0) > 50) await new Promise((resolve) => setImmediate(resolve))
      sink?.accept(passing(message('t/1', { payload })))
    }
    while ((runtime.ledger('cl.b')?.delivered ?? 0) < 2_000) await new Promise((resolve) => setImmediate(resolve))
    const { matched, retried } = runtime.ledger('cl.b') ?? {}
    assert.deepEqual({ matched, retried }, { matched: 2_000, retried: 0 })
  },
)
