/** Who has subscribed to what; above all: who gets what is published to this topic? */
import { useState } from 'preact/hooks'
import type { Subscription } from '../api/client.ts'
import { request } from '../api/request.ts'
import { clientHash } from '../clients/client-address.ts'
import { Choices, Pick } from '../controls/choices.tsx'
import { DataTable, type Column } from '../controls/data-table.tsx'
import { Paged, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { count } from '../format/number.ts'
import { usePolled } from '../live/use-polled.ts'
import { useSettled } from '../live/use-settled.ts'
import { nodeHash } from '../nodes/node-address.ts'
import { NodePick } from '../nodes/node-pick.tsx'
import { subscriptionColumns } from './subscription-columns.tsx'

const LIMIT = 100
const EVERY_MS = 3_000

type By = 'match_topic' | 'topic' | 'clientid' | 'share_group'

const PLACEHOLDERS: Readonly<Record<By, string>> = {
  match_topic: 'plant/7/line/2',
  topic: 'plant/+/line/#',
  clientid: 'sensor-1',
  share_group: 'workers',
}

const columns: readonly Column<Subscription>[] = [
  ...subscriptionColumns,
  { title: 'Client', cell: ({ clientid }) => <a href={clientHash(clientid)}>{clientid}</a> },
  { title: 'Node', cell: ({ node }) => <a href={nodeHash(node)}>{node}</a> },
]

export function SubscriptionsPage() {
  const [by, setBy] = useState<By>('match_topic')
  const [text, setText] = useState('')
  const [node, setNode] = useState('')
  const [qos, setQos] = useState('')
  const [page, setPage] = useState(1)
  const wanted = Object.entries({ [by]: text.trim(), node, qos }).filter(([, value]) => value !== '')
  const query = useSettled(new URLSearchParams(wanted).toString())
  const read = usePolled(
    (signal) => request<Page<Subscription>>('GET', `subscriptions?${query}&page=${page}&limit=${LIMIT}`, { signal }),
    [query, page],
    EVERY_MS,
  )
  const { value, fault } = read
  const first = <Value,>(set: (value: Value) => void) => {
    return (value: Value): void => {
      set(value)
      setPage(1)
    }
  }
  return (
    <section class="page" aria-labelledby="subscriptions-title">
      <header class="page-head">
        <h1 id="subscriptions-title">Subscriptions</h1>
        {value !== undefined && <span class="muted">{count(value.meta.count)} fit</span>}
      </header>
      <div class="toolbar">
        <Choices
          label="Search by"
          value={by}
          choices={[
            { value: 'match_topic', title: 'who gets this topic' },
            { value: 'topic', title: 'this filter' },
            { value: 'clientid', title: 'client' },
            { value: 'share_group', title: 'shared group' },
          ]}
          onPick={first(setBy)}
        />
        <Search label="What to search for" placeholder={PLACEHOLDERS[by]} value={text} onSearch={first(setText)} />
        <NodePick value={node} onPick={first(setNode)} />
        <Pick
          label="QoS"
          value={qos}
          options={[
            ['', 'any QoS'],
            ['0', 'QoS 0'],
            ['1', 'QoS 1'],
            ['2', 'QoS 2'],
          ]}
          onPick={first(setQos)}
        />
      </div>
      {fault !== '' && value !== undefined && <p class="remark warn">{fault}</p>}
      <Paged read={read} onPage={setPage}>
        {(rows) => (
          <DataTable
            label="Subscriptions"
            columns={columns}
            rows={rows}
            keyOf={({ clientid, topic }) => `${clientid} ${topic}`}
            empty="No subscription fits."
          />
        )}
      </Paged>
    </section>
  )
}
