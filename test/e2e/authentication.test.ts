/** Who may connect to a node as it runs: with MQTT.js and Mosquitto's client, through the library's door. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { type ConfigInput, createNode, type Node } from '../../src/index.ts'
import { temporaryDirectory } from './clusters.ts'

type Line = { readonly event: string; readonly fields: object }

const users = 'user_id,password,is_superuser\nalice,secret,false\nbob,geheim,true\n'

/** A configuration with users of a file, in a directory of its own. */
function configOf(more: Partial<ConfigInput> = {}): ConfigInput & { readonly file: string } {
  const directory = temporaryDirectory()
  const file = join(directory, 'users.csv')
  writeFileSync(file, users)
  return {
    file,
    node: { name: 'a1@127.0.0.1', data_dir: join(directory, 'data') },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    authentication: [{ mechanism: 'password_based', backend: 'built_in_database', bootstrap_file: file }],
    ...more,
  }
}

async function startNode(t: TestContext, { file, ...config }: ConfigInput & { readonly file: string }) {
  t.diagnostic(file)
  const lines: Line[] = []
  const write = (fields: object, event: string) => void lines.push({ event, fields })
  const node = createNode(config, { log: { debug: write, info: write, warn: write, error: write } })
  t.after(() => node.stop())
  await node.start()
  return { node, lines, events: () => lines.map(({ event }) => event) }
}

function portOf(node: Node, listener = 'tcp:default'): number {
  return Number(node.status().listeners[listener]?.split(':').at(-1))
}

async function connect(t: TestContext, port: number, options: IClientOptions): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, protocolVersion: 5, ...options })
  t.after(() => client.endAsync(true))
  return client
}

/** The code of CONNACK with which the node refuses. */
async function refusal(t: TestContext, port: number, options: IClientOptions): Promise<number> {
  const refused = await connect(t, port, options).then(
    () => assert.fail('was let in'),
    (error: unknown) => error,
  )
  assert.ok(refused instanceof Error && 'code' in refused, String(refused))
  return Number(refused.code)
}

/** The exit code of `mosquitto_pub`. */
async function mosquittoPub(port: number, options: readonly string[]): Promise<number> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-t', 'a', '-m', 'b', '-q', '1', ...options]
  const child = spawn('mosquitto_pub', args, { stdio: 'ignore' })
  const [code] = (await once(child, 'close')) as [number]
  return code
}

const alice = { username: 'alice', password: 'secret' }

for (const { version, wrong, nobody } of [
  { version: 5, wrong: 0x86, nobody: 0x87 },
  { version: 4, wrong: 4, nobody: 5 },
  { version: 3, wrong: 4, nobody: 5 },
] as const)
  test(`MQTT.js, protocol level ${version}: who knows the password may connect`, async (t) => {
    const { node, events } = await startNode(t, configOf())
    const options = {
      protocolVersion: version,
      clientId: 'c',
      ...(version === 3 ? { protocolId: 'MQIsdp' as const } : {}),
    }
    const client = await connect(t, portOf(node), { ...options, ...alice })
    await client.subscribeAsync('a')
    assert.equal(await refusal(t, portOf(node), { ...options, ...alice, password: 's3cret' }), wrong)
    assert.equal(await refusal(t, portOf(node), { ...options, username: 'eve', password: 'x' }), wrong)
    assert.equal(await refusal(t, portOf(node), { ...options, username: 'alice' }), wrong)
    assert.equal(await refusal(t, portOf(node), options), nobody)
    assert.ok(client.connected)
    assert.ok(!events().includes('node_is_open_to_everybody'))
    assert.equal(events().filter((event) => event === 'authentication_failed').length, 4)
  })

test('mosquitto_pub: who knows the password may publish', async (t) => {
  const { node } = await startNode(t, configOf())
  const port = portOf(node)
  assert.equal(await mosquittoPub(port, ['-u', 'bob', '-P', 'geheim']), 0)
  assert.equal(await mosquittoPub(port, ['-u', 'bob', '-P', 'secret']), 4)
  assert.equal(await mosquittoPub(port, []), 5)
  assert.equal(await mosquittoPub(port, ['-V', 'mqttv5', '-u', 'bob', '-P', 'geheim']), 0)
  assert.notEqual(await mosquittoPub(port, ['-V', 'mqttv5', '-u', 'bob', '-P', 'secret']), 0)
})

test('without authentication everybody may connect, and the node says so', async (t) => {
  const { node, events } = await startNode(t, configOf({ authentication: [] }))
  await connect(t, portOf(node), {})
  assert.ok(events().includes('node_is_open_to_everybody'))
})

test('a listener may ask nobody, or not even those without a name', async (t) => {
  const tcp = {
    default: { bind: '127.0.0.1:0' },
    inside: { bind: '127.0.0.1:0', enable_authn: false },
    quick: { bind: '127.0.0.1:0', enable_authn: 'quick_deny_anonymous' as const },
  }
  const { node } = await startNode(t, configOf({ listeners: { tcp } }))
  await connect(t, portOf(node, 'tcp:inside'), { username: 'eve' })
  await connect(t, portOf(node, 'tcp:quick'), alice)
  assert.equal(await refusal(t, portOf(node, 'tcp:quick'), {}), 0x87)
  assert.equal(await refusal(t, portOf(node), { username: 'eve' }), 0x86)
})

