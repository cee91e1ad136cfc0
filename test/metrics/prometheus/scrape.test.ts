import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../../src/broker/counters.ts'
import { InboundLedger } from '../../../src/lanes/inbound-ledger.ts'
import { LatencyHistogram } from '../../../src/lanes/latency-histogram.ts'
import { Ledger, refusedByPeer } from '../../../src/lanes/ledger.ts'
import type { LinkReading } from '../../../src/metrics/prometheus/link-families.ts'
import type { NodeReading } from '../../../src/metrics/prometheus/node-families.ts'
import { type MetricsSource, NodeMetrics } from '../../../src/metrics/prometheus/scrape.ts'
import { readExposition, valueOf } from './read-exposition.ts'

const reading: NodeReading = {
  version: '1.0.0',
  uptimeMs: 1_500,
  isReady: true,
  isStoreFailing: false,
  counters: new Counters(),
  topics: 1,
  retained: { messages: 2, bytes: 3 },
  listeners: [],
  certificates: [
    { owner: 'listener ssl:default', subject: 'CN=a', notAfterMs: 9_000 },
    { owner: 'listener ssl:default', subject: 'CN=ca', notAfterMs: 8_000 },
  ],
  alarms: [{ kind: 'link_down' }, { kind: 'link_down' }],
  hooks: [],
  spans: undefined,
  cluster: { members: { up: 1 }, leasesHeld: 0, isCoordinated: true, lanes: [], clocks: [] },
}

function linkReading(link: string, ledger = new Ledger()): LinkReading {
  return {
    link,
    state: 'running',
    ledger: ledger.snapshot(),
    inbound: new InboundLedger().snapshot(),
    bytes: { out: 1, in: 2 },
    routes: { ours: 3, peers: 4 },
    outbox: { messages: 5, bytes: 6, oldestMs: 7_500, fill: 0.25, isAboveMark: false },
    connections: { up: 1, wanted: 1 },
    reconnects: 0,
    ack: undefined,
    probe: undefined,
  }
}

function sourceOf(links: readonly LinkReading[]): MetricsSource {
  return {
    cluster: 'east',
    node: 'a1@h',
    linkNames: () => links.map(({ link }) => link),
    link: (name) => links.find(({ link }) => link === name),
    reading: () => reading,
  }
}

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

const served = async (source: MetricsSource) => readExposition(await whole(new NodeMetrics(source).scrape('text')))

test('every bucket of a ledger is served, and they add up', async () => {
  const ledger = new Ledger()
  ledger.enterQueued(20)
  ledger.send(10)
  ledger.settle(4, { type: 'delivered' })
  ledger.settle(2, { type: 'failed', reason: refusedByPeer(0x97) })
  ledger.dropQueued(3, 'expired')
  ledger.enterDropped(1, 'queue_full')
  const metrics = await served(sourceOf([linkReading('west', ledger)]))
  const out = (bucket: string, reason = '') =>
    valueOf(metrics, 'isthmus_link_messages_total', { link: 'west', direction: 'out', bucket, reason })
  const pending = (bucket: string) => valueOf(metrics, 'isthmus_link_messages_pending', { link: 'west', bucket })
  assert.equal(out('matched'), 21)
  assert.equal(out('delivered'), 4)
  assert.equal(out('failed', 'refused_by_peer(0x97)'), 2)
  assert.equal(out('dropped', 'expired'), 3)
  assert.equal(out('dropped', 'queue_full'), 1)
  // There before the first one is lost, so that it is seen as a change.
  assert.equal(out('dropped', 'too_large'), 0)
  assert.deepEqual([pending('queued'), pending('inflight')], [7, 4])
})

test('a name with quotes, backslashes and line ends is read back as it was', async () => {
  const name = 'we"st\\n\nx'
  const metrics = await served(sourceOf([linkReading(name)]))
  assert.equal(valueOf(metrics, 'isthmus_link_outbox_oldest_seconds', { link: name }), 7.5)
})

test('latencies are cumulative buckets in seconds', async () => {
  const ack = new LatencyHistogram()
  for (const ms of [0.5, 3, 40, 120_000]) ack.record(ms)
  const metrics = await served(sourceOf([{ ...linkReading('west'), ack: ack.snapshot() }]))
  const bucket = (le: string) => valueOf(metrics, 'isthmus_link_ack_seconds_bucket', { le })
  assert.deepEqual([bucket('0.0005'), bucket('0.005'), bucket('0.05'), bucket('60'), bucket('+Inf')], [1, 2, 3, 3, 4])
  assert.equal(valueOf(metrics, 'isthmus_link_ack_seconds_count'), 4)
  assert.equal(valueOf(metrics, 'isthmus_link_ack_seconds_sum'), 120.0435)
})

test('of the certificates of one owner the first to expire is told, and alarms are counted by kind', async () => {
  const metrics = await served(sourceOf([]))
  const owner = 'listener ssl:default'
  assert.equal(valueOf(metrics, 'isthmus_certificate_expiry_timestamp_seconds', { owner }), 8)
  assert.equal(valueOf(metrics, 'isthmus_alarms_active', { kind: 'link_down' }), 2)
  assert.equal(valueOf(metrics, 'isthmus_alarms_active', { kind: 'link_mute' }), 0)
})

test('OpenMetrics has the family of a counter without _total, and an end', async () => {
  const text = await whole(new NodeMetrics(sourceOf([linkReading('west')])).scrape('openmetrics'))
  assert.match(text, /^# TYPE isthmus_link_messages counter$/m)
  assert.match(text, /^isthmus_link_messages_total\{cluster="east",node="a1@h",link="west",/m)
  assert.ok(text.endsWith('\n# EOF\n'))
})

test('a scrape of a thousand links lets others have their turn, and is told in pieces', async () => {
  const links = Array.from({ length: 1_000 }, (_, index) => linkReading(`west-${index}`))
  const byName = new Map(links.map((link) => [link.link, link]))
  let nowMs = 0
  let read = 0
  let turns = 0
  let longestMs = 0
  let turnBeganMs = 0
  const metrics = new NodeMetrics(
    {
      ...sourceOf(links),
      // Each takes a fifth of a millisecond.
      link: (name) => {
        nowMs += 0.2
        read += 1
        return byName.get(name)
      },
    },
    {
      steadyMs: () => nowMs,
      next: async () => {
        turns += 1
        longestMs = Math.max(longestMs, nowMs - turnBeganMs)
        turnBeganMs = nowMs
      },
    },
  )
  const pieces: string[] = []
  for await (const piece of metrics.scrape('text')) pieces.push(piece)
  assert.equal(read, 1_000)
  assert.ok(turns >= 200 / 8 - 1, `${turns} turns`)
  assert.ok(longestMs < 10, `${longestMs} ms in one turn`)
  assert.equal(readExposition(pieces.join('')).get('isthmus_link_state')?.samples.length, 6_000)
})
