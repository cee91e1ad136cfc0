/**
 * The users of a `bootstrap_file` in EMQX's formats: CSV with a header line, or JSON, a list of objects. Columns or keys are
 * `user_id`, `password_hash` and `salt` (type `hash`) or `password` (type `plain`), and `is_superuser`. Pure.
 */
import { CsvError, parse } from 'csv-parse/sync'
import type { BootstrapType, PasswordHashConfig } from './authentication-config.ts'
import { alternatives } from '../fields.ts'
import { nearestKey } from '../nearest-key.ts'

export type BootstrapUser = { readonly user_id: string; readonly is_superuser: boolean } & (
  | { readonly type: 'plain'; readonly password: string }
  | { readonly type: 'hash'; readonly password_hash: string; readonly salt: string }
)

/** Never shows a value: it may be a password in the wrong column. `line` counts from 1. */
export type BootstrapProblem = { readonly line: number; readonly message: string }

export type BootstrapResult =
  | { readonly type: 'ok'; readonly users: readonly BootstrapUser[] }
  | { readonly type: 'invalid'; readonly problems: readonly BootstrapProblem[] }

/** One user as it is written, and where. */
type Row = { readonly line: number; readonly fields: Readonly<Record<string, unknown>> }
type Rows = { readonly rows: readonly Row[]; readonly problems: readonly BootstrapProblem[] }

/** Bytes of a `user_id`, so that it fits a key of the store. */
const USER_ID_BYTES_MAX = 1024

/** Why this cannot be a `user_id`; undefined if it can. */
export function userIdProblem(userId: string): string | undefined {
  if (userId === '') return 'is empty'
  if (/\p{Surrogate}/u.test(userId)) return 'holds half a character'
  return Buffer.byteLength(userId) > USER_ID_BYTES_MAX ? `is longer than ${USER_ID_BYTES_MAX} bytes` : undefined
}

/** @param file by whose ending the format is told, as in EMQX */
export function parseBootstrapUsers(
  text: string,
  file: string,
  type: BootstrapType,
  algorithm: PasswordHashConfig,
): BootstrapResult {
  const { rows, problems: found } = rowsOf(text.replace(/^\uFEFF/, ''), file, type)
  const problems = [...found]
  const users: BootstrapUser[] = []
  const lines = new Map<string, number>()
  for (const { line, fields } of rows) {
    const user = readUser(fields, type, algorithm)
    if (typeof user === 'string') {
      problems.push({ line, message: user })
      continue
    }
    const first = lines.get(user.user_id)
    if (first === undefined) {
      lines.set(user.user_id, line)
      users.push(user)
    } else problems.push({ line, message: `this user_id stands in line ${first} already` })
  }
  if (problems.length === 0) return { type: 'ok', users }
  return { type: 'invalid', problems: problems.toSorted((a, b) => a.line - b.line) }
}

function rowsOf(text: string, file: string, type: BootstrapType): Rows {
  if (/\.csv$/i.test(file)) return csvRows(text, type)
  if (/\.json$/i.test(file)) return jsonRows(text)
  return failed(1, 'the name of the file must end in .csv or .json, which tells its format')
}

const failed = (line: number, message: string): Rows => ({ rows: [], problems: [{ line, message }] })

// ---- CSV

const columnsOf = {
  plain: ['user_id', 'password', 'is_superuser'],
  hash: ['user_id', 'password_hash', 'salt', 'is_superuser'],
} as const

/** More rows than these with another number of fields than the first are not looked at. */
const UNEVEN_MAX = 100

/** Ends the parser's work; never leaves this file. */
class Enough extends Error {
  override readonly name = 'Enough'
}

/** `lines`: how many the parser had read when this record ended. */
type Parsed = { readonly record: readonly string[]; readonly lines: number }

