/** The cluster at a glance: what needs somebody first, then how much goes on. */
import { useMemo } from 'preact/hooks'
import { activeAlarms } from '../alarms/active-alarms.ts'
import { troublesOf } from '../alarms/troubles.ts'
import type { ClusterNode } from '../api/cluster-node.ts'
import { DataTable } from '../controls/data-table.tsx'
import { Reading } from '../controls/empty.tsx'
import { Stat } from '../controls/stat.tsx'
import { Badge, StatusBadge } from '../controls/status-badge.tsx'
import { ago, bytes, compact, count, duration } from '../format/number.ts'
import { linkHash } from '../links/link-address.ts'
import { shownEntries, type LinkEntry } from '../links/list/link-entries.ts'
import { NoLinks } from '../links/list/no-links.tsx'
import { useLinks } from '../links/list/use-links.ts'
import { useNow } from '../live/use-now.ts'
import { nodeHash } from '../nodes/node-address.ts'
import { latest, NodeCharts } from '../nodes/node-charts.tsx'
import { isRunning, useNodeHistory, useNodes } from '../nodes/use-nodes.ts'
import { hashOf } from '../shell/route.ts'

const LINKS_SHOWN = 8
const TROUBLES_SHOWN = 4

export function OverviewPage() {
  const nodes = useNodes()
  const links = useLinks()
  const history = useNodeHistory()
  const series = history.value?.series
  return (
    <section class="page" aria-labelledby="overview-title">
      <header class="page-head">
        <h1 id="overview-title">Overview</h1>
      </header>
      <div class="stats">
        <LinksStat entries={links.entries} />
        <NodesStat nodes={nodes.value} />
        <AlarmsStat />
        <Stat title="Clients" value={clientsOf(nodes.value)}>
          <a href={hashOf('clients')}>connected now</a>
        </Stat>
        <Stat title="Delivered" value={latest(series?.delivered)} unit="/s" tone="out">
          to clients, of all nodes
        </Stat>
        <Stat title="Published" value={latest(series?.published)} unit="/s" tone="in">
          by clients, links and members
        </Stat>
      </div>
      <Alarms />
      <div class="overview-parts">
        <Links entries={links.entries} fault={links.fault} onRetry={links.reload} />
        <Nodes nodes={nodes.value} fault={nodes.fault} onRetry={nodes.reload} />
      </div>
      {series === undefined ? (
        <Reading fault={history.fault} onRetry={history.reload} />
      ) : (
        <NodeCharts series={series} />
      )}
    </section>
  )
}

function clientsOf(nodes: readonly ClusterNode[] | undefined): string {
  if (nodes === undefined) return '–'
  return count(nodes.filter(isRunning).reduce((sum, node) => sum + node.live_connections, 0))
}

function LinksStat({ entries }: { readonly entries: readonly LinkEntry[] | undefined }) {
  if (entries === undefined) return <Stat title="Links running" value="–" />
  const enabled = entries.filter(({ status }) => status !== 'stopped')
  const running = enabled.filter(({ status }) => status === 'running').length
  const stopped = entries.length - enabled.length
  return (
    <Stat
      title="Links running"
      value={count(running)}
      unit={` of ${count(enabled.length)}`}
      warn={running < enabled.length}
    >
      <a href={hashOf('map')}>{stopped === 0 ? 'see the map' : `and ${count(stopped)} stopped: see the map`}</a>
    </Stat>
  )
}

function NodesStat({ nodes }: { readonly nodes: readonly ClusterNode[] | undefined }) {
  if (nodes === undefined) return <Stat title="Nodes" value="–" />
  const running = nodes.filter(isRunning)
  const coordination = running.some((node) => node.coordination === 'lost')
    ? 'NATS does not answer'
    : running.some((node) => node.coordination === 'connected')
      ? 'joined over NATS'
      : 'a cluster of one'
  return (
    <Stat
      title="Nodes"
      value={count(running.length)}
      unit={running.length === nodes.length ? '' : ` of ${count(nodes.length)}`}
      warn={running.length < nodes.length}
    >
      {coordination}
    </Stat>
  )
}

