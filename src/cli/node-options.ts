/** The options by which commands find the node that they ask. */
import type { Given, Options } from './command.ts'
import type { NodePlace } from './find-node.ts'

export const nodeOptions = {
  config: {
    kind: 'text',
    short: 'c',
    value: 'FILE',
    complete: 'file',
    help: 'the configuration of a node on this machine',
  },
  'data-dir': {
    kind: 'text',
    value: 'DIRECTORY',
    complete: 'directory',
    help: 'its data directory; data if nothing is said',
  },
  url: { kind: 'text', value: 'URL', help: 'a node anywhere: http://host:18083, with an API key (ISTHMUS_URL)' },
  'api-key': { kind: 'text', value: 'KEY', help: 'goes with --url (ISTHMUS_API_KEY)' },
  'api-secret': {
    kind: 'text',
    value: 'SECRET',
    help: 'the same; others on this machine can see it, better set ISTHMUS_API_SECRET',
  },
  cacert: {
    kind: 'text',
    value: 'FILE',
    complete: 'file',
    help: 'PEM of the authority that signed the certificate at an https URL',
  },
} as const satisfies Options

export const jsonOption = {
  json: { kind: 'flag', help: 'JSON as the API answers it, for scripts' },
} as const satisfies Options

/** What every command has that asks a node. */
export const askOptions = { ...nodeOptions, ...jsonOption } as const satisfies Options

export type NodeOptions = Given<typeof nodeOptions, []>['options']

export function placeOf(options: Partial<NodeOptions>): NodePlace {
  const { config, 'data-dir': dataDir, url, 'api-key': apiKey, 'api-secret': apiSecret, cacert } = options
  return { config, dataDir, url, apiKey, apiSecret, cacert }
}
