/** The lines of the list: what each link is set to, joined with how it is now. All pure. */
import type { Link, LinkRow, LinkRowChange, LinkStatus } from '../../api/link.ts'

export type LinkEntry = {
  readonly name: string
  readonly server: string
  readonly topics: readonly string[]
  readonly enable: boolean
  readonly status: LinkStatus
  readonly reason: string
  /** `undefined` until the live values are there. */
  readonly live: LinkRow | undefined
}

export type SortColumn = 'name' | 'server' | 'status' | 'out' | 'in' | 'outbox'
export type Sort = { readonly by: SortColumn; readonly down: boolean }
export type Shown = { readonly search: string; readonly status: LinkStatus | 'all'; readonly sort: Sort }

export function entryOf(link: Link, live: LinkRow | undefined): LinkEntry {
  const { name, server, topics } = link
  const { enable, status, reasons } = live ?? link
  return { name, server, topics, enable, status, reason: reasons.join('; '), live }
}

/** @param whole the changes are all there is: what they do not name is gone */
export function withChanges(
  known: ReadonlyMap<string, LinkRow>,
  changes: readonly LinkRowChange[],
  whole: boolean,
): ReadonlyMap<string, LinkRow> {
  const rows = new Map(whole ? [] : known)
  for (const change of changes) {
    if ('removed' in change) rows.delete(change.name)
    else rows.set(change.name, change)
  }
  return rows
}

export function shownEntries(entries: readonly LinkEntry[], { search, status, sort }: Shown): readonly LinkEntry[] {
  const wanted = search.trim().toLowerCase()
  const found = entries.filter(
    (entry) => (status === 'all' || entry.status === status) && (wanted === '' || textOf(entry).includes(wanted)),
  )
  const sign = sort.down ? -1 : 1
  return found.sort((a, b) => sign * compare(a, b, sort.by) || (a.name < b.name ? -1 : 1))
}

export function countByStatus(entries: readonly LinkEntry[]): ReadonlyMap<LinkStatus, number> {
  const counts = new Map<LinkStatus, number>()
  for (const { status } of entries) counts.set(status, (counts.get(status) ?? 0) + 1)
  return counts
}

function textOf({ name, server, topics, reason }: LinkEntry): string {
  return [name, server, ...topics, reason].join('\n').toLowerCase()
}

/** What needs somebody comes first. */
const URGENCY: Readonly<Record<LinkStatus, number>> = {
  failed: 0,
  inconsistent: 1,
  degraded: 2,
  connecting: 3,
  bootstrapping: 4,
  running: 5,
  stopped: 6,
}

function compare(a: LinkEntry, b: LinkEntry, by: SortColumn): number {
  switch (by) {
    case 'name':
    case 'server':
      return a[by] < b[by] ? -1 : a[by] > b[by] ? 1 : 0
    case 'status':
      return URGENCY[a.status] - URGENCY[b.status]
    case 'out':
      return (a.live?.out_rate ?? 0) - (b.live?.out_rate ?? 0)
    case 'in':
      return (a.live?.in_rate ?? 0) - (b.live?.in_rate ?? 0)
    case 'outbox':
      return (a.live?.outbox ?? 0) - (b.live?.outbox ?? 0)
  }
}