function csvRows(text: string, type: BootstrapType): Rows {
  // To the parser it is a line, and to no editor.
  const lone = text.search(/\r(?!\n)/)
  if (lone >= 0)
    return failed(lineAt(text, lone), 'a carriage return without a line feed; lines end as in Unix or Windows')
  const records: Parsed[] = []
  let uneven = 0
  try {
    parse(text, {
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n'],
      on_record: (record: string[], { lines }) => {
        records.push({ record, lines })
        // Each costs the parser an error object, and nobody reads so many.
        if (record.length !== records[0]?.record.length && ++uneven > UNEVEN_MAX) throw new Enough()
        return null
      },
    })
  } catch (error) {
    if (!(error instanceof CsvError || error instanceof Enough)) throw error
    if (error instanceof CsvError)
      return failed(Number(error['lines'] ?? 1), csvWords[error.code] ?? `this is no CSV (${error.code})`)
  }
  const starts = startLines(records)
  const filled = records
    .map(({ record }, index) => ({ record, line: starts[index]! }))
    .filter(({ record }) => record.some((field) => field !== ''))
  const [header, ...rest] = filled
  if (header === undefined) return { rows: [], problems: [] }
  const names = header.record.map((name) => name.trim())
  const wrong = headerProblem(names, type)
  if (wrong !== undefined) return failed(header.line, wrong)
  return {
    rows: rest
      .filter(({ record }) => record.length === names.length)
      .map(({ record, line }) => ({ line, fields: Object.fromEntries(names.map((name, at) => [name, record[at]])) })),
    problems: rest
      .filter(({ record }) => record.length !== names.length)
      .map(({ record, line }) => {
        const words = `has ${count(record.length, 'field')}, the header ${count(names.length, 'column')}`
        return { line, message: `${words}; a value that holds a comma needs double quotes` }
      }),
  }
}

/** A record may span lines; the parser counts those up to its end. */
function startLines(records: readonly Parsed[]): number[] {
  return records.map(({ record, lines }) => {
    const within = record.reduce((sum, field) => sum + (field.match(/\n/g)?.length ?? 0), 0)
    return Math.max(1, lines - within)
  })
}

function headerProblem(names: readonly string[], type: BootstrapType): string | undefined {
  const columns: readonly string[] = columnsOf[type]
  const needed = type === 'plain' ? ['user_id', 'password'] : ['user_id', 'password_hash']
  const expected = `with bootstrap_type = ${type} the columns are ${columns.join(',')}`
  const missing = needed.find((name) => !names.includes(name))
  if (missing !== undefined) return `the header lacks ${missing}; ${expected}`
  // A name that is no column may be a password of a file without a header: it is not repeated unless it is nearly one.
  const unknown = names.find((name) => !columns.includes(name))
  if (unknown !== undefined) {
    const near = nearestKey(unknown, columns)
    return `the header has a column that is none of these${near === undefined ? '' : ` (did you mean ${near}?)`}; ${expected}`
  }
  return new Set(names).size < names.length ? `the header names a column twice; ${expected}` : undefined
}

