/** Plans in which something was found to be wrong, made as small as could be: it was mended, and they are run for ever. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plan } from './plan/plan.ts'

export type Found = {
  /** What was wrong. */
  readonly found: string
  readonly plan: Plan
}

/** From the root of the checkout: plans are data, and not compiled. */
const FOUND = join('test', 'sim', 'found')

export function foundFiles(): string[] {
  return readdirSync(FOUND)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => join(FOUND, file))
}

export function readFound(file: string): Found {
  return JSON.parse(readFileSync(file, 'utf8')) as Found
}
