import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { everyKey } from '../../../src/config/config-schema.ts'
import { parseConfig } from '../../../src/config/parse-config.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'
import { chains, usersFile } from './authentication-texts.ts'

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

const files: Readonly<Record<string, string>> = {
  '/conf/users.csv': usersFile,
  '/conf/plain.csv': 'user_id,password\na,b\n',
  '/conf/bad.csv': 'user_id,password\na,b\nc\n,d\n',
  '/conf/users.json': '[{ "user_id": "a", "password": "b" },\n{ "user_id": 7 }]',
  '/conf/secret': 'from a file\n',
  '/conf/public.pem': publicPem,
  '/conf/private.pem': privatePem,
}

function readFile(path: string): string {
  if (path in files || /\/(ca|cert|key)$/.test(path)) return files[path] ?? ''
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
}

const parse = (text: string) => parseConfig(text, { file: 'node.conf', env: {}, baseDir: '/conf', readFile })

for (const { what, hocon, input, expected } of chains) {
  test(`${what}: as a file and as an object`, async () => {
    const read = await parse(`authentication = [${hocon}]`)
    assert.deepEqual(read.type === 'ok' ? read.config.authentication : read.errors, [expected])
    const resolved = resolveConfig({ authentication: [input] }, { readFile })
    assert.deepEqual(resolved.type === 'ok' ? resolved.config.authentication : resolved.errors, [expected])
  })
}

test('every key of an authenticator stands in the chains above, or below', () => {
  const text = `${chains.map(({ hocon }) => hocon).join('\n')} public_key`
  const keys = everyKey().filter((key) => key.startsWith('authentication[]'))
  assert.ok(keys.length > 40)
  for (const key of keys) {
    const name =
      key
        .split('.')
        .filter((part) => part !== '<name>')
        .at(-1) ?? ''
    assert.match(text, new RegExp(`\\b${name}\\b`), key)
  }
})

test('nobody is asked unless a chain is written, and failures are counted in any case', async () => {
  const read = await parse('')
  assert.ok(read.type === 'ok')
  assert.deepEqual(read.config.authentication, [])
  assert.deepEqual(read.config.authentication_settings, {
    failed_logins: { enable: true, max_count: 20, window_time: 60_000, ban_time: 60_000 },
  })
})

const builtIn = 'mechanism = password_based, backend = built_in_database'

for (const { what, chain, keys } of [
  {
    what: 'a secret in a file',
    chain: '{ mechanism = jwt, secret = "file://secret" }',
    keys: { type: 'hmac', secret: Buffer.from('from a file') },
  },
  {
    what: 'a public key in a file',
    chain: '{ mechanism = jwt, public_key = "public.pem" }',
    keys: { type: 'public', pem: publicPem },
  },
  {
    what: 'a public key as text',
    chain: `{ mechanism = jwt, algorithm = public-key, public_key = """${publicPem}""" }`,
    keys: { type: 'public', pem: publicPem },
  },
])
  test(`${what} is read`, async () => {
    const read = await parse(`authentication = [${chain}]`)
    assert.ok(read.type === 'ok', JSON.stringify(read))
    const [jwt] = read.config.authentication
    assert.deepEqual(jwt?.mechanism === 'jwt' && jwt.keys, keys)
  })

