import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkDifferences } from '../../../src/cluster/config/link-differences.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'

function links(...inputs: readonly Record<string, unknown>[]) {
  const filled = inputs.map((input) => ({ name: 'eu', server: '127.0.0.1:1', topics: ['a'], ...input }))
  const resolved = resolveConfig({ cluster: { name: 'here', links: filled } })
  assert.equal(resolved.type, 'ok')
  return resolved.type === 'ok' ? resolved.config.cluster.links : []
}

for (const { when, file, shared, expected } of [
  { when: 'the same', file: links({}), shared: links({}), expected: [] },
  {
    when: 'a field at depth',
    file: links({ resource_opts: { request_ttl: '5s' } }),
    shared: links({}),
    expected: [{ key: 'cluster.links.eu.resource_opts.request_ttl', file: '5000', shared: 'infinity' }],
  },
  {
    when: 'a secret, which is not shown',
    file: links({ username: 'u', password: 'one' }),
    shared: links({ username: 'u', password: 'two' }),
    expected: [{ key: 'cluster.links.eu.password', file: '******', shared: '******' }],
  },
  {
    when: 'a private key beside a certificate, which is not shown',
    file: links({ ssl: { certfile: '-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----' } }),
    shared: links({}),
    expected: [{ key: 'cluster.links.eu.ssl.certfile', file: '******', shared: 'not set' }],
  },
  {
    when: 'a link that one side lacks',
    file: links({ name: 'b' }),
    shared: links({ name: 'a', server: '10.0.0.1:1883' }),
    expected: [
      { key: 'cluster.links.a', file: 'no such link', shared: 'a link to 10.0.0.1:1883' },
      { key: 'cluster.links.b', file: 'a link to 127.0.0.1:1', shared: 'no such link' },
    ],
  },
])
  test(`links that differ: ${when}`, () => {
    // A ClientID that is not set follows the name of the cluster on both sides.
    assert.deepEqual(linkDifferences(file, shared), expected)
  })
