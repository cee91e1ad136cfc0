/** What a soak found, as a table for people. Pure. */
import type { SoakResult } from './soak.ts'

/** One line each; what did not hold comes first. */
export function soakLines({ failures, slopes, messages, operations, faults, healingMs }: SoakResult): string[] {
  const { acknowledged, due, delivered, lost, doubled } = messages
  const healing = healingMs.toSorted((a, b) => a - b)
  return [
    ...failures.map((failure) => `DOES NOT HOLD  ${failure}`),
    ...rows([
      ['process', 'life', 'figure', 'median', 'per hour', 'at least', 'bound', ''],
      ...slopes.map((slope) => [
        slope.process,
        String(slope.life),
        `${slope.figure}${slope.unit === '' ? '' : ` (${slope.unit})`}`,
        String(slope.median),
        String(slope.perHour),
        String(slope.perHourAtLeast),
        String(slope.perHourMax),
        slope.isFlat ? 'flat' : 'GROWS',
      ]),
    ]),
    `messages: ${acknowledged} acknowledged, due ${due}, delivered ${delivered}, lost ${lost}, doubled ${doubled}`,
    `faults: ${counts(faults)}; healing: median ${healing[healing.length >> 1] ?? 0} ms, worst ${healing.at(-1) ?? 0} ms`,
    `clients: ${counts(operations)}`,
  ]
}

function counts(tally: Readonly<Record<string, number>>): string {
  return Object.entries(tally)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')
}

/** Columns that are as wide as what is in them. */
function rows(cells: readonly (readonly string[])[]): string[] {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
