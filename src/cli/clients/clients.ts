/** What `isthmus clients` does. */
import { ApiFailure, segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import { type Fields, isFields } from '../fields.ts'
import { field, text } from '../inspect/rows.ts'
import { bytesText, type Column, printable } from '../inspect/table.ts'
import { fieldsIn, showFacts, showLines, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'

type Paged = {
  readonly limit: number | undefined
  readonly page: number | undefined
  readonly node: string | undefined
}

const clientColumns: readonly Column<Fields>[] = [
  { title: 'CLIENTID', of: field('clientid') },
  { title: 'USERNAME', of: field('username') },
  { title: 'STATE', of: ({ connected }) => (connected === true ? 'connected' : 'away') },
  { title: 'ADDRESS', of: field('ip_address') },
  { title: 'NODE', of: field('node') },
  { title: 'SUBSCRIPTIONS', of: field('subscriptions_cnt'), align: 'right' },
  { title: 'QUEUE', of: field('mqueue_len'), align: 'right' },
  { title: 'DROPPED', of: field('mqueue_dropped'), align: 'right' },
  { title: 'SINCE', of: ({ connected_at, disconnected_at }) => text(connected_at ?? disconnected_at) },
]

type ListOptions = AskOptions &
  Paged & {
    readonly search: string | undefined
    readonly username: string | undefined
    readonly 'ip-address': string | undefined
    readonly connected: boolean | undefined
  }

export async function list(options: ListOptions, terminal: Terminal): Promise<0> {
  const { search, username, connected, node, limit, page, 'ip-address': address } = options
  const state = connected === undefined ? undefined : connected ? 'connected' : 'disconnected'
  const api = await apiOf(options, terminal)
  const query = { like_clientid: search, username, ip_address: address, conn_state: state, node, limit, page }
  const clients = await api.get('/clients', query)
  const rows = isFields(clients) ? fieldsIn(clients['data']) : []
  return answer(options, terminal, clients, () => showRows(terminal, clientColumns, rows, 'there are no such clients'))
}

export async function show(clientId: string, options: AskOptions, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  const client = await api.get(`/clients/${segment(clientId)}`)
  const facts = Object.entries(isFields(client) ? client : {}).map(
    ([name, value]) => [name, factText(name, value)] as const,
  )
  return answer(options, terminal, client, () => showFacts(terminal, facts))
}

function factText(name: string, value: unknown): string {
  return name.endsWith('_oct') && typeof value === 'number' ? bytesText(value) : text(value)
}

/** One that is not there does not keep the others. */
export async function kick(clientIds: readonly string[], options: AskOptions, terminal: Terminal): Promise<0 | 1> {
  const api = await apiOf(options, terminal)
  let code: 0 | 1 = 0
  for (const clientId of clientIds) {
    try {
      await api.request('DELETE', `/clients/${segment(clientId)}`)
      if (!options.json) showLines(terminal, [printable(`client ${clientId} kicked`)])
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.status !== 404) throw error
      terminal.complaints.write(printable(`isthmus: ${error.message}`) + '\n')
      code = 1
    }
  }
  return code
}

const subscriptionColumns: readonly Column<Fields>[] = [
  { title: 'CLIENTID', of: field('clientid') },
  { title: 'QOS', of: field('qos') },
  { title: 'NODE', of: field('node') },
  { title: 'FILTER', of: field('topic') },
]

export async function subscriptions(
  clientId: string | undefined,
  options: AskOptions & Paged & { readonly filter: string | undefined; readonly topic: string | undefined },
  terminal: Terminal,
): Promise<0> {
  const { filter, topic, node, limit, page } = options
  const api = await apiOf(options, terminal)
  const query = { clientid: clientId, topic: filter, match_topic: topic, node, limit, page }
  const found = await api.get('/subscriptions', query)
  const rows = isFields(found) ? fieldsIn(found['data']) : []
  return answer(options, terminal, found, () =>
    showRows(terminal, subscriptionColumns, rows, 'there are no such subscriptions'),
  )
}
