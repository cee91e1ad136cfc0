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

const chaos = command({
  name: 'chaos',
  summary: 'linked clusters on this machine under faults: each promise is put to the test',
  about: [
    'Real processes and real sockets are cut, killed, stopped and filled up; a checker sees what publishers were told and what',
    'subscribers got. Without SCENARIO all of them are run, which takes most of an hour.',
  ],
  arguments: [{ name: 'SCENARIO', many: true, optional: true, hint: '`isthmus chaos --list` names them' }],
  options: {
    list: { kind: 'flag', help: 'name the scenarios, and run none' },
    seed: {
      kind: 'number',
      value: 'N',
      min: 0,
      max: 2 ** 32 - 1,
      help: 'where a scenario is made from chance: the same again',
    },
    minutes: { kind: 'number', value: 'M', min: 1, max: 10_000, help: 'how long such a scenario takes' },
    results: { kind: 'text', value: 'DIR', complete: 'directory', help: 'where the report goes' },
    record: { kind: 'text', value: 'DIR', complete: 'directory', help: 'where the figures for RELIABILITY.md go' },
  },
  examples: ['chaos --list', 'chaos link-cut-5s', 'chaos mesh --minutes 30 --seed 7'],
  run: async ({ options, arguments: { scenario } }) =>
    (await import('./chaos.ts')).chaos({ ...options, scenarios: scenario }),
})

export const isthmus: CommandGroup = {
  name: 'isthmus',
  summary: 'cluster linking for MQTT',
  commands: [
    start,
    demo,
    chaos,
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
