/** What stands in scripts/grafana, by Prometheus' own tool, and by name against what nodes serve. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { readProcessFamilies } from '../../../src/metrics/prometheus/process-families.ts'
import { knownFamilies } from '../../../src/metrics/prometheus/scrape.ts'
import { nodeWithApi } from '../../api/node-with-api.ts'

const run = promisify(execFile)
const FOLDER = 'scripts/grafana'
/** Of the scrape itself. */
const ofPrometheus = new Set(['up'])

async function promtool(args: readonly string[], input?: string): Promise<string> {
  const running = run('promtool', [...args], { cwd: FOLDER, timeout: 60_000 })
  running.child.stdin?.end(input)
  const { stdout, stderr } = await running
  return `${stdout}${stderr}`
}

/** Names that a rule or a panel asks for, without what a histogram adds. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/\bisthmus_[a-z0-9_]+/g)].map(([name]) => name.replace(/_seconds_bucket$/, '_seconds'))
}

test('the rules are good, fire when they should, and not when they should not', async () => {
  assert.match(await promtool(['check', 'rules', 'alerts.yml']), /SUCCESS: 13 rules found/)
  assert.match(await promtool(['test', 'rules', 'alerts.test.yml']), /SUCCESS/)
})

test('every rule has a test', () => {
  const rules = [...readFileSync(`${FOLDER}/alerts.yml`, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const tested = readFileSync(`${FOLDER}/alerts.test.yml`, 'utf8')
  assert.equal(rules.length, 13)
  for (const name of rules) assert.ok(tested.includes(`alertname: ${name}`), `${name} is not tested`)
})

test('every metric of the dashboard and the rules is one that nodes serve', async () => {
  const served = new Set([...knownFamilies, ...(await readProcessFamilies())].map(({ name }) => name))
  const asked = ['dashboard.json', 'alerts.yml', 'alerts.test.yml'].flatMap((file) =>
    namesIn(readFileSync(`${FOLDER}/${file}`, 'utf8')),
  )
  assert.ok(asked.length > 100)
  assert.deepEqual(
    [...new Set(asked)].filter((name) => !served.has(name) && !ofPrometheus.has(name)),
    [],
  )
})

test('the dashboard asks by data source, cluster, node and link, and no two panels stand in one place', () => {
  const dashboard: unknown = JSON.parse(readFileSync(`${FOLDER}/dashboard.json`, 'utf8'))
  assert.ok(isDashboard(dashboard))
  assert.deepEqual(
    dashboard.templating.list.map(({ name }) => name),
    ['datasource', 'cluster', 'node', 'link'],
  )
  const taken = new Map<string, string>()
  for (const { title, gridPos } of dashboard.panels)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(x < 24)
        const other = taken.get(`${x} ${y}`)
        assert.equal(other, undefined, `${title} over ${other}`)
        taken.set(`${x} ${y}`, title)
      }
})

type Dashboard = {
  readonly templating: { readonly list: readonly { readonly name: string }[] }
  readonly panels: readonly {
    readonly title: string
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  }[]
}

function isDashboard(read: unknown): read is Dashboard {
  return typeof read === 'object' && read !== null && 'templating' in read && 'panels' in read
}

test('Prometheus has nothing to say against the names that are served', async (t) => {
  const { url } = await nodeWithApi(t, {
    cluster: { name: 'east', links: [{ name: 'west', server: '127.0.0.1:1', topics: ['#'] }] },
  })
  for (const path of ['/metrics', '/api/v5/prometheus/stats']) {
    const served = await (await fetch(`${url}${path}`)).text()
    assert.equal(await promtool(['check', 'metrics'], served), '')
  }
})
