/** What is wrong, and what was. */
import { useEffect, useState } from 'preact/hooks'
import type { Alarm } from '../api/alarm.ts'
import { request } from '../api/request.ts'
import { mayChange } from '../api/session.ts'
import { Confirm } from '../controls/confirm.tsx'
import { DataTable, type Column } from '../controls/data-table.tsx'
import { Reading } from '../controls/empty.tsx'
import { tell } from '../controls/notice.ts'
import { Pager, Silent, type Page } from '../controls/paged.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { Tabs } from '../controls/tabs.tsx'
import { clock, duration, words } from '../format/number.ts'
import { linkHash } from '../links/link-address.ts'
import { useNow } from '../live/use-now.ts'
import { useResource } from '../live/use-resource.ts'
import { nodeHash } from '../nodes/node-address.ts'
import { hashOf, route } from '../shell/route.ts'
import { activeAlarms } from './active-alarms.ts'

const LIMIT = 100

export function AlarmsPage() {
  const [, part = 'active'] = route.value.path
  return (
    <section class="page" aria-labelledby="alarms-title">
      <header class="page-head">
        <h1 id="alarms-title">Alarms</h1>
      </header>
      <Tabs
        label="Alarms"
        current={part}
        tabs={[
          { name: 'active', title: 'Active', href: hashOf('alarms') },
          { name: 'past', title: 'Past', href: hashOf('alarms', 'past') },
        ]}
      />
      {part === 'past' ? <Past /> : <Active />}
    </section>
  )
}

const what: Column<Alarm> = {
  title: 'Alarm',
  cell: ({ kind, name, activated }) => (
    <span title={name}>
      <Badge tone={activated ? 'bad' : 'off'} text={words(kind)} />
    </span>
  ),
}
const about: readonly Column<Alarm>[] = [
  { title: 'Link', cell: ({ link }) => (link === undefined ? '–' : <a href={linkHash(link)}>{link}</a>) },
  { title: 'Node', cell: ({ node }) => <a href={nodeHash(node)}>{node}</a> },
  { title: 'Why', wide: true, cell: ({ reason }) => reason },
]
const keyOf = ({ name, node, activated_at: at }: Alarm): string => `${name} ${node} ${at}`

function Active() {
  const nowMs = useNow()
  const alarms = activeAlarms.value
  if (alarms === undefined) return <Reading fault="" onRetry={() => undefined} />
  return (
    <DataTable
      label="Active alarms"
      rows={alarms}
      keyOf={keyOf}
      empty="Nothing is wrong."
      columns={[
        what,
        ...about,
        { title: 'Since', cell: ({ activated_at: at }) => clock(at) },
        { title: 'For', number: true, cell: ({ activated_at: at }) => lasted(nowMs - Date.parse(at)) },
      ]}
    />
  )
}

/** In whole seconds: it goes on while one looks. */
const lasted = (ms: number): string => duration(Math.max(0, Math.round(ms / 1_000) * 1_000))

function Past() {
  const [page, setPage] = useState(1)
  const [asked, setAsked] = useState(false)
  const { value, fault, reload } = useResource(
    (signal) => request<Page<Alarm>>('GET', `alarms?activated=false&page=${page}&limit=${LIMIT}`, { signal }),
    [page],
  )
  // One that ends is a past one from then on.
  useEffect(() => activeAlarms.subscribe(reload), [reload])
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <>
      <Silent nodes={value.meta.silent} />
      <DataTable
        label="Past alarms"
        rows={value.data}
        keyOf={keyOf}
        empty="There were none, or they were cleared."
        columns={[
          what,
          ...about,
          { title: 'From', cell: ({ activated_at: at }) => clock(at) },
          { title: 'To', cell: ({ deactivated_at: at }) => (at === undefined ? '–' : clock(at)) },
          { title: 'For', number: true, cell: ({ duration_ms: ms }) => lasted(ms) },
        ]}
      />
      <div class="toolbar">
        {mayChange() && (
          <button
            type="button"
            class="button danger-quiet"
            disabled={value.meta.count === 0}
            onClick={() => setAsked(true)}
          >
            Clear history
          </button>
        )}
        <div class="grow">
          <Pager meta={value.meta} onPage={setPage} />
        </div>
      </div>
      {asked && (
        <Confirm
          title="Clear the history of alarms?"
          action="Clear"
          danger
          onClose={() => setAsked(false)}
          onConfirm={async () => {
            await request('DELETE', 'alarms')
            tell('The history of alarms is cleared')
            setPage(1)
            reload()
          }}
        >
          <p>All nodes forget the alarms that are over. Those that are active stay.</p>
        </Confirm>
      )}
    </>
  )
}
