/** What `isthmus users` does: users with whose names clients connect. */
import { segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import { type Fields, isFields } from '../fields.ts'
import { field } from '../inspect/rows.ts'
import { type Column, printable } from '../inspect/table.ts'
import { confirm, hasPerson } from '../prompt.ts'
import { neededSecret, type SecretGiven } from '../read-secret.ts'
import { fieldsIn, showLines, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'

const USERS = '/authentication/password_based:built_in_database/users'

const columns: readonly Column<Fields>[] = [
  { title: 'USER', of: field('user_id') },
  { title: 'SUPERUSER', of: ({ is_superuser }) => (is_superuser === true ? 'yes' : 'no') },
]

export async function list(
  options: AskOptions & {
    readonly search: string | undefined
    readonly limit: number | undefined
    readonly page: number | undefined
  },
  terminal: Terminal,
): Promise<0> {
  const { search, limit, page } = options
  const api = await apiOf(options, terminal)
  const users = await api.get(USERS, { like_user_id: search, limit, page })
  const rows = isFields(users) ? fieldsIn(users['data']) : []
  return answer(options, terminal, users, () => showRows(terminal, columns, rows, 'there are no such users'))
}

export async function add(
  user: string,
  options: AskOptions & SecretGiven & { readonly superuser: boolean | undefined },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  const password = await neededSecret(options, `password of ${printable(user)}`, terminal)
  const { superuser: is_superuser } = options
  const added = await api.request('POST', USERS, { body: { user_id: user, password, is_superuser } })
  return answer(options, terminal, added, () => showLines(terminal, [printable(`user ${user} added`)]))
}

export async function passwd(user: string, options: AskOptions & SecretGiven, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  const password = await neededSecret(options, `new password of ${printable(user)}`, terminal)
  const changed = await api.request('PUT', `${USERS}/${segment(user)}`, { body: { password } })
  return answer(options, terminal, changed, () => showLines(terminal, [printable(`user ${user} has a new password`)]))
}

export async function remove(
  user: string,
  options: AskOptions & { readonly yes: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  if (!options.yes && hasPerson(terminal)) await confirm(terminal, printable(`delete the user ${user}?`))
  await api.request('DELETE', `${USERS}/${segment(user)}`)
  if (!options.json) showLines(terminal, [printable(`user ${user} deleted`)])
  return 0
}
