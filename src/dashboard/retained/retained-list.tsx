/** Retained messages, found by a topic filter. */
import { request } from '../api/request.ts'
import { DataTable, type Column } from '../controls/data-table.tsx'
import { Paged, pageQuery, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { bytes, clock, count } from '../format/number.ts'
import { usePagedSearch } from '../live/use-paged-search.ts'
import { usePolled } from '../live/use-polled.ts'
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
  const { text, wanted, page, onSearch, onPage } = usePagedSearch()
  const read = usePolled(
    (signal) => {
      const query = pageQuery(page, LIMIT, { topic: wanted })
      return request<Page<Retained>>('GET', `mqtt/retainer/messages?${query}`, { signal })
    },
    [wanted, page],
    EVERY_MS,
  )
  const { value, fault } = read
  return (
    <section class="page" aria-labelledby="retained-title">
      <header class="page-head">
        <h1 id="retained-title">Retained messages</h1>
        {value !== undefined && <span class="muted">{count(value.meta.count)} fit</span>}
      </header>
      <div class="toolbar">
        <Search label="A topic filter" placeholder="plant/+/state   ( / )" value={text} onSearch={onSearch} />
      </div>
      {fault !== '' && value !== undefined && <p class="remark warn">{fault}</p>}
      <Paged read={read} onPage={onPage}>
        {(rows) => (
          <DataTable
            label="Retained messages"
            columns={columns}
            rows={rows}
            keyOf={({ topic }) => topic}
            empty="Nothing is retained there."
          />
        )}
      </Paged>
    </section>
  )
}
