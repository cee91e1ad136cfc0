/** What the debug socket answers, as lines for people. The node may be of another version: what is not there is left out. */
import { backlogText, oneLinkLines } from './link-view.ts'
import { countsText, field, ledgerLines, part, rowsOf, text } from './rows.ts'
import { durationText, printable, table, type Column } from './table.ts'
import { isFields, type Fields } from '../fields.ts'

/** Lines of an answer to `type`. `nowMs`: milliseconds since 1970, for what is told as an age. */
export function linesOf(type: string, result: Fields, nowMs: number): string[] {
  switch (type) {
    case 'actors':
      return table(actorColumns(nowMs), treeOf(rowsOf(result, 'actors')))
    case 'history':
      return table(transitionColumns, rowsOf(result, 'transitions'))
    case 'members':
      return noted(result, 'members', memberColumns(nowMs), 'node')
    case 'leases':
      return noted(result, 'leases', leaseColumns(nowMs), 'name')
    case 'lanes':
      return noted(result, 'lanes', laneColumns, 'to')
    case 'links':
      return linkLines(rowsOf(result, 'links'))
    case 'link':
      return rowsOf(result, 'links').flatMap(oneLinkLines)
    case 'ledger':
      return ledgerLines(result)
    case 'ledger_reset':
      return ['both accounts begin anew; what waits or flies has matched']
    case 'routes_match':
      return matchLines(result)
    case 'routes_list':
      return routeLines(result)
    case 'log_level':
      return [text(result['level'])]
    default:
      return [JSON.stringify(result)]
  }
}

/** A transition or a gap, as it is told to who watches. */
export function watchLine(method: string, params: Fields): string {
  if (method === 'actors.missed') return `... ${text(params['missed'])} transitions came too fast to be shown`
  const { actor, event, from, to, reason } = params
  const why = reason === undefined ? '' : `: ${text(reason)}`
  const before = from === '' ? '' : `${text(from)} -> `
  return printable(`${timeOf(params)}  ${text(actor)}  ${before}${text(to)}  (${text(event)}${why})`)
}

const timeOf = ({ atMs }: Fields): string => (typeof atMs === 'number' ? new Date(atMs).toISOString() : '')
const sinceOf = (nowMs: number) => (row: Fields) => {
  const { sinceMs } = row
  return typeof sinceMs === 'number' ? durationText(nowMs - sinceMs) : ''
}

function noted(result: Fields, name: string, columns: readonly Column<Fields>[], by: string): string[] {
  const rows = rowsOf(result, name).toSorted((one, other) => compare(text(one[by]), text(other[by])))
  const { note } = result
  if (rows.length === 0) return [note === undefined ? `no ${name}` : text(note)]
  return [...table(columns, rows), ...(note === undefined ? [] : [text(note)])]
}

/** `forwarding/10` after `forwarding/9`. */
const compare = new Intl.Collator('en', { numeric: true }).compare

type Branch = Fields & { readonly drawn: string }

/** Each after its parent, with the lines of the tree before its name. Whose parent is not there is a root. */
function treeOf(actors: readonly Fields[]): Branch[] {
  const known = new Set(actors.map(({ id }) => id))
  const byParent = new Map<unknown, Fields[]>()
  for (const actor of actors.toSorted((one, other) => compare(text(one['id']), text(other['id'])))) {
    const parent = known.has(actor['parent']) ? actor['parent'] : undefined
    byParent.set(parent, [...(byParent.get(parent) ?? []), actor])
  }
  const drawn: Branch[] = []
  const seen = new Set<unknown>()
  const draw = (parent: unknown, indent: string): void => {
    const children = byParent.get(parent) ?? []
    for (const [at, child] of children.entries()) {
      if (seen.has(child['id'])) continue
      seen.add(child['id'])
      const last = at === children.length - 1
      const isRoot = parent === undefined
      const branch = isRoot ? '' : last ? '└─ ' : '├─ '
      drawn.push({ ...child, drawn: `${indent}${branch}${text(child['id'])}` })
      draw(child['id'], isRoot ? '' : `${indent}${last ? '   ' : '│  '}`)
    }
  }
  draw(undefined, '')
  return drawn
}

const actorColumns = (nowMs: number): readonly Column<Branch>[] => [
  { title: 'ACTOR', of: ({ drawn }) => drawn },
  { title: 'STATE', of: field('state') },
  { title: 'FOR', of: sinceOf(nowMs), align: 'right' },
  { title: 'RESTARTS', of: field('restarts'), align: 'right' },
]

const transitionColumns: readonly Column<Fields>[] = [
  { title: 'TIME', of: timeOf },
  { title: 'EVENT', of: field('event') },
  { title: 'FROM', of: field('from') },
  { title: 'TO', of: field('to') },
  { title: 'REASON', of: field('reason') },
]

const memberColumns = (nowMs: number): readonly Column<Fields>[] => [
  { title: 'NODE', of: ({ node, isSelf }) => `${text(node)}${isSelf === true ? ' (this one)' : ''}` },
  { title: 'STATE', of: field('state') },
  { title: 'UP FOR', of: sinceOf(nowMs), align: 'right' },
  { title: 'SILENT', of: ageOf('silentMs', ''), align: 'right' },
  { title: 'SLOT', of: field('slot'), align: 'right' },
  { title: 'VERSION', of: field('version') },
  { title: 'BOOT', of: field('boot') },
]

