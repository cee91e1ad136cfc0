import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect, nkeys } from 'nats'
import type { NatsServerOptions } from '../../../src/cli/demo/nats-server.ts'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import type { NatsConfig } from '../../../src/config/nats/nats-config.ts'
import { startNats } from '../nats-server.ts'
import { makeAccounts } from './nats-accounts.ts'
import { connectedNats, joinNats, natsConfig, until, untilDone } from './nats-node.ts'

const pem = (name: string): string => resolve('test/fixtures/tls/listeners', name)
const tlsSettings = (more = ''): string =>
  `tls { cert_file: ${JSON.stringify(pem('server.pem'))}, key_file: ${JSON.stringify(pem('server.key'))}, ` +
  `ca_file: ${JSON.stringify(pem('ca.pem'))} ${more}}`
const verified = { enable: true, verify: 'verify_peer', cacertfile: pem('ca.pem') } as const
const withClient = { ...verified, certfile: pem('client.pem'), keyfile: pem('client.key') }

const user = nkeys.createUser()
const seed = Buffer.from(user.getSeed()).toString()
const stranger = Buffer.from(nkeys.createUser().getSeed()).toString()
const accounts = makeAccounts()
const onlyUser = 'authorization { user: "node", password: "right" }'
const onlyKey = `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`

function credentialsFile(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-creds-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'node.creds')
  writeFileSync(file, text)
  return file
}

type Case = { readonly when: string; readonly server: NatsServerOptions; readonly config: Partial<NatsConfig> }

for (const { when, server, config } of [
  { when: 'user and password', server: { settings: onlyUser }, config: { user: 'node', password: 'right' } },
  { when: 'an nkey', server: { settings: onlyKey }, config: { nkey: seed } },
  { when: 'TLS, the server by its CA', server: { settings: tlsSettings() }, config: { tls: verified } },
  {
    when: 'TLS, with a client certificate',
    server: { settings: tlsSettings(', verify: true') },
    config: { tls: withClient },
  },
  {
    when: 'TLS that verifies nothing',
    server: { settings: tlsSettings() },
    config: { tls: { enable: true, verify: 'verify_none' } },
  },
  {
    when: 'TLS by a name of its own',
    server: { settings: tlsSettings() },
    config: { tls: { ...verified, server_name_indication: 'localhost' } },
  },
] satisfies readonly Case[]) {
  test(`nats: a node connects with ${when}`, async (t) => {
    const { url } = await startNats(t, server)
    const { coordination, log } = await connectedNats(t, natsConfig([url], config), 'a')
    assert.equal((await coordination.registers.write('k', Buffer.from('1'), 0)).type, 'written')
    assert.deepEqual([coordination.problem, log.events('error')], [undefined, []])
  })
}

test('nats: a node connects with a credentials file, and again with a renewed one', async (t) => {
  const server = await startNats(t, { settings: accounts.settings })
  const credentials = credentialsFile(t, makeAccounts().credentials)
  const { coordination, log } = await joinNats(t, natsConfig([server.url], { credentials }), 'a')
  await until(() => coordination.problem !== undefined, 'a problem')
  assert.match(coordination.problem ?? '', /^cluster\.nats\.credentials: /)
  writeFileSync(credentials, accounts.credentials)
  await until(() => coordination.isConnected, 'the connection')
  assert.equal((await coordination.registers.write('k', Buffer.from('1'), 0)).type, 'written')
  assert.equal(coordination.problem, undefined)
  assert.deepEqual(log.events('error'), ['coordination_refused'])
})

