/** One node: how it does now, and did in the last hour. */
import type { RunningNode } from '../api/cluster-node.ts'
import { DataTable } from '../controls/data-table.tsx'
import { Empty, Reading } from '../controls/empty.tsx'
import { Facts } from '../controls/facts.tsx'
import { Stat } from '../controls/stat.tsx'
import { bytes, compact, count, duration } from '../format/number.ts'
import { hashOf } from '../shell/route.ts'
import { latest, NodeCharts } from './node-charts.tsx'
import { NodeState } from './node-list.tsx'
import { isRunning, useNodeHistory, useNodes } from './use-nodes.ts'

export function NodePage({ name }: { readonly name: string }) {
  const { value, fault, reload } = useNodes()
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  const node = value.find(({ node }) => node === name)
  if (node === undefined) {
    return (
      <Empty title={`There is no node ${name}`}>
        <a class="button" href={hashOf('nodes')}>
          To the nodes
        </a>
      </Empty>
    )
  }
  return (
    <section class="page" aria-labelledby="node-title">
      <header class="page-head">
        <div>
          <a class="up" href={hashOf('nodes')}>
            Nodes
          </a>
          <h1 id="node-title">{name}</h1>
        </div>
        <div class="actions">
          <a class="button" href={`${hashOf('clients')}?node=${encodeURIComponent(name)}`}>
            Its clients
          </a>
          <a class="button" href={hashOf('actors', name)}>
            Its actors
          </a>
          <a class="button" href={`${hashOf('log')}?node=${encodeURIComponent(name)}`}>
            Its log
          </a>
        </div>
      </header>
      <div>
        <NodeState node={node} />
      </div>
      {isRunning(node) && <Running node={node} />}
    </section>
  )
}

function Running({ node }: { readonly node: RunningNode }) {
  const { value, fault, reload } = useNodeHistory()
  const series = value?.nodes.find((one) => one.node === node.node)?.series
  return (
    <>
      <div class="stats">
        <Stat title="Delivered" value={latest(series?.delivered)} unit="/s" tone="out">
          to clients
        </Stat>
        <Stat title="Published" value={latest(series?.published)} unit="/s" tone="in">
          by clients, links and members
        </Stat>
        <Stat title="Clients" value={count(node.live_connections)}>
          {count(node.connections)} sessions
        </Stat>
        <Stat title="Memory" value={bytes(node.memory_used)}>
          of {bytes(node.memory_total)}
        </Stat>
        <Stat title="Load" value={compact(node.load1)}>
          {compact(node.load5)} over 5 min, {compact(node.load15)} over 15
        </Stat>
        <Stat title="Up for" value={duration(node.uptime)}>
          version {node.version}
        </Stat>
      </div>
      {series === undefined ? (
        value === undefined && <Reading fault={fault} onRetry={reload} />
      ) : (
        <NodeCharts series={series} />
      )}
      <div class="halves">
        <section class="panel" aria-label="Process">
          <h3>Process</h3>
          <Facts
            value={{
              host: node.host,
              process: String(node.pid),
              boot: node.boot,
              slot: node.slot,
              coordination: node.coordination,
              members: node.members,
              store: bytes(node.store_bytes),
              event_loop_late_by: duration(node.event_loop_delay_p99_ms),
            }}
          />
        </section>
        <DataTable
          label="Listeners"
          rows={node.listeners}
          keyOf={({ id }) => id}
          empty="It listens nowhere."
          columns={[
            { title: 'Listener', cell: ({ id }) => id },
            { title: 'Bound to', cell: ({ bind }) => <span class="mono">{bind ?? 'closed'}</span> },
            { title: 'Connections', number: true, cell: ({ connections }) => count(connections) },
          ]}
        />
      </div>
    </>
  )
}
