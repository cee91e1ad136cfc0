/** Modules with hooks, as the configuration names them. */
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type HookModule, type HookName, hookNames } from '../broker/hooks/hook.ts'
import { wordsOf } from '../broker/hooks/hook-call.ts'
import type { ConfigError } from '../config/config-error.ts'
import { nearestKey } from '../config/nearest-key.ts'

export type LoadedHooks =
  | { readonly type: 'loaded'; readonly modules: readonly HookModule[] }
  | { readonly type: 'invalid'; readonly errors: readonly ConfigError[] }

/**
 * Loads them in their order. Each exports its hooks by their names, as `default`; a name that is none is an error, for a hook that is
 * never called would be worse. @param files by their absolute paths
 */
export async function loadHooks(files: readonly string[]): Promise<LoadedHooks> {
  const loaded = await Promise.all(files.map((file, index) => loadModule(file, `hooks[${index}]`)))
  const errors = loaded.flatMap((one) => ('errors' in one ? one.errors : []))
  if (errors.length > 0) return { type: 'invalid', errors }
  return { type: 'loaded', modules: loaded.flatMap((one) => ('errors' in one ? [] : [one])) }
}

type Refused = { readonly errors: readonly ConfigError[] }

async function loadModule(file: string, key: string): Promise<HookModule | Refused> {
  let found: unknown
  try {
    const module: unknown = await import(pathToFileURL(file).href)
    found = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  } catch (error) {
    const words = error instanceof Error ? `${error.name}: ${error.message}` : wordsOf(error)
    return refused(key, `${file} can't be loaded: ${words}`)
  }
  return hooksOf(found, basename(file), file, key)
}

/** What a module, or the caller of `createNode`, gives as hooks. */
export function hooksOf(found: unknown, name: string, where: string, key: string): HookModule | Refused {
  if (typeof found !== 'object' || found === null)
    return refused(key, `${where} has no hooks; expected export default { 'message.publish'(message) { ... } }`)
  const errors = Object.entries(found).flatMap(([hook, value]) => problemsOf(hook, value, where, key))
  return errors.length > 0 ? { errors } : { name, hooks: found }
}

function problemsOf(hook: string, value: unknown, where: string, key: string): readonly ConfigError[] {
  if (!isHook(hook) && hook !== 'close') {
    const near = nearestKey(hook, hookNames)
    const hint = near === undefined ? `there are: ${hookNames.join(', ')}` : `did you mean "${near}"?`
    return refused(key, `${where}: unknown hook "${hook}"; ${hint}`, 'unknown_key').errors
  }
  if (value === undefined || typeof value === 'function') return []
  if (hook !== 'message.publish') return refused(key, `${where}: "${hook}" is no function`, 'wrong_type').errors
  const isPair = typeof value === 'object' && value !== null && 'run' in value && typeof value.run === 'function'
  return isPair
    ? []
    : refused(key, `${where}: "${hook}" is neither a function nor { linked, run(message) }`, 'wrong_type').errors
}

function isHook(name: string): name is HookName {
  return hookNames.some((hook) => hook === name)
}

function refused(key: string, message: string, reason: ConfigError['reason'] = 'bad_value'): Refused {
  return { errors: [{ key, reason, message }] }
}
