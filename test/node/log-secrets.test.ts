/** What a log tells when everything that has a secret fails, and what it tells when nothing is wrong. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { type ConfigInput, createNode, type Hooks, type Node } from '../../src/index.ts'
import { readLocalToken } from '../api/node-with-api.ts'
import { temporaryDirectory } from '../e2e/clusters.ts'

type Line = { readonly level: number; readonly msg: string; readonly [field: string]: unknown }

const WARN = 40
/** In every secret of these tests, and in nothing else. */
const SECRET = 'S3CRET'
const PEM = `-----BEGIN PRIVATE KEY-----\n${SECRET}inlinekey\n-----END PRIVATE KEY-----\n`

async function start(t: TestContext, config: ConfigInput, hooks?: Hooks) {
  const text: string[] = []
  // As `isthmus start` logs, and everything.
  const log = pino({ level: 'trace' }, { write: (line: string) => void text.push(line) })
  const directory = temporaryDirectory()
  const whole: ConfigInput = {
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    log: { level: 'trace' },
    ...config,
    node: { name: `${config.cluster?.name}@127.0.0.1`, data_dir: join(directory, 'data') },
  }
  const node = createNode(whole, { log, ...(hooks === undefined ? {} : { hooks }) })
  t.after(() => node.stop())
  await node.start()
  return {
    node,
    text,
    dataDir: join(directory, 'data'),
    lines: () => text.map((line) => JSON.parse(line) as Line),
    relink: (links: NonNullable<ConfigInput['cluster']>['links']) =>
      node.reconfigure({ ...whole, cluster: { ...whole.cluster, links } }),
  }
}

const addressOf = (node: Node): string => node.status().listeners['tcp:default'] ?? ''
const portOf = (node: Node): number => Number(addressOf(node).split(':').at(-1))

async function connect(t: TestContext, node: Node, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://${addressOf(node)}`, {
    reconnectPeriod: 0,
    protocolVersion: 5,
    ...options,
  })
  t.after(() => void client.end(true))
  return client
}

async function refused(t: TestContext, node: Node, options: IClientOptions): Promise<void> {
  await assert.rejects(connect(t, node, options))
}

async function until(what: string, question: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000
  while (!question()) {
    assert.ok(Date.now() < giveUpAt, `not within 20 s: ${what}`)
    await delay(10)
  }
}

