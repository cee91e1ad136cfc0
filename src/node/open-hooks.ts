/** The hooks of a node: those of the modules that its configuration names, then those that the caller of `createNode` gives. */
import type { Clock } from '../broker/clock.ts'
import type { HookModule, Hooks } from '../broker/hooks/hook.ts'
import { NodeHooks } from '../broker/hooks/node-hooks.ts'
import type { Logger } from '../broker/logger.ts'
import { ConfigurationError } from './configuration-error.ts'
import { hooksOf, loadHooks } from './load-hooks.ts'

/** Throws `ConfigurationError`. */
export function givenHooks(hooks: Hooks | undefined): readonly HookModule[] {
  if (hooks === undefined) return []
  const found = hooksOf(hooks, 'createNode', 'the options of createNode', 'hooks')
  if ('errors' in found) throw new ConfigurationError(found.errors)
  return [found]
}

export type HookSources = {
  /** Modules by their absolute paths. */
  readonly files: readonly string[]
  readonly given: readonly HookModule[]
}

/** `undefined` if there are none. Rejects with `ConfigurationError`. @param packetBytesMax of what a hook makes of a message */
export async function openHooks(
  { files, given }: HookSources,
  ports: { readonly clock: Clock; readonly log: Logger },
  packetBytesMax: () => number,
): Promise<NodeHooks | undefined> {
  const loaded = await loadHooks(files)
  if (loaded.type === 'invalid') throw new ConfigurationError(loaded.errors)
  const modules = [...loaded.modules, ...given]
  return modules.length === 0 ? undefined : new NodeHooks(modules, ports, packetBytesMax)
}
