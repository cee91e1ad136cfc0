/** Who changed what over the API of which node. */
import { useState } from 'preact/hooks'
import { request } from '../api/request.ts'
import { DataTable } from '../controls/data-table.tsx'
import { Dialog } from '../controls/dialog.tsx'
import { Facts } from '../controls/facts.tsx'
import { Paged, pageQuery, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { clock } from '../format/number.ts'
import { usePagedSearch } from '../live/use-paged-search.ts'
import { usePolled } from '../live/use-polled.ts'

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
  const { text, wanted, page, onSearch, onPage } = usePagedSearch()
  const [opened, setOpened] = useState<Entry | undefined>()
  const read = usePolled(
    (signal) => {
      const query = pageQuery(page, LIMIT, { search: wanted })
      return request<Page<Entry>>('GET', `audit?${query}`, { signal })
    },
    [wanted, page],
    EVERY_MS,
  )
  return (
    <div class="tab-body">
      <div class="toolbar">
        <Search label="Part of the path" placeholder="cluster/links   ( / )" value={text} onSearch={onSearch} />
      </div>
      <Paged read={read} onPage={onPage}>
        {(rows) => (
          <DataTable
            label="Changes, the latest first"
            rows={rows}
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
        )}
      </Paged>
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
