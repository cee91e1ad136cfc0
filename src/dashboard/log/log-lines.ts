/** Lines of the log of all nodes: put together from what was read and what was told since, and searched. All pure. */

export type LogLine = {
  readonly node: string
  readonly at: string
  readonly level: string
  readonly component: string
  readonly event: string
  readonly fields?: Readonly<Record<string, unknown>>
}

/** What the live stream tells: a line, or how many of a node it left out. */
export type LogNews = LogLine | { readonly node: string; readonly skipped: number }

/** A line with what tells it from all others. */
export type KeptLine = LogLine & { readonly key: string }

export const LEVELS = ['trace', 'debug', 'info', 'notice', 'warn', 'error', 'fatal'] as const
export type Level = (typeof LEVELS)[number]

/** Lines that the page keeps. */
export const LINES_MAX = 2_000

/** Both are lines that the node has: those that are in both come once. The oldest go when they are too many. */
export function joined(known: readonly KeptLine[], fresh: readonly LogLine[]): readonly KeptLine[] {
  const keys = new Set(known.map(({ key }) => key))
  const added = keyed(fresh).filter(({ key }) => !keys.has(key))
  if (added.length === 0) return known
  return [...known, ...added].toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).slice(-LINES_MAX)
}

/** Lines that say the same at the same instant are told apart by how many there are. */
function keyed(lines: readonly LogLine[]): readonly KeptLine[] {
  const times = new Map<string, number>()
  return lines.map((line) => {
    const { node, at, level, component, event, fields = {} } = line
    const said = JSON.stringify([node, at, level, component, event, fields])
    const time = (times.get(said) ?? 0) + 1
    times.set(said, time)
    return { node, at, level, component, event, fields, key: `${said} ${time}` }
  })
}

/** @param at of what was left out there is no time: that of now */
export function linesOf(news: readonly LogNews[], at: string): readonly LogLine[] {
  return news.map((one) =>
    'skipped' in one
      ? { node: one.node, at, level: 'warn', component: 'log', event: 'lines_left_out', fields: { lines: one.skipped } }
      : one,
  )
}

export type LogFilter = {
  /** This level and all that are graver. */
  readonly level: Level
  readonly component: string
  readonly node: string
  readonly text: string
}

export function shownLines(
  lines: readonly KeptLine[],
  { level, component, node, text }: LogFilter,
): readonly KeptLine[] {
  const least = LEVELS.indexOf(level)
  const wanted = text.trim().toLowerCase()
  return lines.filter(
    (line) =>
      gravity(line.level) >= least &&
      (component === '' || line.component === component) &&
      (node === '' || line.node === node) &&
      (wanted === '' || line.key.toLowerCase().includes(wanted)),
  )
}

/** A level that is not known here is not kept from whoever looks. */
function gravity(level: string): number {
  const at = LEVELS.findIndex((one) => one === level)
  return at < 0 ? LEVELS.length : at
}

/** { link: 'eu', routes: 2 } -> link=eu routes=2 */
export function fieldsText(fields: LogLine['fields']): string {
  return Object.entries(fields ?? {})
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
