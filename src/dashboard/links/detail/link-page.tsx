/** One link: its head, and a tab for each thing that one wants to know of it. */
import { useState } from 'preact/hooks'
import type { Link, LinkRow, LinkRowChange } from '../../api/link.ts'
import { settingsOf } from '../../api/link.ts'
import { Empty, Reading } from '../../controls/empty.tsx'
import { tell } from '../../controls/notice.ts'
import { Tabs } from '../../controls/tabs.tsx'
import { useLive } from '../../live/use-live.ts'
import { useResource } from '../../live/use-resource.ts'
import { LinkForm } from '../form/link-form.tsx'
import { linkHash, listHash } from '../link-address.ts'
import { linkApi } from '../link-api.ts'
import { DoctorTab } from './doctor-tab.tsx'
import { DriftTab } from './drift-tab.tsx'
import { DryRunTab } from './dry-run-tab.tsx'
import { LinkHead } from './link-head.tsx'
import { OutboxTab } from './outbox-tab.tsx'
import { Overview } from './overview.tsx'
import { RoutesTab } from './routes-tab.tsx'

const TABS = [
  ['overview', 'Overview'],
  ['routes', 'Routes'],
  ['outbox', 'Outbox'],
  ['doctor', 'Doctor'],
  ['dry-run', 'Dry run'],
  ['drift', 'Drift'],
  ['settings', 'Settings'],
] as const

export function LinkPage({ name, tab }: { readonly name: string; readonly tab: string }) {
  const { value: link, fault, reload } = useResource((signal) => linkApi.get(name, signal), [name])
  const [row, setRow] = useState<LinkRow | undefined>()
  // Whatever changes in how it is, or in what it is set to, is read anew with all the reasons.
  const known = link === undefined ? '' : stateOf(link)
  useLive<readonly LinkRowChange[]>('links', 'links', (changes) => {
    const change = changes.find((change) => change.name === name)
    if (change === undefined) return
    if (!('removed' in change)) setRow(change)
    if ('removed' in change || stateOf(change) !== known) reload()
  })

  if (fault === 'Cluster link not found') return <Gone name={name} />
  if (link === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <section class="page" aria-labelledby="link-title">
      <LinkHead link={link} onChanged={reload} />
      <Tabs
        label={`Parts of ${name}`}
        current={tab}
        tabs={TABS.map(([part, title]) => ({ name: part, title, href: linkHash(name, part) }))}
      />
      <Part link={link} row={row} tab={tab} onChanged={reload} />
    </section>
  )
}

type PartProps = {
  readonly link: Link
  readonly row: LinkRow | undefined
  readonly tab: string
  readonly onChanged: () => void
}

function Part({ link, row, tab, onChanged }: PartProps) {
  const { name } = link
  switch (tab) {
    case 'overview':
      return <Overview link={link} row={row} />
    case 'routes':
      return <RoutesTab name={name} />
    case 'outbox':
      return <OutboxTab name={name} />
    case 'doctor':
      return <DoctorTab name={name} />
    case 'dry-run':
      return <DryRunTab link={link} />
    case 'drift':
      return <DriftTab name={name} />
    case 'settings':
      return (
        <LinkForm
          link={settingsOf(link)}
          onSaved={() => {
            tell(`${name} is saved`)
            onChanged()
            location.hash = linkHash(name)
          }}
        />
      )
    default:
      return <Empty title="There is no such part of a link" />
  }
}

function Gone({ name }: { readonly name: string }) {
  return (
    <Empty title={`There is no link ${name}`}>
      <p>It was deleted, or its name is another one.</p>
      <a class="button" href={listHash}>
        To the links
      </a>
    </Empty>
  )
}

function stateOf({ status, reasons, enable }: Pick<Link, 'status' | 'reasons' | 'enable'>): string {
  return JSON.stringify([status, reasons, enable])
}
