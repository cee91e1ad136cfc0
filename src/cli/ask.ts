/** What every command does that asks a node. */
import { ApiClient } from './api-client.ts'
import { type NodeOptions, placeOf } from './node-options.ts'
import { warnOfArgv } from './read-secret.ts'
import { remark, showJson } from './show.ts'
import type { Terminal } from './terminal.ts'

export type AskOptions = NodeOptions & { readonly json: boolean }

/** The node that is meant. Rejects with `CommandFailure`. */
export function apiOf(options: NodeOptions, terminal: Terminal): Promise<ApiClient> {
  if (options['api-secret'] !== undefined) warnOfArgv(terminal, '--api-secret', 'ISTHMUS_API_SECRET in the environment')
  return ApiClient.of(placeOf(options), terminal.env)
}

/** The answer as it is, if JSON is asked for; else as `show` shows it. */
export function answer(options: { readonly json: boolean }, terminal: Terminal, value: unknown, show: () => void): 0 {
  if (options.json) showJson(terminal, value)
  else show()
  remark(terminal, value)
  return 0
}
