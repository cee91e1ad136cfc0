/** Reads terms as Erlang prints them (`~0tp`), which is how the recorded frames say what they hold. */
import { Atom, Bitstring, Float, ImproperList, TermMap, Tuple, integer } from '../../../src/link/emqx/term.ts'
import type { Term } from '../../../src/link/emqx/term.ts'

export function parseErlangText(text: string): Term {
  const reader = new TextReader(text)
  const term = reader.term()
  reader.expect(/$/y)
  return term
}

class TextReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  term(): Term {
    if (this.#accept(/#\{/y)) return new TermMap(this.#until(/\}/y, () => this.#pair()))
    if (this.#accept(/\{/y)) return new Tuple(this.#until(/\}/y, () => this.term()))
    if (this.#accept(/<</y)) return this.#bits()
    if (this.#accept(/\[/y)) return this.#list()
    if (this.#accept(/"/y)) return Array.from(this.#quoted('"'), (character) => character.codePointAt(0) ?? 0)
    if (this.#accept(/'/y)) return new Atom(this.#quoted("'"))
    const float = this.#accept(/-?\d+\.\d+(e[-+]?\d+)?/y)
    if (float !== undefined) return new Float(Number(float))
    const digits = this.#accept(/-?\d+/y)
    if (digits !== undefined) return integer(BigInt(digits))
    return new Atom(this.expect(/[\p{Ll}ß-ÿ][\p{L}\p{N}_@]*/uy))
  }

  expect(pattern: RegExp): string {
    const found = this.#accept(pattern)
    if (found === undefined)
      throw new Error(`no ${pattern} at ${this.#at}: ${this.#text.slice(this.#at, this.#at + 40)}`)
    return found
  }

  #accept(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #until<T>(end: RegExp, item: () => T): T[] {
    const items: T[] = []
    while (this.#accept(end) === undefined) {
      if (items.length > 0) this.expect(/,\s*/y)
      items.push(item())
    }
    return items
  }

  #pair(): readonly [Term, Term] {
    const key = this.term()
    this.expect(/\s*=>\s*/y)
    return [key, this.term()]
  }

  #list(): Term {
    const elements: Term[] = []
    while (this.#accept(/\]/y) === undefined) {
      if (this.#accept(/\|/y) !== undefined) {
        const tail = this.term()
        this.expect(/\]/y)
        return new ImproperList(elements, tail)
      }
      if (elements.length > 0) this.expect(/,\s*/y)
      elements.push(this.term())
    }
    return elements
  }

  #bits(): Term {
    if (this.#accept(/"/y) !== undefined) {
      const text = this.#quoted('"')
      const utf8 = this.#accept(/\/utf8/y) !== undefined
      this.expect(/>>/y)
      return Buffer.from(text, utf8 ? 'utf8' : 'latin1')
    }
    let lastBits = 8
    const bytes = this.#until(/>>/y, () => {
      const value = Number(this.expect(/\d+/y))
      if (this.#accept(/:/y) === undefined) return value
      lastBits = Number(this.expect(/\d/y))
      return value << (8 - lastBits)
    })
    return lastBits === 8 ? Buffer.from(bytes) : new Bitstring(Buffer.from(bytes), lastBits)
  }

  #quoted(quote: '"' | "'"): string {
    const body = this.expect(quote === '"' ? /(?:[^"\\]|\\.)*/uy : /(?:[^'\\]|\\.)*/uy)
    this.expect(quote === '"' ? /"/y : /'/y)
    return body.replaceAll(/\\(x\{[0-9A-F]+\}|[0-7]{1,3}|.)/giu, (_, escape: string) => unescape(escape))
  }
}

const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', e: '\u001b' }

function unescape(escape: string): string {
  if (escape.startsWith('x{')) return String.fromCodePoint(Number.parseInt(escape.slice(2, -1), 16))
  if (/^[0-7]+$/.test(escape)) return String.fromCodePoint(Number.parseInt(escape, 8))
  return controls[escape] ?? escape
}
