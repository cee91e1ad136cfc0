/** The link on each node: how its planes are, and what it did there. */
import type { Link, NodeStatus, Plane } from '../../api/link.ts'
import type { NodeMetrics } from '../../api/link-metrics.ts'
import { ScrolledTable } from '../../controls/scrolled-table.tsx'
import { Badge, StatusBadge } from '../../controls/status-badge.tsx'
import type { Tone } from '../../controls/tone.ts'
import { compact, count, words } from '../../format/number.ts'

const COLUMNS = [
  { title: 'Node' },
  { title: 'Status' },
  { title: 'Routes' },
  { title: 'Forwarding' },
  { title: 'Inbound' },
  { title: 'Out', number: true },
  { title: 'In', number: true },
  { title: 'Outbox', number: true },
]

export type NodeTableProps = { readonly link: Link; readonly nodes: readonly NodeMetrics[] }

export function NodeTable({ link, nodes }: NodeTableProps) {
  return (
    <section class="panel" aria-label="Nodes">
      <header>
        <h3>Nodes</h3>
        {link.speaker !== undefined && <span class="muted">{link.speaker} speaks for the cluster</span>}
      </header>
      <ScrolledTable label="Nodes" columns={COLUMNS}>
        {link.node_status.map((status) => (
          <NodeRow key={status.node} status={status} numbers={nodes.find(({ node }) => node === status.node)} />
        ))}
      </ScrolledTable>
    </section>
  )
}

function NodeRow({ status, numbers }: { readonly status: NodeStatus; readonly numbers: NodeMetrics | undefined }) {
  const { node, planes, reasons = [], error, paused } = status
  // What a plane says stands with the plane.
  const said = [planes?.route_sync.reason, planes?.forwarding.reason, planes?.inbound.reason]
  const others = reasons.filter((reason) => !said.includes(reason))
  const metrics = numbers !== undefined && 'metrics' in numbers ? numbers.metrics : undefined
  if (error !== undefined) {
    return (
      <tr>
        <th scope="row">{node}</th>
        <td colSpan={7} class="bad-text">
          did not answer: {error}
        </td>
      </tr>
    )
  }
  return (
    <tr>
      <th scope="row">{node}</th>
      <td>
        <StatusBadge status={status.status} />
        {paused === true && <Badge tone="warn" text="paused" />}
        {others.length > 0 && <p class="reason">{others.join('; ')}</p>}
      </td>
      <td>
        <PlaneState plane={planes?.route_sync} />
      </td>
      <td>
        <PlaneState plane={planes?.forwarding} />
      </td>
      <td>
        <PlaneState plane={planes?.inbound} />
      </td>
      <td class="number">{metrics === undefined ? '–' : count(metrics.ledger.delivered)}</td>
      <td class="number">{metrics === undefined ? '–' : count(metrics.inbound.accepted)}</td>
      <td class="number">{metrics === undefined ? '–' : compact(metrics.outbox.messages)}</td>
    </tr>
  )
}

function PlaneState({ plane }: { readonly plane: Plane | undefined }) {
  if (plane === undefined) return <span class="muted">–</span>
  const { state, reason, connections, up } = plane
  const pool = connections === undefined || up === undefined ? '' : ` ${up}/${connections}`
  return (
    <>
      <Badge tone={toneOfPlane(plane)} text={`${words(state)}${pool}`} />
      {reason !== undefined && reason !== '' && <p class="reason">{reason}</p>}
    </>
  )
}

/** Those of the three planes that need nobody's attention. */
const WELL = ['syncing', 'online', 'up', 'live']
const REST = ['stopped', 'standby', 'absent', 'left', 'idle']
const BAD = ['failed', 'refused', 'down']
const DOUBTFUL = ['degraded', 'partial', 'late', 'stale']

function toneOfPlane({ state, reason }: Plane): Tone {
  if (WELL.includes(state)) return reason === undefined || reason === '' ? 'good' : 'warn'
  if (REST.includes(state)) return 'off'
  if (BAD.includes(state)) return 'bad'
  return DOUBTFUL.includes(state) ? 'warn' : 'busy'
}
