/** The report of a run: a table as text, a page, and the figures themselves. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pageOf } from './page.ts'
import type { ScenarioResult } from './scenario-result.ts'
import { tableOf } from './table.ts'

/**
 * Writes `report.txt`, `report.html` and `results.json` into `directory`, which it makes. Returns the table.
 * @param heading lines that say which run this was
 */
export function writeReport(
  results: readonly ScenarioResult[],
  directory: string,
  heading: readonly string[] = [],
): string {
  const table = tableOf(results)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'report.txt'), `${table}\n`)
  writeFileSync(join(directory, 'report.html'), pageOf(results, heading))
  writeFileSync(join(directory, 'results.json'), `${JSON.stringify(results, undefined, 1)}\n`)
  return table
}
