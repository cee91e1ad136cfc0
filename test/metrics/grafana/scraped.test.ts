/** A real Prometheus scrapes two nodes that are linked, and knows their ledgers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt from 'mqtt'
import { nodeWithApi, type NodeWithApi } from '../../api/node-with-api.ts'

/** One that was free just now: Prometheus takes no 0. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  await new Promise((closed) => server.close(closed))
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

/** Scrapes these hosts every second. Returns how to ask it: the values of a query, by the labels that are named. */
async function startPrometheus(t: TestContext, targets: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-prometheus-'))
  const port = await freePort()
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [resolve('scripts/grafana/alerts.yml')],
    scrape_configs: [{ job_name: 'isthmus', static_configs: [{ targets }] }],
  }
  // YAML takes JSON.
  writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config))
  const options = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`]
  const prometheus = spawn('prometheus', options, { cwd: dir, stdio: 'ignore' })
  const ended = new Promise((over) => prometheus.once('close', over))
  t.after(async () => {
    prometheus.kill('SIGKILL')
    await ended
    rmSync(dir, { recursive: true })
  })
  return async (query: string, label: string): Promise<Record<string, number>> => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`
    // It listens before it answers questions: until then it says 503, in words.
    const answer: unknown = await fetch(url).then(
      (response) => (response.ok ? response.json() : undefined),
      () => undefined,
    )
    if (!isVector(answer)) return {}
    return Object.fromEntries(answer.data.result.map(({ metric, value }) => [metric[label] ?? '', Number(value[1])]))
  }
}

type Vector = {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[]
  }
}

function isVector(answer: unknown): answer is Vector {
  return typeof answer === 'object' && answer !== null && 'status' in answer && answer.status === 'success'
}

async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  const giveUpAtMs = Date.now() + 45_000
  while (!(await question())) {
    assert.ok(Date.now() < giveUpAtMs, 'did not come about within 45 s')
    await delay(200)
  }
}

const mqttOf = ({ node }: NodeWithApi): string => node.status().listeners['tcp:default'] ?? ''

async function linkedPair(t: TestContext) {
  const common = {
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
  }
  const east = await nodeWithApi(t, { node: { name: 'e1@127.0.0.1' }, cluster: { name: 'east', links: [] } })
  const west = await nodeWithApi(t, {
    node: { name: 'w1@127.0.0.1' },
    cluster: { name: 'west', links: [{ name: 'east', server: mqttOf(east), topics: ['a/#'] }] },
  })
  await east.node.reconfigure({
    ...common,
    node: { name: 'e1@127.0.0.1', data_dir: east.dataDir },
    cluster: { name: 'east', links: [{ name: 'west', server: mqttOf(west), topics: ['b/#'] }] },
  })
  return { east, west }
}

test('after messages have crossed, Prometheus knows how many, on both sides, and that nothing is amiss', async (t) => {
  const { east, west } = await linkedPair(t)
  const subscriber = await mqtt.connectAsync(`mqtt://${mqttOf(west)}`, { protocolVersion: 5, reconnectPeriod: 0 })
  const publisher = await mqtt.connectAsync(`mqtt://${mqttOf(east)}`, { protocolVersion: 5, reconnectPeriod: 0 })
  t.after(() => {
    subscriber.end(true)
    publisher.end(true)
  })
  await subscriber.subscribeAsync('a/+', { qos: 1 })
  const routes = () => east.node.status().links[0]?.routes.peers ?? 0
  await until(() => routes() === 1 && [east, west].every(({ node }) => node.status().links[0]?.state === 'running'))
  const query = await startPrometheus(
    t,
    [east, west].map(({ url }) => url.slice('http://'.length)),
  )
  for (let sent = 0; sent < 25; sent++) await publisher.publishAsync('a/1', 'hello', { qos: 1 })
  const ledger = async () => {
    const out = await query('isthmus_link_messages_total{node="e1@127.0.0.1",direction="out"}', 'bucket')
    const taken = await query('isthmus_link_messages_total{node="w1@127.0.0.1",direction="in"}', 'bucket')
    return { matched: out['matched'], delivered: out['delivered'], accepted: taken['accepted'] }
  }
  await until(async () => (await ledger()).accepted === 25 && (await ledger()).delivered === 25)
  assert.deepEqual(await ledger(), { matched: 25, delivered: 25, accepted: 25 })
  assert.deepEqual(await query('up', 'job'), { isthmus: 1 })
  assert.deepEqual(await query('isthmus_link_state{state="running"}', 'cluster'), { east: 1, west: 1 })
  // The rules were read, and none that is about links fires.
  assert.deepEqual(await query('ALERTS{alertname=~"IsthmusLink.*"}', 'alertname'), {})
})
