/** The doors to a configuration in a file. */
import { dirname } from 'node:path'
import { type Env, readHocon } from './hocon/hocon.ts'
import { type ReadFile, reasonOf } from './hocon/hocon-include.ts'
import { type ConfigResult, readTextFile, resolveValues } from './resolve-config.ts'

export type ParseContext = {
  /** How errors name the file. */
  readonly file?: string
  /** What substitutions such as `${?PORT}` see. */
  readonly env: Env
  /** Directory from which relative names of files (includes, `file://`, certificates) count. */
  readonly baseDir: string
  /** Throws what `node:fs` throws. */
  readonly readFile?: ReadFile
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number
}

/** The text of a HOCON file as a configuration. Never rejects for bad input: all errors are in the answer. */
export async function parseConfig(text: string, context: ParseContext): Promise<ConfigResult> {
  const { file, env, baseDir, readFile = readTextFile, nowMs = Date.now } = context
  const document = await readHocon(text, { file, baseDir }, env, readFile)
  if (document.type === 'invalid') return document
  return resolveValues(document.value, { baseDir, readFile, placeOf: document.placeOf, nowMs }, document.errors)
}

/** The same for a file; one that cannot be read is an error like any other. */
export async function loadConfigFile(path: string, env: Env, readFile: ReadFile = readTextFile): Promise<ConfigResult> {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const message = `cannot read this file: ${reasonOf(error)}`
    return { type: 'invalid', errors: [{ file: path, key: '', reason: 'file_not_readable', message }] }
  }
  return parseConfig(text, { file: path, env, baseDir: dirname(path), readFile })
}
