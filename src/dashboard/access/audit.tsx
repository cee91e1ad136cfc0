/** Who changed what over the API of which node. */
import { useState } from 'preact/hooks'
import { request } from '../api/request.ts'
import { DataTable } from '../controls/data-table.tsx'
import { Dialog } from '../controls/dialog.tsx'
import { Reading } from '../controls/empty.tsx'
import { Facts } from '../controls/facts.tsx'
import { Pager, Silent, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { clock } from '../format/number.ts'
import { usePolled } from '../live/use-polled.ts'
import { useSettled } from '../live/use-settled.ts'

type Entry = {
  readonly at: string
  readonly node: string
  readonly name: string
  readonly role: string | null
  readonly via: string
  readonly from: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly duration_ms: number
  readonly body?: unknown
}

const LIMIT = 50
const EVERY_MS = 5_000

export function Audit() {
  const [search, setSearch] = useState('')
  const [page, setPage] = useState(1)
  const [opened, setOpened] = useState<Entry | undefined>()
  const wanted = useSettled(search.trim())
  const { value, fault, reload } = usePolled(
    (signal) => {
      const query = new URLSearchParams({ page: String(page), limit: String(LIMIT) })
      if (wanted !== '') query.set('search', wanted)
      return request<Page<Entry>>('GET', `audit?${query.toString()}`, { signal })
    },
    [wanted, page],
    EVERY_MS,
  )
  return (
    <div class="tab-body">
      <div class="toolbar">
        <Search
          label="Part of the path"
          placeholder="cluster/links   ( / )"
          value={search}
          onSearch={(text) => {
            setSearch(text)
            setPage(1)
          }}
        />
      </div>
      {value === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <>
          <Silent nodes={value.meta.silent} />
          <DataTable
            label="Changes, the latest first"
            rows={value.data}
            keyOf={({ at, node, path, method }) => `${at} ${node} ${method} ${path}`}
            empty="Nothing was changed."
            columns={[
              { title: 'When', cell: ({ at }) => clock(at) },
              { title: 'Who', cell: ({ name, via }) => `${name}, ${via.replace('_', ' ')}` },
              { title: 'From', cell: ({ from }) => <span class="mono">{from}</span> },
              {
                title: 'What',
                wide: true,
                cell: (entry) => (
                  <button type="button" class="button quiet as-text mono" onClick={() => setOpened(entry)}>
                    {entry.method} {entry.path}
                  </button>
                ),
              },
              {
                title: 'Answer',
                cell: ({ status }) => <Badge tone={status < 400 ? 'good' : 'bad'} text={String(status)} />,
              },
              { title: 'Node', cell: ({ node }) => node },
            ]}
          />
          <Pager meta={value.meta} onPage={setPage} />
        </>
      )}
      {opened !== undefined && (
        <Dialog title={`${opened.method} ${opened.path}`} onClose={() => setOpened(undefined)} wide>
          <Facts value={opened} />
          <div class="dialog-actions">
            <button type="button" class="button primary" onClick={() => setOpened(undefined)}>
              Close
            </button>
          </div>
        </Dialog>
      )}
    </div>
  )
}