const csvWords: Readonly<Record<string, string>> = {
  CSV_INVALID_CLOSING_QUOTE: 'a double quote within a quoted value must be written twice',
  INVALID_OPENING_QUOTE: 'a value that holds a double quote must itself stand in double quotes',
  CSV_QUOTE_NOT_CLOSED: 'the last value that begins with a double quote does not end',
}

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`

// ---- JSON

function jsonRows(text: string): Rows {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return failed(lineAt(text, jsonErrorOffset(error, text)), 'this is no JSON')
  }
  if (!Array.isArray(value)) return failed(1, 'expected a list of users: [{ "user_id": ... }]')
  const lines = elementLines(text)
  const rows: Row[] = []
  const problems: BootstrapProblem[] = []
  value.forEach((element: unknown, index) => {
    const line = lines[index] ?? 1
    if (isRecord(element)) rows.push({ line, fields: element })
    else problems.push({ line, message: 'expected a user: { "user_id": ... }' })
  })
  return { rows, problems }
}

/** V8 says at which character it gave up; where it does not, the text ended too soon. */
function jsonErrorOffset(error: unknown, text: string): number {
  const position = /at position (\d+)/.exec(String(error))?.[1]
  return position === undefined ? text.length : Number(position)
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** The line on which each element of the outermost list begins. The text is known to be JSON. */
function elementLines(text: string): number[] {
  const lines: number[] = []
  let line = 1
  let depth = 0
  let expects = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\n') line++
    if (/\s/.test(character)) continue
    if (expects && character !== ']') {
      lines.push(line)
      expects = false
    }
    if (character === '"') at = stringEnd(text, at)
    else if (character === '[' || character === '{') {
      depth++
      expects ||= depth === 1
    } else if (character === ']' || character === '}') depth--
    else if (character === ',' && depth === 1) expects = true
  }
  return lines
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// ---- one user

/** The user, or what is wrong with it. */
function readUser(
  fields: Readonly<Record<string, unknown>>,
  type: BootstrapType,
  algorithm: PasswordHashConfig,
): BootstrapUser | string {
  const columns: readonly string[] = columnsOf[type]
  const unknown = Object.keys(fields).find((key) => !columns.includes(key))
  if (unknown !== undefined) return `a key is none of ${alternatives(columns)}`
  const { user_id, is_superuser, salt } = fields
  const secret = fields[type === 'plain' ? 'password' : 'password_hash']
  if (typeof user_id !== 'string') return 'user_id is missing, or no text'
  const problem = userIdProblem(user_id)
  if (problem !== undefined) return `user_id ${problem}`
  const isSuperuser = superusers.get(is_superuser)
  if (isSuperuser === undefined) return 'is_superuser is neither true nor false'
  const user = { user_id, is_superuser: isSuperuser }
  if (type === 'plain') {
    if (typeof secret !== 'string' || secret === '') return 'password is missing, or no text'
    return { ...user, type, password: secret }
  }
  if (typeof secret !== 'string') return 'password_hash is missing, or no text'
  if (salt !== undefined && salt !== null && typeof salt !== 'string') return 'salt is no text'
  return hashProblem(secret, algorithm) ?? { ...user, type, password_hash: secret, salt: salt ?? '' }
}

const superusers: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ['true', true],
  [false, false],
  ['false', false],
  ['', false],
  [null, false],
  [undefined, false],
])

/** Rounds of bcrypt beyond which one login would take minutes. */
const BCRYPT_ROUNDS_MAX = 15

/** Whether this can be a hash of that algorithm: one that cannot would shut its user out, and nobody would know why. */
function hashProblem(hash: string, algorithm: PasswordHashConfig): string | undefined {
  const { name } = algorithm
  if (name === 'plain') return hash === '' ? 'password_hash is empty' : undefined
  if (name === 'bcrypt') {
    const rounds = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1]
    if (rounds === undefined) return 'password_hash is none of bcrypt; expected $2b$, rounds, $ and 53 characters'
    if (Number(rounds) >= 4 && Number(rounds) <= BCRYPT_ROUNDS_MAX) return undefined
    return `password_hash has ${rounds} rounds; expected 04 to ${BCRYPT_ROUNDS_MAX}`
  }
  const bytes = hashBytes(algorithm)
  if (new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`).test(hash)) return undefined
  return `password_hash is none of ${name}; expected ${bytes * 2} hexadecimal digits`
}

function hashBytes(algorithm: Exclude<PasswordHashConfig, { name: 'bcrypt' }>): number {
  if (algorithm.name === 'scrypt') return algorithm.dk_length
  if (algorithm.name === 'pbkdf2') return algorithm.dk_length ?? digestBytes[algorithm.mac_fun]
  return algorithm.name === 'plain' ? 0 : digestBytes[algorithm.name]
}

const digestBytes = { md5: 16, sha: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const