for (const { what, chain, key, reason, message } of [
  {
    what: 'a backend of EMQX that this version lacks',
    chain: '{ mechanism = password_based, backend = redis }',
    key: '[0].backend',
    reason: 'not_supported',
    message: /got "redis"; expected built_in_database or http/,
  },
  {
    what: 'a mechanism of EMQX that this version lacks',
    chain: '{ mechanism = scram, backend = built_in_database }',
    key: '[0].mechanism',
    reason: 'not_supported',
    message: /got "scram"; expected password_based or jwt/,
  },
  {
    what: 'a hash that this version lacks',
    chain: `{ ${builtIn}, password_hash_algorithm.name = argon2 }`,
    key: '[0].password_hash_algorithm.name',
    reason: 'not_supported',
    message: /expected one of plain, md5/,
  },
  {
    what: 'a section in place of the list',
    chain: undefined,
    key: '',
    reason: 'wrong_type',
    message: /expected a list: \[\{ mechanism/,
  },
  {
    what: 'a member twice',
    chain: `{ ${builtIn} }, { ${builtIn} }`,
    key: '[1]',
    reason: 'duplicated_authenticator',
    message: /authentication\[0\] is password_based:built_in_database, too/,
  },
  {
    what: 'rules in tokens',
    chain: '{ mechanism = jwt, secret = x, acl_claim_name = rules }',
    key: '[0].acl_claim_name',
    reason: 'not_supported',
    message: /does not have this setting of an authenticator/,
  },
  {
    what: 'a misspelt key',
    chain: `{ ${builtIn}, bootstrap_fil = "users.csv" }`,
    key: '[0].bootstrap_fil',
    reason: 'unknown_key',
    message: /did you mean "bootstrap_file"/,
  },
  {
    what: 'a file that is not there',
    chain: `{ ${builtIn}, bootstrap_file = "none.csv" }`,
    key: '[0].bootstrap_file',
    reason: 'file_not_readable',
    message: /cannot read "none.csv"/,
  },
  {
    what: 'a file of another kind',
    chain: `{ ${builtIn}, bootstrap_file = "users.txt" }`,
    key: '[0].bootstrap_file',
    reason: 'bad_value',
    message: /ends in \.csv or \.json/,
  },
  {
    what: 'a cost that is no power of two',
    chain: `{ ${builtIn}, password_hash_algorithm { name = scrypt, cost = 20000 } }`,
    key: '[0].password_hash_algorithm.cost',
    reason: 'bad_number',
    message: /a power of two from 1024 to 131072/,
  },
  {
    what: 'PBKDF2 without iterations',
    chain: `{ ${builtIn}, password_hash_algorithm { name = pbkdf2, mac_fun = sha256 } }`,
    key: '[0].password_hash_algorithm.iterations',
    reason: 'required_field',
    message: /is missing/,
  },
  {
    what: 'a token without a secret',
    chain: '{ mechanism = jwt }',
    key: '[0].secret',
    reason: 'required_field',
    message: /tokens are proved by a secret/,
  },
  {
    what: 'a secret that is no Base64',
    chain: '{ mechanism = jwt, secret = "###", secret_base64_encoded = true }',
    key: '[0].secret',
    reason: 'bad_value',
    message: /is no Base64/,
  },
  {
    what: 'a key set without an address',
    chain: '{ mechanism = jwt, use_jwks = true }',
    key: '[0].endpoint',
    reason: 'required_field',
    message: /the address of the key set/,
  },
  {
    what: 'a private key',
    chain: '{ mechanism = jwt, public_key = "private.pem" }',
    key: '[0].public_key',
    reason: 'bad_value',
    message: /give the node the public one alone/,
  },
  {
    what: 'a public key that is none',
    chain: '{ mechanism = jwt, public_key = "users.csv" }',
    key: '[0].public_key',
    reason: 'bad_value',
    message: /holds no public key or certificate/,
  },
  {
    what: 'a claim that is checked in any case',
    chain: '{ mechanism = jwt, secret = x, verify_claims { exp = "1" } }',
    key: '[0].verify_claims',
    reason: 'bad_value',
    message: /exp is checked in any case/,
  },
  {
    what: 'a placeholder that claims do not have',
    chain: '{ mechanism = jwt, secret = x, verify_claims { sub = "${peerhost}" } }',
    key: '[0].verify_claims.sub',
    reason: 'bad_value',
    message: /\$\{peerhost\} is no placeholder here; there is \$\{username\} or \$\{clientid\}/,
  },
  {
    what: 'a placeholder that does not end',
    chain:
      '{ mechanism = password_based, backend = http, method = post, url = "http://h/", body { a = "${username" } }',
    key: '[0].body.a',
    reason: 'bad_value',
    message: /\$\{username is no placeholder here/,
  },
  {
    what: 'a placeholder in the name of the host',
    chain: '{ mechanism = password_based, backend = http, method = post, url = "http://h-${clientid}/" }',
    key: '[0].url',
    reason: 'bad_value',
    message: /not in the host/,
  },
  {
    what: 'an address of another kind',
    chain: '{ mechanism = password_based, backend = http, method = post, url = "ftp://h/" }',
    key: '[0].url',
    reason: 'bad_value',
    message: /begins with http:\/\/ or https:\/\//,
  },
  {
    what: 'a request by get with a content type',
    chain:
      '{ mechanism = password_based, backend = http, method = get, url = "http://h/", headers { Content-Type = "application/json" } }',
    key: '[0].headers.content-type',
    reason: 'bad_value',
    message: /has no body/,
  },
  {
    what: 'TLS versions that cannot be chosen',
    chain:
      '{ mechanism = password_based, backend = http, method = get, url = "https://h/", ssl.versions = ["tlsv1.3"] }',
    key: '[0].ssl.versions',
    reason: 'not_supported',
    message: /cannot be chosen/,
  },
])
  test(`${what} is refused, by name`, async () => {
    const read = await parse(`\nauthentication = ${chain === undefined ? `{ ${builtIn} }` : `[${chain}]`}`)
    assert.ok(read.type === 'invalid')
    assert.deepEqual(
      read.errors.map((error) => ({ key: error.key, reason: error.reason, file: error.file })),
      [{ key: `authentication${key}`, reason, file: 'node.conf' }],
    )
    assert.match(read.errors[0]?.message ?? '', message)
  })

test('what is wrong in a bootstrap file is told with its line, and never with what stands there', async () => {
  const read = await parse(`authentication = [{ ${builtIn}, bootstrap_file = "bad.csv" }]`)
  assert.deepEqual(read.type === 'invalid' && read.errors.map(({ message, line }) => ({ message, line })), [
    {
      message: 'bad.csv:3: has 1 field, the header 2 columns; a value that holds a comma needs double quotes',
      line: 1,
    },
    { message: 'bad.csv:4: user_id is empty', line: 1 },
  ])
  const json = await parse(`authentication = [{ ${builtIn}, bootstrap_file = "users.json" }]`)
  assert.deepEqual(json.type === 'invalid' && json.errors.map(({ message }) => message), [
    'users.json:2: user_id is missing, or no text',
  ])
})

test('errors hold no secret', async () => {
  const read = await parse(`authentication = [
    { mechanism = jwt, secret = "s3cret", secret_base64_encoded = maybe }
    { mechanism = password_based, backend = http, method = post, url = "http://u:s3cret@h/\${x}", headers { authorization = "s3cret \${x}" }, body { password = [s3cret] } }
  ]`)
  assert.ok(read.type === 'invalid' && read.errors.length === 4, JSON.stringify(read))
  assert.doesNotMatch(JSON.stringify(read.errors), /s3cret/)
})

for (const { what, chain, warned } of [
  {
    what: 'a weak hash',
    chain: `{ ${builtIn}, password_hash_algorithm.name = md5 }`,
    warned: ['[0].password_hash_algorithm.name weak_password_hash'],
  },
  {
    what: 'keys of Erlang',
    chain:
      '{ mechanism = password_based, backend = http, method = get, url = "http://h/", enable_pipelining = 100, ssl.depth = 3 }',
    warned: ['[0].ssl.depth no_effect', '[0].enable_pipelining no_effect'],
  },
  { what: 'a chain that is switched off', chain: `{ ${builtIn}, enable = false }`, warned: [' nobody_admitted'] },
  {
    what: 'a chain that is switched off in part',
    chain: `{ ${builtIn}, enable = false }, { mechanism = jwt, secret = x }`,
    warned: [],
  },
])
  test(`${what}: ${warned.length === 0 ? 'nothing to warn of' : 'a warning'}`, async () => {
    const read = await parse(`authentication = [${chain}]`)
    assert.ok(read.type === 'ok', JSON.stringify(read))
    assert.deepEqual(
      read.warnings.map(({ key, reason }) => `${key} ${reason}`),
      warned.map((words) => `authentication${words}`),
    )
  })

test('to refuse those without a name first, somebody must be there to ask', async () => {
  const listener = 'listeners.tcp.default.enable_authn = quick_deny_anonymous'
  const read = await parse(listener)
  assert.deepEqual(read.type === 'invalid' && read.errors.map(({ key, reason }) => [key, reason]), [
    ['listeners.tcp.default.enable_authn', 'bad_value'],
  ])
  const guarded = await parse(`${listener}\nauthentication = [{ ${builtIn} }]`)
  assert.equal(guarded.type === 'ok' && guarded.config.listeners.tcp['default']?.enable_authn, 'quick_deny_anonymous')
})
