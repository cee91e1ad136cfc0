/** All commands of `isthmus`. */
import { clientsGroup } from './clients/commands.ts'
import { CommandFailure } from './command-failure.ts'
import { command, type CommandGroup } from './command.ts'
import { completionCommand, wordsCommand } from './completion/commands.ts'
import { confGroup } from './conf/commands.ts'
import { doctorCommand } from './doctor/commands.ts'
import { inspectGroup } from './inspect/commands.ts'
import { linksGroup } from './links/commands.ts'
import { nodesGroup, aclGroup, alarmsGroup } from './operate-commands.ts'
import { adminsGroup, apiKeysGroup, usersGroup } from './users/commands.ts'

const start = command({
  name: 'start',
  summary: 'run a node; SIGHUP reads FILE again, SIGTERM drains and ends',
  arguments: [],
  options: {
    config: { kind: 'text', short: 'c', value: 'FILE', required: true, complete: 'file', help: 'its configuration' },
  },
  examples: ['start --config us-east.conf'],
  run: async ({ options }) => (await import('./start.ts')).start(options),
})

const demo = command({
  name: 'demo',
  summary: 'two linked clusters on this machine, live',
  about: [
    'With --cluster three nodes are linked with two, and one of them is killed every 10 s; this wants nats-server.',
    'With --once it takes 5 s (with --cluster 25 s), then there is a verdict.',
  ],
  arguments: [],
  options: {
    cluster: { kind: 'flag', help: 'clusters of several nodes, some of which are killed' },
    once: { kind: 'flag', help: 'end by itself, with a verdict' },
    json: { kind: 'flag', help: 'with --once: the verdict as JSON' },
  },
  examples: ['demo', 'demo --cluster --once --json'],
  run: async ({ options }) => {
    if (options.json && !options.once) throw new CommandFailure(2, '--json goes with --once')
    return (await import('./demo.ts')).demo(options)
  },
})

export const isthmus: CommandGroup = {
  name: 'isthmus',
  summary: 'cluster linking for MQTT',
  commands: [
    start,
    demo,
    confGroup,
    linksGroup,
    doctorCommand,
    clientsGroup,
    nodesGroup,
    alarmsGroup,
    aclGroup,
    usersGroup,
    adminsGroup,
    apiKeysGroup,
    inspectGroup,
    completionCommand,
    wordsCommand(() => isthmus),
  ],
}
