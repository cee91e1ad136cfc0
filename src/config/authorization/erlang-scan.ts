/**
 * Erlang terms cut into tokens, each with its place. Source: the Erlang reference manual, "Data Types" and "Character Set and
 * Source File Encoding". Pure, in one pass, and without an end of its own: what is no token is reported, and the scan goes on.
 */

/** Counted from 1, as people count. */
export type TextPlace = { readonly line: number; readonly column: number }

export type Token = TextPlace &
  (
    | { readonly type: 'atom' | 'string' | 'binary'; readonly text: string }
    | { readonly type: 'integer'; readonly value: number }
    | { readonly type: 'sign'; readonly sign: Sign }
    /** The `.` that ends a term: one with a blank, a comment or nothing after it. */
    | { readonly type: 'dot' }
    | { readonly type: 'bad'; readonly message: string }
    | { readonly type: 'end' }
  )

export type Sign = '{' | '}' | '[' | ']' | ',' | '|'

/** A text with more that is no token is something else than rules. */
const badTokensMax = 100

/** Ends with a token of type `end`. */
export function scanTerms(text: string): Token[] {
  return new Scanner(text).scan()
}

class Scanner {
  readonly #text: string
  readonly #tokens: Token[] = []
  #at = 0
  #line = 1
  #lineStart = 0
  #badTokens = 0

  constructor(text: string) {
    // A byte order mark is what some editors put first.
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text
  }

  scan(): Token[] {
    for (this.#skip(); this.#at < this.#text.length && this.#badTokens < badTokensMax; this.#skip()) this.#token()
    this.#tokens.push({ ...this.#place(), type: 'end' })
    return this.#tokens
  }

  get #column(): number {
    return this.#at - this.#lineStart + 1
  }

  #place(): TextPlace {
    return { line: this.#line, column: this.#column }
  }

