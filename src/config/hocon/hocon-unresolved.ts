/** Substitutions that find nothing: the parser stops at the first, so that each gets a mark to find instead, and all are told. */
import { isSection } from '../key-path.ts'

/** Puts a mark where a substitution by this name looks. False if one stands there already. */
export function mark(scope: Record<string, unknown>, name: string): boolean {
  const names = name.replaceAll('"', '').split('.')
  let at = scope
  for (const part of names.slice(0, -1)) {
    const next = Object.hasOwn(at, part) ? at[part] : undefined
    const inner: Record<string, unknown> = isSection(next) ? next : {}
    at[part] = inner
    at = inner
  }
  const last = names.at(-1) ?? name
  if (unresolvedIn(at[last]) !== undefined) return false
  at[last] = `\0unresolved ${name}\0`
  return true
}

/** The name of a substitution in this value that found nothing. That was told already: nothing else is wrong with the value. */
export function unresolvedIn(value: unknown): string | undefined {
  // No text of a file holds U+0000: the scanner refuses it.
  return typeof value === 'string' ? /\0unresolved ([^\0]*)\0/.exec(value)?.[1] : undefined
}
