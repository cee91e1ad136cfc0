/** What `POST /authorization/test` says is what a client of a real node experiences: case by case, with the rule that decided. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connectAsync, ErrorWithReasonCode, type MqttClient } from 'mqtt'
import type { ConfigInput } from '../../../src/index.ts'
import { assertHolds } from '../holds.ts'
import { nodeWithApi } from '../node-with-api.ts'

type Case = {
  readonly username?: string
  readonly action: 'publish' | 'subscribe'
  readonly topic: string
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
  readonly is: Readonly<Record<string, unknown>>
}

const RULES = `%% First what is shut.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}]}.
{deny, {username, "dave"}, all, ["secret/#"]}.

{allow, all, {publish, [{qos, 1}, {retain, false}]}, ["once/#"]}.
{allow, all, all, ["own/\${clientid}/#", "$share-like/x"]}.
{allow, {username, {re, "^ops-"}}, subscribe, ["$SYS/#", "ops/#"]}.
{allow, {username, "peer"}, all, ["$LINK/cluster/route/far", "$LINK/cluster/msg/#", "$LINK/cluster/resp/#"]}.
{allow, {ipaddr, "127.0.0.0/8"}, publish, ["local/+"]}.
{deny, {username, "dave"}}.
`

const allow = (line: number) => ({ result: 'allow', by: 'rule', source: { line } })
const deny = (line: number) => ({ result: 'deny', by: 'rule', source: { line } })
const noMatch = { result: 'deny', by: 'no_match' }

const cases: readonly Case[] = [
  { action: 'subscribe', topic: '#', is: deny(2) },
  { action: 'subscribe', topic: '$SYS/brokers', is: deny(2) },
  { username: 'ops-1', action: 'subscribe', topic: '$SYS/brokers', is: deny(2) },
  { username: 'ops-1', action: 'subscribe', topic: 'ops/#', is: allow(7) },
  { username: 'bob', action: 'subscribe', topic: 'ops/#', is: noMatch },
  { action: 'publish', topic: '$SYS/x', is: { result: 'deny', by: 'namespace' } },
  { action: 'publish', topic: 'once/a', qos: 1, is: allow(5) },
  { action: 'publish', topic: 'once/a', qos: 1, retain: true, is: noMatch },
  { action: 'publish', topic: 'once/a', qos: 2, is: noMatch },
  { action: 'publish', topic: 'own/tester/x', qos: 1, is: allow(6) },
  { action: 'subscribe', topic: 'own/tester/#', is: allow(6) },
  { action: 'subscribe', topic: '$share/g/own/tester/#', is: allow(6) },
  { action: 'subscribe', topic: 'own/+/x', is: noMatch },
  { action: 'publish', topic: 'own/other/x', qos: 1, is: noMatch },
  { username: 'dave', action: 'publish', topic: 'secret/x', qos: 1, is: deny(3) },
  { username: 'dave', action: 'publish', topic: 'local/x', qos: 1, is: allow(9) },
  { username: 'dave', action: 'publish', topic: 'elsewhere', qos: 1, is: deny(10) },
  { username: 'peer', action: 'subscribe', topic: '$LINK/cluster/resp/far/a1', is: { ...allow(8), by: 'rule' } },
  { username: 'bob', action: 'subscribe', topic: '$LINK/cluster/resp/far/a1', is: { result: 'deny', by: 'accept' } },
  { username: 'dave', action: 'subscribe', topic: '$LINK/cluster/resp/far/a1', is: { result: 'deny', by: 'accept' } },
  { username: 'peer', action: 'subscribe', topic: '$LINK/#', is: { result: 'deny', by: 'namespace' } },
  {
    username: 'guest',
    action: 'subscribe',
    topic: '$LINK/cluster/resp/near/a1',
    is: { result: 'allow', by: 'accept' },
  },
  { username: 'peer', action: 'subscribe', topic: '$LINK/cluster/resp/near/a1', is: { result: 'deny', by: 'accept' } },
  {
    username: 'peer',
    action: 'publish',
    topic: '$LINK/cluster/msg/stranger',
    qos: 1,
    is: { result: 'deny', by: 'namespace' },
  },
  {
    username: 'peer',
    action: 'subscribe',
    topic: '$share/g/$LINK/cluster/resp/far/a1',
    is: { result: 'deny', by: 'namespace' },
  },
]

async function start(t: TestContext, config: ConfigInput) {
  const { node, ask } = await nodeWithApi(t, config)
  const address = node.status().listeners['tcp:default'] ?? ''
  const asClient = async ({ username, action, topic, qos = 0, retain = false }: Case): Promise<string> => {
    const named = username === undefined ? {} : { username }
    const options = { clientId: 'tester', protocolVersion: 5, reconnectPeriod: 0, ...named } as const
    const client = await connectAsync(`mqtt://${address}`, options, false)
    try {
      return (await attempt(client, action, topic, qos, retain)) < 0x80 ? 'allow' : 'deny'
    } finally {
      await client.endAsync(true)
    }
  }
  return { ask, asClient }
}

/** The reason code. Of a publish at QoS 0 nobody says anything. */
function attempt(
  client: MqttClient,
  action: 'publish' | 'subscribe',
  topic: string,
  qos: 0 | 1 | 2,
  retain: boolean,
): Promise<number> {
  return new Promise((resolve) => {
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'puback' || packet.cmd === 'pubrec') resolve(packet.reasonCode ?? 0)
      if (packet.cmd === 'suback') resolve(Number(packet.granted[0]))
    })
    const failed = (error: unknown): void => resolve(error instanceof ErrorWithReasonCode ? error.code : 0x80)
    if (action === 'publish') client.publishAsync(topic, 'x', { qos: qos === 0 ? 1 : qos, retain }).catch(failed)
    else client.subscribeAsync(topic, { qos }).catch(failed)
  })
}

