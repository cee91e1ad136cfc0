/** Who may log in here. */
import { request, segment } from '../api/request.ts'
import { session, type Role } from '../api/session.ts'
import { Confirm } from '../controls/confirm.tsx'
import { DataTable } from '../controls/data-table.tsx'
import { Reading } from '../controls/empty.tsx'
import { Badge } from '../controls/status-badge.tsx'
import { useResource } from '../live/use-resource.ts'
import { useAsked } from './asked.ts'
import { EditDialog, PASSWORD_HINT, ROLES, SelectField, TextField } from './edit-dialog.tsx'
import { RowActions } from './row-actions.tsx'

type User = { readonly username: string; readonly description: string; readonly role: Role }
type Asked = { readonly what: 'new' } | { readonly what: 'edit' | 'password' | 'delete'; readonly user: User }

export function Users() {
  const { value, fault, reload } = useResource((signal) => request<readonly User[]>('GET', 'users', { signal }), [])
  const { asked, ask, done, close } = useAsked<Asked>(reload)
  if (value === undefined) return <Reading fault={fault} onRetry={reload} />
  return (
    <div class="tab-body">
      <div class="toolbar">
        <p class="grow muted">Those who may log in to the dashboard of any node of this cluster.</p>
        <button type="button" class="button primary" onClick={() => ask({ what: 'new' })}>
          New user
        </button>
      </div>
      <DataTable
        label="Users"
        rows={value}
        keyOf={({ username }) => username}
        empty="There are none."
        columns={[
          { title: 'User', cell: ({ username }) => username },
          {
            title: 'Role',
            cell: ({ role }) => <Badge tone={role === 'administrator' ? 'warn' : 'off'} text={role} />,
          },
          { title: 'Description', wide: true, cell: ({ description }) => description || '–' },
          {
            title: 'Change',
            cell: (user) => <Actions user={user} ask={ask} />,
          },
        ]}
      />
      {asked !== undefined && <Asked asked={asked} onDone={done} onClose={close} />}
    </div>
  )
}

function Actions({ user, ask }: { readonly user: User; readonly ask: (asked: Asked) => void }) {
  const edit = { title: 'Edit', onClick: () => ask({ what: 'edit', user }) }
  if (user.username === session.value?.username) return <RowActions actions={[edit]} />
  const password = { title: 'New password', onClick: () => ask({ what: 'password', user }) }
  return <RowActions actions={[edit, password]} onDelete={() => ask({ what: 'delete', user })} />
}

type AskedProps = { readonly asked: Asked; readonly onDone: (text: string) => void; readonly onClose: () => void }

function Asked({ asked, onDone, onClose }: AskedProps) {
  if (asked.what === 'new') {
    return (
      <EditDialog
        title="New user"
        action="Create user"
        onClose={onClose}
        onSave={async (typed) => {
          await request('POST', 'users', { body: typed })
          onDone(`${typed['username'] ?? ''} may log in`)
        }}
      >
        <TextField name="username" label="User name" required />
        <TextField name="password" label="Password" hint={PASSWORD_HINT} password required />
        <SelectField name="role" label="Role" value="viewer" options={ROLES} />
        <TextField name="description" label="Description" />
      </EditDialog>
    )
  }
  const { username, role, description } = asked.user
  const path = `users/${segment(username)}`
  if (asked.what === 'edit') {
    return (
      <EditDialog
        title={username}
        action="Save"
        onClose={onClose}
        onSave={async (typed) => {
          await request('PUT', path, { body: typed })
          onDone(`${username} is saved`)
        }}
      >
        <SelectField name="role" label="Role" value={role} options={ROLES} />
        <TextField name="description" label="Description" value={description} />
      </EditDialog>
    )
  }
  if (asked.what === 'password') {
    return (
      <EditDialog
        title={`A new password for ${username}`}
        action="Set password"
        onClose={onClose}
        onSave={async (typed) => {
          await request('POST', `${path}/change_pwd`, { body: typed })
          onDone(`${username} has a new password, and logs in anew`)
        }}
      >
        <TextField name="new_pwd" label="New password" hint={PASSWORD_HINT} password required />
      </EditDialog>
    )
  }
  return (
    <Confirm
      title={`Delete ${username}?`}
      action="Delete user"
      danger
      onClose={onClose}
      onConfirm={async () => {
        await request('DELETE', path)
        onDone(`${username} is deleted`)
      }}
    >
      <p>Whoever is logged in as {username} is out at once.</p>
    </Confirm>
  )
}
