/**
 * Reads the structure of a HOCON text, not its values: on which line each key stands, where files are included, and whether it
 * is well formed. Values are `@pushcorn/hocon-parser`'s business, which knows no lines; what that parser does beyond HOCON
 * (expressions after `|` that run as JavaScript, URLs and scripts as includes, a stray `}` passed over) is refused here, before
 * it sees the text.
 */
import type { KeyPath } from '../key-path.ts'

export type HoconScan = {
  readonly type: 'ok'
  /** Line of the last definition of each key and array element, by `keyOf(path)`. */
  readonly lines: ReadonlyMap<string, number>
  readonly includes: readonly HoconInclude[]
  /** Where the braces around the whole text stand, if it has them; offsets in UTF-16 units. */
  readonly braces: { readonly open: number; readonly close: number } | undefined
}
export type HoconInclude = {
  readonly start: number
  readonly end: number
  readonly line: number
  readonly target: string
}
export type HoconProblem = {
  readonly type: 'invalid'
  readonly line: number
  readonly reason: 'syntax_error' | 'bad_include'
  readonly message: string
}

/** A path as a key of a map. */
export const keyOf = (path: KeyPath): string => path.map(nameOf).join('')
const nameOf = (part: string | number): string => `.${JSON.stringify(String(part))}`

/** `text` has `\n` as its only line end. */
export function scanHocon(text: string): HoconScan | HoconProblem {
  try {
    return new Scanner(text).root()
  } catch (error) {
    if (error instanceof ScanFault) return error.problem
    throw error
  }
}

/** Leaves the recursion at the first problem; never leaves this file. */
class ScanFault extends Error {
  override readonly name = 'ScanFault'
  readonly problem: HoconProblem
  constructor(problem: HoconProblem) {
    super(problem.message)
    this.problem = problem
  }
}

