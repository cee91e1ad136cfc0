/** Keys for scripts. A secret is shown once, when its key is made. */
import { useState } from 'preact/hooks'
import { request, segment, wordsOfFault } from '../api/request.ts'
import type { Role } from '../api/session.ts'
import { Confirm } from '../controls/confirm.tsx'
import { DataTable } from '../controls/data-table.tsx'
import { Dialog } from '../controls/dialog.tsx'
import { Reading } from '../controls/empty.tsx'
import { tell, tellFault } from '../controls/notice.ts'
import { Badge } from '../controls/status-badge.tsx'
import { Switch } from '../controls/switch.tsx'
import { clock } from '../format/number.ts'
import { useResource } from '../live/use-resource.ts'
import { EditDialog, ROLES, SelectField, TextField } from './edit-dialog.tsx'

type Key = {
  readonly name: string
  readonly api_key: string
  readonly role: Role
  readonly enable: boolean
  readonly expired_at: string
  readonly expired: boolean
  readonly desc: string
  readonly created_at: string
}
type NewKey = Key & { readonly api_secret: string }
type Asked = { readonly what: 'new' } | { readonly what: 'made'; readonly key: NewKey } | { what: 'delete'; key: Key }

const DAYS = [
  ['', 'never'],
  ['30', 'in 30 days'],
  ['90', 'in 90 days'],
  ['365', 'in a year'],
] as const
const DAY_MS = 86_400_000

export function ApiKeys() {
  const { value, fault, reload } = useResource((signal) => request<readonly Key[]>('GET', 'api_key', { signal }), [])
  const [asked, setAsked] = useState<Asked | undefined>()
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  const close = (): void => setAsked(undefined)
  const enable = async ({ name }: Key, enable: boolean): Promise<void> => {
    try {
      await request('PUT', `api_key/${segment(name)}`, { body: { enable } })
      tell(`${name} is ${enable ? 'enabled' : 'disabled'}`)
    } catch (error) {
      tellFault(wordsOfFault(error))
    }
    reload()
  }
  return (
    <div class="tab-body">
      <div class="toolbar">
        <p class="grow muted">For scripts: basic authentication, the key as user name and the secret as password.</p>
        <button type="button" class="button primary" onClick={() => setAsked({ what: 'new' })}>
          New API key
        </button>
      </div>
      <DataTable
        label="API keys"
        rows={value}
        keyOf={({ name }) => name}
        empty="There are none."
        columns={[
          { title: 'Name', cell: ({ name }) => name },
          { title: 'Key', cell: ({ api_key: key }) => <span class="mono">{key}</span> },
          {
            title: 'Role',
            cell: ({ role }) => <Badge tone={role === 'administrator' ? 'warn' : 'off'} text={role} />,
          },
          { title: 'Description', wide: true, cell: ({ desc }) => desc || '–' },
          { title: 'Made', cell: ({ created_at: at }) => clock(at) },
          {
            title: 'Ends',
            cell: ({ expired_at: at, expired }) =>
              at === 'infinity' ? 'never' : expired ? <Badge tone="bad" text="is over" /> : dayOf(at),
          },
          {
            title: 'Enabled',
            cell: (key) => (
              <Switch label={`${key.name} enabled`} bare on={key.enable} onChange={(on) => void enable(key, on)} />
            ),
          },
          {
            title: 'Change',
            cell: (key) => (
              <button type="button" class="button danger-quiet" onClick={() => setAsked({ what: 'delete', key })}>
                Delete
              </button>
            ),
          },
        ]}
      />
      {asked?.what === 'new' && (
        <EditDialog
          title="New API key"
          action="Create key"
          onClose={close}
          onSave={async ({ days = '', ...typed }) => {
            const expiry = days === '' ? {} : { expired_at: new Date(Date.now() + Number(days) * DAY_MS).toISOString() }
            const key = await request<NewKey>('POST', 'api_key', { body: { ...typed, ...expiry } })
            setAsked({ what: 'made', key })
            reload()
          }}
        >
          <TextField name="name" label="Name" required />
          <SelectField name="role" label="Role" value="viewer" options={ROLES} />
          <SelectField name="days" label="Ends" value="" options={DAYS} />
          <TextField name="desc" label="Description" />
        </EditDialog>
      )}
      {asked?.what === 'made' && <Made key={asked.key.api_key} made={asked.key} onClose={close} />}
      {asked?.what === 'delete' && (
        <Confirm
          title={`Delete the API key ${asked.key.name}?`}
          action="Delete key"
          danger
          onClose={close}
          onConfirm={async () => {
            await request('DELETE', `api_key/${segment(asked.key.name)}`)
            tell(`${asked.key.name} is deleted`)
            reload()
          }}
        >
          <p>Scripts that use it are refused from now on.</p>
        </Confirm>
      )}
    </div>
  )
}

const dayOf = (at: string): string => new Date(at).toLocaleDateString('en-GB', { dateStyle: 'medium' })

function Made({ made, onClose }: { readonly made: NewKey; readonly onClose: () => void }) {
  return (
    <Dialog title={`The API key ${made.name}`} onClose={onClose}>
      <p class="remark warn">Take the secret now: it is shown this once, and no node can tell it again.</p>
      <dl class="facts secret">
        <div>
          <dt>Key</dt>
          <dd class="mono">{made.api_key}</dd>
        </div>
        <div>
          <dt>Secret</dt>
          <dd class="mono">{made.api_secret}</dd>
        </div>
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button primary" onClick={onClose}>
          I have it
        </button>
      </div>
    </Dialog>
  )
}
