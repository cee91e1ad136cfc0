/** The options of lists that the API answers page by page. */
import type { Options } from './command.ts'

export const pageOptions = {
  limit: { kind: 'number', value: 'N', min: 1, max: 1_000, help: 'at most so many; 100 if nothing is said' },
  page: { kind: 'number', value: 'N', min: 1, max: 1_000_000, help: 'of so many each; the first if nothing is said' },
} as const satisfies Options
