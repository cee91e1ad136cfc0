/** The list of links: searched, sorted, live. */
import { useMemo, useState } from 'preact/hooks'
import { LINK_STATUSES, type LinkStatus } from '../../api/link.ts'
import { mayChange } from '../../api/session.ts'
import { Reading } from '../../controls/empty.tsx'
import { Icon } from '../../controls/icon.tsx'
import { Search } from '../../controls/search.tsx'
import { Dot, toneOf } from '../../controls/status-badge.tsx'
import { VirtualRows } from '../../controls/virtual-rows.tsx'
import { count } from '../../format/number.ts'
import { route } from '../../shell/route.ts'
import { newLinkHash } from '../link-address.ts'
import { countByStatus, shownEntries, type LinkEntry, type Shown, type Sort } from './link-entries.ts'
import { LinkLine } from './link-line.tsx'
import { NoLinks } from './no-links.tsx'
import { SortBy, SortHeader } from './sort.tsx'
import { useLinks } from './use-links.ts'
import { useNarrow } from './use-narrow.ts'

const ROW_PX = 46
const NARROW_ROW_PX = 118

export function LinkList() {
  const { entries, fault, reload } = useLinks()
  const [shown, setShown] = useState<Shown>({ search: '', status: askedStatus(), sort: { by: 'name', down: false } })
  const narrow = useNarrow()
  const found = useMemo(() => shownEntries(entries ?? [], shown), [entries, shown])
  const setSort = (sort: Sort): void => setShown({ ...shown, sort })

  return (
    <section class="page fill" aria-labelledby="links-title">
      <header class="page-head">
        <h1 id="links-title">Links</h1>
        {mayChange() && (
          <a class="button primary" href={newLinkHash}>
            <Icon name="plus" />
            New link
          </a>
        )}
      </header>
      {entries === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : entries.length === 0 ? (
        <NoLinks />
      ) : (
        <>
          <div class="toolbar">
            <Search
              label="Search links by name, server, topic or reason"
              value={shown.search}
              onSearch={(search) => setShown({ ...shown, search })}
            />
            <StatusFilter entries={entries} value={shown.status} onPick={(status) => setShown({ ...shown, status })} />
            {narrow && <SortBy sort={shown.sort} onSort={setSort} />}
          </div>
          <div class="list links-list" role="table" aria-label="Links" aria-rowcount={found.length + 1}>
            <VirtualRows
              head={<SortHeader sort={shown.sort} onSort={setSort} />}
              items={found}
              keyOf={({ name }) => name}
              rowHeight={narrow ? NARROW_ROW_PX : ROW_PX}
              row={(entry) => <LinkLine entry={entry} onChanged={reload} />}
            />
          </div>
          <p class="list-foot muted" role="status">
            {found.length === entries.length
              ? `${count(entries.length)} ${entries.length === 1 ? 'link' : 'links'}`
              : `${count(found.length)} of ${count(entries.length)} links`}
          </p>
        </>
      )}
    </section>
  )
}

/** `#/links?status=degraded` */
function askedStatus(): LinkStatus | 'all' {
  const asked = route.value.query.get('status')
  return LINK_STATUSES.find((status) => status === asked) ?? 'all'
}

type StatusFilterProps = {
  readonly entries: readonly LinkEntry[]
  readonly value: LinkStatus | 'all'
  readonly onPick: (status: LinkStatus | 'all') => void
}

function StatusFilter({ entries, value, onPick }: StatusFilterProps) {
  const counts = countByStatus(entries)
  const statuses = LINK_STATUSES.filter((status) => counts.has(status) || status === value)
  return (
    <div class="chips" role="group" aria-label="Show only links that are">
      <button type="button" class="chip" aria-pressed={value === 'all'} onClick={() => onPick('all')}>
        all <b>{count(entries.length)}</b>
      </button>
      {statuses.map((status) => (
        <button
          key={status}
          type="button"
          class="chip"
          aria-pressed={value === status}
          onClick={() => onPick(value === status ? 'all' : status)}
        >
          <Dot tone={toneOf(status)} />
          {status} <b>{count(counts.get(status) ?? 0)}</b>
        </button>
      ))}
    </div>
  )
}
