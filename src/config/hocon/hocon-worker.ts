/** The thread on which `hocon-thread.ts` has texts read. */
import parser from '@pushcorn/hocon-parser'
import { parentPort } from 'node:worker_threads'
import type { HoconAnswer, HoconTask } from './hocon-thread.ts'
import { mark } from './hocon-unresolved.ts'
import { isSection } from '../key-path.ts'

parentPort?.on('message', (task: HoconTask) => void answer(task).then((said) => parentPort?.postMessage(said, [])))

const marksMax = 100
/** Values, in all, of what a text comes to: more than any configuration has, and as many as are checked within milliseconds. */
const valuesMax = 20_000
/** So many characters of text count as a further value. */
const charactersPerValue = 64

async function answer({ text, env }: HoconTask): Promise<HoconAnswer> {
  const scope: Record<string, unknown> = { ...env }
  for (let marks = 0; ; marks++) {
    try {
      const value = (await parser.Context.resolve({ text, strict: true, env: false, scope: { ...scope } })) ?? {}
      return hasGrownTooLarge(value) ? { type: 'too_large' } : { type: 'ok', value }
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      const name = /^Unable to resolve '([^']+)'/.exec(said)?.[1]
      if (name === undefined || marks >= marksMax || !mark(scope, name)) return { type: 'failed', said }
    }
  }
}

/** Substitutions that repeat each other grow beyond all measure. A value that stands in several places counts in each. */
function hasGrownTooLarge(root: unknown): boolean {
  const waiting = [root]
  let count = 0
  while (waiting.length > 0) {
    const value = waiting.pop()
    count += typeof value === 'string' ? 1 + value.length / charactersPerValue : 1
    if (count + waiting.length > valuesMax) return true
    if (Array.isArray(value) || isSection(value)) for (const inner of Object.values(value)) waiting.push(inner)
  }
  return false
}
