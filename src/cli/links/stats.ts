/** `isthmus links stats [LINK]`: what crossed, what waits, what got lost, and how long it takes. */
import { ApiFailure, type ApiClient, segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import { type Fields, isFields } from '../fields.ts'
import { field, ledgerLines, part, text } from '../inspect/rows.ts'
import { bytesText, type Column, durationText, printable } from '../inspect/table.ts'
import { fieldsIn, showFacts, showJson, showLines, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { showOrWatch } from '../watch.ts'
import { statusColumn } from './link-words.ts'

/** Links that are asked for at once. */
const AT_ONCE = 8

export async function stats(
  link: string | undefined,
  options: AskOptions & { readonly watch: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  return showOrWatch(options.watch, terminal, (screen) =>
    link === undefined ? statsOfAll(api, options, screen) : statsOfOne(api, link, options, screen),
  )
}

async function statsOfOne(api: ApiClient, link: string, options: AskOptions, terminal: Terminal): Promise<void> {
  const shown = await api.get(`/cluster/links/${segment(link)}/metrics`)
  answer(options, terminal, shown, () => {
    const { metrics, node_metrics } = isFields(shown) ? shown : {}
    showLines(terminal, [printable(link)])
    showFacts(terminal, factsOf(isFields(metrics) ? metrics : {}))
    if (terminal.out.isTTY === true) {
      showLines(terminal, ['', ...ledgerLines(isFields(metrics) ? metrics : {}), ''])
      showRows(terminal, nodeColumns, fieldsIn(node_metrics), 'no node has it')
    }
  })
}

function factsOf(metrics: Fields): (readonly [string, string])[] {
  const forwarding = sectionOf(metrics, 'forwarding')
  const outbox = sectionOf(metrics, 'outbox')
  const probe = sectionOf(metrics, 'probe')
  const routes = sectionOf(metrics, 'routes')
  const oldest = outbox['oldest_ms']
  return [
    [
      'rate',
      `${rateText(forwarding['rate'])}, ${rateText(forwarding['rate_last5m'])} over 5 min, ${rateText(forwarding['rate_max'])} at most`,
    ],
    ['bytes', `${bytesOf(metrics, 'out')} out, ${bytesOf(metrics, 'in')} in`],
    ['routes', `${text(routes['ours'])} of ours, ${text(routes['peers'])} of the peer`],
    [
      'outbox',
      `${text(outbox['messages'])} messages, ${bytesText(Number(outbox['bytes']))}${typeof oldest === 'number' ? `, the oldest for ${durationText(oldest)}` : ''}${outbox['above_mark'] === true ? ', above its mark' : ''}`,
    ],
    ['acknowledged in', percentilesText(sectionOf(metrics, 'latency')['ack'])],
    ['round trip of the probe', percentilesText(probe['round_trip'])],
    ['last crossed', text(probe['last_crossed_at'])],
    ['mute since', text(probe['mute_since'])],
    ['note', text(probe['note'])],
  ]
}

const sectionOf = (of: Fields, name: string): Fields => {
  const section = of[name]
  return isFields(section) ? section : {}
}

const rateText = (rate: unknown): string => (typeof rate === 'number' ? `${round(rate)} a second` : '')
const round = (value: number): string => (value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(2))
const bytesOf = (metrics: Fields, way: string): string => bytesText(Number(sectionOf(metrics, 'bytes')[way] ?? 0))

/** `p50 1.2 ms, p99 3.4 ms, at most 7.1 ms`; the zeros of what never happened are no times. */
function percentilesText(of: unknown): string {
  if (!isFields(of) || of['count'] === 0) return 'none yet'
  const ms = (name: string): string => `${Number(of[name]).toFixed(1)} ms`
  return `p50 ${ms('p50_ms')}, p99 ${ms('p99_ms')}, at most ${ms('max_ms')}`
}

/** Of a row with `metrics`. */
const metric =
  (section: string, name: string) =>
  ({ metrics }: Fields): string =>
    isFields(metrics) ? part(section, name)(metrics) : ''

const countColumns: readonly Column<Fields>[] = [
  { title: 'MATCHED', of: metric('forwarding', 'matched'), align: 'right' },
  { title: 'DELIVERED', of: metric('forwarding', 'success'), align: 'right' },
  { title: 'WAIT', of: metric('outbox', 'messages'), align: 'right' },
  { title: 'DROPPED', of: metric('forwarding', 'dropped'), align: 'right' },
  { title: 'FAILED', of: metric('forwarding', 'failed'), align: 'right' },
  { title: 'RECEIVED', of: metric('inbound', 'received'), align: 'right' },
  {
    title: 'PER SECOND',
    of: ({ metrics }) => {
      const rate = isFields(metrics) ? sectionOf(metrics, 'forwarding')['rate'] : undefined
      return typeof rate === 'number' ? round(rate) : ''
    },
    align: 'right',
  },
]

const nodeColumns: readonly Column<Fields>[] = [
  { title: 'NODE', of: field('node') },
  ...countColumns,
  { title: '', of: field('error') },
]

const linkColumns: readonly Column<Fields>[] = [
  { title: 'LINK', of: field('name') },
  statusColumn,
  ...countColumns,
  { title: 'OUT', of: ({ metrics }) => (isFields(metrics) ? bytesOf(metrics, 'out') : ''), align: 'right' },
  { title: 'IN', of: ({ metrics }) => (isFields(metrics) ? bytesOf(metrics, 'in') : ''), align: 'right' },
  {
    title: 'ROUND TRIP',
    of: ({ metrics }) => {
      const last = isFields(metrics) ? sectionOf(metrics, 'probe')['last_round_trip_ms'] : undefined
      return typeof last === 'number' ? `${last.toFixed(1)} ms` : ''
    },
    align: 'right',
  },
]

async function statsOfAll(api: ApiClient, options: AskOptions, terminal: Terminal): Promise<void> {
  const links = fieldsIn(await api.get('/cluster/links')).toSorted((one, other) =>
    text(one['name']).localeCompare(text(other['name'])),
  )
  const rows: Fields[] = []
  for (let index = 0; index < links.length; index += AT_ONCE)
    rows.push(...(await Promise.all(links.slice(index, index + AT_ONCE).map((link) => rowOf(api, link)))).flat())
  if (options.json) showJson(terminal, rows)
  else showRows(terminal, linkColumns, rows, 'there are no links')
}

/** None for a link that was deleted meanwhile. */
async function rowOf(api: ApiClient, { name, status }: Fields): Promise<Fields[]> {
  try {
    const metrics = await api.get(`/cluster/links/${segment(text(name))}/metrics`)
    return [{ name, status, ...(isFields(metrics) ? metrics : {}) }]
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return []
    throw error
  }
}
