import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { resolveConfig } from '../../src/config/resolve-config.ts'
import { writtenLink } from '../../src/config/written-link.ts'

function read(link: object) {
  const resolved = resolveConfig({ cluster: { name: 'here', links: [link as never] } })
  assert.ok(resolved.type === 'ok', JSON.stringify(resolved))
  return resolved.config.cluster.links[0]!
}

const ms = fc.integer({ min: 1, max: 2_000_000_000 })

test('a link that is written is read as the same one, whatever its limits are', () => {
  const links = fc.record({
    name: fc.constant('eu'),
    server: fc.constant('h:1'),
    topics: fc.constant(['a/#', 'b']),
    enable: fc.boolean(),
    retry_interval: ms,
    actor_ttl: ms,
    stale_ttl: ms,
    accept: fc.constantFrom(undefined, { username: 'u' }),
    durable: fc.boolean(),
    ssl: fc.constantFrom({}, { verify: 'verify_peer', cacertfile: '/ca.pem', server_name_indication: 'disable' }),
    resource_opts: fc.record({
      request_ttl: fc.oneof(ms, fc.constant('infinity')),
      start_timeout: ms,
      max_buffer_bytes: fc.integer({ min: 1, max: 2 ** 40 }),
      max_buffer_messages: fc.oneof(fc.integer({ min: 1, max: 1e9 }), fc.constant('infinity')),
    }),
  })
  fc.assert(
    fc.property(links, (link) => {
      const first = read(link)
      const text = JSON.stringify(writtenLink(first))
      assert.deepEqual(read(JSON.parse(text) as object), first)
    }),
    { numRuns: 200 },
  )
})

test('secrets are not written; names of files and certificates are', () => {
  const link = { name: 'eu', server: 'h:1', topics: [], username: 'u', password: 'geheim' }
  const both = '-----BEGIN CERTIFICATE-----\nx\n-----BEGIN EC PRIVATE KEY-----\ny\n-----END EC PRIVATE KEY-----'
  const ssl = { keyfile: '/key.pem', certfile: both, cacertfile: '-----BEGIN CERTIFICATE-----\nx' }
  const written = writtenLink(read({ ...link, ssl }))
  assert.equal(written.password, '******')
  assert.deepEqual(written.ssl, { ...ssl, enable: false, verify: 'verify_none', certfile: '******' })
  assert.ok(!('password' in writtenLink(read({ ...link, password: undefined }))))
})
