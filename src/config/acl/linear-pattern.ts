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

/** `$` is the very end: with PCRE's end before a last line feed, whoever adds one to a ClientID would pass for another. */
export function compilePattern(source: string): PatternResult {
  if (source.length > patternLengthMax) {
    return { type: 'invalid', message: `longer than ${patternLengthMax} characters` }
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
