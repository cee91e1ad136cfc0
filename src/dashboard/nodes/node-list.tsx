/** The nodes, and how they stand to each other: whom each takes for a member, who holds which lease. */
import type { ClusterNode, Lease, Member } from '../api/cluster-node.ts'
import { request } from '../api/request.ts'
import { DataTable, type Column } from '../controls/data-table.tsx'
import { Reading } from '../controls/empty.tsx'
import { Badge } from '../controls/status-badge.tsx'
import type { Tone } from '../controls/tone.ts'
import { ago, bytes, compact, count, duration } from '../format/number.ts'
import { linkHash } from '../links/link-address.ts'
import { useNow } from '../live/use-now.ts'
import { usePolled } from '../live/use-polled.ts'
import { nodeHash } from './node-address.ts'
import { isRunning, useNodes } from './use-nodes.ts'

const EVERY_MS = 5_000

export function NodeList() {
  const { value, fault, reload } = useNodes()
  return (
    <section class="page" aria-labelledby="nodes-title">
      <header class="page-head">
        <h1 id="nodes-title">Nodes</h1>
      </header>
      {value === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <DataTable label="Nodes" columns={NODES} rows={value} keyOf={({ node }) => node} empty="No node answers." />
      )}
      <Members />
      <Leases />
    </section>
  )
}

const NODES: readonly Column<ClusterNode>[] = [
  { title: 'Node', cell: ({ node }) => <a href={nodeHash(node)}>{node}</a> },
  { title: 'Status', wide: true, cell: (node) => <NodeState node={node} /> },
  { title: 'Version', cell: (node) => (isRunning(node) ? node.version : '–') },
  { title: 'Up for', cell: (node) => (isRunning(node) ? duration(node.uptime) : '–') },
  { title: 'Clients', number: true, cell: (node) => (isRunning(node) ? count(node.live_connections) : '–') },
  { title: 'Memory', number: true, cell: (node) => (isRunning(node) ? bytes(node.memory_used) : '–') },
  { title: 'Load', number: true, cell: (node) => (isRunning(node) ? compact(node.load1) : '–') },
  {
    title: 'Loop late by',
    number: true,
    cell: (node) => (isRunning(node) ? duration(node.event_loop_delay_p99_ms) : '–'),
  },
]

export function NodeState({ node }: { readonly node: ClusterNode }) {
  if (!isRunning(node)) {
    return (
      <>
        <Badge tone="bad" text="silent" />
        <p class="reason">{node.error}</p>
      </>
    )
  }
  if (node.coordination !== 'lost') return <Badge tone="good" text="running" />
  return (
    <>
      <Badge tone="warn" text="alone" />
      <p class="reason">NATS does not answer: it goes on with what it knows</p>
    </>
  )
}

function Members() {
  const { value, fault, reload } = usePolled(
    (signal) => request<readonly Member[]>('GET', 'members', { signal }),
    [],
    EVERY_MS,
  )
  const nowMs = useNow()
  const columns: readonly Column<Member>[] = [
    { title: 'Member', cell: ({ node }) => node },
    {
      title: 'State',
      cell: ({ state, is_self: isSelf }) => (
        <Badge tone={state === 'up' ? 'good' : 'bad'} text={isSelf ? `${state}, asked here` : state} />
      ),
    },
    { title: 'Heard', cell: ({ is_self: isSelf, silent_ms: ms }) => (isSelf ? 'itself' : `${duration(ms)} ago`) },
    { title: 'Started', cell: ({ started_at: at }) => ago(at, nowMs) },
    { title: 'Slot', number: true, cell: ({ slot }) => slot ?? '–' },
    { title: 'Host', cell: ({ host, pid }) => `${host}, process ${pid}` },
    { title: 'Boot', cell: ({ boot }) => <span class="mono">{boot}</span> },
  ]
  return (
    <section class="part" aria-labelledby="members-title">
      <h2 id="members-title">Members</h2>
      {value === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <DataTable label="Members" columns={columns} rows={value} keyOf={({ boot }) => boot} empty="There are none." />
      )}
    </section>
  )
}

const LEASE_TONES: Readonly<Record<string, Tone>> = {
  holder: 'good',
  follower: 'off',
  candidate: 'busy',
  lapsed: 'warn',
}

function Leases() {
  const { value, fault, reload } = usePolled(
    (signal) => request<readonly Lease[]>('GET', 'leases', { signal }),
    [],
    EVERY_MS,
  )
  const nowMs = useNow()
  const columns: readonly Column<Lease>[] = [
    { title: 'Lease', cell: ({ name }) => <a href={linkHash(name)}>{name}</a> },
    { title: 'Holder', cell: ({ holder }) => holder ?? <span class="muted">nobody</span> },
    {
      title: 'Here',
      wide: true,
      cell: ({ state, reason }) => (
        <>
          <Badge tone={LEASE_TONES[state] ?? 'busy'} text={state} />
          <p class="reason">{reason}</p>
        </>
      ),
    },
    { title: 'Since', cell: ({ since }) => ago(since, nowMs) },
    {
      title: 'Renewed',
      cell: ({ renewed_ms_ago: ms }) => (ms === undefined ? '–' : `${duration(Math.round(ms))} ago`),
    },
    { title: 'Incarnation', number: true, cell: ({ incarnation }) => incarnation ?? '–' },
  ]
  return (
    <section class="part" aria-labelledby="leases-title">
      <h2 id="leases-title">Leases</h2>
      <p class="muted">Who speaks for the cluster on which link, as the node sees it that serves this page.</p>
      {value === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <DataTable
          label="Leases"
          columns={columns}
          rows={value}
          keyOf={({ name }) => name}
          empty="There are none: a node that is alone speaks for itself."
        />
      )}
    </section>
  )
}