/** Deeper than any configuration, shallower than the stack. */
const depthMax = 64
const tooDeep = `nested deeper than ${depthMax} levels`
/** A key or an element of an array: `key` is `keyOf` its path, `depth` how long that is. */
type Spot = { readonly key: string; readonly depth: number }
const rootSpot: Spot = { key: '', depth: 0 }
/** `|`, which HOCON allows without quotes, would start an expression. */
const unquotedRun = /[^$"{}[\]:=,+#`^?!@*&\\|\s\p{Cc}\p{Zs}\u2028\u2029]+/uy
const quotedRun = /"((?:\\(?:["'\\/bfnrt]|u[\da-fA-F]{4})|[^"\\\p{Cc}])*)"/uy
const substitutionRun = /\$\{\??[^${}"\n]+\}/y
/** The four ways to name a file: `"f"`, `file("f")`, `required("f")`, `required(file("f"))`. */
const includeTarget =
  /(?:"([^"\\\n]+)"|(?:file|required)\(\s*"([^"\\\n]+)"\s*\)|required\(\s*file\(\s*"([^"\\\n]+)"\s*\)\s*\))/y
const isIncludeWord = (text: string): boolean => text === 'include' || text === 'require'
const quoteHint = 'put the value in double quotes if it belongs to it'

class Scanner {
  private readonly text: string
  private at = 0
  private line = 1
  private depth = 0
  private readonly lines = new Map<string, number>()
  private readonly includes: HoconInclude[] = []
  /** How many elements an array has so far: `+=` and `[...] [...]` go on where it ended. */
  private readonly counts = new Map<string, number>()

  constructor(text: string) {
    this.text = text
  }

  root(): HoconScan {
    this.skipBlank()
    const open = this.at
    const braced = this.text[open] === '{'
    if (this.text[open] === '[') this.fail('a configuration is made of keys; `[` begins a list')
    if (braced) this.braced(rootSpot)
    else this.fields(rootSpot, undefined)
    const close = this.at - 1
    if (braced) {
      this.skipBlank()
      if (this.at < this.text.length) this.fail('nothing may follow the `}` that ends the configuration')
    }
    const braces = braced ? { open, close } : undefined
    return { type: 'ok', lines: this.lines, includes: this.includes, braces }
  }

  private braced(spot: Spot): void {
    this.enter()
    this.at++
    this.fields(spot, this.line)
    this.at++
    this.depth--
  }

  /** Up to the `}` that ends them, or to the end of the text if no brace opened them. */
  private fields(spot: Spot, openedOn: number | undefined): void {
    for (;;) {
      this.skipBlank()
      while (this.text[this.at] === ',') {
        this.at++
        this.skipBlank()
      }
      const next = this.text[this.at]
      if (next === undefined) {
        if (openedOn === undefined) return
        this.fail(`the \`{\` of line ${openedOn} is never closed`)
      }
      if (next === '}') {
        if (openedOn !== undefined) return
        this.fail('this `}` closes nothing')
      }
      if (!this.include()) this.field(spot)
    }
  }

  private include(): boolean {
    const start = this.at
    if (this.match(/include[ \t]+/y) === undefined) return false
    const target = this.match(includeTarget)
      ?.slice(1)
      .find((name) => name !== undefined)
    if (target === undefined || !/^[ \t]*(?:[,}\n#]|\/\/|$)/.test(this.text.slice(this.at, this.at + 1000))) {
      this.fail(includeHint, 'bad_include')
    }
    this.includes.push({ start, end: this.at, line: this.line, target })
    return true
  }

  private field(section: Spot): void {
    const line = this.line
    let spot = section
    for (const name of this.key()) {
      spot = this.within(spot, name)
      this.mark(spot, line)
    }
    this.skipBlank()
    const next = this.text[this.at]
    if (next === '{') return this.value(spot, line)
    if (next !== '=' && next !== ':' && !this.text.startsWith('+=', this.at)) {
      // The name is not repeated: where the quotes or the `=` went astray, it may be a password.
      this.fail('this key has no value: `=` is missing after it', 'syntax_error', line)
    }
    const appends = next === '+'
    this.at += appends ? 2 : 1
    if (!appends) this.counts.delete(spot.key)
    const count = this.counts.get(spot.key) ?? 0
    this.value(spot, line)
    if (appends && (this.counts.get(spot.key) ?? 0) === count) {
      this.mark(this.within(spot, count), line)
      this.counts.set(spot.key, count + 1)
    }
  }

  /** `a.b."c.d"` is three names; blanks within a name belong to it, those around it do not. */
  private key(): string[] {
    const names: string[] = []
    let name: string | undefined
    let blank = ''
    for (;;) {
      if (this.text[this.at] === '"') {
        name = (name ?? '') + (name === undefined ? '' : blank) + this.quoted()
        blank = ''
        continue
      }
      const run = this.match(unquotedRun)?.[0]
      if (run === undefined) {
        blank = this.match(/[ \t]+/y)?.[0] ?? ''
        if (blank === '') break
        continue
      }
      if (isIncludeWord(run) && name === undefined && names.length === 0) this.fail(includeHint, 'bad_include')
      const [first = '', ...rest] = run.split('.')
      if (first !== '') name = (name ?? '') + (name === undefined ? '' : blank) + first
      for (const next of rest) {
        if (name === undefined) this.fail('a name is missing before a dot')
        names.push(name)
        name = next === '' ? undefined : next
      }
      blank = ''
    }
    if (this.text.startsWith('${', this.at)) this.fail('a substitution cannot stand in the name of a key')
    if (name === undefined) {
      this.fail(
        names.length > 0 ? 'a name is missing after a dot' : `a key should stand here, not ${this.describeNext()}`,
      )
    }
    names.push(name)
    const taken = names.find((part) => part in {} || part === 'prototype')
    if (taken !== undefined) this.fail(`\`${taken}\` cannot be the name of a key`)
    return names
  }

  /** Pieces that follow each other make one value: `${base} { more = 1 }`, `10 s`. */
  private value(spot: Spot, keyLine: number): void {
    this.skipBlank()
    let pieces = 0
    for (; ; pieces++) {
      this.match(/[ \t]+/y)
      const next = this.text[this.at]
      if (next === undefined || next === '\n' || next === ',' || next === '}' || next === ']') break
      if (next === '#' || this.text.startsWith('//', this.at)) {
        this.checkComment()
        break
      }
      if (next === '{') this.braced(spot)
      else if (next === '[') this.array(spot)
      else if (next === '"') this.quoted()
      else if (next === '$') this.substitution()
      else this.unquoted()
    }
    if (pieces === 0) this.fail('this key has no value', 'syntax_error', keyLine)
  }

  private array(spot: Spot): void {
    const openedOn = this.line
    this.enter()
    this.at++
    let index = this.counts.get(spot.key) ?? 0
    for (;;) {
      this.skipBlank()
      while (this.text[this.at] === ',') {
        this.at++
        this.skipBlank()
      }
      const next = this.text[this.at]
      if (next === ']') break
      if (next === undefined || next === '}') {
        this.fail(
          `the \`[\` of line ${openedOn} is never closed${next === undefined ? '' : ' before this `}`'}; ${listHint}`,
        )
      }
      const element = this.within(spot, index)
      this.mark(element, this.line)
      this.counts.delete(element.key)
      this.value(element, this.line)
      index++
    }
    this.at++
    this.counts.set(spot.key, index)
    this.depth--
  }

  /** The text between the quotes, escapes resolved; for values, which are not looked at, what matters is where it ends. */
  private quoted(): string {
    if (this.text.startsWith('"""', this.at)) return this.tripleQuoted()
    const match = this.match(quotedRun)
    if (match === undefined) {
      const rest = this.text.slice(this.at + 1).split('\n', 1)[0] ?? ''
      if (/[\p{Cc}]/u.test(rest))
        this.fail('a control character stands in this string; write it as an escape such as \\t')
      const closed = /^(?:[^"\\]|\\.)*"/.test(rest)
      this.fail(
        closed
          ? 'an escape in this string is none of HOCON; a backslash is written \\\\'
          : 'this string is not closed on its line',
      )
    }
    return unescape(match[1] ?? '')
  }

  private tripleQuoted(): string {
    const close = /"{3,}/g
    close.lastIndex = this.at + 3
    const match = close.exec(this.text)
    if (match === null) this.fail('the string that begins with `"""` is never closed')
    const body = this.text.slice(this.at + 3, match.index + match[0].length - 3)
    this.at = close.lastIndex
    this.line += body.split('\n').length - 1
    return body
  }

  private substitution(): void {
    if (this.match(substitutionRun) === undefined) this.fail(`a substitution is written \${NAME} or \${?NAME}`)
  }

  private unquoted(): void {
    const start = this.at
    if (this.match(unquotedRun) !== undefined) {
      // 1e+5 is the one place for a plus sign.
      if (this.text[this.at] === '+' && /^-?\d+(?:\.\d*)?e$/i.test(this.text.slice(start, this.at))) this.at++
      // The parser would take these for an inclusion in the middle of a value, too.
      else if (isIncludeWord(this.text.slice(start, this.at))) this.fail(includeHint, 'bad_include')
      return
    }
    this.fail(`${this.describeNext()} cannot stand in a value without quotes; ${quoteHint}`)
  }

  /** Blanks, line ends and comments. */
  private skipBlank(): void {
    for (;;) {
      this.match(/[ \t]+/y)
      const next = this.text[this.at]
      if (next === '\n') {
        this.line++
        this.at++
      } else if (next === '#' || this.text.startsWith('//', this.at)) {
        this.match(/[^\n]*/y)
      } else return
    }
  }

  /** `t/#` without quotes would be `t/` and a comment: a filter that is quietly another one. */
  private checkComment(): void {
    if (this.text[this.at] === '#' && /[/+]/.test(this.text[this.at - 1] ?? '')) {
      this.fail('`#` begins a comment here; put a topic filter in double quotes')
    }
  }

  private enter(): void {
    if (++this.depth > depthMax) this.fail(tooDeep)
  }

  private mark(spot: Spot, line: number): void {
    this.lines.set(spot.key, line)
  }

  private within({ key, depth }: Spot, part: string | number): Spot {
    if (depth === depthMax) this.fail(tooDeep)
    return { key: key + nameOf(part), depth: depth + 1 }
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) return undefined
    this.at = pattern.lastIndex
    return match
  }

  private describeNext(): string {
    const next = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0x20)
    if (this.at >= this.text.length) return 'the end of the file'
    if (/[\p{Cc}\p{Zs}\u2028\u2029]/u.test(next)) {
      return `the character U+${next.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
    }
    return `\`${next}\``
  }

  private fail(message: string, reason: HoconProblem['reason'] = 'syntax_error', line = this.line): never {
    throw new ScanFault({ type: 'invalid', line, reason, message })
  }
}

const includeHint = 'only files can be included, at the beginning of a line: include "other.conf"'
const listHint = 'a list ends with `]`, and topic filters in it stand in double quotes'

function unescape(text: string): string {
  const plain: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
  return text.replaceAll(/\\(?:u([\da-fA-F]{4})|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (plain[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
