/** `isthmus clients ...`: clients of all nodes, over the API of one of them. */
import { command, type CommandGroup } from '../command.ts'
import { askOptions } from '../node-options.ts'
import { pageOptions } from '../page-options.ts'

const node = { kind: 'text', value: 'NODE', help: 'those of this node alone' } as const
const hint = '`isthmus clients list` has their ClientIDs'

const list = command({
  name: 'list',
  summary: 'clients, those included that are away and have a session',
  arguments: [],
  options: {
    search: { kind: 'text', value: 'TEXT', help: 'those whose ClientID holds it' },
    username: { kind: 'text', value: 'NAME', help: 'those of this user' },
    'ip-address': { kind: 'text', value: 'ADDRESS', help: 'those from there' },
    connected: { kind: 'switch', help: 'those that are there, or away' },
    node,
    ...pageOptions,
    ...askOptions,
  },
  examples: ['clients list --search sensor-', 'clients list --no-connected', 'clients list --json --limit 1000'],
  run: async ({ options }, terminal) => (await import('./clients.ts')).list(options, terminal),
})

const show = command({
  name: 'show',
  summary: 'one client: connection, session, queue',
  arguments: [{ name: 'CLIENTID', hint }],
  options: askOptions,
  examples: ['clients show sensor-7'],
  run: async (given, terminal) =>
    (await import('./clients.ts')).show(given.arguments.clientid, given.options, terminal),
})

const kick = command({
  name: 'kick',
  summary: 'end sessions, and the connections of clients that are there',
  arguments: [{ name: 'CLIENTID', many: true, hint }],
  options: askOptions,
  examples: ['clients kick sensor-7', 'clients list --search old- | cut -f1 | xargs isthmus clients kick'],
  run: async (given, terminal) =>
    (await import('./clients.ts')).kick(given.arguments.clientid, given.options, terminal),
})

const subscriptions = command({
  name: 'subscriptions',
  summary: 'what clients have subscribed to: one of them, or all',
  arguments: [{ name: 'CLIENTID', optional: true, hint }],
  options: {
    filter: { kind: 'text', value: 'FILTER', help: 'this one and no other' },
    topic: { kind: 'text', value: 'TOPIC', help: 'those that get what is published there' },
    node,
    ...pageOptions,
    ...askOptions,
  },
  examples: ['clients subscriptions sensor-7', 'clients subscriptions --topic global/hello'],
  run: async (given, terminal) =>
    (await import('./clients.ts')).subscriptions(given.arguments.clientid, given.options, terminal),
})

export const clientsGroup: CommandGroup = {
  name: 'clients',
  summary: 'MQTT clients of all nodes',
  commands: [list, show, kick, subscriptions],
}
