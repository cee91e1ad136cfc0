import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyKey } from '../../../src/config/config-schema.ts'
import type { NatsConfig } from '../../../src/config/nats/nats-config.ts'
import { parseConfig } from '../../../src/config/parse-config.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'

const seed = `SU${'A2'.repeat(28)}`
const credentials = '-----BEGIN NATS USER JWT-----\nx\n-----BEGIN USER NKEY SEED-----\ny'
const files: Readonly<Record<string, string>> = {
  '/conf/node.creds': credentials,
  '/conf/empty.creds': '',
  '/conf/seed': `${seed}\n`,
  '/conf/password': 's3cret\n',
  '/conf/ca.pem': 'a certificate',
}

async function read(nats: string) {
  const text = `node.name = "n@h"\ncluster {\nname = a\nnats {\n${nats}\n}\n}`
  return parse(text)
}

function parse(text: string) {
  return parseConfig(text, {
    env: {},
    baseDir: '/conf',
    readFile: (path) => {
      const found = files[path]
      if (found === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return found
    },
  })
}

const servers = 'servers = ["h"]'
const plain = { servers: ['h'], tls: { enable: false, verify: 'verify_peer' }, prefix: 'isthmus' } as const

const understood: readonly { when: string; nats: string; as: NatsConfig }[] = [
  { when: 'servers alone', nats: servers, as: plain },
  {
    when: 'several servers, one with TLS by its scheme',
    nats: 'servers = ["nats://a:1", "tls://[::1]:2", "c"]',
    as: { ...plain, servers: ['nats://a:1', 'tls://[::1]:2', 'c'], tls: { enable: true, verify: 'verify_peer' } },
  },
  {
    when: 'a credentials file',
    nats: `${servers}, credentials = node.creds`,
    as: { ...plain, credentials: '/conf/node.creds' },
  },
  {
    when: 'a user whose password stands in a file',
    nats: `${servers}, user = u, password = "file://password"`,
    as: { ...plain, user: 'u', password: 's3cret' },
  },
  { when: 'a seed', nats: `${servers}, nkey = ${seed}`, as: { ...plain, nkey: seed } },
  { when: 'a seed in a file', nats: `${servers}, nkey = seed`, as: { ...plain, nkey: seed } },
  {
    when: 'TLS, which is on where it is written',
    nats: `${servers}, tls { cacertfile = ca.pem, certfile = "/conf/ca.pem", keyfile = ca.pem, verify = verify_none, server_name_indication = x }`,
    as: {
      ...plain,
      tls: {
        enable: true,
        cacertfile: '/conf/ca.pem',
        certfile: '/conf/ca.pem',
        keyfile: '/conf/ca.pem',
        verify: 'verify_none',
        server_name_indication: 'x',
      },
    },
  },
  {
    when: 'TLS that is off',
    nats: `${servers}, tls { enable = false, cacertfile = away.pem }`,
    as: { ...plain, tls: { enable: false, cacertfile: '/conf/away.pem', verify: 'verify_peer' } },
  },
  {
    when: 'a prefix and replicas',
    nats: `${servers}, prefix = "a.b-c", replicas = 1`,
    as: { ...plain, prefix: 'a.b-c', replicas: 1 },
  },
]

for (const { when, nats, as } of understood) {
  test(`cluster.nats: ${when}; written again it says the same`, async () => {
    const result = await read(nats)
    assert.ok(result.type === 'ok', JSON.stringify(result))
    assert.deepEqual(result.config.cluster.nats, as)
    const again = resolveConfig(
      { node: { name: 'n@h' }, cluster: { name: 'a', nats: { ...as, servers: [...as.servers] } } },
      { readFile: (path) => files[path] ?? '' },
    )
    assert.ok(again.type === 'ok', JSON.stringify(again))
    assert.deepEqual(again.config.cluster.nats, as)
  })
}

const refused: readonly { when: string; nats: string; key: string; reason: string; says: RegExp }[] = [
  { when: 'no server', nats: 'servers = []', key: 'servers', reason: 'bad_value', says: /at least one server/ },
  {
    when: 'servers missing',
    nats: 'prefix = x',
    key: 'servers',
    reason: 'required_field',
    says: /a list of NATS servers/,
  },
  {
    when: 'another scheme',
    nats: 'servers = ["ws://h"]',
    key: 'servers[0]',
    reason: 'unsupported_scheme',
    says: /nats:\/\/, tls:\/\/ or none/,
  },
  {
    when: 'a user in the address',
    nats: 'servers = ["nats://u:s3cret@h"]',
    key: 'servers[0]',
    reason: 'bad_host',
    says: /user and password as keys/,
  },
  { when: 'no port', nats: 'servers = ["h:x"]', key: 'servers[0]', reason: 'bad_port_number', says: /"x" is no port/ },
  {
    when: 'no host',
    nats: 'servers = ["nats://:4222"]',
    key: 'servers[0]',
    reason: 'bad_host',
    says: /example\.com:4222/,
  },
  {
    when: 'two identities',
    nats: `${servers}, credentials = node.creds, nkey = seed`,
    key: 'nkey',
    reason: 'bad_value',
    says: /credentials says already who/,
  },
  {
    when: 'a user without password',
    nats: `${servers}, user = u`,
    key: 'password',
    reason: 'required_field',
    says: /needs a password/,
  },
  {
    when: 'a password without user',
    nats: `${servers}, password = "s3cret"`,
    key: 'user',
    reason: 'required_field',
    says: /belongs to a user/,
  },
  {
    when: 'credentials that are not there',
    nats: `${servers}, credentials = no.creds`,
    key: 'credentials',
    reason: 'file_not_readable',
    says: /"no\.creds"/,
  },
  {
    when: 'credentials that are none',
    nats: `${servers}, credentials = empty.creds`,
    key: 'credentials',
    reason: 'bad_value',
    says: /JWT and seed/,
  },
  {
    when: 'a seed with a slip',
    nats: `${servers}, nkey = SUs3cret`,
    key: 'nkey',
    reason: 'file_not_readable',
    says: /cannot read this file/,
  },
  {
    when: 'a file without seed',
    nats: `${servers}, nkey = password`,
    key: 'nkey',
    reason: 'bad_value',
    says: /no user's seed/,
  },
  {
    when: 'a CA file that is not there',
    nats: `${servers}, tls.cacertfile = no.pem`,
    key: 'tls.cacertfile',
    reason: 'file_not_readable',
    says: /"no\.pem"/,
  },
  {
    when: 'a certificate without key',
    nats: `${servers}, tls.certfile = ca.pem`,
    key: 'tls.keyfile',
    reason: 'required_field',
    says: /certfile alone/,
  },
  {
    when: 'a key without certificate',
    nats: `${servers}, tls.keyfile = ca.pem`,
    key: 'tls.certfile',
    reason: 'required_field',
    says: /keyfile alone/,
  },
  {
    when: 'TLS off and on',
    nats: 'servers = ["tls://h"], tls.enable = false',
    key: 'tls.enable',
    reason: 'bad_value',
    says: /leave enable out/,
  },
  {
    when: 'a prefix with a wildcard',
    nats: `${servers}, prefix = "a.*"`,
    key: 'prefix',
    reason: 'bad_name',
    says: /prefix of NATS subjects/,
  },
  {
    when: 'too many replicas',
    nats: `${servers}, replicas = 6`,
    key: 'replicas',
    reason: 'bad_number',
    says: /from 1 to 5/,
  },
  {
    when: 'an unknown key',
    nats: `${servers}, credential = x`,
    key: 'credential',
    reason: 'unknown_key',
    says: /"credentials"/,
  },
]

for (const { when, nats, key, reason, says } of refused) {
  test(`cluster.nats: ${when} is refused: ${reason}`, async () => {
    const result = await read(nats)
    assert.ok(result.type === 'invalid')
    assert.deepEqual(
      result.errors.map((error) => ({ key: error.key, reason: error.reason })),
      [{ key: `cluster.nats.${key}`, reason }],
      JSON.stringify(result.errors),
    )
    assert.match(result.errors[0]?.message ?? '', says)
    assert.ok(!JSON.stringify(result.errors).includes('s3cret'))
  })
}

test('nodes that meet over NATS have names of their own, and their cluster has one', async () => {
  const result = await parse(`cluster.nats { ${servers} }`)
  assert.deepEqual(result.type === 'invalid' && result.errors.map(({ key, reason }) => `${key} ${reason}`), [
    'cluster.name required_field',
    'node.name required_field',
  ])
})

test('durations of a cluster are of no use to a node alone, and it is said', async () => {
  const result = await parse('cluster { member_ttl = 9s, lease_ttl = 500ms }')
  assert.ok(result.type === 'ok')
  assert.deepEqual(
    result.warnings.map(({ key, reason }) => `${key} ${reason}`),
    ['cluster.member_ttl no_effect', 'cluster.lease_ttl no_effect'],
  )
  assert.deepEqual([result.config.cluster.member_ttl, result.config.cluster.lease_ttl], [9000, 500])
})

test('the cases above use every key of cluster.nats', () => {
  const keys = everyKey().filter((key) => key.startsWith('cluster.nats.'))
  const used = understood.map(({ nats }) => nats).join(' ')
  assert.deepEqual(
    keys.filter((key) => !used.includes(key.split('.').at(-1) ?? '')),
    [],
  )
})
