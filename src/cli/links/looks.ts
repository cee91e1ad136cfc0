/** What there is to see of one link beside its settings and counts. */
import { segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import { type Fields, isFields } from '../fields.ts'
import { field, text } from '../inspect/rows.ts'
import { bytesText, type Column, durationText, printable } from '../inspect/table.ts'
import { fieldsIn, showLines, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { showOrWatch } from '../watch.ts'
import { filtersOf } from './link-options.ts'

const bytes: Column<Fields> = { title: 'BYTES', of: (row) => bytesText(Number(row['bytes'])), align: 'right' }
const messages: Column<Fields> = { title: 'MESSAGES', of: field('messages'), align: 'right' }

type Paged = { readonly limit: number | undefined; readonly page: number | undefined }

export async function routes(
  link: string,
  options: AskOptions & Paged & { readonly ours: boolean; readonly search: string | undefined },
  terminal: Terminal,
): Promise<0> {
  const { ours, search, limit, page } = options
  const api = await apiOf(options, terminal)
  const query = { direction: ours ? 'ours' : 'peers', search, limit, page }
  const found = await api.get(`/cluster/links/${segment(link)}/routes`, query)
  const { data, complete } = isFields(found) ? found : {}
  return answer(options, terminal, found, () => {
    const none = ours ? 'we want nothing of the peer' : 'the peer wants nothing of us'
    showRows(terminal, [{ title: 'FILTER', of: field('filter') }], fieldsIn(data), none)
    if (complete === false) terminal.complaints.write('there are so many routes that not all were looked at\n')
  })
}

export async function dryRun(
  link: string,
  options: AskOptions & { readonly topics: readonly string[]; readonly seconds: number | undefined },
  terminal: Terminal,
): Promise<0> {
  const { seconds = 10 } = options
  const api = await apiOf(options, terminal)
  if (terminal.out.isTTY === true && !options.json) terminal.complaints.write(`counting for ${seconds} s ...\n`)
  const body = { topics: filtersOf(options.topics), seconds }
  const waitMs = seconds * 1_000 + 15_000
  const counted = await api.request('POST', `/cluster/links/${segment(link)}/dry-run`, { body, waitMs })
  const { filters, total, top_topics } = isFields(counted) ? counted : {}
  return answer(options, terminal, counted, () => {
    const totals = isFields(total) ? [{ filter: 'in all', ...total }] : []
    showRows(
      terminal,
      [{ title: 'FILTER', of: field('filter') }, messages, bytes],
      [...fieldsIn(filters), ...totals],
      '',
    )
    if (terminal.out.isTTY !== true || fieldsIn(top_topics).length === 0) return
    showLines(terminal, [''])
    showRows(terminal, [{ title: 'TOPIC', of: field('topic') }, messages, bytes], fieldsIn(top_topics).slice(0, 20), '')
  })
}

const outboxColumns: readonly Column<Fields>[] = [
  { title: 'NODE', of: field('node') },
  { title: 'AGE', of: ({ age_ms }) => durationText(Number(age_ms)), align: 'right' },
  { title: 'QOS', of: field('qos') },
  { title: 'STATE', of: field('state') },
  bytes,
  { title: 'TOPIC', of: field('topic') },
]

export async function outbox(
  link: string,
  options: AskOptions & { readonly limit: number | undefined },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  const waiting = await api.get(`/cluster/links/${segment(link)}/outbox`, { limit: options.limit })
  const nodes = isFields(waiting) ? fieldsIn(waiting['nodes']) : []
  return answer(options, terminal, waiting, () => {
    if (terminal.out.isTTY === true)
      for (const { node, messages: count, bytes: size } of nodes)
        showLines(terminal, [printable(`${text(node)}: ${text(count)} messages, ${bytesText(Number(size))}`)])
    const rows = nodes.flatMap(({ node, head }) => fieldsIn(head).map((message) => ({ node, ...message })))
    showRows(terminal, outboxColumns, rows, 'nothing waits')
  })
}

const driftColumns: readonly Column<Fields>[] = [
  { title: 'WHAT', of: field('what') },
  { title: 'OURS', of: field('ours') },
  { title: 'THEIRS', of: ({ theirs }) => (theirs === null ? '?' : text(theirs)) },
  { title: 'AGREES', of: ({ agrees }) => (agrees === null ? '?' : agrees === true ? 'yes' : 'NO') },
  { title: '', of: field('note') },
]

export async function drift(link: string, options: AskOptions, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  const found = await api.get(`/cluster/links/${segment(link)}/drift`)
  const rows = isFields(found) ? fieldsIn(found['data']) : []
  return answer(options, terminal, found, () => showRows(terminal, driftColumns, rows, 'nothing is known of the peer'))
}

type ProgressRow = { readonly node: string; readonly what: string; readonly how: string; readonly left: string }

const progressColumns: readonly Column<ProgressRow>[] = [
  { title: 'NODE', of: ({ node }) => node },
  { title: 'WHAT', of: ({ what }) => what },
  { title: 'HOW FAR', of: ({ how }) => how },
  { title: 'LEFT', of: ({ left }) => left },
]

export async function progress(
  link: string,
  options: AskOptions & { readonly watch: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  return showOrWatch(options.watch, terminal, async (screen) => {
    const found = await api.get(`/cluster/links/${segment(link)}/progress`)
    const nodes = isFields(found) ? fieldsIn(found['nodes']) : []
    answer(options, screen, found, () =>
      showRows(screen, progressColumns, nodes.flatMap(progressRows), 'nothing is under way: all is where it should be'),
    )
  })
}

function progressRows({ node, routes: told, backlog, retained }: Fields): ProgressRow[] {
  const row = (what: string, of: unknown, how: (of: Fields) => string): ProgressRow[] =>
    isFields(of) ? [{ node: text(node), what, how: how(of), left: leftText(of) }] : []
  return [
    ...row('routes told to the peer', told, (of) => `${text(of['sent'])} of ${text(of['total'])}`),
    ...row('backlog', backlog, (of) => `${text(of['messages'])} messages, ${bytesText(Number(of['bytes']))}`),
    ...row('retained messages', retained, (of) => `${text(of['sent'])} told, ${text(of['topics'])} topics left`),
  ]
}

function leftText({ seconds_left, per_second }: Fields): string {
  const pace = typeof per_second === 'number' ? `${Math.round(per_second)} a second` : ''
  const left = typeof seconds_left === 'number' ? durationText(seconds_left * 1_000) : ''
  return [left, pace].filter((words) => words !== '').join(', ')
}
