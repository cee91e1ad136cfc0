/** The lines of the list of links: joined, searched, sorted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link, LinkRow, LinkStatus } from '../../src/dashboard/api/link.ts'
import { countByStatus, entryOf, shownEntries, withChanges } from '../../src/dashboard/links/list/link-entries.ts'

const link = (name: string, status: LinkStatus, topics: readonly string[] = []): Link => ({
  name,
  enable: true,
  server: `${name}.example:1883`,
  topics,
  status,
  reasons: [],
  emqx_status: 'connected',
  node_status: [],
})
const row = (name: string, more: Partial<LinkRow> = {}): LinkRow => ({
  name,
  status: 'running',
  reasons: [],
  enable: true,
  out_rate: 0,
  in_rate: 0,
  bytes_out_rate: 0,
  bytes_in_rate: 0,
  outbox: 0,
  routes: { ours: 0, peers: 0 },
  p50_ms: null,
  p99_ms: null,
  ...more,
})
const entries = [
  entryOf(link('b', 'running', ['plant/#']), row('b', { out_rate: 5 })),
  entryOf(link('c', 'running'), row('c', { status: 'failed', reasons: ['Not authorized'], out_rate: 9 })),
  entryOf(link('a', 'stopped'), undefined),
]
const namesOf = (shown: Parameters<typeof shownEntries>[1]): string[] =>
  shownEntries(entries, shown).map(({ name }) => name)
const byName = { by: 'name', down: false } as const

for (const { when, shown, names } of [
  { when: 'sorted by name', shown: { search: '', status: 'all', sort: byName }, names: ['a', 'b', 'c'] },
  {
    when: 'the busiest first',
    shown: { search: '', status: 'all', sort: { by: 'out', down: true } },
    names: ['c', 'b', 'a'],
  },
  {
    when: 'what needs somebody first',
    shown: { search: '', status: 'all', sort: { by: 'status', down: false } },
    names: ['c', 'b', 'a'],
  },
  { when: 'found by a topic', shown: { search: ' PLANT', status: 'all', sort: byName }, names: ['b'] },
  { when: 'found by a reason', shown: { search: 'authorized', status: 'all', sort: byName }, names: ['c'] },
  { when: 'of one status, as it is now', shown: { search: '', status: 'failed', sort: byName }, names: ['c'] },
] as const)
  test(`links ${when}`, () => assert.deepEqual(namesOf(shown), names))

test('what is live counts, not what was read before', () => {
  assert.deepEqual(Object.fromEntries(countByStatus(entries)), { running: 1, failed: 1, stopped: 1 })
})

test('changes come in, links that are gone go, and a whole list replaces all', () => {
  const known = withChanges(new Map(), [row('a'), row('b')], true)
  const changed = withChanges(known, [row('a', { outbox: 3 }), { name: 'b', removed: true }], false)
  assert.deepEqual(
    [...changed.values()].map(({ name, outbox }) => [name, outbox]),
    [['a', 3]],
  )
  assert.deepEqual([...withChanges(changed, [row('c')], true).keys()], ['c'])
})
