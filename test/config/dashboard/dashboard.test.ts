import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatConfigError } from '../../../src/config/config-error.ts'
import { parseConfig } from '../../../src/config/parse-config.ts'

const fixtures = join(process.cwd(), 'test/fixtures/tls/listeners')

async function parse(text: string, files: Readonly<Record<string, string>> = {}) {
  const readFile = (path: string): string => files[path] ?? readFileSync(path, 'utf8')
  return parseConfig(text, { file: 'f.conf', env: {}, baseDir: '/conf', readFile })
}

async function good(text: string, files?: Readonly<Record<string, string>>) {
  const result = await parse(text, files)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return { ...result, warnings: result.warnings.map(formatConfigError) }
}

async function bad(text: string, files?: Readonly<Record<string, string>>): Promise<string[]> {
  const result = await parse(text, files)
  assert.ok(result.type === 'invalid')
  return result.errors.map(formatConfigError)
}

for (const { bind, is, isTold } of [
  { bind: '18083', is: '127.0.0.1:18083', isTold: false },
  { bind: '":18083"', is: '127.0.0.1:18083', isTold: false },
  { bind: '"127.0.0.1:18083"', is: '127.0.0.1:18083', isTold: false },
  { bind: '"localhost:18083"', is: 'localhost:18083', isTold: false },
  { bind: '"[::1]:18083"', is: '[::1]:18083', isTold: false },
  { bind: '"0.0.0.0:18083"', is: '0.0.0.0:18083', isTold: true },
  { bind: '"[::]:18083"', is: '[::]:18083', isTold: true },
  { bind: '"10.1.2.3:18083"', is: '10.1.2.3:18083', isTold: true },
])
  test(`the dashboard at ${bind} listens at ${is}${isTold ? ', and it is told that nothing is encrypted' : ''}`, async () => {
    const { config, warnings } = await good(`dashboard.listeners.http.bind = ${bind}`)
    assert.deepEqual(config.dashboard, {
      listeners: { http: { bind: is } },
      default_username: 'admin',
      token_expired_time: 3_600_000,
    })
    assert.deepEqual(warnings.length, isTold ? 1 : 0)
    if (isTold) assert.match(warnings[0]!, /^f\.conf:1: dashboard\.listeners\.http\.bind: .*https \(not_encrypted\)$/)
  })

test('with TLS the dashboard has certificates as listeners have them', async () => {
  const { config, warnings } = await good(`dashboard.listeners {
  http.bind = 18083
  https { bind = "0.0.0.0:18084", ssl_options { certfile = "${fixtures}/server.pem", keyfile = "${fixtures}/server.key" } }
}`)
  const { https } = config.dashboard!.listeners
  assert.equal(https?.bind, '0.0.0.0:18084')
  assert.equal(https.ssl_options.certfile, `${fixtures}/server.pem`)
  assert.deepEqual(https.ssl_options.versions, ['tlsv1.3', 'tlsv1.2'])
  assert.deepEqual(warnings, [])
})

test('TLS without a certificate, or with an old version, is refused', async () => {
  assert.match((await bad('dashboard.listeners { http.bind = 1, https.bind = 2 }')).join('\n'), /certfile: is missing/)
  const old = `dashboard.listeners { http.bind = 1, https { bind = 2, ssl_options { versions = ["tlsv1"] } } }`
  assert.match((await bad(old)).join('\n'), /ssl_options\.versions: TLS 1\.1 and 1\.0 are broken/)
})

test('the first password may stand in a file, which must hold one', async () => {
  const text = 'dashboard { listeners.http.bind = 1, default_password = "file://pw" }'
  const { config } = await good(text, { '/conf/pw': 'hush\n' })
  assert.equal(config.dashboard?.default_password, 'hush')
  assert.match((await bad(text, { '/conf/pw': '\n' }))[0]!, /default_password: this file is empty/)
})

test('what is wrong with a file of API keys is told by file and line, and secrets are not', async () => {
  const text = 'api_key.bootstrap_file = "keys"'
  const errors = await bad(text, { '/conf/keys': 'a:s3cret:root\nb:s3cret\nc' })
  assert.deepEqual(errors, [
    'f.conf:1: api_key.bootstrap_file: keys:1: the role is administrator or viewer (bad_bootstrap_file)',
    'f.conf:1: api_key.bootstrap_file: keys:3: expected key:secret or key:secret:role (bad_bootstrap_file)',
  ])
  assert.match((await bad('api_key.bootstrap_file = "none"'))[0]!, /cannot read "none"/)
})
