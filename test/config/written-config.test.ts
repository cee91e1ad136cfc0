/** What `isthmus conf show` prints of a file: read again it is the same configuration, but for the secrets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHocon } from '../../src/config/hocon/format-hocon.ts'
import { readHocon } from '../../src/config/hocon/hocon.ts'
import { writtenConfig } from '../../src/config/written-config.ts'
import { example, good, readFile } from './texts.ts'

async function written(text: string): Promise<ReturnType<typeof writtenConfig>> {
  const document = await readHocon(text, { file: 'isthmus.conf', baseDir: '/conf' }, { PORT: '7' }, readFile)
  assert.ok(document.type === 'ok')
  return writtenConfig(document.value)
}

for (const { what, text } of [
  { what: 'that is empty', text: '' },
  { what: 'of the documentation', text: example },
  {
    what: 'with listeners of all kinds, rates and limits',
    text: `listeners.tcp { a { bind = 1884, max_conn_rate = "100/10s", bytes_rate = "1MB/s" }, b { enable = false, bind = "127.0.0.1:"\${PORT} } }
listeners.ws.default { websocket.mqtt_path = "/m" }
mqtt { max_mqueue_len = infinity, session_expiry_interval = 3d, server_keepalive = 30, max_packet_size = 2MB }
node.max_memory = 1GB`,
  },
  {
    what: 'with links',
    text: `cluster { name = us, links = [
  { name = eu, server = "h:1,h:2", topics = ["a/#", "\${b}"], resource_opts { request_ttl = infinity, max_buffer_bytes = 1GB }, ssl.enable = true, accept.username = u }
  { name = ap, server = "h:3", topics = [], retry_interval = 1m30s, durable = true, clientid = own }
] }`,
  },
  {
    what: 'with authenticators and rules',
    text: `authentication = [
  { mechanism = password_based, backend = built_in_database, password_hash_algorithm { name = scrypt } }
  { mechanism = password_based, backend = http, method = post, url = "http://h/a", body { username = "\${username}" } }
]
authentication_settings.failed_logins.ban_time = 5m
authorization { no_match = deny, sources = [{ type = file, rules = """{allow, all}.""" }] }
log { level = warning, levels { link = debug } }
node.name = "n@h"
cluster.name = "c"
cluster.nats { servers = ["nats://h:1"] }
debug { socket = "s", faults = true }`,
  },
]) {
  test(`a configuration ${what} is the same when it is read again`, async () => {
    const shown = formatHocon(await written(text))
    const again = await good(shown)
    assert.deepEqual(again.config, (await good(text, { PORT: '7' })).config)
    assert.equal(formatHocon(await written(shown)), shown)
  })
}

test('every default is filled in, as one writes it', async () => {
  const shown = formatHocon(await written(example))
  for (const line of [
    'max_memory = "70%"',
    'member_ttl = "5s"',
    'max_buffer_bytes = "256MB"',
    'request_ttl = "infinity"',
    'max_packet_size = "1MB"',
    'messages_rate = "infinity"',
    'token_expired_time = "1h"',
    'topics = ["global/#", "cluster/+/status"]',
  ])
    assert.match(shown, new RegExp(`^ *${line.replaceAll(/[#+%[\]]/g, '\\$&')}$`, 'm'))
})

test('secrets are masked, names of files and placeholders are none', async () => {
  const values = await written(`
cluster { nats { servers = ["nats://h:1"], user = u, password = hush1 }
  links = [
    { name = a, server = "h:1", topics = [], username = u, password = hush2, ssl.keyfile = """-----BEGIN PRIVATE KEY-----
hush3
-----END PRIVATE KEY-----""" }
    { name = b, server = "h:1", topics = [], username = u, password = "file:///conf/secret", ssl.keyfile = "/k.pem" }
  ] }
dashboard { listeners.http.bind = 18083, default_password = hush4 }
authentication = [
  { mechanism = jwt, secret = hush5 }
  { mechanism = password_based, backend = http, method = get, url = "http://u:hush6@h/a", headers { authorization = hush7, accept = "text/plain" }, body { password = "\${password}" } }
]`)
  const shown = formatHocon(values)
  assert.doesNotMatch(shown, /hush/)
  for (const kept of ['"file:///conf/secret"', '"/k.pem"', '"text/plain"', '"${password}"'])
    assert.ok(shown.includes(kept))
  assert.equal([...shown.matchAll(/= "\*{6}"/g)].length, 6)
  assert.ok(shown.includes('"http://******@h/a"'))
})
