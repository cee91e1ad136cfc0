/** `isthmus nodes`, `alarms` and `acl`: a command or two each, over the API of a node. */
import { command, type CommandGroup } from './command.ts'
import { askOptions } from './node-options.ts'
import { pageOptions } from './page-options.ts'

export const nodesGroup: CommandGroup = {
  name: 'nodes',
  summary: 'the nodes of a cluster',
  commands: [
    command({
      name: 'list',
      summary: 'all nodes, those included that are silent',
      arguments: [],
      options: { ...askOptions, watch: { kind: 'flag', help: 'again each second, until Ctrl-C' } },
      examples: ['nodes list', 'nodes list --json | jq \'.[] | select(.node_status != "running")\''],
      run: async ({ options }, terminal) => (await import('./operate.ts')).listNodes(options, terminal),
    }),
  ],
}

export const alarmsGroup: CommandGroup = {
  name: 'alarms',
  summary: 'what is wrong, on all nodes',
  commands: [
    command({
      name: 'list',
      summary: 'alarms that are active, the latest first',
      arguments: [],
      options: {
        ...askOptions,
        past: { kind: 'flag', help: 'those that are over' },
        ...pageOptions,
      },
      examples: ['alarms list', 'alarms list --past --json'],
      run: async ({ options }, terminal) => (await import('./operate.ts')).listAlarms(options, terminal),
    }),
    command({
      name: 'clear',
      summary: 'forget the alarms that are over',
      arguments: [],
      options: askOptions,
      examples: ['alarms clear'],
      run: async ({ options }, terminal) => (await import('./operate.ts')).clearAlarms(options, terminal),
    }),
  ],
}

export const aclGroup: CommandGroup = {
  name: 'acl',
  summary: 'rights of clients',
  commands: [
    command({
      name: 'test',
      summary: 'may this client do that, and by which rule? The exit code is 0 if it may, 1 if not',
      arguments: [{ name: 'ACTION', words: ['publish', 'subscribe'] }, { name: 'TOPIC' }],
      options: {
        clientid: { kind: 'text', value: 'ID', required: true, help: 'of the client, which need not be connected' },
        username: { kind: 'text', value: 'NAME', help: 'its user name' },
        peerhost: { kind: 'text', value: 'ADDRESS', help: 'its IP address; 127.0.0.1 if nothing is said' },
        listener: { kind: 'text', value: 'TYPE:NAME', help: 'tcp:default if nothing is said' },
        'common-name': { kind: 'text', value: 'NAME', help: 'of its certificate' },
        qos: { kind: 'number', value: 'N', min: 0, max: 2, help: '0 if nothing is said' },
        retain: { kind: 'flag', help: 'a publish that is to be retained' },
        superuser: { kind: 'switch', help: 'instead of what the built-in database has' },
        ...askOptions,
      },
      examples: [
        'acl test publish devices/7/reading --clientid device-7 --username devices',
        "acl test subscribe '$LINK/#' --clientid eu-west:1:route --username eu",
      ],
      run: async (given, terminal) =>
        (await import('./operate.ts')).testAcl(given.arguments.action, given.arguments.topic, given.options, terminal),
    }),
  ],
}
