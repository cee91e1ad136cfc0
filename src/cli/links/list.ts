/** `isthmus links list`. */
import { answer, apiOf, type AskOptions } from '../ask.ts'
import type { Fields } from '../fields.ts'
import { field, text } from '../inspect/rows.ts'
import type { Column } from '../inspect/table.ts'
import { fieldsIn, showRows } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { showOrWatch } from '../watch.ts'
import { filtersText, reasonsText, statusColumn } from './link-words.ts'

const columns: readonly Column<Fields>[] = [
  { title: 'NAME', of: field('name') },
  { title: 'ENABLED', of: ({ enable }) => (enable === true ? 'yes' : 'no') },
  statusColumn,
  { title: 'SERVER', of: field('server') },
  { title: 'TOPICS', of: ({ topics }) => filtersText(topics) },
  { title: 'REASON', of: reasonsText },
]

export async function list(options: AskOptions & { readonly watch: boolean }, terminal: Terminal): Promise<0> {
  const api = await apiOf(options, terminal)
  return showOrWatch(options.watch, terminal, async (screen) => {
    const links = await api.get('/cluster/links')
    const sorted = fieldsIn(links).toSorted((one, other) => text(one['name']).localeCompare(text(other['name'])))
    answer(options, screen, links, () =>
      showRows(screen, columns, sorted, 'there are no links; `isthmus links create --help` says how to make one'),
    )
  })
}