const links = [
  { name: 'far', server: '127.0.0.1:1', topics: ['#'], enable: false },
  { name: 'near', server: '127.0.0.1:1', topics: ['#'], enable: false, accept: { username: 'guest' } },
]

test('who asks is told what a client experiences, and which line of which file decides', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-acl-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'acl.conf')
  writeFileSync(path, RULES)
  const { ask, asClient } = await start(t, {
    cluster: { name: 'here', links },
    authorization: { no_match: 'deny', sources: [{ type: 'file', path }] },
  })
  for (const one of cases) {
    const { is, ...asked } = one
    const what = JSON.stringify(asked)
    const { status, body } = await ask<{ readonly result: string; readonly source?: { readonly file?: string } }>(
      '/authorization/test',
      { method: 'POST', body: { clientid: 'tester', ...asked } },
    )
    assert.equal(status, 200, what)
    assertHolds(body, is, what)
    if (body.source !== undefined) assert.equal(body.source.file, path)
    assert.equal(await asClient(one), body.result, what)
  }
  const { body } = await ask<{ readonly rule: string }>('/authorization/test', {
    method: 'POST',
    body: { clientid: 'c', peerhost: '10.0.0.1', action: 'publish', topic: 'once/a', qos: 1 },
  })
  assert.equal(body.rule, '{allow, all, {publish, [{qos, 1}, {retain, false}]}, ["once/#"]}.')
  const local = { clientid: 'c', action: 'publish', topic: 'local/x' }
  for (const { peerhost, result } of [
    { peerhost: '127.0.0.9', result: 'allow' },
    { peerhost: '10.0.0.1', result: 'deny' },
  ])
    assertHolds((await ask('/authorization/test', { method: 'POST', body: { ...local, peerhost } })).body, { result })
})

test('where there are no rules all is open, and a superuser may do what rules deny', async (t) => {
  const { ask, asClient } = await start(t, { cluster: { name: 'here', links } })
  for (const one of [
    { action: 'publish', topic: 'a', qos: 1, is: { result: 'allow', by: 'open' } },
    { action: 'subscribe', topic: '$SYS/#', is: { result: 'allow', by: 'open' } },
    { action: 'subscribe', topic: '$LINK/cluster/resp/far/a', is: { result: 'allow', by: 'open' } },
    { action: 'subscribe', topic: '$LINK/cluster/resp/near/a', is: { result: 'deny', by: 'accept' } },
  ] satisfies Case[]) {
    const { is, ...asked } = one
    assertHolds((await ask('/authorization/test', { method: 'POST', body: { clientid: 'c', ...asked } })).body, is)
    assert.equal(await asClient(one), is.result)
  }
  const { ask: askGuarded } = await start(t, {
    authorization: { no_match: 'deny', sources: [{ type: 'file', rules: '{deny, all}.' }] },
  })
  const root = { clientid: 'c', action: 'publish', topic: 'a', is_superuser: true }
  const { body } = await askGuarded('/authorization/test', { method: 'POST', body: root })
  assert.deepEqual(body, { result: 'allow', by: 'superuser' })
  const denied = await askGuarded('/authorization/test', { method: 'POST', body: { ...root, is_superuser: false } })
  assert.deepEqual(denied.body, { result: 'deny', by: 'rule', rule: '{deny, all, all, all}.', source: { line: 1 } })
  for (const body of [
    { ...root, topic: 'a/+' },
    { ...root, action: 'subscribe', topic: 'a#' },
    { ...root, action: 'read' },
    { ...root, peerhost: 'somewhere' },
  ])
    assert.equal((await askGuarded('/authorization/test', { method: 'POST', body })).status, 400)
})
