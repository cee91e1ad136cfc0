import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { X509Certificate } from 'node:crypto'
import { CERTIFICATE_POLL_MS } from '../../../src/broker/listeners/certificates.ts'
import { ManualClock } from '../manual-clock.ts'
import { RawClient } from '../raw-client.ts'
import { type Door, openDoor, pem, pemPath, strangerFiles, tls, tlsClient } from './doors.ts'

/** A directory in which certificate and key lie under names that stay the same. */
function directory(t: test.TestContext): { readonly path: (name: string) => string; put(name: string): void } {
  const root = mkdtempSync(join(tmpdir(), 'isthmus-certificates-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const path = (name: string) => join(root, name)
  return {
    path,
    put(name) {
      copyFileSync(pemPath(`${name}.pem`), path('tls.crt'))
      copyFileSync(pemPath(`${name}.key`), path('tls.key'))
    },
  }
}

const filesIn = ({ path }: { readonly path: (name: string) => string }) => {
  return { certfile: path('tls.crt'), keyfile: path('tls.key') }
}

async function subjectServed(t: test.TestContext, { port }: Door): Promise<unknown> {
  const socket = await tls(t, port)
  const { O } = socket.getPeerCertificate().subject
  socket.destroy()
  return O
}

const events = ({ broker }: Door, event: string) => broker.log.filter((line) => line.event === event)
/** Once to see a change, once to see that nothing changes any more. */
const settle = (clock: ManualClock) => clock.advance(2 * CERTIFICATE_POLL_MS)

test('renewed files are used for new connections, and no connection ends', async (t) => {
  const clock = new ManualClock()
  const dir = directory(t)
  dir.put('server')
  const door = await openDoor(t, 'ssl', { ssl_options: filesIn(dir) }, { clock })
  const client = await tlsClient(t, door.port)
  await client.connect()
  assert.equal(await subjectServed(t, door), undefined)
  dir.put('renewed')
  settle(clock)
  assert.equal(events(door, 'certificate_reloaded').length, 1)
  assert.equal(await subjectServed(t, door), 'Renewed')
  await client.nothingMore()
  assert.match(door.broker.server.certificates()[0]?.subject ?? '', /O=Renewed/)
})

test('files that are exchanged by renaming, and links that are made to point elsewhere', async (t) => {
  const clock = new ManualClock()
  const dir = directory(t)
  dir.put('server')
  const door = await openDoor(t, 'wss', { ssl_options: filesIn(dir) }, { clock })
  for (const [kind, extension] of [
    ['crt', 'pem'],
    ['key', 'key'],
  ] as const) {
    copyFileSync(pemPath(`renewed.${extension}`), dir.path('new'))
    renameSync(dir.path('new'), dir.path(`tls.${kind}`))
  }
  settle(clock)
  assert.equal(await subjectServed(t, door), 'Renewed')
  // As Kubernetes does it: a link in place of a link.
  for (const [kind, extension] of [
    ['crt', 'pem'],
    ['key', 'key'],
  ] as const) {
    symlinkSync(pemPath(`server.${extension}`), dir.path('link'))
    renameSync(dir.path('link'), dir.path(`tls.${kind}`))
  }
  settle(clock)
  assert.equal(await subjectServed(t, door), undefined)
  assert.equal(events(door, 'certificate_reloaded').length, 2)
})

test('a broken new file, or a key that does not fit, leaves the old ones in use and says so, once', async (t) => {
  const clock = new ManualClock()
  const dir = directory(t)
  dir.put('server')
  const door = await openDoor(t, 'ssl', { ssl_options: filesIn(dir) }, { clock })
  const failures = () =>
    events(door, 'certificate_reload_failed').map(({ fields }) => String((fields as { reason?: unknown }).reason))
  writeFileSync(dir.path('tls.crt'), 'broken')
  settle(clock)
  settle(clock)
  assert.equal(failures().length, 1)
  assert.match(failures()[0] ?? '', /^certfile holds no certificate.*the old ones stay in use$/)
  assert.equal(await subjectServed(t, door), undefined)
  copyFileSync(pemPath('renewed.pem'), dir.path('tls.crt'))
  settle(clock)
  assert.match(failures()[1] ?? '', /keyfile this key does not belong to/)
  rmSync(dir.path('tls.key'))
  settle(clock)
  assert.match(failures()[2] ?? '', /keyfile cannot read .*tls\.key/)
  assert.equal(await subjectServed(t, door), undefined)
  dir.put('renewed')
  settle(clock)
  assert.equal(await subjectServed(t, door), 'Renewed')
})

test('certificate and key are taken together, not while one of them is still to come', async (t) => {
  const clock = new ManualClock()
  const dir = directory(t)
  dir.put('server')
  const door = await openDoor(t, 'ssl', { ssl_options: filesIn(dir) }, { clock })
  copyFileSync(pemPath('renewed.pem'), dir.path('tls.crt'))
  clock.advance(CERTIFICATE_POLL_MS)
  copyFileSync(pemPath('renewed.key'), dir.path('tls.key'))
  settle(clock)
  assert.equal(events(door, 'certificate_reload_failed').length, 0)
  assert.equal(await subjectServed(t, door), 'Renewed')
})

test('another authority for clients counts for new connections', async (t) => {
  const clock = new ManualClock()
  const dir = directory(t)
  copyFileSync(pemPath('ca.pem'), dir.path('ca.crt'))
  const ssl_options = { verify: 'verify_peer', fail_if_no_peer_cert: true, cacertfile: dir.path('ca.crt') }
  const door = await openDoor(t, 'ssl', { ssl_options }, { clock })
  copyFileSync(pemPath('other-ca.pem'), dir.path('ca.crt'))
  settle(clock)
  await new RawClient(await tls(t, door.port, strangerFiles)).connect()
})

test('a certificate that runs out is told 30 days before, daily, and louder when it has run out', async (t) => {
  const notAfterMs = Date.parse(new X509Certificate(pem('server.pem')).validTo)
  const clock = new ManualClock()
  const dayMs = 86_400_000
  clock.setWall(notAfterMs - 31 * dayMs - clock.nowMs())
  const door = await openDoor(t, 'ssl', {}, { clock })
  const [first] = door.broker.server.certificates()
  assert.deepEqual(
    { listener: first?.listener, key: first?.key, file: first?.file, notAfterMs: first?.notAfterMs },
    { listener: 'ssl:door', key: 'certfile', file: pemPath('server.pem'), notAfterMs },
  )
  assert.equal(events(door, 'certificate_expires_soon').length, 0)
  const later = (days: number) => {
    clock.setWall(days * dayMs)
    clock.advance(CERTIFICATE_POLL_MS)
  }
  later(1)
  assert.equal(events(door, 'certificate_expires_soon').length, 1)
  assert.match(JSON.stringify(events(door, 'certificate_expires_soon')[0]), /CN=localhost expires on .* renew it/)
  later(0.5)
  assert.equal(events(door, 'certificate_expires_soon').length, 1)
  later(0.5)
  assert.equal(events(door, 'certificate_expires_soon').length, 2)
  later(30)
  assert.equal(events(door, 'certificate_expires_soon').length, 2)
  assert.equal(events(door, 'certificate_expired').length, 1)
})
