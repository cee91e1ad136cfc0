/**
 * Regular expressions over what strangers choose, such as ClientIDs. They follow RE2, whose time grows with the length of the text
 * however a pattern is written; what needs backtracking, as EMQX's PCRE has it (backreferences, lookaround), is refused by name.
 */
import { RE2JS } from 're2js'

export type CompiledPattern = {
  /** Whether the pattern matches anywhere in the text; `undefined` for a text too long to be looked at. */
  test(text: string): boolean | undefined
}

export type PatternResult =
  | { readonly type: 'ok'; readonly pattern: CompiledPattern }
  | { readonly type: 'invalid'; readonly message: string }

/** Characters. Time in proportion to 64 KiB, once for each rule, would still hold up everybody else. */
export const patternTextMax = 1_024

const patternLengthMax = 1_000
/** RE2 writes `a{100}` out as a hundred times `a`. It bounds each such number, and what is nested, but not their sum. */
const repetitionsMax = 1_000

function repetitions(source: string): number {
  return [...source.matchAll(/\{(\d{1,6})(?:,(\d{0,6}))?\}/g)].reduce(
    (sum, [, min, max]) => sum + Math.max(Number(min), Number(max ?? 0)),
    0,
  )
}

/** `$` is the very end: with PCRE's end before a last line feed, whoever adds one to a ClientID would pass for another. */
export function compilePattern(source: string): PatternResult {
  if (source.length > patternLengthMax) {
    return { type: 'invalid', message: `longer than ${patternLengthMax} characters` }
  }
  if (repetitions(source) > repetitionsMax) {
    return { type: 'invalid', message: `the numbers in braces come to more than ${repetitionsMax}` }
  }
  try {
    const pattern = RE2JS.compile(source)
    return {
      type: 'ok',
      pattern: { test: (text) => (text.length > patternTextMax ? undefined : pattern.matcher(text).find()) },
    }
  } catch (error) {
    // Whatever the library trips over, it is this pattern's doing.
    const message = error instanceof Error ? error.message : String(error)
    return { type: 'invalid', message: message.replace('error parsing regexp: ', '') }
  }
}
