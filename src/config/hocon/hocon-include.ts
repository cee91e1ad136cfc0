/**
 * Puts included files into the text that includes them, and keeps for each line of the result where it came from. The parser never
 * opens a file: what it could include besides files (URLs, scripts, which it runs) has no place in a configuration.
 */
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { type HoconProblem, scanHocon } from './hocon-scan.ts'

/** Line `n` of the text stands at index `n - 1`. */
export type HoconOrigin = { readonly file: string | undefined; readonly line: number }
export type HoconText = { readonly type: 'ok'; readonly text: string; readonly origins: readonly HoconOrigin[] }
export type HoconPlace = {
  /** How errors name the file. */
  readonly file: string | undefined
  /** Where relative names in it are looked for. */
  readonly baseDir: string
}
export type ReadFile = (path: string) => string
export type IncludeProblem = Omit<HoconProblem, 'reason'> & {
  readonly file: string | undefined
  readonly reason: HoconProblem['reason'] | 'file_not_readable'
}

/** `text` has `\n` as its only line end. `chain`: the files that are being included, outermost first. */
export function expandIncludes(
  text: string,
  place: HoconPlace,
  readFile: ReadFile,
  chain: readonly string[] = [],
): HoconText | IncludeProblem {
  const scan = scanHocon(text)
  if (scan.type === 'invalid') return { ...scan, file: place.file }
  const pieces: HoconText[] = []
  let from = 0
  let fromLine = 1
  for (const include of scan.includes) {
    const included = includeFile(include.target, include.line, place, readFile, chain)
    if (included.type === 'invalid') return included
    pieces.push(piece(text.slice(from, include.start), fromLine, place.file), included)
    from = include.end
    fromLine = include.line
  }
  pieces.push(piece(text.slice(from), fromLine, place.file))
  // Each piece begins on a line of its own, so that lines and origins stay in step.
  return {
    type: 'ok',
    text: pieces.map((part) => part.text).join('\n'),
    origins: pieces.flatMap((part) => part.origins),
  }
}

function includeFile(
  target: string,
  line: number,
  place: HoconPlace,
  readFile: ReadFile,
  chain: readonly string[],
): HoconText | IncludeProblem {
  const path = resolve(place.baseDir, target)
  const refuse = (reason: IncludeProblem['reason'], message: string): IncludeProblem => {
    return { type: 'invalid', file: place.file, line, reason, message }
  }
  if (chain.includes(path)) return refuse('bad_include', `"${target}" includes itself`)
  if (chain.length >= chainMax) return refuse('bad_include', `files include each other more than ${chainMax} deep`)
  let read: string
  try {
    read = readFile(path)
  } catch (error) {
    return refuse('file_not_readable', `cannot include "${target}": ${reasonOf(error)}`)
  }
  const text = plainLines(read)
  const scan = scanHocon(text)
  const file = besideOf(place.file, target)
  if (scan.type === 'invalid') return { ...scan, file }
  return expandIncludes(withoutBraces(text, scan.braces), { file, baseDir: dirname(path) }, readFile, [...chain, path])
}

const chainMax = 16

/** An included file adds its keys to the section that includes it, so the braces around a JSON file go. */
function withoutBraces(text: string, braces: { readonly open: number; readonly close: number } | undefined): string {
  if (braces === undefined) return text
  return `${text.slice(0, braces.open)} ${text.slice(braces.open + 1, braces.close)} ${text.slice(braces.close + 1)}`
}

function piece(text: string, line: number, file: string | undefined): HoconText {
  return { type: 'ok', text, origins: text.split('\n').map((_, index) => ({ file, line: line + index })) }
}

/** Named as the including file is named: `conf/main.conf` includes `conf/other.conf`. */
function besideOf(includingFile: string | undefined, target: string): string {
  return includingFile === undefined || isAbsolute(target) ? target : join(dirname(includingFile), target)
}

/** One kind of line end, and no byte order mark. */
export function plainLines(text: string): string {
  return text.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
}

/** What the system said, without the path, which stands beside it already. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'permission denied'
  if (code === 'EISDIR') return 'it is a directory'
  return code ?? error.message
}