  /** Blanks and comments. */
  #skip(): void {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at]!
      if (char === '\n') this.#newLine()
      else if (char === '%') this.#at = this.#lineEnd() - 1
      else if (!isBlank(char)) return
    }
  }

  #newLine(): void {
    this.#line += 1
    this.#lineStart = this.#at + 1
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end === -1 ? this.#text.length : end
  }

  #token(): void {
    const char = this.#text[this.#at]!
    if (isSign(char)) this.#sign(char)
    else if (char === '"') this.#quoted('string', '"')
    else if (char === "'") this.#quoted('atom', "'")
    else if (char === '<') this.#binary()
    else if (char === '.') this.#dot()
    else if (char === '-' || (char >= '0' && char <= '9')) this.#integer()
    else this.#word(char)
  }

  #sign(sign: Sign): void {
    this.#tokens.push({ line: this.#line, column: this.#column, type: 'sign', sign })
    this.#at += 1
  }

  #bad(message: string, length: number): void {
    this.#refuse(this.#place(), message)
    this.#at += length
  }

  #refuse(place: TextPlace, message: string): void {
    this.#badTokens += 1
    this.#tokens.push({ ...place, type: 'bad', message })
  }

  #dot(): void {
    const next = this.#text[this.#at + 1]
    if (next === undefined || next === '%' || next === '\n' || isBlank(next)) {
      this.#tokens.push({ line: this.#line, column: this.#column, type: 'dot' })
      this.#at += 1
    } else this.#bad('a `.` that ends a rule is followed by a blank or a new line', 1)
  }

  #integer(): void {
    const digits = this.#found(patterns.integer)
    if (digits === undefined) return this.#bad('a `-` that begins no number', 1)
    if (digits.length > 9) return this.#bad('a number longer than any that may stand here', digits.length)
    this.#tokens.push({ line: this.#line, column: this.#column, type: 'integer', value: Number(digits) })
    this.#at += digits.length
  }

  #word(char: string): void {
    const small = this.#found(patterns.small)
    if (small !== undefined) {
      this.#tokens.push({ line: this.#line, column: this.#column, type: 'atom', text: small })
      this.#at += small.length
      return
    }
    const word = this.#found(patterns.word)
    if (word === undefined) return this.#bad(`\`${printable(char)}\` has no meaning here`, char.length)
    const message = `\`${word.slice(0, 60)}\` begins like a variable, and a rule has none; words are written small, text in double quotes`
    this.#bad(message, word.length)
  }

  /** `<<"text">>`, `<<"text"/utf8>>` and `<<>>`. */
  #binary(): void {
    const place = this.#place()
    const open = this.#found(patterns.open)
    if (open === undefined) return this.#bad('`<` has no meaning here; a binary is written <<"text">>', 1)
    this.#at += open.length
    const text = this.#text[this.#at] === '"' ? this.#contents('"') : ''
    const close = this.#found(patterns.close)
    if (text === undefined || close === undefined) {
      return this.#refuse(place, 'a binary that is not closed; it is written <<"text">>')
    }
    this.#at += close.length
    this.#tokens.push({ ...place, type: 'binary', text })
  }

  #quoted(type: 'string' | 'atom', quote: string): void {
    const place = this.#place()
    const text = this.#contents(quote)
    if (text !== undefined) this.#tokens.push({ line: place.line, column: place.column, type, text })
    else this.#refuse(place, `this ${quote === '"' ? 'text' : 'word'} has no closing ${quote} on its line`)
  }

  /**
   * What stands between quotes, escapes read; ends after the closing one. `undefined` at the line's end: Erlang would go on, but then
   * one quote that was forgotten makes nonsense of all that follows, and no name or topic holds a line end.
   */
  #contents(quote: string): string | undefined {
    const parts: string[] = []
    this.#at += 1
    for (let from = this.#at; this.#at < this.#text.length;) {
      const char = this.#text[this.#at]!
      if (char === '\n') return undefined
      if (char === quote) {
        parts.push(this.#text.slice(from, this.#at))
        this.#at += 1
        return parts.join('')
      }
      if (char === '\\') {
        parts.push(this.#text.slice(from, this.#at), this.#escape())
        from = this.#at
        continue
      }
      this.#at += 1
    }
    return undefined
  }

  #escape(): string {
    const hex = this.#found(patterns.hex)
    if (hex !== undefined) {
      this.#at += hex.length
      return character(Number.parseInt(hex.replaceAll(/[\\x{}]/g, ''), 16))
    }
    const octal = this.#found(patterns.octal)
    if (octal !== undefined) {
      this.#at += octal.length
      return character(Number.parseInt(octal.slice(1), 8))
    }
    const control = this.#found(patterns.control)
    if (control !== undefined) {
      this.#at += control.length
      return character(control.charCodeAt(2) & 31)
    }
    const char = this.#text[this.#at + 1] ?? ''
    this.#at += 1 + (char === '\n' ? 0 : char.length)
    return escapes[char] ?? char
  }

  /** What the pattern, which must be sticky, finds here. */
  #found(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)?.[0]
  }
}

/** Each looks at one place. They are made once: a pattern for each token costs more than the token. */
const patterns = {
  small: /\p{Ll}[\p{L}\p{N}_@]*/uy,
  word: /[\p{L}_][\p{L}\p{N}_@]*/uy,
  integer: /-?\d+/y,
  open: /<<[ \t]*/y,
  close: /(?:\/utf8)?[ \t]*>>/y,
  hex: /\\x(?:[\da-fA-F]{2}|\{[\da-fA-F]{1,6}\})/y,
  octal: /\\[0-7]{1,3}/y,
  control: /\\\^[@-_a-z]/y,
} as const

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  s: ' ',
  e: '\u001B',
  d: '\u007F',
}

const isSign = (char: string): char is Sign => '{}[],|'.includes(char)
/** Erlang's white space: all up to the blank, and its counterparts in Latin-1. */
const isBlank = (char: string): boolean => char <= ' ' || (char >= '\u0080' && char <= '\u00A0')
const character = (code: number): string => (code > 0x10_ff_ff ? '\uFFFD' : String.fromCodePoint(code))

function printable(char: string): string {
  const code = char.charCodeAt(0)
  return code < 33 || (code >= 0xd8_00 && code < 0xe0_00)
    ? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
    : char
}