const leaseColumns = (nowMs: number): readonly Column<Fields>[] => [
  { title: 'LEASE', of: field('name') },
  { title: 'HOLDER', of: field('holder') },
  { title: 'THIS NODE', of: field('state') },
  { title: 'FOR', of: sinceOf(nowMs), align: 'right' },
  { title: 'INCARNATION', of: field('incarnation'), align: 'right' },
  { title: 'RENEWED', of: ageOf('renewedMsAgo', ' ago'), align: 'right' },
  { title: 'WHY', of: field('reason') },
]

const laneColumns: readonly Column<Fields>[] = [
  { title: 'TO', of: field('to') },
  { title: 'STATE', of: ({ isHeld }) => (isHeld === true ? 'held' : 'flowing') },
  { title: 'EPOCH', of: field('epoch'), align: 'right' },
  { title: 'SENT', of: field('sent'), align: 'right' },
  { title: 'ACKNOWLEDGED', of: field('acknowledged'), align: 'right' },
  { title: 'WAITING', of: field('waitingMessages'), align: 'right' },
  { title: 'BYTES', of: field('waitingBytes'), align: 'right' },
  { title: 'OLDEST', of: ageOf('oldestMs', ''), align: 'right' },
  { title: 'DROPPED', of: ({ dropped }) => countsText(dropped) },
]

function ageOf(name: string, suffix: string): (row: Fields) => string {
  return (row) => {
    const ms = row[name]
    return typeof ms === 'number' ? `${durationText(ms)}${suffix}` : ''
  }
}

function linkLines(links: readonly Fields[]): string[] {
  if (links.length === 0) return ['no links']
  const columns: readonly Column<Fields>[] = [
    { title: 'LINK', of: field('name') },
    { title: 'STATE', of: field('state') },
    { title: 'DIALECT', of: field('dialect') },
    { title: 'OUR ROUTES', of: part('routes', 'ours'), align: 'right' },
    { title: 'PEER’S ROUTES', of: part('routes', 'peers'), align: 'right' },
    { title: 'DELIVERED', of: part('ledger', 'delivered'), align: 'right' },
    { title: 'WAITING', of: part('ledger', 'queued'), align: 'right' },
    { title: 'ACCEPTED', of: part('inbound', 'accepted'), align: 'right' },
  ]
  const reasons = links.flatMap(({ name, reasons }) =>
    Array.isArray(reasons) ? reasons.map((reason) => printable(`${text(name)}: ${text(reason)}`)) : [],
  )
  const backlogs = links.flatMap(({ name, backlog }) =>
    isFields(backlog) ? [printable(`${text(name)}: a backlog of ${backlogText(backlog)}`)] : [],
  )
  const notes = [...reasons, ...backlogs]
  return [...table(columns, links), ...(notes.length === 0 ? [] : ['', ...notes])]
}

function matchLines(result: Fields): string[] {
  const rows = rowsOf(result, 'destinations')
  const total = Number(result['total'] ?? rows.length)
  const columns: readonly Column<Fields>[] = [
    { title: 'TO', of: destinationText },
    { title: 'FILTER', of: field('topicFilter') },
    { title: 'QOS', of: field('qos'), align: 'right' },
    { title: 'WHY', of: field('because') },
  ]
  const others = rowsOf(result, 'others').map((row) => `not to ${destinationText(row)}: ${text(row['because'])}`)
  const notes = Array.isArray(result['notes']) ? result['notes'].map(text) : []
  return [
    ...(rows.length === 0 ? [] : table(columns, rows)),
    ...(total > rows.length ? [`... and ${total - rows.length} more; --limit shows them`] : []),
    ...[...others, ...notes].map(printable),
  ]
}

function destinationText(row: Fields): string {
  switch (row['type']) {
    case 'session':
      return `client ${text(row['clientId'])}`
    case 'group':
      return `share ${text(row['share'])}`
    case 'link':
      return `link ${text(row['link'])}`
    case 'member':
      return `node ${text(row['node'])}`
    default:
      return text(row['type'])
  }
}

function routeLines(result: Fields): string[] {
  const rows = rowsOf(result, 'routes')
  const columns: readonly Column<Fields>[] = [
    { title: 'FILTER', of: field('topicFilter') },
    { title: 'DESTINATIONS', of: field('total'), align: 'right' },
    { title: 'TO', of: firstDestinations },
  ]
  const more = result['cursor'] === null ? [] : ['... and more: --limit shows them, or say what the filter holds']
  const lines = rows.length === 0 ? ['no such routes'] : table(columns, rows)
  return [...lines, ...more, `${text(result['total'])} filters in all`]
}

function firstDestinations(row: Fields): string {
  const first = rowsOf(row, 'destinations').map(destinationText)
  return Number(row['total']) > first.length ? `${first.join(', ')}, ...` : first.join(', ')
}
