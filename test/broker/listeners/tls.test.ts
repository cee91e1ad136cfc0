import assert from 'node:assert/strict'
import test from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { openAuthorizer } from '../../../src/broker/access/authorizer.ts'
import type { Identity } from '../../../src/broker/access/client-info.ts'
import { ListenerError } from '../../../src/broker/server.ts'
import { ManualClock } from '../manual-clock.ts'
import { listenerOf } from '../listener-of.ts'
import { RawClient } from '../raw-client.ts'
import { publish, subscribe, type TestBroker } from '../test-broker.ts'
import {
  clientFiles,
  ended,
  openDoor,
  pemPath,
  serverFiles,
  statusOf,
  strangerFiles,
  tcp,
  tls,
  tlsClient,
  tlsRefusal,
  until,
} from './doors.ts'

const verified = { verify: 'verify_peer', cacertfile: pemPath('ca.pem') }

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: packets large and small go both ways`, async (t) => {
    const { port } = await openDoor(t, 'ssl')
    const client = await tlsClient(t, port, { minVersion: version, maxVersion: version })
    await client.connect()
    await subscribe(client, 't')
    const payload = Buffer.alloc(900_000, 'x')
    client.send(publish('t', payload, { qos: 1, messageId: 1 }), publish('t', 'small'))
    const got: number[] = []
    for (let left = 3; left > 0; left--) {
      const { packet } = await client.receive()
      if (packet.cmd === 'publish') got.push(packet.payload.length)
    }
    assert.deepEqual(
      got.toSorted((a, b) => a - b),
      [5, 900_000],
    )
  })
}

test('TLS 1.1 is refused, and so is a version that the listener was not given', async (t) => {
  // Node's own default security level would not even offer TLS 1.1.
  const old: ConnectionOptions = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const both = await openDoor(t, 'ssl')
  assert.match(await tlsRefusal(t, both.port, old), /PROTOCOL_VERSION/)
  await until(() => statusOf(both).refused.tls_handshake === 1)
  const latest = await openDoor(t, 'ssl', { ssl_options: { versions: ['tlsv1.3'] } })
  assert.match(await tlsRefusal(t, latest.port, { maxVersion: 'TLSv1.2' }), /PROTOCOL_VERSION/)
  const older = await openDoor(t, 'ssl', { ssl_options: { versions: ['tlsv1.2'] } })
  const client = await tls(t, older.port)
  assert.equal(client.getProtocol(), 'TLSv1.2')
})

test('ciphers are those of the listener, in its order', async (t) => {
  const names = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256']
  const { port } = await openDoor(t, 'ssl', { ssl_options: { versions: ['tlsv1.2'], ciphers: names } })
  const client = await tls(t, port, { ciphers: names.toReversed().join(':') })
  assert.equal(client.getCipher().name, names[0])
  assert.match(await tlsRefusal(t, port, { ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }), /HANDSHAKE_FAILURE/)
})

for (const { when, options, credentials, outcome } of [
  { when: 'none is asked for', options: {}, credentials: clientFiles, outcome: 'anonymous' },
  { when: 'one may be shown, and is not', options: verified, credentials: {}, outcome: 'anonymous' },
  { when: 'one may be shown, and is', options: verified, credentials: clientFiles, outcome: 'device-1' },
  {
    when: 'one may be shown, and another authority’s is',
    options: verified,
    credentials: strangerFiles,
    outcome: 'refused',
  },
  {
    when: 'one must be shown, and is',
    options: { ...verified, fail_if_no_peer_cert: true },
    credentials: clientFiles,
    outcome: 'device-1',
  },
  {
    when: 'one must be shown, and is not',
    options: { ...verified, fail_if_no_peer_cert: true },
    credentials: {},
    outcome: 'refused',
  },
  {
    when: 'one must be shown, and another authority’s is',
    options: { ...verified, fail_if_no_peer_cert: true },
    credentials: strangerFiles,
    outcome: 'refused',
  },
]) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`client certificate, ${version}: ${when}: ${outcome}`, async (t) => {
      const door = await openDoor(t, 'ssl', { ssl_options: options })
      const asked = identities(door.broker)
      if (outcome === 'refused') {
        await tlsRefusal(t, door.port, { ...credentials, maxVersion: version })
        await until(() => statusOf(door).refused.tls_handshake === 1)
        assert.equal(door.broker.server.connectionCount, 0)
        return
      }
      const client = await tlsClient(t, door.port, { ...credentials, maxVersion: version })
      await client.connect()
      assert.deepEqual(asked, [
        {
          listener: 'ssl:door',
          certificate:
            outcome === 'anonymous'
              ? undefined
              : { commonName: 'device-1', subject: 'CN=device-1,O=Example\\, Inc.,C=US' },
        },
      ])
    })
  }
}

test('a session that is resumed keeps the name of its certificate', async (t) => {
  const { port, broker } = await openDoor(t, 'ssl', { ssl_options: { ...verified, versions: ['tlsv1.2'] } })
  const asked = identities(broker)
  const first = await tls(t, port, clientFiles)
  const session = first.getSession()
  assert.ok(session !== undefined)
  const resumed = await tls(t, port, { ...clientFiles, session })
  assert.equal(resumed.isSessionReused(), true)
  await new RawClient(resumed).connect()
  assert.equal(asked[0]?.certificate?.commonName, 'device-1')
})

test('a key with a passphrase', async (t) => {
  const keyfile = pemPath('server-encrypted.key')
  const { port } = await openDoor(t, 'ssl', { ssl_options: { keyfile, password: 'open-sesame' } })
  await (await tlsClient(t, port)).connect()
})

test('a handshake that takes too long is cut off, however it goes on sending', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'ssl', { ssl_options: { handshake_timeout: '5s' } }, { clock })
  const silent = await tcp(t, door.port)
  const slow = await tcp(t, door.port)
  // The beginning of a ClientHello that says it is 200 bytes long.
  const hello = Buffer.from('16030100c8', 'hex')
  await until(() => statusOf(door).connections === 2)
  for (const byte of hello) {
    slow.write(Buffer.from([byte]))
    clock.advance(900)
  }
  assert.equal(statusOf(door).connections, 2)
  clock.advance(2_000)
  await Promise.all([ended(silent), ended(slow)])
  await until(() => statusOf(door).connections === 0)
  assert.deepEqual(statusOf(door).refused, { handshake_timeout: 2 })
})

test('whoever speaks no TLS is turned away and counted, and others are served', async (t) => {
  const door = await openDoor(t, 'ssl')
  const plain = await tcp(t, door.port)
  plain.write('GET / HTTP/1.1\r\n\r\n')
  await ended(plain)
  await until(() => statusOf(door).refused.tls_handshake === 1)
  await (await tlsClient(t, door.port)).connect()
  await until(() => statusOf(door).connections === 1)
})

test('the end of a client that is cut off is seen', async (t) => {
  const { broker, port } = await openDoor(t, 'ssl')
  const witness = await broker.subscriber('witness', ['will'])
  const client = await tlsClient(t, port)
  await client.connect({ will: { topic: 'will', payload: Buffer.from('gone'), qos: 0, retain: false } })
  await client.destroy()
  assert.equal(String((await witness.next('publish')).payload), 'gone')
})

test('a listener whose certificate is no good does not start, and says which file', async (t) => {
  const { broker } = await openDoor(t, 'ssl')
  const config = listenerOf('ssl', { ssl_options: serverFiles })
  assert.ok(config.type === 'ssl')
  const bad = { ...config, ssl_options: { ...config.ssl_options, keyfile: pemPath('client.key') } }
  await assert.rejects(
    broker.server.listen('bad', bad),
    (error: unknown) =>
      error instanceof ListenerError &&
      /listeners\.ssl\.bad\.ssl_options: keyfile .*does not belong/.test(error.message),
  )
})

test('a slow reader over TLS is known by what it has not taken', async (t) => {
  const { broker, port } = await openDoor(t, 'ssl', {}, { mqtt: { max_outbound_bytes: 1_048_576 } })
  const slow = await tls(t, port)
  const reader = new RawClient(slow)
  await reader.connect({ clientId: 'slow' })
  await subscribe(reader, { topic: 't', qos: 0 })
  reader.pause()
  const publisher = await broker.client('publisher')
  const payload = Buffer.alloc(65_536)
  let sent = 0
  while (broker.broker.counters.shedQos0 < 5) {
    publisher.send(publish('t', payload))
    await publisher.nothingMore()
    assert(sent++ < 2_000, 'nothing was shed')
  }
  reader.resume()
  assert.equal((await reader.publishes(1)).length, 1)
})

/** What the authorizer is asked about, from now on. */
function identities({ broker }: TestBroker): Pick<Identity, 'listener' | 'certificate'>[] {
  const asked: Pick<Identity, 'listener' | 'certificate'>[] = []
  broker.authorizer = {
    ...openAuthorizer,
    accessOf: (identity) => {
      asked.push({ listener: identity.listener, certificate: identity.certificate })
      return openAuthorizer.accessOf(identity)
    },
  }
  return asked
}
