/** `hooks`: modules of whoever runs the node. They are loaded when it starts; here it is only seen to that there are such files. */
import { resolve } from 'node:path'
import * as z from 'zod'
import { unreadable } from './config-files.ts'
import type { Finding } from './config-issues.ts'
import { text } from './fields.ts'
import type { ResolveContext } from './resolve-context.ts'

export const hooksSchema = z
  .array(text('the name of a module').min(1, { error: 'expected the name of a module' }), {
    error: 'expected a list of modules: ["./my-hooks.mjs"]',
  })
  .default([])

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
