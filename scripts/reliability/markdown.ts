/** Pieces of RELIABILITY.md. Pure. */

/** Rows of cells under their heads; columns of numbers stand to the right. */
export function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const isNumber = heads.map((_, column) => rows.every((row) => typeof row[column] === 'number'))
  return [line(heads), `|${isNumber.map((right) => (right ? '---:' : '---')).join('|')}|`, ...rows.map(line)]
}

/** `3 crash, 2 partition`, the most frequent first; `none` of nothing. */
export function counts(tally: Readonly<Record<string, number>>): string {
  const entries = Object.entries(tally).filter(([, count]) => count > 0)
  if (entries.length === 0) return 'none'
  return entries
    .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
    .map(([name, count]) => `${grouped(count)} ${name}`)
    .join(', ')
}

/** Median and worst: `1.5 s, worst 31.0 s (of 5)`. */
export function healing(healingMs: readonly number[]): string {
  if (healingMs.length === 0) return 'none'
  const sorted = healingMs.toSorted((a, b) => a - b)
  const median = sorted[Math.floor((sorted.length - 1) / 2)]!
  return `median ${seconds(median)}, worst ${seconds(sorted.at(-1)!)} (of ${grouped(sorted.length)})`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** `12,345`; up to two decimals. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 })
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.map(cell).join(' | ')} |`
}

/** What would end a cell, begin markup, or break a line is written so that it is read as it stands. */
export function plain(words: string): string {
  return words.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;').trim()
}

function cell(value: string | number): string {
  return typeof value === 'number' ? grouped(value) : plain(value)
}
