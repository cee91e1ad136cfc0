/** `isthmus inspect ...`: looks into a running node over its debug socket. */
import { command, type CommandGroup, type ExitCode } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'
import type { InspectPlace, InspectQuery } from './inspect-query.ts'

const where = {
  socket: { kind: 'text', value: 'PATH', complete: 'file', help: 'the socket itself' },
  config: {
    kind: 'text',
    short: 'c',
    value: 'FILE',
    complete: 'file',
    help: 'the node’s configuration, which names the socket (debug.socket)',
  },
  'data-dir': {
    kind: 'text',
    value: 'DIRECTORY',
    complete: 'directory',
    help: 'DIRECTORY/debug.sock; data/debug.sock if nothing is said',
  },
  json: { kind: 'flag', help: 'JSON also on a terminal; elsewhere it is JSON anyway' },
} as const

const limit = {
  kind: 'number',
  value: 'N',
  min: 1,
  max: 1_000_000,
  help: 'at most so many; 100 if nothing is said',
} as const
const LIMIT = 100

type Where = {
  readonly socket: string | undefined
  readonly config: string | undefined
  readonly 'data-dir': string | undefined
  readonly json: boolean
}

async function ask(query: InspectQuery, given: Where, { out, complaints }: Terminal): Promise<ExitCode> {
  const { inspect } = await import('../inspect.ts')
  return inspect({ place: placeOf(given), json: given.json, query }, out, complaints)
}

/** Throws `CommandFailure` if several are said. */
function placeOf({ socket, config, 'data-dir': directory }: Where): InspectPlace {
  if ([socket, config, directory].filter((place) => place !== undefined).length > 1)
    throw new CommandFailure(2, 'say one of --socket, --config and --data-dir')
  if (socket !== undefined) return { type: 'socket', path: socket }
  return config === undefined ? { type: 'data_dir', directory: directory ?? 'data' } : { type: 'config', file: config }
}

const link = { name: 'LINK', hint: '`isthmus inspect links` lists them' } as const
const actor = { name: 'ACTOR', hint: '`isthmus inspect actors` lists them' } as const

function plain(name: 'actors' | 'members' | 'leases' | 'lanes', summary: string) {
  return command({
    name,
    summary,
    arguments: [],
    options: where,
    examples: [`inspect --config a1.conf ${name}`],
    run: ({ options }, terminal) => ask({ type: name }, options, terminal),
  })
}

const routes: CommandGroup = {
  name: 'routes',
  summary: 'what is subscribed and routed',
  commands: [
    command({
      name: 'match',
      summary: 'who gets a message on this topic, and why',
      arguments: [{ name: 'TOPIC' }],
      options: { ...where, limit },
      examples: ['inspect --config a1.conf routes match devices/0042/reading'],
      run: ({ arguments: { topic }, options }, terminal) =>
        ask({ type: 'routes_match', topic, limit: options.limit ?? LIMIT }, options, terminal),
    }),
    command({
      name: 'list',
      summary: 'what is subscribed and routed; of TEXT, the filters that hold it',
      arguments: [{ name: 'TEXT', optional: true }],
      options: { ...where, limit },
      examples: ['inspect --config a1.conf routes list alerts/ --limit 1000'],
      run: ({ arguments: { text }, options }, terminal) =>
        ask({ type: 'routes_list', text, limit: options.limit ?? LIMIT }, options, terminal),
    }),
  ],
}

export const inspectGroup: CommandGroup = {
  name: 'inspect',
  summary: 'look into a running node, over its debug socket',
  commands: [
    plain('actors', 'the tree of its actors, with states and restarts'),
    command({
      name: 'history',
      summary: 'the last 256 transitions of an actor, with reasons',
      arguments: [actor],
      options: where,
      examples: ['inspect --config a1.conf history eu-west/route-sync'],
      run: ({ arguments: given, options }, terminal) => ask({ type: 'history', actor: given.actor }, options, terminal),
    }),
    command({
      name: 'watch',
      summary: 'transitions as they happen, of all actors or of one and those below it',
      arguments: [{ ...actor, optional: true }],
      options: where,
      examples: ['inspect --config a1.conf watch eu-west'],
      run: ({ arguments: given, options }, terminal) => ask({ type: 'watch', actor: given.actor }, options, terminal),
    }),
    command({
      name: 'links',
      summary: 'each link’s state, reasons, routes and messages; of LINK, all that there is to know',
      arguments: [{ ...link, optional: true }],
      options: where,
      examples: [
        'inspect --config a1.conf links eu-west',
        'inspect --socket data/a1/debug.sock links --json | jq \'.links[] | select(.state != "running")\'',
      ],
      run: ({ arguments: given, options }, terminal) => ask({ type: 'links', link: given.link }, options, terminal),
    }),
    command({
      name: 'ledger',
      summary: 'where every message of a link stands; reset begins both its accounts anew',
      arguments: [link, { name: 'RESET', words: ['reset'], optional: true }],
      options: where,
      examples: ['inspect --config a1.conf ledger eu-west', 'inspect --config a1.conf ledger eu-west reset'],
      run: ({ arguments: given, options }, terminal) =>
        ask({ type: given.reset === undefined ? 'ledger' : 'ledger_reset', link: given.link }, options, terminal),
    }),
    plain('members', 'the nodes of its cluster'),
    plain('leases', 'who may speak for what'),
    plain('lanes', 'messages on their way to other nodes'),
    routes,
    command({
      name: 'log-level',
      summary: 'the level of its log; LEVEL sets it until the node ends',
      arguments: [
        {
          name: 'LEVEL',
          optional: true,
          words: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
        },
      ],
      options: where,
      examples: ['inspect --config a1.conf log-level debug'],
      run: ({ arguments: { level }, options }, terminal) => ask({ type: 'log_level', level }, options, terminal),
    }),
  ],
}
