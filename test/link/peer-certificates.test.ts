import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { type ConnectionOptions, openConnection } from '../../src/link/connection.ts'
import { PeerCertificates } from '../../src/link/peer-certificates.ts'
import { Acceptor } from './acceptor.ts'
import { behaving } from './behaving.ts'

const file = (name: string) => resolve('test/fixtures/tls', name)
const read = (name: string) => readFileSync(file(name))

/** Connects to it once, and comes back when that has come to something. */
async function connectTo(port: number, certificates: PeerCertificates, more: Partial<ConnectionOptions> = {}) {
  const options: ConnectionOptions = {
    link: 'west',
    clientId: 'c',
    addresses: [{ host: '127.0.0.1', port, tls: true }],
    username: undefined,
    password: undefined,
    ssl: { enable: true, verify: 'verify_peer', cacertfile: file('ca.pem'), server_name_indication: 'link.test' },
    tcp: { nodelay: true, keepalive: false },
    connectMs: 20_000,
    ...more,
  }
  return new Promise<'up' | 'down'>((came) => {
    const connection = certificates.watching(openConnection)(options, {
      up: () => {
        connection.close()
        came('up')
      },
      down: () => came('down'),
    })
  })
}

test('the certificate of a peer is known from the first connect on, as long as there is the link', async (t) => {
  const acceptor = new Acceptor(behaving(), { cert: read('server.pem'), key: read('server.key') })
  const port = await acceptor.listen()
  t.after(() => acceptor.close())
  const certificates = new PeerCertificates()
  assert.equal(certificates.of('west'), undefined)
  assert.equal(await connectTo(port, certificates), 'up')
  const { subject, validTo } = new X509Certificate(read('server.pem'))
  assert.deepEqual(certificates.of('west'), { subject, notAfterMs: Date.parse(validTo) })
  certificates.keep(['west'])
  assert.notEqual(certificates.of('west'), undefined)
  certificates.keep(['north'])
  assert.equal(certificates.of('west'), undefined)
})

test('one that is not trusted is not taken for the peer’s', async (t) => {
  const acceptor = new Acceptor(behaving(), { cert: read('server.pem'), key: read('server.key') })
  const port = await acceptor.listen()
  t.after(() => acceptor.close())
  const certificates = new PeerCertificates()
  const ssl = { enable: true, verify: 'verify_peer', server_name_indication: 'link.test' } as const
  assert.equal(await connectTo(port, certificates, { ssl }), 'down')
  assert.equal(certificates.of('west'), undefined)
})
