/** What `isthmus nodes`, `alarms` and `acl` do. */
import { answer, apiOf, type AskOptions } from './ask.ts'
import { type Fields, isFields } from './fields.ts'
import { field, text } from './inspect/rows.ts'
import { bytesText, type Column, durationText, printable } from './inspect/table.ts'
import { fieldsIn, showLines, showRows } from './show.ts'
import type { Terminal } from './terminal.ts'
import { showOrWatch } from './watch.ts'

const nodeColumns: readonly Column<Fields>[] = [
  { title: 'NODE', of: field('node') },
  { title: 'STATUS', of: field('node_status') },
  { title: 'VERSION', of: field('version') },
  { title: 'UP FOR', of: ({ uptime }) => (typeof uptime === 'number' ? durationText(uptime) : '') },
  { title: 'CLIENTS', of: field('live_connections'), align: 'right' },
  { title: 'MEMORY', of: ({ memory_used: used }) => (typeof used === 'number' ? bytesText(used) : ''), align: 'right' },
  { title: 'LOAD', of: field('load1'), align: 'right' },
  { title: 'COORDINATION', of: field('coordination') },
  { title: '', of: field('error') },
]

export async function listNodes(options: AskOptions & { readonly watch: boolean }, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  return showOrWatch(options.watch, terminal, async (screen) => {
    const nodes = await api.get('/nodes')
    answer(options, screen, nodes, () => showRows(screen, nodeColumns, fieldsIn(nodes), 'no node answers'))
  })
}

const alarmColumns: readonly Column<Fields>[] = [
  { title: 'SINCE', of: field('activated_at') },
  { title: 'FOR', of: ({ duration_ms }) => durationText(Number(duration_ms)), align: 'right' },
  { title: 'NODE', of: field('node') },
  { title: 'NAME', of: field('name') },
  { title: 'MESSAGE', of: field('message') },
]

export async function listAlarms(
  options: AskOptions & {
    readonly past: boolean
    readonly limit: number | undefined
    readonly page: number | undefined
  },
  terminal: Terminal,
): Promise<0> {
  const { past, limit, page } = options
  const api = await apiOf(options, terminal)
  const alarms = await api.get('/alarms', { activated: !past, limit, page })
  const rows = isFields(alarms) ? fieldsIn(alarms['data']) : []
  return answer(options, terminal, alarms, () => showRows(terminal, alarmColumns, rows, 'there are no alarms'))
}

export async function clearAlarms(options: AskOptions, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  await api.request('DELETE', '/alarms')
  if (!options.json) showLines(terminal, ['the alarms that are over are forgotten'])
  return 0
}

type AclOptions = AskOptions & {
  readonly clientid: string
  readonly username: string | undefined
  readonly peerhost: string | undefined
  readonly listener: string | undefined
  readonly 'common-name': string | undefined
  readonly qos: number | undefined
  readonly retain: boolean
  readonly superuser: boolean | undefined
}

/** Resolves with 0 if it may. */
export async function testAcl(action: string, topic: string, options: AclOptions, terminal: Terminal): Promise<0 | 1> {
  const { clientid, username, peerhost, listener, qos, retain, superuser, 'common-name': commonName } = options
  const api = await apiOf(options, terminal)
  const client = { clientid, username, peerhost, listener, cert_common_name: commonName, is_superuser: superuser }
  const verdict = await api.request('POST', '/authorization/test', { body: { ...client, action, topic, qos, retain } })
  const told = isFields(verdict) ? verdict : {}
  answer(options, terminal, verdict, () => showLines(terminal, verdictLines(told)))
  return told['result'] === 'allow' ? 0 : 1
}

const grounds: Readonly<Record<string, string>> = {
  rule: 'by this rule',
  no_match: 'no rule speaks of it, so authorization.no_match holds',
  superuser: 'it is a superuser, for whom no rule holds',
  open: 'there are no rules: whoever connects may do everything',
  namespace: 'the node keeps this topic for itself',
  accept: 'by accept of the link',
}

function verdictLines({ result, by, rule, source, message }: Fields): string[] {
  const place = isFields(source) ? placeText(source) : ''
  return [
    `${text(result)}: ${grounds[text(by)] ?? text(by)}`,
    ...[rule, place, message].map(text).flatMap((words) => (words === '' ? [] : [`  ${words}`])),
  ].map(printable)
}

function placeText({ file, line }: Fields): string {
  if (file === undefined) return line === undefined ? '' : `line ${text(line)} of the rules in the configuration`
  return line === undefined ? text(file) : `${text(file)}:${text(line)}`
}
