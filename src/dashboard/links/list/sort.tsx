/** In which order: by the heads of the columns, or where there is no room for these, from a list. */
import { Icon } from '../../controls/icon.tsx'
import type { Sort, SortColumn } from './link-entries.ts'

export type SortProps = { readonly sort: Sort; readonly onSort: (sort: Sort) => void }

const COLUMNS: readonly { readonly by: SortColumn | undefined; readonly title: string; readonly class: string }[] = [
  { by: 'name', title: 'Name', class: 'c-name' },
  { by: 'server', title: 'Server', class: 'c-server' },
  { by: undefined, title: 'Topics we want', class: 'c-topics' },
  { by: 'status', title: 'Status', class: 'c-status' },
  { by: 'out', title: 'Out/s', class: 'c-out number' },
  { by: 'in', title: 'In/s', class: 'c-in number' },
  { by: 'outbox', title: 'Outbox', class: 'c-outbox number' },
  { by: undefined, title: 'Enabled', class: 'c-enable' },
]

/** The largest first, where that is what one looks for. */
const FALLING: readonly SortColumn[] = ['out', 'in', 'outbox']

export function SortHeader({ sort, onSort }: SortProps) {
  return (
    <div class="row head" role="row" aria-rowindex={1}>
      {COLUMNS.map(({ by, title, class: name }) => (
        <div key={title} class={name} role="columnheader" aria-sort={by === undefined ? undefined : orderOf(sort, by)}>
          {by === undefined ? (
            title
          ) : (
            <button type="button" class="sort" onClick={() => onSort(next(sort, by))}>
              {title}
              <span class="sort-arrow" aria-hidden="true">
                {sort.by !== by ? '' : sort.down ? '↓' : '↑'}
              </span>
            </button>
          )}
        </div>
      ))}
    </div>
  )
}

export function SortBy({ sort, onSort }: SortProps) {
  return (
    <label class="sort-by">
      <Icon name="log" />
      <span class="unseen">Sort by</span>
      <select
        value={sort.by}
        onChange={(event) => {
          const by = event.currentTarget.value as SortColumn
          onSort({ by, down: FALLING.includes(by) })
        }}
      >
        {COLUMNS.flatMap(({ by, title }) =>
          by === undefined ? [] : [<option key={by} value={by}>{`by ${title.toLowerCase()}`}</option>],
        )}
      </select>
    </label>
  )
}

function next(sort: Sort, by: SortColumn): Sort {
  return sort.by === by ? { by, down: !sort.down } : { by, down: FALLING.includes(by) }
}

function orderOf(sort: Sort, by: SortColumn): 'none' | 'ascending' | 'descending' {
  return sort.by !== by ? 'none' : sort.down ? 'descending' : 'ascending'
}
