/** What waits to cross: a look at its head, and how to get rid of it. */
import { useState } from 'preact/hooks'
import { mayChange } from '../../api/session.ts'
import { Confirm } from '../../controls/confirm.tsx'
import { Reading } from '../../controls/empty.tsx'
import { Silent, type SilentNode } from '../../controls/paged.tsx'
import { tell } from '../../controls/notice.ts'
import { ScrolledTable } from '../../controls/scrolled-table.tsx'
import { bytes, count, duration } from '../../format/number.ts'
import { useResource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

type Waiting = {
  readonly topic: string
  readonly qos: number
  readonly retain: boolean
  readonly bytes: number
  readonly age_ms: number
  /** 0: live, 1: what gathered while it could not cross. */
  readonly lane: number
  readonly state: 'flying' | 'waiting'
}
type NodeOutbox = {
  readonly node: string
  readonly messages: number
  readonly bytes: number
  readonly oldest_ms: number | null
  readonly head: readonly Waiting[]
}
type Outbox = { readonly nodes: readonly NodeOutbox[]; readonly silent?: readonly SilentNode[] }

export function OutboxTab({ name }: { readonly name: string }) {
  const { value, fault, loading, reload } = useResource(
    (signal) => linkApi.read<Outbox>(name, 'outbox?limit=50', signal),
    [name],
  )
  const [asked, setAsked] = useState(false)
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  const total = value.nodes.reduce((sum, node) => sum + node.messages, 0)
  return (
    <div class="tab-body">
      <div class="toolbar">
        <p class="grow">
          <b>{count(total)}</b> {total === 1 ? 'message waits' : 'messages wait'} on {count(value.nodes.length)}{' '}
          {value.nodes.length === 1 ? 'node' : 'nodes'}. Payloads are not shown.
        </p>
        <button type="button" class="button" disabled={loading} onClick={reload}>
          Look again
        </button>
        {mayChange() && (
          <button type="button" class="button danger-quiet" disabled={total === 0} onClick={() => setAsked(true)}>
            Purge
          </button>
        )}
      </div>
      <Silent nodes={value.silent} />
      {value.nodes.map((node) => (
        <NodePart key={node.node} node={node} />
      ))}
      {asked && (
        <Purge
          name={name}
          total={total}
          onClose={() => {
            setAsked(false)
            reload()
          }}
        />
      )}
    </div>
  )
}

const COLUMNS = [
  { title: 'Topic' },
  { title: 'QoS' },
  { title: 'State' },
  { title: 'Lane' },
  { title: 'Size', number: true },
  { title: 'Age', number: true },
]

function NodePart({ node }: { readonly node: NodeOutbox }) {
  return (
    <section class="panel" aria-label={node.node}>
      <header>
        <h3>{node.node}</h3>
        <span class="muted">
          {count(node.messages)} messages, {bytes(node.bytes)}
          {node.oldest_ms === null ? '' : `, the oldest since ${duration(node.oldest_ms)}`}
        </span>
      </header>
      {node.head.length === 0 ? (
        <p class="muted">Nothing waits here.</p>
      ) : (
        <ScrolledTable label={`Outbox of ${node.node}`} columns={COLUMNS}>
          {node.head.map(({ topic, qos, retain, bytes: size, age_ms: ageMs, lane, state }, at) => (
            <tr key={at}>
              <td class="mono">{topic}</td>
              <td>
                {qos}
                {retain ? ' retained' : ''}
              </td>
              <td>{state}</td>
              <td>{lane === 0 ? 'live' : 'backlog'}</td>
              <td class="number">{bytes(size)}</td>
              <td class="number">{duration(ageMs)}</td>
            </tr>
          ))}
        </ScrolledTable>
      )}
    </section>
  )
}

function Purge({ name, total, onClose }: { name: string; total: number; onClose: () => void }) {
  const [reason, setReason] = useState('')
  return (
    <Confirm
      title="Purge the outbox?"
      action="Purge"
      danger
      onClose={onClose}
      onConfirm={async () => {
        if (reason.trim() === '') throw new Error('Say why: it stands in the log.')
        const { purged } = await linkApi.purge(name, reason.trim())
        tell(`${count(purged)} messages of ${name} are purged`)
      }}
    >
      <p>
        {count(total)} messages will not reach the peer. The ledger counts them as dropped: purged. This can’t be taken
        back.
      </p>
      <label class="stacked">
        <span>Why</span>
        <input name="reason" value={reason} onInput={(event) => setReason(event.currentTarget.value)} maxLength={200} />
      </label>
    </Confirm>
  )
}
