/** Where the API of a node is, and with what one gets in: as the options of a command say it, or the environment. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandFailure } from './command-failure.ts'

/** As it stands on the command line; at most one of `config`, `dataDir` and `url`. */
export type NodePlace = {
  /** The node's configuration: its data directory tells the rest. */
  readonly config?: string | undefined
  /** `node.data_dir` of a node on this machine. */
  readonly dataDir?: string | undefined
  /** `http://host:18083`; goes with key and secret. */
  readonly url?: string | undefined
  readonly apiKey?: string | undefined
  readonly apiSecret?: string | undefined
  /** PEM file with the authority that signed the node's certificate. */
  readonly cacert?: string | undefined
}

export type NodeDoor = {
  /** Without a path: `http://127.0.0.1:18083`. */
  readonly url: string
  /** The header that says who asks. */
  readonly authorization: string
  /** Of whom a TLS certificate is believed; `undefined`: those that Node.js knows. */
  readonly ca: string | undefined
  /** Where this was found, for the words of an error. */
  readonly foundIn: Origin
}

export type Origin =
  /** A node on this machine left it there. */
  { readonly type: 'token_file'; readonly file: string } | { readonly type: 'key'; readonly key: string }

type Env = Readonly<Record<string, string | undefined>>

/** What a node leaves in its data directory while its API is open. */
const TOKEN_FILE = 'api.json'
/** `node.data_dir` if a configuration says nothing. */
const DATA_DIR = 'data'

/** Rejects with `CommandFailure`. */
export async function findNode(place: NodePlace, env: Env): Promise<NodeDoor> {
  const { config, dataDir, url, apiKey, apiSecret, cacert } = place
  if ([config, dataDir, url].filter((one) => one !== undefined).length > 1)
    throw new CommandFailure(2, 'say one of --config, --data-dir and --url')
  const ca = cacert === undefined ? undefined : readCa(cacert)
  if (config !== undefined || dataDir !== undefined) {
    if (apiKey !== undefined || apiSecret !== undefined)
      throw new CommandFailure(
        2,
        '--api-key and --api-secret go with --url; on the node’s own machine no key is needed',
      )
    const directory = config === undefined ? dataDir : await dataDirOf(config, env)
    return { ...readTokenFile(directory ?? DATA_DIR), ca }
  }
  const address = url ?? env['ISTHMUS_URL']
  if (address !== undefined && address !== '') return { ...doorAt(address, place, env), ca }
  if (apiKey !== undefined || apiSecret !== undefined)
    throw new CommandFailure(2, '--api-key and --api-secret go with --url, or ISTHMUS_URL: which node is meant?')
  return { ...readTokenFile(DATA_DIR), ca }
}

function doorAt(address: string, { apiKey, apiSecret }: NodePlace, env: Env): Omit<NodeDoor, 'ca'> {
  const key = apiKey ?? env['ISTHMUS_API_KEY']
  const secret = apiSecret ?? env['ISTHMUS_API_SECRET']
  if (key === undefined || key === '' || secret === undefined || secret === '') {
    const lacking = key === undefined || key === '' ? 'key (--api-key, ISTHMUS_API_KEY)' : 'secret (ISTHMUS_API_SECRET)'
    throw new CommandFailure(
      2,
      `${address}: an API ${lacking} is missing; \`isthmus api-keys add NAME\` makes one on the node’s own machine, where --config or --data-dir need none`,
    )
  }
  const authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`
  return { url: plainUrl(address), authorization, foundIn: { type: 'key', key } }
}

/** Without a path, a user or a slash at its end. */
function plainUrl(address: string): string {
  const withScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(address) ? address : `http://${address}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '')
    throw new CommandFailure(
      2,
      `${address}: this is no address of an API; write http://host:18083 or https://host:port`,
    )
  return url.origin
}

async function dataDirOf(file: string, env: Env): Promise<string> {
  // Most of what the command line takes to start: only whoever names a file needs it.
  const [{ loadConfigFile }, { formatConfigError }] = await Promise.all([
    import('../config/parse-config.ts'),
    import('../config/config-error.ts'),
  ])
  const loaded = await loadConfigFile(file, env)
  if (loaded.type === 'invalid') throw new CommandFailure(2, loaded.errors.map(formatConfigError).join('\n'))
  const { dashboard, node } = loaded.config
  if (dashboard !== undefined) return node.data_dir
  const line = 'dashboard.listeners.http.bind = "127.0.0.1:18083"'
  throw new CommandFailure(
    2,
    `dashboard.listeners.http.bind is not set in ${file}, so the node has no API: add\n\n  ${line}\n\nand start the node again`,
  )
}

function readTokenFile(dataDir: string): Omit<NodeDoor, 'ca'> {
  const file = join(dataDir, TOKEN_FILE)
  const read = parse(readText(file))
  if (typeof read?.url !== 'string' || typeof read.token !== 'string' || !URL.canParse(read.url))
    throw new CommandFailure(1, `${file}: this was not written by a node; start the node again, which writes it anew`)
  return { url: plainUrl(read.url), authorization: `Bearer ${read.token}`, foundIn: { type: 'token_file', file } }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandFailure(1, unreadable(file, error), { cause: error })
  }
}

function unreadable(file: string, error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return `${file} is not there: does the node run, and with dashboard.listeners.http.bind in its configuration? --config FILE or --data-dir DIRECTORY say which node is meant, --url one on another machine`
    case 'EACCES':
    case 'EPERM':
      return `${file}: no permission: it is for the user alone that the node runs as; ask as that user, or with --url and an API key`
    case undefined:
    default:
      return `${file}: ${error instanceof Error ? error.message : String(error)}`
  }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = codeOf(error) === 'ENOENT' ? 'there is no such file' : String(error)
    throw new CommandFailure(2, `--cacert ${file}: ${reason}`, { cause: error })
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function parse(text: string): { readonly url?: unknown; readonly token?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
