import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiServer } from '../../../src/api/api-server.ts'
import { MemberCalls } from '../../../src/api/member-calls.ts'
import { nodesApi } from '../../../src/api/nodes/nodes-api.ts'
import type { MemberFacts, NodeFacts, NodesPort } from '../../../src/api/nodes/nodes-port.ts'
import { assertHolds } from '../holds.ts'

const facts: NodeFacts = {
  cluster: 'east',
  version: '1.0.0',
  boot: 'b1',
  host: 'h',
  pid: 7,
  uptimeMs: 5_000.4,
  connections: 3,
  liveConnections: 2,
  memoryUsed: 100,
  memoryTotal: 1_000,
  load: [0.1, 0.2, 0.3],
  slot: 4,
  listeners: [{ id: 'tcp:default', bind: null, connections: 2 }],
  loopDelayP99Ms: 1.5,
  storeBytes: 4_096,
  members: ['a', 'b'],
  coordination: 'connected',
}

function member(node: string, state: MemberFacts['state']): MemberFacts {
  const isSelf = node === 'a'
  const rest = { slot: null, version: '1.0.0', host: 'h', pid: 1, listeners: { 'tcp:default': '127.0.0.1:1' } }
  return { node, boot: node, state, isSelf, startedAtMs: 0, silentMs: state === 'lost' ? 61_000 : 0, ...rest }
}

/** `b` answers as is said, `c` was lost. */
async function app(ofB: () => Promise<unknown>) {
  const calls = new MemberCalls({ self: 'a', others: () => ['b'], ask: ofB, serve: () => undefined })
  const port: NodesPort = {
    facts: () => facts,
    members: () => [member('a', 'up'), member('b', 'up'), member('c', 'lost')],
    leases: () => [
      {
        name: 'link',
        state: 'follower',
        sinceMs: 0,
        reason: 'b has it',
        holder: 'b',
        incarnation: undefined,
        renewedMsAgo: 3,
      },
    ],
  }
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  return createApiServer({ parts: [nodesApi(calls, port)], roots: [], log })
}

test('nodes that answer run, and those that do not are stopped, lost or not', async () => {
  const silent = await app(() => Promise.reject(new Error('no answer in 2000 ms')))
  const { json } = await silent.inject('/api/v5/nodes')
  assertHolds(json(), [
    {
      node: 'a',
      node_status: 'running',
      cluster: 'east',
      uptime: 5_000,
      load15: 0.3,
      slot: 4,
      event_loop_delay_p99_ms: 1.5,
    },
    { node: 'b', node_status: 'stopped', error: 'no answer in 2000 ms' },
    { node: 'c', node_status: 'stopped', error: 'nothing was heard of it for 61 s' },
  ])
  const one = await silent.inject('/api/v5/nodes/c')
  assertHolds(one.json(), { node: 'c', node_status: 'stopped' })
  const none = await silent.inject('/api/v5/nodes/d')
  assert.equal(none.statusCode, 404)
  assertHolds(none.json(), { code: 'NOT_FOUND', message: 'there is no node d in this cluster; there are a, b' })

  const both = await app(() => Promise.resolve({ ...facts, pid: 8 }))
  assertHolds((await both.inject('/api/v5/nodes/b')).json(), { node: 'b', node_status: 'running', pid: 8 })
})

test('members and leases are shown as this node sees them', async () => {
  const server = await app(() => Promise.resolve(facts))
  assertHolds((await server.inject('/api/v5/members')).json(), [
    { node: 'a', state: 'up', is_self: true, started_at: '1970-01-01T00:00:00.000Z' },
    { node: 'b', state: 'up', is_self: false },
    { node: 'c', state: 'lost', silent_ms: 61_000, listeners: { 'tcp:default': '127.0.0.1:1' } },
  ])
  assert.deepEqual((await server.inject('/api/v5/leases')).json(), [
    {
      name: 'link',
      state: 'follower',
      reason: 'b has it',
      since: '1970-01-01T00:00:00.000Z',
      holder: 'b',
      renewed_ms_ago: 3,
    },
  ])
})
