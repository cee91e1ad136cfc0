/** The syntax of regular expressions as PCRE has it, without what needs backtracking. */

/** Code points, both ends included. */
export type CharSet = {
  readonly ranges: readonly (readonly [number, number])[]
  readonly isNegated: boolean
  readonly ignoresCase: boolean
}

export type Position = 'start' | 'end' | 'line_start' | 'line_end' | 'word_edge' | 'no_word_edge'

export type PatternNode =
  | { readonly type: 'char'; readonly set: CharSet }
  | { readonly type: 'position'; readonly position: Position }
  | { readonly type: 'sequence' | 'choice'; readonly of: readonly PatternNode[] }
  | { readonly type: 'repeat'; readonly of: PatternNode; readonly min: number; readonly max: number }

export type SyntaxResult =
  | { readonly type: 'ok'; readonly node: PatternNode }
  | { readonly type: 'invalid'; readonly at: number; readonly message: string }

const patternLengthMax = 4_096
const depthMax = 32

type Flags = { readonly i: boolean; readonly s: boolean; readonly m: boolean }

export function parsePattern(source: string): SyntaxResult {
  if (source.length > patternLengthMax) {
    return {
      type: 'invalid',
      at: patternLengthMax,
      message: `the pattern is longer than ${patternLengthMax} characters`,
    }
  }
  return new PatternParser(source).parse()
}

class PatternParser {
  readonly #source: string
  #at = 0
  #flags: Flags = { i: false, s: false, m: false }
  /** The first problem; what is read after it is of no use. */
  #problem: { readonly at: number; readonly message: string } | undefined

  constructor(source: string) {
    this.#source = source
  }

  parse(): SyntaxResult {
    const node = this.#choice(0)
    if (this.#at < this.#source.length) this.#refuse(this.#at, '`)` closes no group')
    return this.#problem === undefined ? { type: 'ok', node } : { type: 'invalid', ...this.#problem }
  }

  /** Keeps the first problem and ends the reading. */
  #refuse(at: number, message: string): PatternNode {
    this.#problem ??= { at, message }
    this.#at = this.#source.length
    return nothing
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #found(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source) ?? undefined
    if (found !== undefined) this.#at += found[0].length
    return found
  }

