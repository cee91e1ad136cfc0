/** Modules with hooks are loaded when the node starts; here it is only seen to that there are such files. */
import { resolve } from 'node:path'
import { unreadable } from './config-files.ts'
import type { Finding } from './config-issues.ts'
import type { ResolveContext } from './resolve-context.ts'

/** By their absolute paths. */
export function buildHooks(
  files: readonly string[],
  { baseDir, readFile }: ResolveContext,
): { readonly hooks: readonly string[]; readonly findings: readonly Finding[] } {
  const findings = files.flatMap((file, index) => {
    try {
      readFile(resolve(baseDir, file))
      return []
    } catch (error) {
      return [unreadable(['hooks', index], file, error)]
    }
  })
  return { hooks: files.map((file) => resolve(baseDir, file)), findings }
}
