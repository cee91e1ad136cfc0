/** Nodes as they are, members and leases as this node sees them. */
import * as z from 'zod'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls, NodeAnswer } from '../member-calls.ts'
import { knownNode } from '../merged-list.ts'
import type { LeaseFacts, MemberFacts, NodeFacts, NodesPort } from './nodes-port.ts'

const count = z.number().int()

const runningNode = z.object({
  node: z.string(),
  node_status: z.literal('running'),
  cluster: z.string().describe('name of its cluster'),
  version: z.string(),
  boot: z.string().describe('another one for each process'),
  host: z.string(),
  pid: count,
  uptime: count.describe('milliseconds'),
  connections: count.describe('sessions, those included whose client is away'),
  live_connections: count,
  memory_used: count.describe('bytes, of the process'),
  memory_total: count.describe('bytes, of the machine or the container'),
  load1: z.number(),
  load5: z.number(),
  load15: z.number(),
  slot: count.nullable().describe('its number in ClientIDs of links'),
  listeners: z.array(z.object({ id: z.string(), bind: z.string().nullable(), connections: count })),
  event_loop_delay_p99_ms: z.number(),
  store_bytes: count,
  members: z.array(z.string()).describe('whom it takes for members, itself included'),
  coordination: z.enum(['solo', 'connected', 'lost']),
})

const silentNode = z.object({ node: z.string(), node_status: z.literal('stopped'), error: z.string() })

/** `stopped`: it said nothing, or was lost and has not come back. */
export const nodeRow = z.discriminatedUnion('node_status', [runningNode, silentNode])

export type NodeRow = z.infer<typeof nodeRow>

const member = z.object({
  node: z.string(),
  boot: z.string(),
  state: z.enum(['up', 'lost']),
  is_self: z.boolean(),
  started_at: z.string(),
  silent_ms: count,
  slot: count.nullable(),
  version: z.string(),
  host: z.string(),
  pid: count,
  listeners: z.record(z.string(), z.string()),
})

const lease = z.object({
  name: z.string(),
  state: z.string().describe('of this node: holder, follower, ...'),
  reason: z.string(),
  since: z.string(),
  holder: z.string().optional(),
  incarnation: count.optional(),
  renewed_ms_ago: z.number().optional(),
})

export const nodeFacts: Call<null, NodeFacts> = { name: 'nodes.facts', params: z.null() }

const tags = ['Nodes']

export function nodesApi(calls: MemberCalls, port: NodesPort): ApiPart {
  calls.serve(nodeFacts, () => port.facts())
  return (app) => {
    app.get(
      '/nodes',
      { schema: { summary: 'The nodes of the cluster', tags, response: { 200: z.array(nodeRow) } } },
      async () => {
        const running = (await calls.gather(nodeFacts, null)).map(nodeRowOf)
        return [...running, ...lostNodes(calls, port)].toSorted((a, b) => (a.node < b.node ? -1 : 1))
      },
    )
    app.get(
      '/nodes/:node',
      {
        schema: { summary: 'One node', tags, params: z.object({ node: z.string() }), response: { 200: nodeRow } },
      },
      async ({ params: { node } }) => {
        const lost = lostNodes(calls, port).find((row) => row.node === node)
        return lost ?? nodeRowOf(await calls.at(knownNode(calls, node), nodeFacts, null))
      },
    )
    app.get(
      '/members',
      {
        schema: {
          summary: 'The members of the cluster as this node sees them, those included that it lost',
          tags,
          response: { 200: z.array(member) },
        },
      },
      () => port.members().map(memberRow),
    )
    app.get(
      '/leases',
      {
        schema: {
          summary: 'Who speaks for the cluster on each link, as this node sees it; none for a node that is alone',
          tags,
          response: { 200: z.array(lease) },
        },
      },
      () => port.leases().map(leaseRow),
    )
  }
}

/** Those that were members of late and whom nobody hears. */
function lostNodes(calls: MemberCalls, port: NodesPort): z.infer<typeof silentNode>[] {
  return port.members().flatMap(({ node, state, silentMs }) => {
    if (state === 'up' || calls.nodes.includes(node)) return []
    const error = `nothing was heard of it for ${Math.round(silentMs / 1000)} s`
    return [{ node, node_status: 'stopped', error }]
  })
}

function nodeRowOf(answer: NodeAnswer<NodeFacts>): NodeRow {
  const { node } = answer
  if (answer.type === 'failed') return { node, node_status: 'stopped', error: answer.reason }
  const facts = answer.result
  const [load1, load5, load15] = facts.load
  return {
    node,
    node_status: 'running',
    cluster: facts.cluster,
    version: facts.version,
    boot: facts.boot,
    host: facts.host,
    pid: facts.pid,
    uptime: Math.round(facts.uptimeMs),
    connections: facts.connections,
    live_connections: facts.liveConnections,
    memory_used: facts.memoryUsed,
    memory_total: facts.memoryTotal,
    load1,
    load5,
    load15,
    slot: facts.slot,
    listeners: facts.listeners.map((listener) => ({ ...listener })),
    event_loop_delay_p99_ms: facts.loopDelayP99Ms,
    store_bytes: facts.storeBytes,
    members: [...facts.members],
    coordination: facts.coordination,
  }
}

function memberRow(facts: MemberFacts): z.infer<typeof member> {
  const { node, boot, state, isSelf, startedAtMs, silentMs, slot, version, host, pid, listeners } = facts
  const started_at = new Date(startedAtMs).toISOString()
  const silent_ms = Math.round(silentMs)
  return {
    node,
    boot,
    state,
    is_self: isSelf,
    started_at,
    silent_ms,
    slot,
    version,
    host,
    pid,
    listeners: { ...listeners },
  }
}

function leaseRow({
  name,
  state,
  reason,
  sinceMs,
  holder,
  incarnation,
  renewedMsAgo,
}: LeaseFacts): z.infer<typeof lease> {
  return {
    name,
    state,
    reason,
    since: new Date(sinceMs).toISOString(),
    ...(holder === undefined ? {} : { holder }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(renewedMsAgo === undefined ? {} : { renewed_ms_ago: renewedMsAgo }),
  }
}
