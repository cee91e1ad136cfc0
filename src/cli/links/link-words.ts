/** What an API tells of a link, in words and colours. */
import { styleText } from 'node:util'
import type { Fields } from '../fields.ts'
import { text } from '../inspect/rows.ts'
import type { Column } from '../inspect/table.ts'

const colours = {
  running: 'green',
  connecting: 'yellow',
  bootstrapping: 'yellow',
  degraded: 'yellow',
  stopped: 'gray',
  failed: 'red',
  inconsistent: 'red',
} as const

export const statusColumn: Column<Fields> = {
  title: 'STATUS',
  of: ({ status }) => text(status),
  paint: (shown, { status }) => {
    const colour = Object.entries(colours).find(([state]) => state === status)?.[1]
    return colour === undefined ? shown : styleText(colour, shown, { validateStream: false })
  },
}

export const reasonsText = ({ reasons }: Fields): string => textsOf(reasons).join('; ')

export function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.map(text) : []
}

/** Three of them, and how many there are beside. */
export function filtersText(topics: unknown): string {
  const filters = textsOf(topics)
  if (filters.length === 0) return 'nothing'
  const more = filters.length - 3
  return more > 0 ? `${filters.slice(0, 3).join(', ')} and ${more} more` : filters.join(', ')
}
