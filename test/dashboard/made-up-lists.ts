/** Lists as long as one likes, in the shapes of the API. */
import type { Client } from '../../src/dashboard/api/client.ts'
import type { Link, LinkRow, LinkStatus } from '../../src/dashboard/api/link.ts'
import type { Actor, NodeActors } from '../../src/dashboard/actors/actor-tree.ts'

const NODE = 'n1@127.0.0.1'
const AT = '2026-01-01T12:00:00.000Z'
const nameOf = (index: number): string => `peer-${String(index).padStart(4, '0')}`

function statusOf(index: number): LinkStatus {
  if (index === 7) return 'failed'
  return index % 10 === 3 ? 'degraded' : 'running'
}

export function links(count: number): readonly Link[] {
  return Array.from({ length: count }, (_, index) => ({
    name: nameOf(index),
    enable: true,
    server: `${nameOf(index)}.example.com:1883`,
    topics: ['global/#', `sites/${index}/+/state`],
    status: statusOf(index),
    reasons: statusOf(index) === 'running' ? [] : ['nobody listens there'],
    emqx_status: 'connected',
    node_status: [],
  }))
}

/** @param turn another one: other rates */
export function linkRows(count: number, turn = 0): readonly LinkRow[] {
  return links(count).map(({ name, status, reasons, enable }, index) => ({
    name,
    status,
    reasons,
    enable,
    out_rate: (index * 7 + turn * 13) % 900,
    in_rate: (index * 3 + turn * 29) % 300,
    bytes_out_rate: index * 100,
    bytes_in_rate: index * 10,
    outbox: statusOf(index) === 'running' ? 0 : index,
    routes: { ours: 2, peers: index % 40 },
    p50_ms: 2,
    p99_ms: 9,
  }))
}

export function clients(count: number, page: number, limit: number): { data: readonly Client[]; meta: object } {
  const first = (page - 1) * limit
  const data = Array.from({ length: Math.max(0, Math.min(limit, count - first)) }, (_, index) => ({
    node: NODE,
    clientid: `client-${String(first + index).padStart(5, '0')}`,
    connected: true,
    ip_address: '10.0.0.1',
    port: 40_000,
    connected_at: AT,
    proto_ver: 5,
    expiry_interval: 0,
    subscriptions_cnt: 3,
    mqueue_len: 0,
    mqueue_max: 1_000,
    mqueue_dropped: 0,
    inflight_cnt: 0,
    inflight_max: 32,
    awaiting_rel_cnt: 0,
  }))
  return { data, meta: { page, limit, count, hasnext: first + data.length < count } }
}

function one(id: string, parent: string | null): Actor {
  return { id, parent, state: 'up', since_at: AT, restarts: 0 }
}

/** Five for each link, below one supervisor. */
export function actors(links: number): { readonly nodes: readonly NodeActors[] } {
  const all = [one('supervisor:links', null)]
  for (let index = 0; index < links; index++) {
    const name = nameOf(index)
    all.push(one(`${name}/supervised`, 'supervisor:links'), one(name, `${name}/supervised`))
    all.push(one(`${name}/route-sync`, name), one(`${name}/forwarding`, name))
    all.push(one(`${name}/forwarding/1`, `${name}/forwarding`))
  }
  return { nodes: [{ node: NODE, actors: all, truncated: false }] }
}
