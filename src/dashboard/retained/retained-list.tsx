/** Retained messages, found by a topic filter. */
import { useState } from 'preact/hooks'
import { request } from '../api/request.ts'
import { DataTable, type Column } from '../controls/data-table.tsx'
import { Reading } from '../controls/empty.tsx'
import { Pager, Silent, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { bytes, clock, count } from '../format/number.ts'
import { usePolled } from '../live/use-polled.ts'
import { useSettled } from '../live/use-settled.ts'
import { hashOf } from '../shell/route.ts'

export type Retained = {
  readonly topic: string
  readonly qos: number
  readonly publish_at: string
  readonly from_clientid?: string
  readonly from_username?: string
  /** The cluster whose link brought it. */
  readonly origin?: string
  readonly expires_at?: string
  readonly bytes: number
}

const LIMIT = 100
const EVERY_MS = 3_000

const columns: readonly Column<Retained>[] = [
  {
    title: 'Topic',
    wide: true,
    cell: ({ topic }) => (
      <a class="mono" href={hashOf('retained', topic)}>
        {topic}
      </a>
    ),
  },
  { title: 'QoS', cell: ({ qos }) => qos },
  { title: 'From', cell: ({ from_clientid: from, origin }) => origin ?? from ?? '–' },
  { title: 'Published', cell: ({ publish_at: at }) => clock(at) },
  { title: 'Expires', cell: ({ expires_at: at }) => (at === undefined ? 'never' : clock(at)) },
  { title: 'Size', number: true, cell: ({ bytes: size }) => bytes(size) },
]

export function RetainedList() {
  const [filter, setFilter] = useState('')
  const [page, setPage] = useState(1)
  const wanted = useSettled(filter.trim())
  const { value, fault, reload } = usePolled(
    (signal) => {
      const query = new URLSearchParams({ page: String(page), limit: String(LIMIT) })
      if (wanted !== '') query.set('topic', wanted)
      return request<Page<Retained>>('GET', `mqtt/retainer/messages?${query.toString()}`, { signal })
    },
    [wanted, page],
    EVERY_MS,
  )
  return (
    <section class="page" aria-labelledby="retained-title">
      <header class="page-head">
        <h1 id="retained-title">Retained messages</h1>
        {value !== undefined && <span class="muted">{count(value.meta.count)} fit</span>}
      </header>
      <div class="toolbar">
        <Search
          label="A topic filter"
          placeholder="plant/+/state   ( / )"
          value={filter}
          onSearch={(text) => {
            setFilter(text)
            setPage(1)
          }}
        />
      </div>
      {fault !== '' && value !== undefined && <p class="remark warn">{fault}</p>}
      {value === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <>
          <Silent nodes={value.meta.silent} />
          <DataTable
            label="Retained messages"
            columns={columns}
            rows={value.data}
            keyOf={({ topic }) => topic}
            empty="Nothing is retained there."
          />
          <Pager meta={value.meta} onPage={setPage} />
        </>
      )}
    </section>
  )
}
