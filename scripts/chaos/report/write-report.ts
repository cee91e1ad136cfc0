/** The report of a run: a table as text, a page, and the figures themselves. */
import type { ScenarioResult } from './scenario-result.ts'

/** Writes `report.txt`, `report.html` and `results.json` into `directory`, which it makes. Returns the table. */
export function writeReport(_results: readonly ScenarioResult[], _directory: string): string {
  throw new Error('follows')
}
