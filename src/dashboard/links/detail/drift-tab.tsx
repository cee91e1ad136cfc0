/** What each side believes of the other, line by line. */
import { Reading } from '../../controls/empty.tsx'
import { Facts } from '../../controls/facts.tsx'
import { ScrolledTable } from '../../controls/scrolled-table.tsx'
import { Badge } from '../../controls/status-badge.tsx'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

type Belief = {
  readonly what: string
  readonly ours: unknown
  readonly theirs: unknown
  /** `null`: the peer does not say, or the two need not be equal. */
  readonly agrees: boolean | null
  readonly note?: string
}
type Drift = {
  readonly node: string
  /** Who of the peer was asked, if it answered. */
  readonly peer_node?: string
  readonly data: readonly Belief[]
}

export function DriftTab({ name }: { readonly name: string }) {
  const { value, fault, loading, reload } = useResource((signal) => linkApi.read<Drift>(name, 'drift', signal), [name])
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <div class="tab-body">
      <div class="toolbar">
        <p class="grow muted">
          What this cluster and its peer believe of each other, as {value.node}
          {value.peer_node === undefined ? ' knows' : ` and ${value.peer_node} know`} it. Where they differ, one of them
          is wrong.
        </p>
        <button type="button" class="button" disabled={loading} onClick={reload}>
          Look again
        </button>
      </div>
      <section class="panel" aria-label="Beliefs">
        <ScrolledTable label="Beliefs" columns={COLUMNS}>
          {value.data.map((belief) => (
            <BeliefRow key={belief.what} belief={belief} />
          ))}
        </ScrolledTable>
      </section>
    </div>
  )
}

const COLUMNS = [{ title: 'What' }, { title: 'Here' }, { title: 'At the peer' }, { title: 'Verdict' }]

function BeliefRow({ belief: { what, ours, theirs, agrees, note } }: { readonly belief: Belief }) {
  return (
    <tr>
      <th scope="row">
        {what}
        {note !== undefined && <p class="reason">{note}</p>}
      </th>
      <td class="breaks">
        <Facts value={ours} />
      </td>
      <td class="breaks">
        <Facts value={theirs} />
      </td>
      <td>
        <Verdict agrees={agrees} isTold={theirs !== null} />
      </td>
    </tr>
  )
}

function Verdict({ agrees, isTold }: { readonly agrees: boolean | null; readonly isTold: boolean }) {
  if (agrees === null) return isTold ? <Badge tone="off" text="need not agree" /> : <Badge tone="off" text="not told" />
  return agrees ? <Badge tone="good" text="agree" /> : <Badge tone="bad" text="differ" />
}
