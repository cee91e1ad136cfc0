/** What `isthmus api-keys` does. */
import { segment } from '../api-client.ts'
import { answer, apiOf, type AskOptions } from '../ask.ts'
import { type Fields, isFields } from '../fields.ts'
import { field, text } from '../inspect/rows.ts'
import { type Column, printable } from '../inspect/table.ts'
import { confirm, hasPerson } from '../prompt.ts'
import { fieldsIn, showFacts, showLines, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'

const columns: readonly Column<Fields>[] = [
  { title: 'NAME', of: field('name') },
  { title: 'KEY', of: field('api_key') },
  { title: 'ROLE', of: field('role') },
  {
    title: 'STATE',
    of: ({ enable, expired }) => (expired === true ? 'expired' : enable === true ? 'enabled' : 'disabled'),
  },
  { title: 'EXPIRES', of: ({ expired_at }) => (expired_at === 'infinity' ? 'never' : text(expired_at)) },
  { title: 'DESCRIPTION', of: field('desc') },
]

export async function list(options: AskOptions, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  const keys = await api.get('/api_key')
  return answer(options, terminal, keys, () => showRows(terminal, columns, fieldsIn(keys), 'there are no API keys'))
}

export async function add(
  name: string,
  options: AskOptions & {
    readonly role: string | undefined
    readonly expires: string | undefined
    readonly description: string | undefined
  },
  terminal: Terminal,
): Promise<0> {
  const { role, expires: expired_at, description: desc } = options
  const api = await apiOf(options, terminal)
  const added = await api.request('POST', '/api_key', { body: { name, role, expired_at, desc } })
  const { api_key, api_secret } = isFields(added) ? added : {}
  return answer(options, terminal, added, () => {
    showFacts(terminal, [
      ['ISTHMUS_API_KEY', text(api_key)],
      ['ISTHMUS_API_SECRET', text(api_secret)],
    ])
    terminal.complaints.write('the secret is not shown again\n')
  })
}

export async function remove(
  name: string,
  options: AskOptions & { readonly yes: boolean },
  terminal: Terminal,
): Promise<0> {
  const api = await apiOf(options, terminal)
  if (!options.yes && hasPerson(terminal)) await confirm(terminal, printable(`delete the API key ${name}?`))
  await api.request('DELETE', `/api_key/${segment(name)}`)
  if (!options.json) showLines(terminal, [printable(`API key ${name} deleted`)])
  return 0
}
