import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeState } from '../../src/cli/demo/cluster-state.ts'
import {
  clusterInvitation,
  clusterLine,
  clusterScreen,
  type ClusterSnapshot,
  clusterVerdict,
  killLine,
} from '../../src/cli/demo/cluster-view.ts'

const up = (name: string, cluster: string, more: Partial<NodeState> = {}): NodeState => ({
  name,
  cluster,
  mqttPort: 1883,
  state: 'up',
  slot: 1,
  holds: [],
  link: 'running',
  routes: 1,
  ...more,
})
const subscriber = (node: string, cluster: string, more: { lost?: number; doubled?: number } = {}) => ({
  node,
  cluster,
  arrived: 1200,
  lost: 0,
  doubled: 0,
  latency_ms: { p50: 1, p99: 2 },
  ...more,
})
const now: ClusterSnapshot = {
  elapsedMs: 25_400,
  summary: {
    published: 1234,
    arrived: 2400,
    lost: 34,
    doubled: 7,
    subscribers: [subscriber('us-east-1', 'us-east', { lost: 34 }), subscriber('eu-west-1', 'eu-west', { doubled: 7 })],
  },
  nodes: [
    up('us-east-1', 'us-east', { state: 'lost', slot: 3, link: '-', routes: undefined }),
    up('eu-west-1', 'eu-west', { holds: ['us-east'], link: 'degraded, heartbeats late' }),
  ],
  kills: [
    { node: 'eu-west-1', atMs: 12_000, held: [], backAtMs: 19_000 },
    { node: 'us-east-1', atMs: 22_000, held: ['eu-west'] },
  ],
}

test('the screen shows each node with its state, slot, lease, routes and what its subscriber has', () => {
  const lines = clusterScreen(now)
  assert.match(lines[1]!, /^us-east-1 +lost +3 +- +- +1,200 +34 +0 +-$/)
  assert.match(lines[2]!, /^eu-west-1 +up +1 +us-east +1 +1,200 +0 +7 +degraded, heartbeats late$/)
})

test('the screen shows what was published, what is missing, and the last kill', () => {
  const text = clusterScreen(now).join('\n')
  assert.match(text, /published +1,234 /)
  assert.match(text, /missing +34 now$/m)
  assert.match(text, /killed +2 times; last us-east-1, which spoke to eu-west, 3 s ago, not back yet/)
})

test('a node that is back is said to be', () => {
  const [first] = now.kills
  assert.match(clusterScreen({ ...now, kills: [first!] }).join('\n'), /last eu-west-1, 13 s ago, back after 7 s/)
  assert.match(clusterScreen({ ...now, kills: [] }).join('\n'), /killed +none yet/)
})

test('without a terminal it is one line', () => {
  assert.equal(
    clusterLine(now),
    '25 s: 1 of 2 nodes, eu-west-1 speaks to us-east, published 1234, arrived 2400, missing 34, doubled 7',
  )
  assert.equal(killLine(now.kills[1]!), '22 s: killed us-east-1, which spoke to eu-west')
})

test('the verdict says what was lost', () => {
  const text = clusterVerdict(now.summary, now.kills).join('\n')
  assert.match(text, /2 nodes killed: eu-west-1, us-east-1/)
  assert.match(text, /1234 published and acknowledged, for 2 subscribers each: 2400 arrived, 34 lost, 7 doubled/)
})

test('the invitation names a port of each cluster', () => {
  const text = clusterInvitation([
    { name: 'us-east-2', mqttPort: 1111 },
    { name: 'eu-west-1', mqttPort: 2222 },
  ]).join('\n')
  assert.match(text, /mosquitto_sub -p 2222 .* -t 'devices\/#'/)
  assert.match(text, /mosquitto_pub -p 1111 .* -t devices\/hello -m hi/)
})
