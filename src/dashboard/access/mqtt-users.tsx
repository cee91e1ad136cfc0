/** Users of the built-in database: who may connect over MQTT. */
import { request, segment } from '../api/request.ts'
import { mayChange } from '../api/session.ts'
import { Confirm } from '../controls/confirm.tsx'
import { DataTable } from '../controls/data-table.tsx'
import { Empty } from '../controls/empty.tsx'
import { Paged, pageQuery, type Page } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { usePagedSearch } from '../live/use-paged-search.ts'
import { useResource } from '../live/use-resource.ts'
import { useAsked } from './asked.ts'
import { EditDialog, SelectField, TextField } from './edit-dialog.tsx'
import { RowActions } from './row-actions.tsx'

type User = { readonly user_id: string; readonly is_superuser: boolean }
type Asked = { readonly what: 'new' } | { readonly what: 'edit' | 'delete'; readonly user: User }

const PATH = 'authentication/password_based:built_in_database/users'
const LIMIT = 100
const RIGHTS = [
  ['false', 'as the rules say'],
  ['true', 'superuser: everything'],
] as const

export function MqttUsers() {
  const { text, wanted, page, onSearch, onPage } = usePagedSearch()
  const read = useResource(
    (signal) => {
      const query = pageQuery(page, LIMIT, { like_user_id: wanted })
      return request<Page<User>>('GET', `${PATH}?${query}`, { signal })
    },
    [wanted, page],
  )
  const { fault, reload } = read
  const { asked, ask, done, close } = useAsked<Asked>(reload)
  if (fault.startsWith('no authenticator')) {
    return (
      <Empty title="There is no database of users">
        <p>{fault}.</p>
      </Empty>
    )
  }
  return (
    <div class="tab-body">
      <div class="toolbar">
        <Search label="Part of the user name" value={text} onSearch={onSearch} />
        {mayChange() && (
          <button type="button" class="button primary" onClick={() => ask({ what: 'new' })}>
            New MQTT user
          </button>
        )}
      </div>
      <Paged read={read} onPage={onPage}>
        {(rows) => (
          <DataTable
            label="MQTT users"
            rows={rows}
            keyOf={({ user_id: id }) => id}
            empty="No user fits."
            columns={[
              { title: 'User', wide: true, cell: ({ user_id: id }) => id },
              {
                title: 'Rights',
                cell: ({ is_superuser: all }) => (all ? <Badge tone="warn" text="superuser" /> : 'as the rules say'),
              },
              ...(mayChange()
                ? [
                    {
                      title: 'Change',
                      cell: (user: User) => (
                        <RowActions
                          actions={[{ title: 'Edit', onClick: () => ask({ what: 'edit', user }) }]}
                          onDelete={() => ask({ what: 'delete', user })}
                        />
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Paged>
      {asked !== undefined && <Asked asked={asked} onDone={done} onClose={close} />}
    </div>
  )
}

type AskedProps = { readonly asked: Asked; readonly onDone: (text: string) => void; readonly onClose: () => void }

function Asked({ asked, onDone, onClose }: AskedProps) {
  if (asked.what === 'new') {
    return (
      <EditDialog
        title="New MQTT user"
        action="Create user"
        onClose={onClose}
        onSave={async ({ user_id = '', password = '', is_superuser }) => {
          await request('POST', PATH, { body: { user_id, password, is_superuser: is_superuser === 'true' } })
          onDone(`${user_id} may connect`)
        }}
      >
        <TextField name="user_id" label="User name" required />
        <TextField name="password" label="Password" password required />
        <SelectField name="is_superuser" label="Rights" value="false" options={RIGHTS} />
      </EditDialog>
    )
  }
  const { user_id: id, is_superuser: all } = asked.user
  if (asked.what === 'edit') {
    return (
      <EditDialog
        title={id}
        action="Save"
        onClose={onClose}
        onSave={async ({ password = '', is_superuser }) => {
          const fresh = password === '' ? {} : { password }
          await request('PUT', `${PATH}/${segment(id)}`, { body: { ...fresh, is_superuser: is_superuser === 'true' } })
          onDone(`${id} is saved`)
        }}
      >
        <TextField name="password" label="New password" hint="Empty: it stays as it is." password />
        <SelectField name="is_superuser" label="Rights" value={String(all)} options={RIGHTS} />
      </EditDialog>
    )
  }
  return (
    <Confirm
      title={`Delete ${id}?`}
      action="Delete user"
      danger
      onClose={onClose}
      onConfirm={async () => {
        await request('DELETE', `${PATH}/${segment(id)}`)
        onDone(`${id} is deleted`)
      }}
    >
      <p>Whoever is connected as {id} stays so; the next login is refused.</p>
    </Confirm>
  )
}