for (const { when, server, config, says } of [
  {
    when: 'a wrong password',
    server: { settings: onlyUser },
    config: { user: 'node', password: 'wrong' },
    says: /^cluster\.nats\.user: NATS at 127\.0\.0\.1:\d+ does not accept it$/,
  },
  {
    when: 'an nkey of somebody else',
    server: { settings: onlyKey },
    config: { nkey: stranger },
    says: /^cluster\.nats\.nkey: .* does not accept it/,
  },
  {
    when: 'a seed that is none',
    server: { settings: onlyKey },
    config: { nkey: `${seed.slice(0, 20)}${seed[20] === 'A' ? 'B' : 'A'}${seed.slice(21)}` },
    says: /^cluster\.nats\.nkey: can't be used/,
  },
  {
    when: 'no identity at all',
    server: { settings: onlyUser },
    config: {},
    says: /^cluster\.nats: .* wants to know who we are; set credentials, nkey, or user and password/,
  },
  {
    when: 'a credentials file that is gone',
    server: { settings: onlyUser },
    config: { credentials: '/nowhere/node.creds' },
    says: /^cluster\.nats.*\/nowhere\/node\.creds/,
  },
  {
    when: 'a server whose authority is unknown',
    server: { settings: tlsSettings() },
    config: { tls: { enable: true, verify: 'verify_peer' } },
    says: /^cluster\.nats\.tls: no TLS with NATS at 127\.0\.0\.1/,
  },
  {
    when: 'a server of another name',
    server: { settings: tlsSettings() },
    config: { tls: { ...verified, server_name_indication: 'other.example.com' } },
    says: /^cluster\.nats\.tls: .*other\.example\.com/,
  },
  {
    when: 'a client certificate that is missing',
    server: { settings: tlsSettings(', verify: true') },
    config: { tls: verified },
    says: /^cluster\.nats\.tls: /,
  },
  {
    when: 'a server without TLS',
    server: {},
    config: { tls: verified },
    says: /^cluster\.nats\.tls: .* does not offer TLS/,
  },
  {
    when: 'a server that wants TLS',
    server: { settings: tlsSettings() },
    config: {},
    says: /^cluster\.nats\.tls: .* wants TLS/,
  },
] satisfies readonly (Case & { readonly says: RegExp })[]) {
  test(`nats: ${when} is told once, by the key of the configuration`, async (t) => {
    const { url } = await startNats(t, server)
    const { coordination, log } = await joinNats(t, natsConfig([url], config), 'a')
    await until(() => log.events('debug').includes('coordination_unreachable'), 'a second attempt')
    assert.match(coordination.problem ?? '', says)
    assert.deepEqual(log.events('error'), ['coordination_refused'])
    assert.equal(coordination.isConnected, false)
    assert.ok(!JSON.stringify(log.entries).includes('wrong') && !JSON.stringify(log.entries).includes(stranger))
  })
}

const isRefused = (error: unknown): boolean => error instanceof ClusterError && error.code === 'COORDINATION_REFUSED'

test('nats: without JetStream the bus works, and registers say what is missing', async (t) => {
  const server = await startNats(t, { jetStream: false })
  const { coordination, log } = await connectedNats(t, natsConfig([server.url]), 'a')
  const { coordination: other } = await connectedNats(t, natsConfig([server.url]), 'b')
  await assert.rejects(coordination.registers.read('k'), isRefused)
  assert.match(coordination.problem ?? '', /^cluster\.nats\.servers: .*without JetStream/)
  coordination.registers.watch('', { changed: () => undefined, ready: () => undefined })
  await assert.rejects(coordination.registers.write('k', Buffer.from('1'), 0), isRefused)
  assert.deepEqual(log.events('error'), ['coordination_refused'])
  let heard = 0
  other.bus.listen('maps', () => heard++)
  await until(() => {
    coordination.bus.broadcast('maps', Buffer.from('x'))
    return heard > 0
  }, 'a message')
})

test('nats: a user without rights is told which', async (t) => {
  const allowed = '{ publish: { deny: ["$JS.API.>", "isthmus.test.all.>"] } }'
  const server = await startNats(t, {
    settings: `authorization { users: [{ user: "node", password: "right", permissions: ${allowed} }] }`,
  })
  const config = natsConfig([server.url], { user: 'node', password: 'right' })
  const { coordination, log } = await connectedNats(t, config, 'a')
  coordination.bus.broadcast('maps', Buffer.from('x'))
  await until(() => coordination.problem !== undefined, 'a problem')
  assert.match(coordination.problem ?? '', /^cluster\.nats: our user may not publish to isthmus\.test\.all\.maps\./)
  await assert.rejects(coordination.registers.read('k'), isRefused)
  await assert.rejects(coordination.registers.read('k'), isRefused)
  assert.ok(coordination.isConnected)
  assert.ok(log.events('error').length <= 3)
})

