/** The terms of an Erlang file as `file:consult` reads them: each ends with a `.`, and one that is no good hides none of the others. */
import { scanTerms, type TextPlace, type Token } from './erlang-scan.ts'

export type Term = TextPlace &
  (
    | { readonly type: 'atom' | 'string' | 'binary'; readonly text: string }
    | { readonly type: 'integer'; readonly value: number }
    | { readonly type: 'tuple' | 'list'; readonly items: readonly Term[] }
  )

export type TextProblem = TextPlace & { readonly message: string }

export type TermsResult = { readonly terms: readonly Term[]; readonly problems: readonly TextProblem[] }

/** Rules nest at most five deep, and a little more with `and` in `or`. */
const depthMax = 32

/** Never throws. Takes time in proportion to the text's length. */
export function parseTerms(text: string): TermsResult {
  return new TermParser(scanTerms(text)).parse()
}

class TermParser {
  readonly #tokens: readonly Token[]
  readonly #terms: Term[] = []
  readonly #problems: TextProblem[] = []
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  parse(): TermsResult {
    while (this.#token.type !== 'end') this.#sentence()
    return { terms: this.#terms, problems: this.#problems }
  }

  get #token(): Token {
    // The last token is `end`, which nobody steps over.
    return this.#tokens[this.#at]!
  }

  /** One term and its `.`. */
  #sentence(): void {
    const start = this.#token
    const term = this.#term(0)
    if (term !== undefined) this.#terms.push(term)
    if (term !== undefined && this.#token.type !== 'dot') this.#refuse('expected a `.`, which ends every rule')
    while (this.#token.type !== 'dot' && this.#token.type !== 'end' && !this.#beginsAnother(start)) this.#at += 1
    if (this.#token.type === 'dot') this.#at += 1
  }

  /** A `.` that was forgotten, or went under: what begins on a later line, no deeper than the rule did, most likely is the next one. */
  #beginsAnother(start: TextPlace): boolean {
    const token = this.#token
    return token.type === 'sign' && token.sign === '{' && token.line > start.line && token.column <= start.column
  }

  /** `undefined` after a problem was noted. */
  #term(depth: number): Term | undefined {
    const token = this.#token
    switch (token.type) {
      case 'string':
        return this.#strings(token)
      case 'atom':
      case 'binary':
      case 'integer':
        this.#at += 1
        return token
      case 'sign':
        if (token.sign === '{' || token.sign === '[') return this.#items(token, token.sign, depth)
        return this.#refuse(`\`${token.sign}\` stands where a value is expected`)
      case 'bad':
        return this.#refuse(token.message)
      case 'dot':
        return this.#refuse('the rule ends here with a `.`, and a value is expected')
      case 'end':
      default:
        return this.#refuse('the text ends in the middle of a rule')
    }
  }

  /** Texts that stand beside each other are one, as in C. */
  #strings({ line, column }: TextPlace): Term {
    const parts: string[] = []
    for (let token = this.#token; token.type === 'string'; token = this.#token) {
      parts.push(token.text)
      this.#at += 1
    }
    return { type: 'string', line, column, text: parts.join('') }
  }

  #items({ line, column }: TextPlace, open: '{' | '[', depth: number): Term | undefined {
    if (depth >= depthMax) return this.#refuse(`brackets within brackets, more than ${depthMax} deep`)
    const close = open === '{' ? '}' : ']'
    const items: Term[] = []
    this.#at += 1
    if (!this.#isSign(close)) {
      do {
        const item = this.#term(depth + 1)
        if (item === undefined) return undefined
        items.push(item)
      } while (this.#step(','))
    }
    if (!this.#step(close))
      return this.#refuse(`expected \`,\` or \`${close}\`, which closes the \`${open}\` of line ${line}`)
    return { type: open === '{' ? 'tuple' : 'list', line, column, items }
  }

  #isSign(sign: string): boolean {
    const token = this.#token
    return token.type === 'sign' && token.sign === sign
  }

  /** Steps over this sign if it stands here. */
  #step(sign: string): boolean {
    if (!this.#isSign(sign)) return false
    this.#at += 1
    return true
  }

  #refuse(expected: string): undefined {
    const token = this.#token
    const message = token.type === 'bad' ? token.message : expected
    this.#problems.push({ line: token.line, column: token.column, message })
    return undefined
  }
}
