/**
 * Regular expressions over text that strangers choose. They are written as PCRE's, which EMQX uses, and take time in proportion to
 * the text however they are written: all ways to match are followed at once (Thompson's construction), so that there is no
 * backtracking to blow up. What cannot be had that way (backreferences, lookaround) is refused by name.
 */
import { type CharSet, type PatternNode, type Position, parsePattern } from './pattern-syntax.ts'

export type CompiledPattern = {
  /** Whether the pattern matches anywhere in the text; `undefined` for a text too long to be looked at. */
  test(text: string): boolean | undefined
}

export type PatternResult =
  | { readonly type: 'ok'; readonly pattern: CompiledPattern }
  /** `at`: UTF-16 units into the pattern. */
  | { readonly type: 'invalid'; readonly at: number; readonly message: string }

/** Together they bound the time of one test: half a million steps at worst, a few milliseconds. */
const stepsMax = 512
export const patternTextMax = 1_024

export function compilePattern(source: string): PatternResult {
  const parsed = parsePattern(source)
  if (parsed.type === 'invalid') return parsed
  if (sizeOf(parsed.node) >= stepsMax) {
    const message = `the pattern comes to more than ${stepsMax} steps; repeat less in it`
    return { type: 'invalid', at: 0, message }
  }
  const program: Step[] = []
  emit(parsed.node, program)
  program.push({ type: 'match' })
  return { type: 'ok', pattern: { test: (text) => run(program, text) } }
}

type Step =
  /** One character of the set, then the next step. */
  | { readonly type: 'char'; readonly set: CharSet; readonly ascii: Uint8Array }
  | { readonly type: 'position'; readonly position: Position }
  /** On at each of these steps. */
  | { readonly type: 'fork'; to: readonly number[] }
  | { readonly type: 'match' }

function sizeOf(node: PatternNode): number {
  switch (node.type) {
    case 'char':
    case 'position':
      return 1
    case 'sequence':
      return node.of.reduce((sum, part) => sum + sizeOf(part), 0)
    case 'choice':
      return node.of.reduce((sum, part) => sum + sizeOf(part) + 1, 1)
    case 'repeat':
      return (sizeOf(node.of) + 1) * (node.max === Number.POSITIVE_INFINITY ? node.min + 1 : node.max) + 1
  }
}

function emit(node: PatternNode, program: Step[]): void {
  switch (node.type) {
    case 'char':
      program.push({ ...node, ascii: asciiOf(node.set) })
      return
    case 'position':
      program.push(node)
      return
    case 'sequence':
      for (const part of node.of) emit(part, program)
      return
    case 'choice':
      return emitChoice(node.of, program)
    case 'repeat':
      return emitRepeat(node.of, node.min, node.max, program)
  }
}

function emitChoice(alternatives: readonly PatternNode[], program: Step[]): void {
  const starts: number[] = []
  const ends: { type: 'fork'; to: readonly number[] }[] = []
  program.push({ type: 'fork', to: starts })
  for (const alternative of alternatives) {
    starts.push(program.length)
    emit(alternative, program)
    const end: { type: 'fork'; to: readonly number[] } = { type: 'fork', to: [] }
    ends.push(end)
    program.push(end)
  }
  for (const end of ends) end.to = [program.length]
}

function emitRepeat(node: PatternNode, min: number, max: number, program: Step[]): void {
  for (let i = 0; i < min; i += 1) emit(node, program)
  if (max === Number.POSITIVE_INFINITY) {
    const start = program.length
    const fork: { type: 'fork'; to: readonly number[] } = { type: 'fork', to: [] }
    program.push(fork)
    emit(node, program)
    program.push({ type: 'fork', to: [start] })
    fork.to = [start + 1, program.length]
    return
  }
  for (let i = min; i < max; i += 1) {
    const fork: { type: 'fork'; to: readonly number[] } = { type: 'fork', to: [] }
    program.push(fork)
    const body = program.length
    emit(node, program)
    fork.to = [body, program.length]
  }
}

function run(program: readonly Step[], text: string): boolean | undefined {
  if (text.length > patternTextMax) return undefined
  const chars = Array.from(text, (char) => char.codePointAt(0) ?? 0)
  const visit = new Visit(program, chars)
  // The pattern may begin at every character.
  for (let at = 0; !visit.reach(at); at += 1) {
    const char = chars[at]
    if (char === undefined) return false
    visit.take(char)
  }
  return true
}

/** All that may be matched up to one place in the text. */
class Visit {
  readonly #program: readonly Step[]
  readonly #chars: readonly number[]
  /** For each step, the last place at which it was reached, and 1. */
  readonly #seen: Uint16Array
  /** Steps that were come to, and are to be followed. */
  #open: number[] = []
  /** Steps that wait for a character. */
  #waiting: number[] = []

  constructor(program: readonly Step[], chars: readonly number[]) {
    this.#program = program
    this.#chars = chars
    this.#seen = new Uint16Array(program.length)
  }

  /** Follows all that needs no character; returns whether the pattern has matched. */
  reach(at: number): boolean {
    this.#waiting.length = 0
    this.#open.push(0)
    for (let index = this.#open.pop(); index !== undefined; index = this.#open.pop()) {
      if (this.#seen[index] === at + 1) continue
      this.#seen[index] = at + 1
      const step = this.#program[index]!
      if (step.type === 'match') return true
      if (step.type === 'char') this.#waiting.push(index)
      else if (step.type === 'fork') for (const to of step.to) this.#open.push(to)
      else if (isAt(step.position, this.#chars, at)) this.#open.push(index + 1)
    }
    return false
  }

  take(char: number): void {
    for (const index of this.#waiting) {
      const step = this.#program[index]!
      if (step.type === 'char' && (char < asciiEnd ? step.ascii[char] === 1 : holds(step.set, char))) {
        this.#open.push(index + 1)
      }
    }
  }
}

function holds({ ranges, isNegated, ignoresCase }: CharSet, char: number): boolean {
  return (isIn(ranges, char) || (ignoresCase && otherCases(char).some((other) => isIn(ranges, other)))) !== isNegated
}

/** The answers for characters that are nearly all, found once. */
function asciiOf(set: CharSet): Uint8Array {
  return Uint8Array.from({ length: asciiEnd }, (_, char) => (holds(set, char) ? 1 : 0))
}

const asciiEnd = 128

function isIn(ranges: CharSet['ranges'], char: number): boolean {
  for (const [low, high] of ranges) if (char >= low && char <= high) return true
  return false
}

function otherCases(char: number): number[] {
  const text = String.fromCodePoint(char)
  return [text.toLowerCase(), text.toUpperCase()].map((other) => other.codePointAt(0) ?? char)
}

/** `$` is the very end: with PCRE's end before a last line feed, whoever adds one to a ClientID would pass for another. */
function isAt(position: Position, chars: readonly number[], at: number): boolean {
  switch (position) {
    case 'start':
      return at === 0
    case 'end':
      return at === chars.length
    case 'line_start':
      return at === 0 || chars[at - 1] === 10
    case 'line_end':
      return at === chars.length || chars[at] === 10
    case 'word_edge':
      return isWord(chars[at - 1]) !== isWord(chars[at])
    case 'no_word_edge':
      return isWord(chars[at - 1]) === isWord(chars[at])
  }
}

const isWord = (char: number | undefined): boolean => char !== undefined && /\w/.test(String.fromCodePoint(char))