function AlarmsStat() {
  const alarms = activeAlarms.value
  return (
    <Stat title="Alarms" value={alarms === undefined ? '–' : count(alarms.length)} warn={(alarms?.length ?? 0) > 0}>
      <a href={hashOf('alarms')}>{alarms?.length === 0 ? 'nothing is wrong' : 'what is wrong'}</a>
    </Stat>
  )
}

/** One line for what is wrong with one link, on whatever nodes; the rest is a click away. */
function Alarms() {
  const nowMs = useNow()
  const troubles = troublesOf(activeAlarms.value ?? [])
  if (troubles.length === 0) return null
  return (
    <ul class="alarm-lines" aria-label="Active alarms">
      {troubles.slice(0, TROUBLES_SHOWN).map(({ about, link, kinds, reason, at }) => (
        <li key={about} class="remark bad">
          <span title={reason}>
            <b>{link === undefined ? about : <a href={linkHash(link)}>{link}</a>}</b> {kinds.join(', ')}: {reason}
          </span>
          <span class="muted">{ago(at, nowMs)}</span>
        </li>
      ))}
      {troubles.length > TROUBLES_SHOWN && (
        <li>
          <a href={hashOf('alarms')}>and {count(troubles.length - TROUBLES_SHOWN)} more</a>
        </li>
      )}
    </ul>
  )
}

type PartProps = { readonly fault: string; readonly onRetry: () => void }

function Links({ entries, fault, onRetry }: PartProps & { readonly entries: readonly LinkEntry[] | undefined }) {
  const shown = useMemo(
    () =>
      shownEntries(entries ?? [], { search: '', status: 'all', sort: { by: 'status', down: false } }).slice(
        0,
        LINKS_SHOWN,
      ),
    [entries],
  )
  if (entries === undefined) return <Reading fault={fault} onRetry={onRetry} />
  if (entries.length === 0) return <NoLinks />
  return (
    <section class="part" aria-labelledby="overview-links">
      <h2 id="overview-links">
        <a href={hashOf('links')}>Links</a>
      </h2>
      <DataTable
        label="Links that need somebody, then the others"
        rows={shown}
        keyOf={({ name }) => name}
        empty="There are none."
        columns={[
          { title: 'Link', cell: ({ name }) => <a href={linkHash(name)}>{name}</a> },
          {
            title: 'Status',
            wide: true,
            cell: ({ status, reason }) => (
              <>
                <StatusBadge status={status} />
                {reason !== '' && <p class="reason">{reason}</p>}
              </>
            ),
          },
          { title: 'Out/s', number: true, cell: ({ live }) => (live === undefined ? '–' : compact(live.out_rate)) },
          { title: 'In/s', number: true, cell: ({ live }) => (live === undefined ? '–' : compact(live.in_rate)) },
          { title: 'Outbox', number: true, cell: ({ live }) => (live === undefined ? '–' : compact(live.outbox)) },
        ]}
      />
      {entries.length > shown.length && <a href={hashOf('links')}>All {count(entries.length)} links</a>}
    </section>
  )
}

function Nodes({ nodes, fault, onRetry }: PartProps & { readonly nodes: readonly ClusterNode[] | undefined }) {
  if (nodes === undefined) return <Reading fault={fault} onRetry={onRetry} />
  return (
    <section class="part" aria-labelledby="overview-nodes">
      <h2 id="overview-nodes">
        <a href={hashOf('nodes')}>Nodes</a>
      </h2>
      <DataTable
        label="Nodes"
        rows={nodes}
        keyOf={({ node }) => node}
        empty="No node answers."
        columns={[
          {
            title: 'Node',
            cell: (node) => (
              <>
                <a href={nodeHash(node.node)}>{node.node}</a>
                {isRunning(node) ? (
                  <p class="reason">up for {duration(node.uptime)}</p>
                ) : (
                  <p class="reason">
                    <Badge tone="bad" text="silent" />
                  </p>
                )}
              </>
            ),
          },
          { title: 'Clients', number: true, cell: (node) => (isRunning(node) ? count(node.live_connections) : '–') },
          { title: 'Memory', number: true, cell: (node) => (isRunning(node) ? bytes(node.memory_used) : '–') },
        ]}
      />
    </section>
  )
}
