/** Clients of all nodes: searched and cut into pages by the node, so that ten thousand are as quick as ten. */
import { useState } from 'preact/hooks'
import { protocolName, type Client } from '../api/client.ts'
import { request } from '../api/request.ts'
import { Choices, Pick } from '../controls/choices.tsx'
import { DataTable, type Column } from '../controls/data-table.tsx'
import { Paged, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { ago, compact, count } from '../format/number.ts'
import { useNow } from '../live/use-now.ts'
import { usePolled } from '../live/use-polled.ts'
import { useSettled } from '../live/use-settled.ts'
import { nodeHash } from '../nodes/node-address.ts'
import { NodePick } from '../nodes/node-pick.tsx'
import { route } from '../shell/route.ts'
import { clientHash } from './client-address.ts'

const LIMIT = 100
const EVERY_MS = 3_000

type State = 'all' | 'connected' | 'disconnected'
type Filters = {
  readonly like_clientid: string
  readonly like_username: string
  readonly ip_address: string
  readonly proto_ver: string
  readonly node: string
}

export function ClientList() {
  const { query: asked } = route.value
  const [filters, setFilters] = useState<Filters>({
    like_clientid: asked.get('clientid') ?? '',
    like_username: '',
    ip_address: '',
    proto_ver: '',
    node: asked.get('node') ?? '',
  })
  const [state, setState] = useState<State>('all')
  const [page, setPage] = useState(1)
  const query = useSettled(queryOf(filters, state))
  const read = usePolled(
    (signal) => request<Page<Client>>('GET', `clients?${query}&page=${page}&limit=${LIMIT}`, { signal }),
    [query, page],
    EVERY_MS,
  )
  const { value, fault } = read
  const set = (change: Partial<Filters>): void => {
    setFilters({ ...filters, ...change })
    setPage(1)
  }
  return (
    <section class="page" aria-labelledby="clients-title">
      <header class="page-head">
        <h1 id="clients-title">Clients</h1>
        {value !== undefined && <span class="muted">{count(value.meta.count)} fit</span>}
      </header>
      <div class="toolbar">
        <Search
          label="Part of the ClientID"
          placeholder="Part of the ClientID   ( / )"
          value={filters.like_clientid}
          onSearch={(like_clientid) => set({ like_clientid })}
        />
        <Choices
          label="Show only clients that are"
          value={state}
          choices={[
            { value: 'all', title: 'all' },
            { value: 'connected', title: 'connected' },
            { value: 'disconnected', title: 'away' },
          ]}
          onPick={(state) => {
            setState(state)
            setPage(1)
          }}
        />
        <NodePick value={filters.node} onPick={(node) => set({ node })} />
        <Pick
          label="Protocol"
          value={filters.proto_ver}
          options={[
            ['', 'any protocol'],
            ['5', 'MQTT 5'],
            ['4', 'MQTT 3.1.1'],
            ['3', 'MQTT 3.1'],
          ]}
          onPick={(proto_ver) => set({ proto_ver })}
        />
        <Part
          label="Part of the user name"
          value={filters.like_username}
          onType={(text) => set({ like_username: text })}
        />
        <Part label="Address" value={filters.ip_address} onType={(text) => set({ ip_address: text })} />
      </div>
      {fault !== '' && value !== undefined && <p class="remark warn">{fault}</p>}
      <Paged read={read} onPage={setPage}>
        {(rows) => <Found clients={rows} />}
      </Paged>
    </section>
  )
}

function Part({ label, value, onType }: { label: string; value: string; onType: (text: string) => void }) {
  return (
    <label class="part-field">
      <span class="unseen">{label}</span>
      <input
        placeholder={label}
        value={value}
        onInput={(event) => onType(event.currentTarget.value)}
        spellcheck={false}
      />
    </label>
  )
}

function queryOf(filters: Filters, state: State): string {
  const wanted = Object.entries({ ...filters, conn_state: state === 'all' ? '' : state })
  return new URLSearchParams(
    wanted.map(([name, text]) => [name, text.trim()]).filter(([, text]) => text !== ''),
  ).toString()
}

function Found({ clients }: { readonly clients: readonly Client[] }) {
  const nowMs = useNow()
  return (
    <DataTable
      label="Clients"
      columns={columnsAt(nowMs)}
      rows={clients}
      keyOf={({ clientid, node }) => `${clientid} ${node}`}
      empty="No client fits."
    />
  )
}

function columnsAt(nowMs: number): readonly Column<Client>[] {
  return [
    { title: 'ClientID', wide: true, cell: ({ clientid }) => <a href={clientHash(clientid)}>{clientid}</a> },
    { title: 'State', cell: (client) => <ClientState client={client} /> },
    { title: 'User name', cell: ({ username }) => username ?? '–' },
    { title: 'Address', cell: ({ ip_address: address, port }) => <span class="mono">{addressOf(address, port)}</span> },
    { title: 'Protocol', cell: protocolName },
    { title: 'Node', cell: ({ node }) => <a href={nodeHash(node)}>{node}</a> },
    {
      title: 'Since',
      cell: ({ connected_at: here, disconnected_at: away }) => {
        const at = here ?? away
        return at === undefined ? '–' : ago(at, nowMs)
      },
    },
    { title: 'Subscriptions', number: true, cell: ({ subscriptions_cnt: subscriptions }) => compact(subscriptions) },
    { title: 'Queued', number: true, cell: ({ mqueue_len: queued }) => compact(queued) },
  ]
}

export function addressOf(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '–'
  const host = address.includes(':') ? `[${address}]` : address
  return port === undefined ? host : `${host}:${port}`
}

export function ClientState({ client }: { readonly client: Client }) {
  return (
    <>
      <Badge tone={client.connected ? 'good' : 'off'} text={client.connected ? 'connected' : 'away'} />
      {client.is_link === true && <Badge tone="busy" text="link" />}
      {client.is_superuser === true && <Badge tone="warn" text="superuser" />}
    </>
  )
}
