/** The table in the README and what a node serves: neither says more than the other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { knownFamilies } from '../../../src/metrics/prometheus/scrape.ts'
import { nodeWithApi } from '../../api/node-with-api.ts'
import { readExposition } from './read-exposition.ts'

type Row = { readonly type: string; readonly labels: readonly string[]; readonly help: string }

function documented(): ReadonlyMap<string, Row> {
  const section = readFileSync('README.md', 'utf8').split('\n## Metrics\n')[1]?.split('\n## ')[0] ?? ''
  const rows = [...section.matchAll(/^\| `(isthmus_\w+)` \| (\w+) \| (.*?) \| .+? \| (.+) \|$/gm)]
  return new Map(
    rows.map(([, name = '', type = '', labels = '', help = '']) => {
      return [name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label), help }]
    }),
  )
}

function facts(rows: ReadonlyMap<string, { readonly type: string; readonly help: string }>): object {
  return Object.fromEntries([...rows].map(([name, { type, help }]) => [name, `${type}: ${help}`]))
}

test('what a node with a link serves is what the README says, name by name', async (t) => {
  const { url } = await nodeWithApi(t, {
    cluster: { name: 'east', links: [{ name: 'west', server: '127.0.0.1:1', topics: ['#'] }] },
  })
  const served = readExposition(await (await fetch(`${url}/metrics`)).text())
  const table = documented()
  assert.ok(table.size > 50, 'the table was not read at all')
  assert.deepEqual(facts(served), facts(table))
  const common = ['cluster', 'node']
  for (const [name, { samples }] of served)
    for (const { labels } of samples) {
      const own = Object.keys(labels).filter((label) => !common.includes(label) && label !== 'le')
      assert.deepEqual(own.toSorted(), table.get(name)?.labels.toSorted(), name)
      assert.equal(labels['cluster'], 'east')
      assert.equal(labels['node'], 'n1@127.0.0.1')
    }
})

test('labels of metrics that have no series yet are those of the README, too', () => {
  const table = documented()
  for (const { name, labels } of knownFamilies) assert.deepEqual(table.get(name)?.labels, [...labels], name)
})

test('names have the prefix, counters and they alone end in _total, and units are those of Prometheus', () => {
  for (const { name, type } of knownFamilies) {
    assert.match(name, /^isthmus_[a-z_]+$/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|kb|kilobytes|percent)(_|$)/)
  }
})