test('nats: these rights are enough', async (t) => {
  const publish = [
    'isthmus.test.>',
    '$KV.isthmus__test.>',
    '$JS.API.STREAM.*.KV_isthmus__test',
    '$JS.API.STREAM.MSG.*.KV_isthmus__test',
  ]
  const permissions = JSON.stringify({ publish, subscribe: ['isthmus.test.>', '_INBOX.>'] })
  const server = await startNats(t, {
    settings: `authorization { users: [{ user: "node", password: "right", permissions: ${permissions} }] }`,
  })
  const config = natsConfig([server.url], { user: 'node', password: 'right' })
  const { coordination, log } = await connectedNats(t, config, 'a')
  const { coordination: other } = await connectedNats(t, config, 'b')
  const told: string[] = []
  other.registers.watch('', { changed: ({ key }) => told.push(key), ready: () => told.push('ready') })
  await until(() => told.includes('ready'), 'the beginning')
  const result = await coordination.registers.write('k', Buffer.from('1'), 0)
  assert.ok(result.type === 'written')
  await until(() => told.length === 2, 'a change')
  await coordination.registers.remove('k', result.revision)
  await until(() => told.length === 3, 'another')
  let heard = 0
  other.bus.listen('maps', () => heard++)
  await until(() => {
    coordination.bus.broadcast('maps', Buffer.from('x'))
    coordination.bus.send('b', 'maps', Buffer.from('x'))
    return heard > 1
  }, 'messages')
  assert.deepEqual([coordination.problem, other.problem, log.events('error')], [undefined, undefined, []])
})

test('nats: the limit of a payload is that of the server', async (t) => {
  const server = await startNats(t, { settings: 'max_payload: 70000' })
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  assert.equal(coordination.bus.payloadBytesMax, 70_000)
  await assert.rejects(coordination.registers.write('k', new Uint8Array(80_000), 0), RangeError)
})

test('nats: a message whose subject names no sender is logged and dropped', async (t) => {
  const server = await startNats(t)
  const { coordination, log } = await connectedNats(t, natsConfig([server.url]), 'a')
  const heard: string[] = []
  coordination.bus.listen('maps', (from, payload) => {
    heard.push(`${from.node} ${Buffer.from(payload).toString()}`)
    assert.fail('on purpose')
  })
  await coordination.registers.read('k')
  const stranger = await connect({ servers: server.url })
  t.after(() => stranger.close())
  stranger.publish('isthmus.test.all.maps.x', 'bad')
  stranger.publish('isthmus.test.to.a.maps.=.=4', 'bad')
  stranger.publish('isthmus.test.all.maps.x.1', 'good')
  stranger.publish('isthmus.test.to.a.maps.y.1', 'good, too')
  await until(() => heard.length === 2, 'the good ones')
  assert.deepEqual(heard, ['x good', 'y good, too'])
  assert.deepEqual(log.events('warn'), ['bus_message_malformed', 'bus_message_malformed'])
  assert.deepEqual(log.events('error'), ['bus_listener_failed', 'bus_listener_failed'])
})

test('nats: more copies than there are servers are refused by name, and fewer would do', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url], { replicas: 3 }), 'a')
  await assert.rejects(coordination.registers.read('k'), isRefused)
  assert.match(coordination.problem ?? '', /^cluster\.nats\.replicas: /)
  const { coordination: other } = await connectedNats(t, natsConfig([server.url], { replicas: 1 }), 'b')
  await other.registers.write('k', Buffer.from('1'), 0)
  await untilDone(() => coordination.registers.read('k'))
})
