/** What is refused of listeners, what is remarked, and the small languages in them: rates and access rules. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { AccessRules, parseAccessRules } from '../../../src/config/listeners/access-rule.ts'
import { parseConfig } from '../../../src/config/parse-config.ts'
import { formatRate, parseRate } from '../../../src/config/listeners/rate.ts'

const pemDirectory = join(process.cwd(), 'test/fixtures/tls/listeners')
const nowMs = () => Date.UTC(2026, 0, 1)

const readFile = (path: string): string => readFileSync(path, 'utf8')

async function parse(text: string, at = nowMs) {
  return parseConfig(text, { file: 'isthmus.conf', env: {}, baseDir: pemDirectory, readFile, nowMs: at })
}

const own = 'certfile = server.pem, keyfile = server.key'
const ssl = (options: string): string => `listeners.ssl.default.ssl_options {\n${options}\n}`
const tcp = (text: string): string => `listeners.tcp.default.${text}`
const ws = (text: string): string => `listeners.ws.default.websocket.${text}`

for (const { text, key, reason, says } of [
  {
    text: 'listeners.ssl.default {}',
    key: 'listeners.ssl.default.ssl_options.certfile',
    reason: 'required_field',
    says: /own certificate/,
  },
  { text: ssl('certfile = server.pem'), key: 'keyfile', reason: 'required_field', says: /own certificate and key/ },
  { text: ssl(`${own}, verify = verify_peer`), key: 'cacertfile', reason: 'required_field', says: /who may sign/ },
  {
    text: ssl('certfile = nope.pem, keyfile = server.key'),
    key: 'certfile',
    reason: 'bad_certificate',
    says: /cannot read .*nope\.pem.*no such file/,
  },
  {
    text: ssl('certfile = server.key, keyfile = server.key'),
    key: 'certfile',
    reason: 'bad_certificate',
    says: /no certificate/,
  },
  {
    text: ssl('certfile = server.pem, keyfile = server.pem'),
    key: 'keyfile',
    reason: 'bad_certificate',
    says: /no private key/,
  },
  {
    text: ssl('certfile = server.pem, keyfile = client.key'),
    key: 'keyfile',
    reason: 'bad_certificate',
    says: /does not belong/,
  },
  {
    text: ssl('certfile = server.pem, keyfile = server-encrypted.key'),
    key: 'keyfile',
    reason: 'bad_certificate',
    says: /write its passphrase as password/,
  },
  {
    text: ssl('certfile = server.pem, keyfile = server-encrypted.key, password = "s3cret"'),
    key: 'keyfile',
    reason: 'bad_certificate',
    says: /does not open/,
  },
  { text: ssl(`${own}, password = "file://nope"`), key: 'password', reason: 'file_not_readable', says: /"nope"/ },
  { text: ssl(`${own}, ciphers = "NO-SUCH"`), key: 'ciphers', reason: 'bad_certificate', says: /none of these/ },
  {
    text: ssl(`${own}, fail_if_no_peer_cert = true`),
    key: 'fail_if_no_peer_cert',
    reason: 'bad_value',
    says: /verify_peer/,
  },
  {
    text: ssl(`${own}, versions = ["tlsv1.2", "tlsv1.1"]`),
    key: 'versions',
    reason: 'not_supported',
    says: /RFC 8996/,
  },
  { text: ssl(`${own}, versions = ["tlsv1.4"]`), key: 'versions[0]', reason: 'bad_value', says: /tlsv1\.3/ },
  { text: ssl(`${own}, enable_crl_check = true`), key: 'enable_crl_check', reason: 'not_supported', says: /revoked/ },
  { text: tcp('max_connections = 0'), key: 'max_connections', reason: 'bad_number', says: /or infinity/ },
  { text: tcp('max_conn_rate = "100"'), key: 'max_conn_rate', reason: 'bad_rate', says: /"1000\/s" or "100\/10s"/ },
  { text: tcp('bytes_rate = "1XB/s"'), key: 'bytes_rate', reason: 'bad_rate', says: /"1MB\/s"/ },
  { text: tcp('messages_rate = "1MB/s"'), key: 'messages_rate', reason: 'bad_rate', says: /got "1MB\/s"/ },
  {
    text: tcp('access_rules = ["permit all"]'),
    key: 'access_rules[0]',
    reason: 'bad_access_rule',
    says: /"permit all" is no rule/,
  },
  {
    text: tcp('access_rules = ["allow 10.0.0.0/33"]'),
    key: 'access_rules[0]',
    reason: 'bad_access_rule',
    says: /is no rule/,
  },
  { text: tcp('enable_authn = maybe'), key: 'enable_authn', reason: 'wrong_type', says: /quick_deny_anonymous/ },
  { text: tcp('tcp_options.keepalive = "1,2"'), key: 'keepalive', reason: 'bad_value', says: /240,30,5/ },
  { text: tcp('ssl_options {}'), key: 'ssl_options', reason: 'unknown_key', says: /./ },
  { text: ws('mqtt_path = mqtt'), key: 'mqtt_path', reason: 'bad_value', says: /begins with \// },
  {
    text: ws('proxy_address_header = "a b"'),
    key: 'proxy_address_header',
    reason: 'bad_value',
    says: /name of a header/,
  },
  {
    text: 'listeners.ws.default.bind = 1883\nlisteners.tcp.default {}',
    key: 'listeners.ws.default.bind',
    reason: 'duplicated_bind',
    says: /listeners\.tcp\.default has 0\.0\.0\.0:1883/,
  },
  {
    text: 'listeners.tcp { a.bind = 1883, b.bind = "127.0.0.1:1883" }',
    key: 'listeners.tcp.b.bind',
    reason: 'duplicated_bind',
    says: /tcp\.a has/,
  },
  {
    text: 'listeners.tcp { a.bind = "[::]:1", b.bind = "10.0.0.1:1" }',
    key: 'listeners.tcp.b.bind',
    reason: 'duplicated_bind',
    says: /tcp\.a has/,
  },
]) {
  test(`refused: ${JSON.stringify(text.slice(-70))}: ${reason}`, async () => {
    const result = await parse(text)
    assert.ok(result.type === 'invalid', 'should be refused')
    const found = result.errors.find((error) => error.key.endsWith(key))
    assert.equal(found?.reason, reason, JSON.stringify(result.errors))
    assert.match(found.message, says)
    assert.ok(!JSON.stringify(result.errors).includes('s3cret'))
  })
}

for (const text of [
  'listeners.tcp { a.bind = "127.0.0.1:1", b.bind = "127.0.0.2:1", c.bind = "[::1]:1" }',
  'listeners.tcp { a.bind = 0, b.bind = 0 }',
  'listeners.tcp { a.bind = 1, b { bind = 1, enable = false } }',
  'listeners.ssl.default.enable = false',
  ssl(`${own}, cacertfile = ca.pem, verify = verify_peer, fail_if_no_peer_cert = true`),
  ssl('certfile = server.pem, keyfile = server-encrypted.key, password = open-sesame'),
  ssl(`${own}, versions = ["tlsv1.2"], ciphers = ["ECDHE-ECDSA-AES256-GCM-SHA384"]`),
]) {
  test(`taken: ${JSON.stringify(text)}`, async () => {
    const result = await parse(text)
    assert.ok(result.type === 'ok', JSON.stringify(result))
    assert.deepEqual(result.warnings, [])
  })
}

async function expiryWarnings(atMs: number) {
  const result = await parse(ssl(own), () => atMs)
  assert.ok(result.type === 'ok')
  return result.warnings
}

test('a certificate that runs out within 30 days, or has, is told where the configuration is checked', async () => {
  const year = Date.UTC(2126, 9, 29)
  assert.deepEqual(await expiryWarnings(year - 31 * 86_400_000), [])
  const [soon] = await expiryWarnings(year - 10 * 86_400_000)
  assert.deepEqual(
    [soon?.key, soon?.reason, soon?.line],
    ['listeners.ssl.default.ssl_options.certfile', 'certificate_expiry', 2],
  )
  assert.match(soon?.message ?? '', /CN=localhost expires on 2126-10-29 .* in 10 days; renew it/)
  assert.match((await expiryWarnings(year + 2 * 86_400_000))[0]?.message ?? '', /expired on 2126-10-29/)
})

test('what belongs to Erlang, and a burst beside no rate, are remarked', async () => {
  const result = await parse(
    tcp('acceptors = 16\nlisteners.tcp.default.tcp_options.active_n = 10\nlisteners.tcp.default.bytes_burst = "1MB/m"'),
  )
  assert.ok(result.type === 'ok')
  assert.deepEqual(
    result.warnings.map(({ key, reason }) => [key.split('.').at(-1), reason]),
    [
      ['acceptors', 'no_effect'],
      ['active_n', 'no_effect'],
      ['bytes_burst', 'no_effect'],
    ],
  )
})

for (const [written, unit, rate] of [
  ['100/s', 'count', { amount: 100, periodMs: 1000 }],
  ['100/10s', 'count', { amount: 100, periodMs: 10_000 }],
  [' 1000 / 1m ', 'count', { amount: 1000, periodMs: 60_000 }],
  ['5/h', 'count', { amount: 5, periodMs: 3_600_000 }],
  ['5/d', 'count', { amount: 5, periodMs: 86_400_000 }],
  ['1MB/s', 'bytes', { amount: 1_048_576, periodMs: 1000 }],
  ['500/100ms', 'bytes', { amount: 500, periodMs: 100 }],
  ['infinity', 'count', { amount: Number.POSITIVE_INFINITY, periodMs: 1000 }],
  ['0/s', 'count', undefined],
  ['100', 'count', undefined],
  ['100/', 'count', undefined],
  ['100/0s', 'count', undefined],
  ['-1/s', 'count', undefined],
  ['1.5/s', 'count', undefined],
  ['1/s/s', 'count', undefined],
  ['1KB/s', 'count', undefined],
] as const) {
  test(`rate: ${JSON.stringify(written)} of ${unit}`, () => assert.deepEqual(parseRate(written, unit), rate))
}

test('every rate can be written and read again', () => {
  const amounts = fc.integer({ min: 1, max: 1e9 })
  const periods = fc
    .integer({ min: 1, max: 86_400_000 })
    .filter((ms) => /^\d+[a-z]+$/.test(formatRate({ amount: 1, periodMs: ms }, 'count').slice(2)))
  fc.assert(
    fc.property(amounts, periods, fc.constantFrom('count', 'bytes'), (amount, periodMs, unit) =>
      assert.deepEqual(parseRate(formatRate({ amount, periodMs }, unit), unit), { amount, periodMs }),
    ),
  )
})

for (const { rules, allowed, denied } of [
  { rules: ['allow all'], allowed: ['1.2.3.4', '::1'], denied: [] },
  { rules: ['deny 10.0.0.0/8', 'allow all'], allowed: ['11.0.0.1', '::1'], denied: ['10.255.0.1'] },
  { rules: ['allow 10.1.0.0/16, deny 10.0.0.0/8, allow all'], allowed: ['10.1.2.3', '9.9.9.9'], denied: ['10.2.0.0'] },
  { rules: ['allow 2001:db8::/32'], allowed: ['2001:db8:1::5'], denied: ['2001:db9::1', '10.0.0.1'] },
  { rules: ['allow 192.0.2.1'], allowed: ['192.0.2.1'], denied: ['192.0.2.2'] },
  { rules: ['deny all', 'allow all'], allowed: [], denied: ['1.2.3.4', '::1'] },
  { rules: [], allowed: [], denied: ['1.2.3.4'] },
]) {
  test(`access rules: ${JSON.stringify(rules)}`, () => {
    const compiled = new AccessRules(rules)
    for (const host of allowed) assert.equal(compiled.allows(host), true, host)
    for (const host of denied) assert.equal(compiled.allows(host), false, host)
  })
}

test('any text is read as rules or refused in words', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseAccessRules(text)
      if ('problem' in parsed) assert.match(parsed.problem, /is no rule/)
      else assert.doesNotThrow(() => new AccessRules([text]))
    }),
  )
})
