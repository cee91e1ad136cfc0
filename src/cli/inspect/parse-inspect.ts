/** `isthmus inspect ...`: what is asked, and of which node. */
import { readArguments } from '../read-arguments.ts'

export type InspectQuery =
  | { readonly type: 'actors' | 'members' | 'leases' | 'lanes' }
  /** All links, if none is named. */
  | { readonly type: 'links'; readonly link: string | undefined }
  | { readonly type: 'history'; readonly actor: string }
  /** Of all actors, if none is named. */
  | { readonly type: 'watch'; readonly actor: string | undefined }
  | { readonly type: 'routes_match'; readonly topic: string; readonly limit: number }
  | { readonly type: 'routes_list'; readonly text: string | undefined; readonly limit: number }
  | { readonly type: 'ledger' | 'ledger_reset'; readonly link: string }
  /** Tells the level, if none is named. */
  | { readonly type: 'log_level'; readonly level: string | undefined }

/** Where the node listens. */
export type InspectPlace =
  | { readonly type: 'socket'; readonly path: string }
  | { readonly type: 'config'; readonly file: string }
  | { readonly type: 'data_dir'; readonly directory: string }

export type InspectCommand = {
  readonly type: 'inspect'
  readonly place: InspectPlace
  /** Whether JSON is asked for also on a terminal. */
  readonly json: boolean
  readonly query: InspectQuery
}

export const INSPECT_USAGE = `isthmus inspect: look into a running node, over its debug socket

  isthmus inspect [WHERE] [--json] COMMAND

  actors                 the tree of its actors, with states and restarts
  history ACTOR          the last 256 transitions of an actor, with reasons
  watch [ACTOR]          transitions as they happen, of all or of one and those below it
  links [LINK]           each link's state, reasons, routes and messages; of LINK, all that there is to know
  ledger LINK [reset]    where every message of a link stands; reset begins both its accounts anew
  members                the nodes of its cluster
  leases                 who may speak for what
  lanes                  messages on their way to other nodes
  routes match TOPIC     who gets a message on this topic, and why
  routes list [TEXT]     what is subscribed and routed; of TEXT, the filters that hold it
  log-level [LEVEL]      the level of its log; LEVEL sets it until the node ends

WHERE is one of
  --socket PATH          the socket itself
  --config FILE          the node's configuration, which names the socket (debug.socket)
  --data-dir DIRECTORY   DIRECTORY/debug.sock; data/debug.sock if nothing is said

  --limit N              of routes: at most so many, 100 if nothing is said
  --json                 JSON also on a terminal; elsewhere it is JSON anyway

Examples:
  isthmus inspect --config a1.conf actors
  isthmus inspect --config a1.conf history eu-west/route-sync
  isthmus inspect --config a1.conf routes match devices/0042/reading
  isthmus inspect --config a1.conf links eu-west
  isthmus inspect --socket data/a1/debug.sock links --json | jq '.links[] | select(.state != "running")'

Exit codes: 0 good, 1 failed (nobody answers, or it knows no such thing), 2 usage or configuration.
`

const options = {
  socket: { type: 'string' },
  config: { type: 'string', short: 'c' },
  'data-dir': { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
} as const

/** A message says what is wrong. */
export function parseInspect(argv: string[]): InspectCommand | string {
  const parsed = readArguments(argv, options)
  if (typeof parsed === 'string') return parsed
  const { socket, config, 'data-dir': directory, limit: limitText = '100', json = false } = parsed.values
  if ([socket, config, directory].filter((place) => place !== undefined).length > 1)
    return 'say one of --socket, --config and --data-dir'
  const limit = Number(limitText)
  if (!/^\d+$/.test(limitText) || limit < 1 || limit > 1_000_000) return '--limit is a number from 1 to 1000000'
  const query = queryOf(parsed.positionals, limit)
  if (typeof query === 'string') return query
  return { type: 'inspect', place: placeOf(socket, config, directory), json, query }
}

function placeOf(socket: string | undefined, config: string | undefined, directory = 'data'): InspectPlace {
  if (socket !== undefined) return { type: 'socket', path: socket }
  return config === undefined ? { type: 'data_dir', directory } : { type: 'config', file: config }
}

function queryOf([word, ...rest]: readonly string[], limit: number): InspectQuery | string {
  const [first, second] = rest
  switch (word) {
    case undefined:
      return 'what do you want to see? Say actors, links, routes ...'
    case 'actors':
    case 'members':
    case 'leases':
    case 'lanes':
      return rest.length > 0 ? unexpected(word, rest) : { type: word }
    case 'links':
      return rest.length > 1 ? unexpected(word, rest.slice(1)) : { type: word, link: first }
    case 'history':
      if (first === undefined) return 'history: of which ACTOR? `actors` lists them'
      return rest.length > 1 ? unexpected(word, rest.slice(1)) : { type: 'history', actor: first }
    case 'watch':
      return rest.length > 1 ? unexpected(word, rest.slice(1)) : { type: 'watch', actor: first }
    case 'ledger':
      if (first === undefined) return 'ledger: of which LINK? `links` lists them'
      if (second === 'reset' && rest.length === 2) return { type: 'ledger_reset', link: first }
      return rest.length > 1 ? unexpected(word, rest.slice(1)) : { type: 'ledger', link: first }
    case 'log-level':
      return rest.length > 1 ? unexpected(word, rest.slice(1)) : { type: 'log_level', level: first }
    case 'routes':
      if (rest.length > 2) return unexpected(`routes ${first}`, rest.slice(2))
      if (first === 'list') return { type: 'routes_list', text: second, limit }
      if (first !== 'match') return 'routes: say `routes match TOPIC` or `routes list [TEXT]`'
      return second === undefined ? 'routes match: which TOPIC?' : { type: 'routes_match', topic: second, limit }
    default:
      return `unknown command ${word}`
  }
}

function unexpected(word: string, rest: readonly string[]): string {
  return `${word}: what is ${rest.join(' ')}?`
}
