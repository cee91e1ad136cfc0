/** Rows in columns, for people. */

export type Column<Row> = {
  readonly title: string
  readonly of: (row: Row) => string
  readonly align?: 'right'
  /** Colours what is shown, padding and all; takes no room. */
  readonly paint?: (shown: string, row: Row) => string
}

/** Lines: the titles, then a row each. The last column is as long as it is. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => printable(of(row))))]
  const widths = columns.map((_, column) => cells.reduce((max, line) => Math.max(max, line[column]!.length), 0))
  const pad = (cell: string, column: number): string =>
    columns[column]?.align === 'right' ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
  const paint = (cell: string, column: number, line: number): string => {
    const row = rows[line - 1]
    return row === undefined ? cell : (columns[column]?.paint?.(cell, row) ?? cell)
  }
  return cells.map((line, index) =>
    line
      .map((cell, column) => paint(pad(cell, column), column, index))
      .join('  ')
      .trimEnd(),
  )
}

/** Clients choose their names and filters: what a terminal would obey is shown instead. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** `12 s`, `3 min`, `2 h`, `5 d`: the largest unit that there is a whole one of. */
export function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const
  for (const [unit, unitMs] of units) if (ms >= unitMs) return `${Math.floor(ms / unitMs)} ${unit}`
  return `${Math.max(0, Math.round(ms))} ms`
}

/** `12 B`, `3.4 KB`, `5.6 MB`: 1 KB is 1,024 bytes, as in the configuration. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const
  let unit = 0
  let left = bytes
  for (; left >= 1_024 && unit < units.length - 1; unit += 1) left /= 1_024
  return unit === 0 ? `${left} B` : `${left.toFixed(1)} ${units[unit]}`
}
