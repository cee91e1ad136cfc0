/** What `isthmus admins` does: users of the dashboard. */
import { segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import type { Fields } from '../fields.ts'
import { field } from '../inspect/rows.ts'
import { type Column, printable } from '../inspect/table.ts'
import { confirm, hasPerson } from '../prompt.ts'
import { neededSecret, type SecretGiven } from '../read-secret.ts'
import { fieldsIn, showLines, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'

const columns: readonly Column<Fields>[] = [
  { title: 'USER', of: field('username') },
  { title: 'ROLE', of: field('role') },
  { title: 'DESCRIPTION', of: field('description') },
]

export async function list(options: AskOptions, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  const users = await api.get('/users')
  return answer(options, terminal, users, () => showRows(terminal, columns, fieldsIn(users), 'there are no users'))
}

export async function add(
  user: string,
  options: AskOptions & SecretGiven & { readonly role: string | undefined; readonly description: string | undefined },
  terminal: Terminal,
): Promise<0> {
  const { role, description } = options
  const api = await apiOf(options, terminal)
  const password = await neededSecret(options, `password of ${printable(user)}`, terminal)
  const added = await api.request('POST', '/users', { body: { username: user, password, role, description } })
  return answer(options, terminal, added, () =>
    showLines(terminal, [printable(`user ${user} of the dashboard added, as ${role ?? 'viewer'}`)]),
  )
}

export async function passwd(user: string, options: AskOptions & SecretGiven, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  const password = await neededSecret(options, `new password of ${printable(user)}`, terminal)
  await api.request('POST', `/users/${segment(user)}/change_pwd`, { body: { new_pwd: password } })
  if (!options.json) showLines(terminal, [printable(`user ${user} of the dashboard has a new password`)])
  return 0
}

export async function remove(
  user: string,
  options: AskOptions & { readonly yes: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  if (!options.yes && hasPerson(terminal))
    await confirm(terminal, printable(`delete the user ${user} of the dashboard?`))
  await api.request('DELETE', `/users/${segment(user)}`)
  if (!options.json) showLines(terminal, [printable(`user ${user} of the dashboard deleted`)])
  return 0
}
