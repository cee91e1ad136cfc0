/**
 * Pictures of the dashboard, for the README: `npm run screenshots`, which writes scripts/screenshots/*.png. What they show is real: a
 * cluster of one node with links to five others, on which messages flow, one of them to nobody.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import { chromium } from 'playwright-core'
import { type ConfigInput, createNode, type Node } from '../src/index.ts'
import { chromiumOptions } from '../test/dashboard/chromium.ts'

const OUT = join('scripts', 'screenshots')
const PASSWORD = 'a-password-for-pictures-1'
/** Messages per second each way: what we publish that the peer wants, what it publishes that we want. */
const PEERS = [
  { name: 'eu-west', wants: ['sensors/#'], sends: 160 },
  { name: 'ap-south', wants: ['sensors/+/temperature'], sends: 40 },
  { name: 'sa-east', wants: ['sensors/1/#'], sends: 8 },
  { name: 'factory-7', wants: ['orders/#'], sends: 240 },
  { name: 'lab', wants: ['sensors/2/#'], sends: 0 },
] as const
const TOPICS = ['plant/+/line/#', 'cluster/+/status']
/** The charts begin with the node: so long there is something in them. */
const FLOW_MS = 75_000
const PAUSE_MS = 10_000
const TICK_MS = 50

type Links = NonNullable<NonNullable<ConfigInput['cluster']>['links']>

const directory = mkdtempSync(join(tmpdir(), 'isthmus-screenshots-'))
const nodes: Node[] = []
const clients: MqttClient[] = []
const stopFlow = new AbortController()
try {
  await main()
} finally {
  stopFlow.abort()
  for (const client of clients) client.end(true)
  for (const node of nodes) await node.stop()
  rmSync(directory, { recursive: true })
}

async function main(): Promise<void> {
  const peers = await Promise.all(PEERS.map(({ name }) => start(name, [])))
  const links = PEERS.map(({ name }, at) => ({ name, server: peers[at]!, topics: TOPICS, pool_size: 2 }))
  const gone = { name: 'old-dc', server: '127.0.0.1:9', topics: TOPICS, pool_size: 2 }
  const resting = { name: 'cold-site', server: '127.0.0.1:9', topics: [], enable: false }
  const ours = await start('us-east', [...links, gone, resting])
  for (const [at, { name, wants }] of PEERS.entries()) {
    await post(name, '/cluster/links', {
      name: 'us-east',
      server: ours,
      topics: ['sensors/#', 'orders/#'],
      pool_size: 2,
    })
    const reader = await client(peers[at]!, `reader-${name}`)
    await reader.subscribeAsync([...wants], { qos: 1 })
  }
  const reader = await client(ours, 'dashboards')
  await reader.subscribeAsync(TOPICS, { qos: 1 })
  const flow = publish(await client(ours, 'gateway'), await Promise.all(peers.map((server) => client(server, 'plant'))))
  await passed(FLOW_MS)
  // Something that waits makes a ledger of more than one part.
  await post('us-east', '/cluster/links/eu-west/pause')
  await passed(PAUSE_MS)
  await photograph()
  stopFlow.abort()
  await flow
}

async function start(cluster: string, links: Links): Promise<string> {
  const node = createNode({
    node: { name: `${cluster}-1@127.0.0.1`, data_dir: join(directory, cluster) },
    cluster: { name: cluster, links },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    dashboard: {
      listeners: { http: { bind: '127.0.0.1:0' } },
      default_username: 'admin',
      default_password: PASSWORD,
    },
  })
  nodes.push(node)
  await node.start()
  const server = node.status().listeners['tcp:default']
  if (server === undefined) throw new Error(`${cluster} listens nowhere`)
  return server
}

function apiOf(cluster: string): { readonly url: string; readonly token: string } {
  return JSON.parse(readFileSync(join(directory, cluster, 'api.json'), 'utf8')) as { url: string; token: string }
}

async function post(cluster: string, path: string, body: object = {}): Promise<void> {
  const { url, token } = apiOf(cluster)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const { status } = await fetch(`${url}/api/v5${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (status >= 300) throw new Error(`${cluster}: ${path} is answered with ${status}`)
}

async function client(server: string, clientId: string): Promise<MqttClient> {
  const connected = await connectAsync(`mqtt://${server}`, { clientId, protocolVersion: 5 })
  clients.push(connected)
  return connected
}

/** Steady, with a swell, so that the charts have something to show. */
async function publish(ours: MqttClient, theirs: readonly MqttClient[]): Promise<void> {
  for (let tick = 0; !stopFlow.signal.aborted; tick++) {
    const swell = 1 + 0.4 * Math.sin(tick / 70)
    for (let count = 0; count < 8 * swell; count++) {
      const kind = count % 3 === 0 ? 'humidity' : 'temperature'
      ours.publish(`sensors/${(tick + count) % 5}/${kind}`, JSON.stringify({ value: 20 + count, tick }), { qos: 1 })
    }
    if (tick % 4 === 0) ours.publish('orders/new', JSON.stringify({ order: tick }), { qos: 1 })
    for (const [at, { name, sends }] of PEERS.entries())
      for (let count = 0; count < Math.round((sends * swell * TICK_MS) / 1_000); count++)
        theirs[at]?.publish(`plant/${name}/line/${count}`, JSON.stringify({ tick, count }), { qos: 1 })
    await passed(TICK_MS)
  }
}

async function photograph(): Promise<void> {
  mkdirSync(OUT, { recursive: true })
  const { url } = apiOf('us-east')
  const browser = await chromium.launch(chromiumOptions())
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
    for (const [name, address, shown, scheme] of [
      ['link', 'links/eu-west', 'Out: to the peer', 'light'],
      ['map', 'map', '7 links', 'dark'],
    ] as const) {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width: 1280, height: name === 'link' ? 800 : 560 })
      await page.goto(`${url}/#/${address}`)
      if (await page.getByLabel('Password').isVisible()) {
        await page.getByLabel('User name').fill('admin')
        await page.getByLabel('Password').fill(PASSWORD)
        await page.getByRole('button', { name: 'Log in' }).click()
      }
      await page.getByText(shown).first().waitFor()
      if (name === 'map') await page.getByRole('link', { name: /^old-dc/ }).hover()
      // Rates take two rounds of the live stream.
      await passed(4_000)
      await page.screenshot({ path: join(OUT, `${name}.png`) })
    }
  } finally {
    await browser.close()
  }
}
