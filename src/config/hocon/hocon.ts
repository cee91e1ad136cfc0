/**
 * A HOCON text as plain values, with the place of each key. `@pushcorn/hocon-parser` merges and substitutes; before it sees the
 * text, `hocon-scan.ts` has found it well formed and free of what would run code, and included files stand in it already.
 */
import type { ConfigError } from '../config-error.ts'
import { expandIncludes, type HoconOrigin, type HoconPlace, plainLines, type ReadFile } from './hocon-include.ts'
import { keyOf, scanHocon } from './hocon-scan.ts'
import { readOnThread } from './hocon-thread.ts'
import { unresolvedIn } from './hocon-unresolved.ts'
import { formatKeyPath, isSection, type KeyPath } from '../key-path.ts'

export type Env = Readonly<Record<string, string | undefined>>
export type Place = { readonly file?: string; readonly line?: number }
export type HoconDocument = {
  readonly type: 'ok'
  readonly value: Record<string, unknown>
  /** Where a key stands; for one that does not, the place of the section that it should stand in. */
  readonly placeOf: (path: KeyPath) => Place
  /** Substitutions that found nothing. Where one stands, `value` holds a text that `unresolvedIn` knows. */
  readonly errors: readonly ConfigError[]
}

/** Never rejects for a bad text: all that is wrong with it is in the answer. */
export async function readHocon(
  text: string,
  place: HoconPlace,
  env: Env,
  readFile: ReadFile,
): Promise<HoconDocument | { readonly type: 'invalid'; readonly errors: readonly ConfigError[] }> {
  const expanded = expandIncludes(plainLines(text), place, readFile)
  if (expanded.type === 'invalid') {
    const { file, line, reason, message } = expanded
    return invalid([{ ...placed(file, line), key: '', reason, message }])
  }
  const scan = scanHocon(expanded.text)
  const whereIs = (line: number | undefined): Place => {
    const origin = line === undefined ? undefined : expanded.origins[line - 1]
    return origin === undefined ? placed(place.file, undefined) : placed(origin.file, origin.line)
  }
  if (scan.type === 'invalid') {
    return invalid([{ ...whereIs(scan.line), key: '', reason: scan.reason, message: scan.message }])
  }
  const resolved = await substitute(expanded.text, env, whereIs)
  if (resolved.type === 'invalid') return resolved
  const placeOf = (path: KeyPath): Place => whereIs(lineOf(scan.lines, path))
  return { ...resolved, placeOf, errors: unresolvedErrors(resolved.value, [], placeOf) }
}

type Resolved =
  | { readonly type: 'ok'; readonly value: Record<string, unknown> }
  | { readonly type: 'invalid'; readonly errors: readonly ConfigError[] }

async function substitute(text: string, env: Env, whereIs: (line: number | undefined) => Place): Promise<Resolved> {
  const answer = await readOnThread({ text, env: { ...env } })
  switch (answer.type) {
    case 'ok': {
      const { value } = answer
      return isSection(value) ? { type: 'ok', value } : syntaxError(whereIs(1), 'a configuration is made of keys')
    }
    case 'failed':
      return syntaxError(whereIs(Number(/\bline: (\d+)/.exec(answer.said)?.[1] ?? Number.NaN)), explain(answer.said))
    case 'too_large':
      return syntaxError(
        whereIs(1),
        'this comes to more values than any configuration has; do substitutions repeat each other?',
      )
  }
}

function unresolvedErrors(value: unknown, path: KeyPath, placeOf: (path: KeyPath) => Place): ConfigError[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => unresolvedErrors(item, [...path, index], placeOf))
  if (isSection(value)) {
    return Object.entries(value).flatMap(([key, item]) => unresolvedErrors(item, [...path, key], placeOf))
  }
  const name = unresolvedIn(value)
  if (name === undefined) return []
  const message = `\${${name}} is neither an environment variable nor a key; set it, or write \${?${name}} if it may lack`
  return [{ ...placeOf(path), key: formatKeyPath(path), reason: 'unresolved_substitution', message }]
}

/** The parser quotes what it reads, which may be a password: only what it says about it is repeated. */
function explain(said: string): string {
  const known = /^(?:Unable to start an? (?:array|object) in the primitive mode|Unexpected token|Invalid path)/.exec(
    said,
  )
  if (known?.[0].startsWith('Unable'))
    return 'a list or a section cannot follow a value; is a line end or a comma missing?'
  return 'the parser cannot read what stands here; put values in double quotes'
}

/** The line of a key, or of the nearest section around it. */
function lineOf(lines: ReadonlyMap<string, number>, path: KeyPath): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(keyOf(path.slice(0, length)))
    if (line !== undefined) return line
  }
  return undefined
}

function placed(file: HoconOrigin['file'], line: number | undefined): Place {
  return { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) }
}

function syntaxError(
  place: Place,
  message: string,
): { readonly type: 'invalid'; readonly errors: readonly ConfigError[] } {
  return invalid([{ ...place, key: '', reason: 'syntax_error', message }])
}

function invalid(errors: readonly ConfigError[]): {
  readonly type: 'invalid'
  readonly errors: readonly ConfigError[]
} {
  return { type: 'invalid', errors }
}