/** Answers everything with an error, and with a body that nobody should repeat. */
async function brokenService(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => void response.writeHead(500).end(`${SECRET}-answer`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`

function jwt(secret: string, claims: object): string {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

test('whatever fails, no secret and no payload is in the log, at any level', async (t) => {
  const service = await brokenService(t)
  const directory = temporaryDirectory()
  const users = join(directory, 'users.csv')
  writeFileSync(users, `user_id,password,is_superuser\nalice,${SECRET}-alice,false\npeer,${SECRET}-peer,false\n`)
  const keys = join(directory, 'keys')
  writeFileSync(keys, `key:${SECRET}-key\n`)
  const guarded = await start(t, {
    cluster: { name: 'far' },
    authentication: [{ mechanism: 'password_based', backend: 'built_in_database', bootstrap_file: users }],
  })
  const link = (name: string, more: object) => ({ name, server: addressOf(guarded.node), topics: ['#'], ...more })
  const { node, text, lines, dataDir, relink } = await start(
    t,
    {
      cluster: {
        name: 'near',
        links: [
          link('far', { username: 'peer', password: `${SECRET}-wrong` }),
          link('tls', { ssl: { enable: true, keyfile: PEM, certfile: PEM, verify: 'verify_none' } }),
        ],
      },
      authentication: [
        {
          mechanism: 'jwt',
          from: 'password',
          use_jwks: false,
          algorithm: 'hmac-based',
          secret: `${SECRET}-jwt`,
          verify_claims: { sub: '${username}' },
        },
        {
          mechanism: 'password_based',
          backend: 'http',
          method: 'post',
          url: `http://user:${SECRET}-url@127.0.0.1:1/?token=${SECRET}-query`,
          headers: { authorization: `Bearer ${SECRET}-header` },
          body: { username: '${username}', password: '${password}' },
        },
        { mechanism: 'password_based', backend: 'built_in_database', bootstrap_file: users },
      ],
      dashboard: { listeners: { http: { bind: '127.0.0.1:0' } }, default_password: `${SECRET}-admin` },
      api_key: { bootstrap_file: keys },
      opentelemetry: {
        exporter: { endpoint: `http://${service}`, headers: { authorization: `Bearer ${SECRET}-collector` } },
        traces: { enable: true, filter: { trace_all: true }, scheduled_delay: '10ms' },
      },
    },
    {
      'message.publish'({ payload }) {
        JSON.parse(payload.toString())
      },
      'message.delivered': ({ clientId }) => Promise.reject(new Error(`${SECRET}-rejected ${clientId}`)),
    },
  )
  const told = (event: string): boolean => lines().some(({ msg }) => msg === event)

  // Clients: wrong and right passwords, tokens, wills, payloads, packets that are none.
  await refused(t, node, { username: 'alice', password: `${SECRET}-guess` })
  await refused(t, node, { username: 'alice', password: jwt(`${SECRET}-other`, { sub: 'alice' }) })
  const will = { topic: 'will', payload: Buffer.from(`${SECRET}-will`), qos: 1, retain: true } as const
  const client = await connect(t, node, { username: 'bob', password: jwt(`${SECRET}-jwt`, { sub: 'bob' }), will })
  await client.subscribeAsync('#', { qos: 1 })
  const came = new Promise((resolve) => client.once('message', resolve))
  await client.publishAsync('t', `${SECRET}-payload`, { qos: 1, properties: { userProperties: { k: `${SECRET}-k` } } })
  await came
  const socket = connectSocket({ host: '127.0.0.1', port: portOf(node) })
  socket.write(Buffer.from(`\x10\x18\0\x04MQTT\x05\xff${SECRET}-malformed`, 'latin1'))
  await new Promise((resolve) => socket.once('close', resolve).resume())
  client.stream.destroy()

  // The API: logins, keys, users, links.
  const api = `http://${node.status().api}/api/v5`
  const { token } = readLocalToken(dataDir)
  const ask = (method: string, path: string, body: object, authorization = `Bearer ${token}`) =>
    fetch(`${api}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  assert.equal((await ask('POST', '/login', { username: 'admin', password: `${SECRET}-guess` })).status, 401)
  assert.equal((await ask('POST', '/cluster/links', {}, basic(`key:${SECRET}-guess`))).status, 401)
  const made = await ask('POST', '/users', { username: 'eve', password: `${SECRET}-eve-1A`, role: 'viewer' })
  assert.equal(made.status, 200, await made.text())
  const other = link('other', { username: 'u', password: `${SECRET}-posted` })
  const posted = await ask('POST', '/cluster/links', other, basic(`key:${SECRET}-key`))
  assert.equal(posted.status, 201, await posted.text())
  await ask('POST', '/cluster/links', { ...other, password: [`${SECRET}-list`], pasword: `${SECRET}-misspelt` })

  // A reload with other secrets.
  await relink([link('far', { username: 'peer', password: `${SECRET}-changed` })])
  await node.reconfigure({ nodes: `${SECRET}-unknown` } as ConfigInput).catch(() => undefined)

  for (const event of [
    'cluster_link_forwarding_client_start_failed',
    'authentication_http_failed',
    'client_refused',
    'hook_failed',
    'traces_export_failed',
    'api_change',
    'config_changed',
  ])
    await until(event, () => told(event))
  await node.stop()
  await guarded.node.stop()
  assert.ok(text.length > 50, 'little was logged')
  const leaks = [...text, ...guarded.text].filter((line) => {
    return line.includes(SECRET) || line.includes(Buffer.from(`key:${SECRET}`).toString('base64').slice(0, 12))
  })
  assert.deepEqual(leaks, [])
  assert.ok(!text.some((line) => line.includes(token)), 'the local token is in the log')
})

const linkTo = (name: string, node: Node, topics: string[]) => ({ name, server: addressOf(node), topics })
const isRunning = (node: Node): boolean => node.status().links.every(({ state }) => state === 'running')

test('while all goes as it should, goodbyes included, nothing is logged above info', async (t) => {
  const [east, west] = [await start(t, { cluster: { name: 'east' } }), await start(t, { cluster: { name: 'west' } })]
  await east.relink([linkTo('west', west.node, ['t/#'])])
  await west.relink([linkTo('east', east.node, ['t/#'])])
  const subscriber = await connect(t, west.node, { clientId: 'subscriber' })
  await subscriber.subscribeAsync('t/#', { qos: 1 })
  const hasRoutes = (): boolean => east.node.status().links.some(({ routes }) => routes.peers > 0)
  await until('both links run', () => isRunning(east.node) && isRunning(west.node) && hasRoutes())
  const publisher = await connect(t, east.node)
  const came = new Promise((resolve) => subscriber.once('message', resolve))
  await publisher.publishAsync('t/x', 'payload', { qos: 1 })
  await came
  // The same ClientID comes again, a client says goodbye, another one breaks off.
  const gone = new Promise<void>((resolve) => subscriber.once('close', () => resolve()))
  const again = await connect(t, west.node, { clientId: 'subscriber' })
  await gone
  await again.endAsync()
  publisher.stream.destroy()
  // A link is disabled, and enabled again, and then a node stops.
  await west.relink([{ ...linkTo('east', east.node, ['t/#']), enable: false }])
  await until('the peer has said goodbye', () => east.lines().some(({ msg }) => msg === 'cluster_link_goodbye'))
  await west.relink([linkTo('east', east.node, ['t/#'])])
  await until('both links run again', () => isRunning(east.node) && isRunning(west.node))
  const before = east.lines().length
  await west.node.stop()
  await until('it is noticed', () => {
    return east
      .lines()
      .some(({ msg, status }, at) => at >= before && msg === 'cluster_link_status' && status !== 'running')
  })
  await east.node.stop()
  const loud = [...east.lines(), ...west.lines()].filter(({ level }) => level >= WARN)
  // That a peer is gone is an alarm, however it went.
  const expected = ['node_is_open_to_everybody', 'alarm_is_activated']
  assert.deepEqual(
    loud.filter(({ msg }) => !expected.includes(msg)).map(({ msg, reason, reasons }) => ({ msg, reason, reasons })),
    [],
  )
})
