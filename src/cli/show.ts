/** What an answer looks like: a table for people at a terminal, columns between tabs for other programs, JSON for scripts. */
import { type Fields, isFields } from './fields.ts'
import { type Column, printable, table } from './inspect/table.ts'
import type { Terminal } from './terminal.ts'

type Screen = Pick<Terminal, 'out' | 'env'>

/** On a terminal a table with titles, or `empty` where there is nothing; elsewhere a line a row, a tab between columns. */
export function showRows<Row>(
  terminal: Screen,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  empty: string,
): void {
  const { out } = terminal
  if (out.isTTY !== true) {
    for (const row of rows) out.write(`${columns.map(({ of }) => printable(of(row))).join('\t')}\n`)
    return
  }
  const lines = rows.length === 0 ? [empty] : table(hasColours(terminal) ? columns : columns.map(plain), rows)
  out.write(`${lines.join('\n')}\n`)
}

/** Names with what they are; those that are empty are left out. */
export function showFacts(terminal: Screen, facts: readonly (readonly [string, string])[]): void {
  const columns = [
    { title: '', of: ([name]: readonly [string, string]) => name },
    { title: '', of: ([, words]: readonly [string, string]) => words },
  ]
  const known = facts.filter(([, words]) => words !== '')
  const isTable = terminal.out.isTTY === true
  const lines = isTable ? table(columns, known).slice(1) : known.map((fact) => fact.map(printable).join('\t'))
  for (const line of lines) terminal.out.write(`${line}\n`)
}

export function showLines({ out }: Pick<Terminal, 'out'>, lines: readonly string[]): void {
  for (const line of lines) out.write(`${line}\n`)
}

export function showJson({ out }: Pick<Terminal, 'out'>, value: unknown): void {
  out.write(`${JSON.stringify(value, undefined, out.isTTY === true ? 2 : undefined)}\n`)
}

/** Who said nothing, and how much there is beyond what was shown: beside the rows, which stay clean. */
export function remark({ complaints }: Pick<Terminal, 'complaints'>, answer: unknown): void {
  const fields = isFields(answer) ? answer : {}
  const meta = isFields(fields['meta']) ? fields['meta'] : {}
  for (const { node, reason } of [...fieldsIn(fields['silent']), ...fieldsIn(meta['silent'])])
    complaints.write(printable(`${String(node)} said nothing: ${String(reason)}`) + '\n')
  if (meta['hasnext'] === true)
    complaints.write(`there are ${String(meta['count'])} in all: --limit and --page show others\n`)
}

/** The objects of a list. */
export function fieldsIn(list: unknown): Fields[] {
  return Array.isArray(list) ? list.filter(isFields) : []
}

/** See https://no-color.org. */
function hasColours({ out, env }: Screen): boolean {
  return out.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}

function plain<Row>({ title, of, align }: Column<Row>): Column<Row> {
  return { title, of, ...(align === undefined ? {} : { align }) }
}