  #choice(depth: number): PatternNode {
    const alternatives = [this.#sequence(depth)]
    while (this.#take('|')) alternatives.push(this.#sequence(depth))
    return alternatives.length === 1 ? alternatives[0]! : { type: 'choice', of: alternatives }
  }

  #sequence(depth: number): PatternNode {
    const parts: PatternNode[] = []
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at]!)) {
      const at = this.#at
      const atom = this.#atom(depth)
      parts.push(this.#quantified(atom, at))
    }
    return { type: 'sequence', of: parts }
  }

  #quantified(atom: PatternNode, at: number): PatternNode {
    const bounds = this.#bounds()
    if (bounds === undefined) return atom
    if (bounds.max < bounds.min) return this.#refuse(at, 'a repetition whose first number is above its second')
    // Whether as much or as little as possible is taken, it matches or it does not.
    if (this.#take('+'))
      return this.#refuse(this.#at - 1, 'possessive repetitions (`*+`, `++`, `?+`) cannot be used here')
    this.#take('?')
    if (this.#bounds() !== undefined) return this.#refuse(at, 'a repetition of a repetition; put the inner one in ( )')
    return { type: 'repeat', of: atom, ...bounds }
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#take('?')) return { min: 0, max: 1 }
    // A `{` that begins no such thing is itself, as in PCRE.
    const [, min, comma, max] = this.#found(/\{(\d{1,5})(,(\d{1,5})?)?\}/y) ?? []
    if (min === undefined) return undefined
    if (comma === undefined) return { min: Number(min), max: Number(min) }
    return { min: Number(min), max: max === undefined ? Number.POSITIVE_INFINITY : Number(max) }
  }

  #atom(depth: number): PatternNode {
    const at = this.#at
    if (this.#take('(')) return this.#group(at, depth)
    if (this.#take('[')) return this.#class(at)
    if (this.#take('.')) return this.#set(this.#flags.s ? [] : [[10, 10]], true)
    if (this.#take('^')) return { type: 'position', position: this.#flags.m ? 'line_start' : 'start' }
    if (this.#take('$')) return { type: 'position', position: this.#flags.m ? 'line_end' : 'end' }
    if (this.#take('\\')) return this.#escape(at)
    if (/[*+?]/.test(this.#source[at]!))
      return this.#refuse(at, `nothing stands before \`${this.#source[at]}\` to repeat`)
    return this.#literal()
  }

  #literal(): PatternNode {
    const code = this.#source.codePointAt(this.#at)!
    this.#at += code > 0xff_ff ? 2 : 1
    return this.#set([[code, code]])
  }

  #set(ranges: CharSet['ranges'], isNegated = false): PatternNode {
    return { type: 'char', set: { ranges, isNegated, ignoresCase: this.#flags.i } }
  }

  // ---- groups

  #group(at: number, depth: number): PatternNode {
    if (depth >= depthMax) return this.#refuse(at, `groups within groups, more than ${depthMax} deep`)
    const outer = this.#flags
    if (this.#take('?')) {
      const special = this.#special(at)
      // `(?i)` holds for the rest of the group around it.
      if (special === 'flags') return nothing
      if (special === 'refused') return nothing
    }
    const node = this.#choice(depth + 1)
    this.#flags = outer
    return this.#take(')') ? node : this.#refuse(at, 'a group that is not closed')
  }

  #special(at: number): 'group' | 'flags' | 'refused' {
    if (this.#take(':') || this.#found(/P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*'/y) !== undefined) return 'group'
    const [, on = '', off = '', end] = this.#found(/([ims]*)(?:-([ims]+))?([:)])/y) ?? []
    if (end !== undefined) {
      this.#flags = {
        i: (this.#flags.i || on.includes('i')) && !off.includes('i'),
        s: (this.#flags.s || on.includes('s')) && !off.includes('s'),
        m: (this.#flags.m || on.includes('m')) && !off.includes('m'),
      }
      return end === ':' ? 'group' : 'flags'
    }
    const what = /^<?[=!]/.test(this.#source.slice(this.#at))
      ? 'lookahead and lookbehind'
      : 'groups that begin with this'
    this.#refuse(at, `${what} (\`${this.#source.slice(at, at + 4)}\`) cannot be used here`)
    return 'refused'
  }

  // ---- escapes

  #escape(at: number): PatternNode {
    const char = this.#source[this.#at]
    const position = char === undefined ? undefined : positions[char]
    if (position !== undefined) {
      this.#at += 1
      return { type: 'position', position }
    }
    if (char !== undefined && /[1-9gk]/.test(char))
      return this.#refuse(at, `backreferences (\`\\${char}\`) cannot be used here`)
    const escaped = this.#escapedSet(at)
    return escaped === undefined ? nothing : this.#set(escaped.ranges, escaped.isNegated)
  }

  /** After the `\`; what may stand in a class as well as outside. */
  #escapedSet(at: number): { readonly ranges: CharSet['ranges']; readonly isNegated: boolean } | undefined {
    const code = this.#escapedCode()
    if (code !== undefined) return { ranges: [[code, code]], isNegated: false }
    const char = this.#source[this.#at] ?? ''
    const kind = kinds[char.toLowerCase()]
    if (kind === undefined) {
      this.#refuse(at, char === '' ? 'a `\\` at the end' : `\`\\${char}\` has no meaning here`)
      return undefined
    }
    this.#at += 1
    return { ranges: kind, isNegated: char !== char.toLowerCase() }
  }

  #escapedCode(): number | undefined {
    const [, two, braced] = this.#found(/x(?:([\da-fA-F]{2})|\{([\da-fA-F]{1,6})\})/y) ?? []
    const hex = two ?? braced
    if (hex !== undefined) return Number.parseInt(hex, 16)
    const [octal] = this.#found(/0[0-7]{0,2}/y) ?? []
    if (octal !== undefined) return Number.parseInt(octal, 8)
    const char = this.#source[this.#at]
    if (char === undefined) return undefined
    const control = controls[char]
    // A letter or digit that means nothing here may mean something elsewhere.
    if (control === undefined && /[A-Za-z0-9]/.test(char)) return undefined
    const code = control ?? this.#source.codePointAt(this.#at)!
    this.#at += code > 0xff_ff ? 2 : 1
    return code
  }

  // ---- classes

  #class(at: number): PatternNode {
    const isNegated = this.#take('^')
    const ranges: (readonly [number, number])[] = []
    for (let first = true; first || !this.#take(']'); first = false) {
      if (this.#at >= this.#source.length) return this.#refuse(at, 'a `[` that is not closed')
      ranges.push(...this.#classItem(at))
    }
    return this.#set(ranges, isNegated)
  }

  #classItem(at: number): CharSet['ranges'] {
    const [, negated, posix] = this.#found(/\[:(\^?)([a-z]+):\]/y) ?? []
    if (posix !== undefined) return this.#posix(at, posix, negated === '^')
    const low = this.#classChar(at)
    if (typeof low !== 'number') return low
    if (this.#source[this.#at] !== '-' || this.#source[this.#at + 1] === ']') return [[low, low]]
    this.#at += 1
    if (this.#at >= this.#source.length) return [[low, low]]
    const high = this.#classChar(at)
    // `[a-\d]`: the `-` is itself.
    if (typeof high !== 'number') return [[low, low], [45, 45], ...high]
    if (high < low) this.#refuse(at, 'a range of characters whose first is above its last')
    return [[low, high]]
  }

  #classChar(at: number): number | CharSet['ranges'] {
    if (this.#take('\\')) {
      if (this.#take('b')) return 8
      const escaped = this.#escapedSet(at)
      if (escaped === undefined) return []
      const [only] = escaped.ranges
      if (!escaped.isNegated && escaped.ranges.length === 1 && only !== undefined && only[0] === only[1]) return only[0]
      return escaped.isNegated ? complement(escaped.ranges) : escaped.ranges
    }
    const code = this.#source.codePointAt(this.#at)!
    this.#at += code > 0xff_ff ? 2 : 1
    return code
  }

  #posix(at: number, name: string, isNegated: boolean): CharSet['ranges'] {
    const ranges = Object.hasOwn(posixClasses, name) ? posixClasses[name] : undefined
    if (ranges === undefined) {
      this.#refuse(at, `there is no class [:${name}:]`)
      return []
    }
    return isNegated ? complement(ranges) : ranges
  }
}

const nothing: PatternNode = { type: 'sequence', of: [] }

const positions: Readonly<Record<string, Position>> = {
  A: 'start',
  z: 'end',
  Z: 'end',
  b: 'word_edge',
  B: 'no_word_edge',
}

const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, a: 7, e: 27 }

const digit = [48, 57] as const
const upper = [65, 90] as const
const lower = [97, 122] as const

/** As PCRE has them without Unicode properties. */
const kinds: Readonly<Record<string, CharSet['ranges']>> = {
  d: [digit],
  w: [digit, upper, [95, 95], lower],
  s: [
    [9, 13],
    [32, 32],
  ],
  h: [
    [9, 9],
    [32, 32],
    [160, 160],
  ],
  v: [
    [10, 13],
    [133, 133],
    [8232, 8233],
  ],
}

const posixClasses: Readonly<Record<string, CharSet['ranges']>> = {
  alnum: [digit, upper, lower],
  alpha: [upper, lower],
  ascii: [[0, 127]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  digit: [digit],
  graph: [[33, 126]],
  lower: [lower],
  print: [[32, 126]],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  upper: [upper],
  word: [digit, upper, [95, 95], lower],
  xdigit: [digit, [65, 70], [97, 102]],
}

/** All other characters; `ranges` stand in order. */
function complement(ranges: CharSet['ranges']): CharSet['ranges'] {
  const gaps: (readonly [number, number])[] = []
  let from = 0
  for (const [low, high] of ranges) {
    if (low > from) gaps.push([from, low - 1])
    from = high + 1
  }
  return [...gaps, [from, 0x10_ff_ff]]
}
