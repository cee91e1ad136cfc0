/**
 * The kinds of values a configuration holds, as schemas: each says in its message what it expects, and in `params` which word of
 * ours stands for a value that it refuses. `z.toJSONSchema(schema, { io: 'input' })` describes what may be written.
 *
 * Numbers and switches may come as text: that is what a substitution from the environment gives.
 */
import * as z from 'zod'
import { formatByteSize, parseByteSize } from './byte-size.ts'
import type { ConfigErrorReason } from './config-error.ts'
import { formatDuration, parseDuration, timerMsMax } from './duration.ts'

/** What a refinement adds to its issue, for `config-issues.ts` to read. */
export type IssueParams = {
  readonly reason: ConfigErrorReason
  /** What is wrong with this value; `message` says what is expected. */
  readonly problem?: string
}

/** How a file writes a value that a schema made something else of. */
const writings = new WeakMap<z.core.$ZodType, (value: number) => string>()

/** A number as one writes it in a file: `15s`, `256MB`; `undefined` for a schema whose values are written as they are. */
export function writingOf(schema: z.core.$ZodType): ((value: number) => string) | undefined {
  return writings.get(schema)
}

function writtenBy<Schema extends z.ZodType>(schema: Schema, write: (value: number) => string): Schema {
  writings.set(schema, write)
  return schema
}

/** An object that knows all its keys. */
export function section<Shape extends z.core.$ZodShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: 'expected a section: { ... }' })
}

export function text(expected = 'text in double quotes'): z.ZodString {
  return z.string({ error: `expected ${expected}` })
}

/** Text that one pattern describes. */
export function textLike(pattern: RegExp, reason: ConfigErrorReason, expected: string): z.ZodType<string, string> {
  return text(expected).refine((value) => pattern.test(value), refusal(reason, expected))
}

export function oneOf<const Words extends readonly [string, ...string[]]>(
  words: Words,
): z.ZodType<Words[number], Words[number]> {
  return z.enum(words, { error: `expected ${alternatives(words)}` })
}

export function flag(): z.ZodType<boolean, boolean | 'true' | 'false'> {
  return z
    .union([z.boolean(), z.enum(['true', 'false'])], { error: 'expected true or false' })
    .transform((value) => value === true || value === 'true')
}

export function integer(min: number, max: number): z.ZodType<number, number | string> {
  return decimal(min, max, { whole: true })
}

export function decimal(min: number, max: number, { whole = false } = {}): z.ZodType<number, number | string> {
  const range = max >= Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  const expected = `a ${whole ? 'whole number' : 'number'} ${range}`
  return z.union([z.number(), z.string()], { error: `expected ${expected}` }).transform((written, context) => {
    const value = typeof written === 'number' ? written : readNumber(written)
    if (value >= min && value <= max && (!whole || Number.isSafeInteger(value))) return value
    context.addIssue({ code: 'custom', input: written, ...refusal('bad_number', expected) })
    return z.NEVER
  })
}

/** Without limit: the word `infinity`, as EMQX writes it, or JavaScript's own. */
export function orInfinity(limited: z.ZodType<number, number | string>): z.ZodType<number, number | string> {
  const written = z.union([z.number(), z.string()], { error: 'expected a number or infinity' })
  const measured = written.transform((value, context) => {
    if (value === 'infinity') return Number.POSITIVE_INFINITY
    // Not a union: that would hide the reason which the limited kind gives.
    const result = limited.safeParse(value)
    if (result.success) return result.data
    for (const issue of result.error.issues) {
      context.addIssue({ ...issue, code: 'custom', input: value, message: `${issue.message}, or infinity` })
    }
    return z.NEVER
  })
  // No number of the schema library may be infinite.
  const schema = z.preprocess(
    (value: number | string) => (value === Number.POSITIVE_INFINITY ? 'infinity' : value),
    measured,
  )
  const write = writingOf(limited)
  return write === undefined ? schema : writtenBy(schema, write)
}

/** Milliseconds. What becomes a timer has an upper bound: Node fires longer ones at once. */
export function duration({ min = 0, max = timerMsMax } = {}): z.ZodType<number, number | string> {
  const bounds =
    min > 0 ? `, from ${formatDuration(min)} to ${formatDuration(max)}` : `, at most ${formatDuration(max)}`
  const expected = `a duration such as 10ms, 15s or 1h30m, or a number of milliseconds${bounds}`
  return writtenBy(measure(parseDuration, { min, max, expected, reason: 'bad_duration' }), formatDuration)
}

/** Bytes. */
export function byteSize({ min = 0, max = Number.MAX_SAFE_INTEGER } = {}): z.ZodType<number, number | string> {
  const above = max < Number.MAX_SAFE_INTEGER ? `, from ${formatByteSize(min)} to ${formatByteSize(max)}` : ''
  const expected = `a size such as 512KB, 256MB or 1GB, or a number of bytes${above}`
  return writtenBy(measure(parseByteSize, { min, max, expected, reason: 'bad_size' }), formatByteSize)
}

function measure(
  parse: (written: string | number) => number | undefined,
  { min, max, expected, reason }: { min: number; max: number; expected: string; reason: ConfigErrorReason },
): z.ZodType<number, number | string> {
  return z.union([z.string(), z.number()], { error: `expected ${expected}` }).transform((written, context) => {
    const value = parse(written)
    if (value !== undefined && value >= min && value <= max) return value
    context.addIssue({ code: 'custom', input: written, ...refusal(reason, expected) })
    return z.NEVER
  })
}

export function refusal(
  reason: ConfigErrorReason,
  expected: string,
  problem?: string,
): { readonly message: string; readonly params: IssueParams } {
  return { message: `expected ${expected}`, params: problem === undefined ? { reason } : { reason, problem } }
}

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function readNumber(written: string): number {
  return /^-?\d+(?:\.\d+)?$/.test(written.trim()) ? Number(written) : Number.NaN
}
