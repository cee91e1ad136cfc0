/** One client: who it is, what waits for it, what it has subscribed to; and how to get rid of it. */
import { useState } from 'preact/hooks'
import { NEVER_EXPIRES, protocolName, type Client, type Subscription } from '../api/client.ts'
import { request, segment } from '../api/request.ts'
import { mayChange } from '../api/session.ts'
import { Confirm } from '../controls/confirm.tsx'
import { DataTable } from '../controls/data-table.tsx'
import { Empty, Reading } from '../controls/empty.tsx'
import { Facts } from '../controls/facts.tsx'
import { tell } from '../controls/notice.ts'
import { Stat } from '../controls/stat.tsx'
import { ago, bytes, clock, compact, count, duration } from '../format/number.ts'
import { useNow } from '../live/use-now.ts'
import { usePolled } from '../live/use-polled.ts'
import { hashOf } from '../shell/route.ts'
import { subscriptionColumns } from '../subscriptions/subscription-columns.tsx'
import { addressOf, ClientState } from './client-list.tsx'

const EVERY_MS = 2_000

export function ClientPage({ id }: { readonly id: string }) {
  const path = `clients/${segment(id)}`
  const { value, fault, reload } = usePolled((signal) => request<Client>('GET', path, { signal }), [id], EVERY_MS)
  const [asked, setAsked] = useState(false)
  if (fault.startsWith('Client ID not found')) return <Gone id={id} />
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <section class="page" aria-labelledby="client-title">
      <header class="page-head">
        <div>
          <a class="up" href={hashOf('clients')}>
            Clients
          </a>
          <h1 id="client-title">{id}</h1>
        </div>
        {mayChange() && (
          <button type="button" class="button danger-quiet" onClick={() => setAsked(true)}>
            Kick
          </button>
        )}
      </header>
      <p>
        <ClientState client={value} />
      </p>
      <Numbers client={value} />
      <div class="halves">
        <section class="panel" aria-label="Connection">
          <h3>Connection</h3>
          <Facts value={factsOf(value)} />
        </section>
        <Subscriptions id={id} />
      </div>
      {asked && (
        <Confirm
          title={`Kick ${id}?`}
          action="Kick"
          danger
          onClose={() => setAsked(false)}
          onConfirm={async () => {
            await request('DELETE', path)
            tell(`${id} is gone, and its session with it`)
            location.hash = hashOf('clients')
          }}
        >
          <p>
            Its connection ends, and so does its session: what it subscribed to and what waits for it is dropped. It may
            come again.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function Numbers({ client }: { readonly client: Client }) {
  const nowMs = useNow()
  const since = client.connected ? client.connected_at : client.disconnected_at
  return (
    <div class="stats">
      <Stat title={client.connected ? 'Connected' : 'Away'} value={since === undefined ? '–' : ago(since, nowMs)}>
        {since === undefined ? '' : clock(since)}
      </Stat>
      <Stat title="Sent to it" value={compact(client.send_msg ?? 0)} tone="out">
        messages, {bytes(client.send_oct ?? 0)} in all
      </Stat>
      <Stat title="Came from it" value={compact(client.recv_msg ?? 0)} tone="in">
        messages, {bytes(client.recv_oct ?? 0)} in all
      </Stat>
      <Stat title="Queued for it" value={compact(client.mqueue_len)} warn={client.mqueue_dropped > 0}>
        of {client.mqueue_max === 'infinity' ? 'any number' : count(client.mqueue_max)}; {count(client.mqueue_dropped)}{' '}
        dropped
      </Stat>
      <Stat title="In flight" value={compact(client.inflight_cnt)}>
        of {count(client.inflight_max)}
      </Stat>
    </div>
  )
}

function factsOf(client: Client): Readonly<Record<string, unknown>> {
  const { keepalive, clean_start: cleanStart, expiry_interval: expiry } = client
  return {
    node: client.node,
    user_name: client.username,
    address: addressOf(client.ip_address, client.port),
    listener: client.listener,
    protocol: protocolName(client),
    keep_alive: keepalive === undefined ? undefined : keepalive === 0 ? 'off' : duration(keepalive * 1_000),
    clean_start: cleanStart,
    session_outlives_it: expiry >= NEVER_EXPIRES ? 'for ever' : duration(expiry * 1_000),
    superuser: client.is_superuser,
  }
}

function Subscriptions({ id }: { readonly id: string }) {
  const { value, fault, reload } = usePolled(
    (signal) => request<readonly Subscription[]>('GET', `clients/${segment(id)}/subscriptions`, { signal }),
    [id],
    EVERY_MS,
  )
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <DataTable
      label="Subscriptions"
      columns={subscriptionColumns}
      rows={value}
      keyOf={({ topic }) => topic}
      empty="It has subscribed to nothing."
    />
  )
}

function Gone({ id }: { readonly id: string }) {
  return (
    <Empty title={`There is no client ${id}`}>
      <p>It left without a session that waits for it, or its session has ended.</p>
      <a class="button" href={hashOf('clients')}>
        To the clients
      </a>
    </Empty>
  )
}
