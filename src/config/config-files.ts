/** The files that a configuration names: secrets, which are read at once, and certificates, which must be there. */
import { isAbsolute, resolve } from 'node:path'
import type { Finding } from './config-issues.ts'
import type { ParsedLink } from './config-schema.ts'
import { type ReadFile, reasonOf } from './hocon/hocon-include.ts'
import type { KeyPath } from './key-path.ts'

/** The password itself: what `file://path` names is read, and blanks and line ends at its end go, as in EMQX. */
export function readPassword(password: string, baseDir: string, readFile: ReadFile, path: KeyPath): string | Finding {
  if (!password.startsWith('file://')) return password
  const file = password.slice('file://'.length)
  try {
    return readFile(resolve(baseDir, file)).trimEnd()
  } catch (error) {
    return unreadable(path, file, error)
  }
}

/** The TLS files of a link by absolute path. Text in PEM stays as it is. */
export function readTlsFiles(
  ssl: ParsedLink['ssl'],
  baseDir: string,
  readFile: ReadFile,
  path: KeyPath,
): { readonly files: TlsFiles; readonly findings: readonly Finding[] } {
  const findings: Finding[] = []
  const files: { -readonly [Key in keyof TlsFiles]: TlsFiles[Key] } = {}
  for (const key of ['cacertfile', 'certfile', 'keyfile'] as const) {
    const written = ssl[key]
    if (written === undefined) continue
    files[key] = isPem(written) || isAbsolute(written) ? written : resolve(baseDir, written)
    // Files of a link without TLS may lack: they are not used.
    if (!ssl.enable || isPem(written)) continue
    try {
      readFile(files[key])
    } catch (error) {
      findings.push(unreadable([...path, key], written, error))
    }
  }
  return { files, findings }
}

type TlsFiles = { readonly cacertfile?: string; readonly certfile?: string; readonly keyfile?: string }

const isPem = (value: string): boolean => value.includes('-----BEGIN')

/** What is said of a file that a key names and that cannot be read. */
export function unreadable(path: KeyPath, file: string, error: unknown): Finding {
  // What is not one short line is no file name, but perhaps the secret itself.
  const shown = /^[^\n\0]{1,200}$/.test(file) ? JSON.stringify(file) : 'this file'
  return { path, reason: 'file_not_readable', message: `cannot read ${shown}: ${reasonOf(error)}` }
}