test('a reload brings in new users and changes the chain; who is connected stays', async (t) => {
  const { file, ...config } = configOf()
  const { node, events } = await startNode(t, { file, ...config })
  const client = await connect(t, portOf(node), alice)
  const carol = { username: 'carol', password: 'c' }
  assert.equal(await refusal(t, portOf(node), carol), 0x86)
  writeFileSync(file, `${users}carol,c,\n`)
  await node.reconfigure(config)
  await connect(t, portOf(node), carol)
  // Another chain: nobody but a token.
  await node.reconfigure({ ...config, authentication: [{ mechanism: 'jwt', secret: 'k' }] })
  assert.equal(await refusal(t, portOf(node), alice), 0x86)
  await connect(t, portOf(node), { username: 'x', password: token({}) })
  // A chain that cannot be leaves this one.
  await assert.rejects(
    node.reconfigure({ ...config, authentication: [{ mechanism: 'jwt' }] }),
    /authentication\[0\]\.secret/,
  )
  await node.reconfigure({ ...config, authentication: [] })
  await connect(t, portOf(node), {})
  assert.ok(client.connected)
  await client.publishAsync('a', 'still here', { qos: 1 })
  assert.equal(events().filter((event) => event === 'config_changed').length, 2)
})

test('users outlive the node and their file', async (t) => {
  const { file, ...config } = configOf()
  const { node } = await startNode(t, { file, ...config })
  await connect(t, portOf(node), alice)
  await node.stop()
  const authentication = [{ mechanism: 'password_based', backend: 'built_in_database' }] as const
  const { node: again } = await startNode(t, { file, ...config, authentication: [...authentication] })
  await connect(t, portOf(again), alice)
  assert.equal(await refusal(t, portOf(again), { ...alice, password: 's3cret' }), 0x86)
})

test('who guesses is shut out, and the node says so once', async (t) => {
  const failed_logins = { max_count: 3, window_time: '1h', ban_time: '1h' }
  const { node, events } = await startNode(t, configOf({ authentication_settings: { failed_logins } }))
  for (let guess = 0; guess < 3; guess++)
    assert.equal(await refusal(t, portOf(node), { ...alice, password: `guess ${guess}` }), 0x86)
  assert.equal(await refusal(t, portOf(node), alice), 0x9f)
  assert.equal(await refusal(t, portOf(node), { ...alice, protocolVersion: 4 }), 3)
  assert.equal(events().filter((event) => event === 'authentication_address_shut_out').length, 1)
})

/** Made without the library that reads it. */
function token(claims: object): string {
  const input = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${createHmac('sha256', 'k').update(input).digest('base64url')}`
}

test('a token lets its client in, as whom it says, and for as long as it says', async (t) => {
  const { node } = await startNode(
    t,
    configOf({
      authentication: [{ mechanism: 'jwt', secret: 'k', verify_claims: { sub: '${clientid}' } }],
    }),
  )
  const port = portOf(node)
  const nowSeconds = Math.floor(Date.now() / 1000)
  const client = await connect(t, port, {
    clientId: 'c',
    username: 'u',
    password: token({ sub: 'c', exp: nowSeconds + 7 }),
  })
  const reason = new Promise<number | undefined>((resolve) => {
    client.once('disconnect', (packet) => resolve(packet.reasonCode))
  })
  assert.equal(await refusal(t, port, { clientId: 'd', username: 'u', password: token({ sub: 'c' }) }), 0x86)
  assert.equal(
    await refusal(t, port, { clientId: 'c', username: 'u', password: token({ sub: 'c', exp: nowSeconds - 1 }) }),
    0x86,
  )
  const code = await reason
  assert.ok(code !== undefined && code >= 0x80, `${code}`)
  assert.ok(Date.now() >= (nowSeconds + 7) * 1000)
})

test('a service says who may connect; when it is away, who is known elsewhere still may', async (t) => {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (body: string) => {
      asked.push(JSON.parse(body))
      const result = body.includes('"device"') ? 'allow' : 'ignore'
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ result }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const config = configOf()
  const { port: servicePort } = server.address() as AddressInfo
  const body = { u: '${username}', p: '${password}', c: '${clientid}' }
  const { node } = await startNode(t, {
    ...config,
    authentication: [
      { mechanism: 'password_based', backend: 'http', method: 'post', url: `http://127.0.0.1:${servicePort}/`, body },
      ...(config.authentication ?? []),
    ],
  })
  const port = portOf(node)
  await connect(t, port, { clientId: 'c1', username: 'device', password: 'x' })
  assert.deepEqual(asked, [{ u: 'device', p: 'x', c: 'c1' }])
  await connect(t, port, alice)
  assert.equal(await refusal(t, port, { username: 'eve', password: 'x' }), 0x86)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await connect(t, port, alice)
  // Perhaps the service would know it.
  assert.equal(await refusal(t, port, { username: 'device', password: 'x' }), 0x88)
})
