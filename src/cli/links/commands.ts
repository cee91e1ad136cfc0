/** `isthmus links ...`: the links of a cluster, over the API of one of its nodes. */
import { command, type CommandGroup, type Options } from '../command.ts'
import { askOptions } from '../node-options.ts'
import { pageOptions } from '../page-options.ts'
import { yesOption } from '../prompt.ts'
import { linkOptions } from './link-options.ts'

const link = { name: 'LINK', complete: 'link', hint: '`isthmus links list` has their names' } as const
const watch = { kind: 'flag', help: 'again each second, until Ctrl-C' } as const
const check = { kind: 'flag', help: 'only say what would be wrong; change nothing' } as const
const wait = {
  kind: 'number',
  value: 'SECONDS',
  min: 1,
  max: 3_600,
  help: 'until the link runs; 1 is the exit code if it does not by then',
} as const

/** Named as what does it, in `act.ts`. */
function onLink(name: 'enable' | 'disable' | 'pause' | 'resume' | 'reset', summary: string, options: Options = {}) {
  return command({
    name,
    summary,
    arguments: [link],
    options: { ...askOptions, ...options },
    examples: [`links ${name} eu-west --config us-east.conf`],
    run: async (given, terminal) => (await import('./act.ts'))[name](given.arguments.link, given.options, terminal),
  })
}

const list = command({
  name: 'list',
  summary: 'all links, with how each is and why',
  arguments: [],
  options: { ...askOptions, watch },
  examples: [
    'links list --config us-east.conf',
    'links list --watch',
    'links list --json | jq \'.[] | select(.status != "running") | .name\'',
  ],
  run: async ({ options }, terminal) => (await import('./list.ts')).list(options, terminal),
})

const show = command({
  name: 'show',
  summary: 'one link: its settings, and how it is on each node',
  arguments: [link],
  options: { ...askOptions, watch },
  examples: ['links show eu-west', 'links show eu-west --json > eu-west.json'],
  run: async (given, terminal) => (await import('./show-link.ts')).show(given.arguments.link, given.options, terminal),
})

const create = command({
  name: 'create',
  summary: 'a new link',
  about: [
    'LINK is the name of the cluster at the other end. Its settings come from options, from a file as it would stand',
    'in cluster.links, or from both: then options win. Files with certificates are those that the nodes have.',
  ],
  arguments: [{ name: 'LINK', optional: true, hint: 'the name of the cluster at the other end' }],
  options: { ...linkOptions, check, wait, ...askOptions },
  examples: [
    'links create eu-west --server eu.example.com:1883 --topics "global/#,cluster/+/status"',
    'links create eu-west --server eu.example.com:8883 --ssl --topics "t/#" --username us --password-file secret.txt',
    'links create --file eu-west.conf --wait 30',
    'links show eu-west --json | isthmus links create --file - --url http://other:18083',
  ],
  run: async (given, terminal) => (await import('./write.ts')).create(given.arguments.link, given.options, terminal),
})

const update = command({
  name: 'update',
  summary: 'other settings for a link; what is not given stays as it is',
  about: ['--set names any setting as a file does; --unset takes one away, so that its default holds.'],
  arguments: [link],
  options: {
    ...linkOptions,
    unset: { kind: 'texts', value: 'FIELD', help: 'as if it had never been written: accept, password' },
    check,
    wait,
    ...askOptions,
  },
  examples: [
    'links update eu-west --topics "global/#,alerts/#"',
    'links update eu-west --set resource_opts.request_ttl=1h --set accept.username=eu',
    'links update eu-west --unset username --unset password',
  ],
  run: async (given, terminal) => (await import('./write.ts')).update(given.arguments.link, given.options, terminal),
})

const remove = command({
  name: 'delete',
  summary: 'delete a link; what waits to cross it is given up',
  arguments: [link],
  options: { ...askOptions, ...yesOption },
  examples: ['links delete eu-west', 'links delete eu-west --yes'],
  run: async (given, terminal) => (await import('./act.ts')).remove(given.arguments.link, given.options, terminal),
})

const stats = command({
  name: 'stats',
  summary: 'what crossed, waits and got lost: of one link, or a line for each',
  arguments: [{ ...link, optional: true }],
  options: { ...askOptions, watch },
  examples: ['links stats', 'links stats eu-west --watch', 'links stats eu-west --json | jq .metrics.ledger'],
  run: async (given, terminal) => (await import('./stats.ts')).stats(given.arguments.link, given.options, terminal),
})

const routes = command({
  name: 'routes',
  summary: 'filters that the peer wants of us, or with --ours we of it',
  arguments: [link],
  options: {
    ...askOptions,
    ours: { kind: 'flag', help: 'what we told the peer that we want' },
    search: { kind: 'text', value: 'TEXT', help: 'those that hold it' },
    ...pageOptions,
  },
  examples: ['links routes eu-west', 'links routes eu-west --ours --search alerts/'],
  run: async (given, terminal) => (await import('./looks.ts')).routes(given.arguments.link, given.options, terminal),
})

const dryRun = command({
  name: 'dry-run',
  summary: 'what would cross if the peer wanted these filters: live traffic is counted for some seconds',
  arguments: [link],
  options: {
    ...askOptions,
    topics: { kind: 'texts', value: 'FILTERS', required: true, help: 'topic filters, with commas between them' },
    seconds: { kind: 'number', value: 'N', min: 1, max: 60, help: 'for so long; 10 if nothing is said' },
  },
  examples: ['links dry-run eu-west --topics "devices/#,alerts/+" --seconds 30'],
  run: async (given, terminal) => (await import('./looks.ts')).dryRun(given.arguments.link, given.options, terminal),
})

const outbox = command({
  name: 'outbox',
  summary: 'what waits to cross, the oldest first; payloads are not shown',
  arguments: [link],
  options: { ...askOptions, limit: { ...pageOptions.limit, help: 'of each node; 20 if nothing is said' } },
  examples: ['links outbox eu-west --limit 5'],
  run: async (given, terminal) => (await import('./looks.ts')).outbox(given.arguments.link, given.options, terminal),
})

const purge = command({
  name: 'purge',
  summary: 'give up what waits to cross; what is on its way is let be',
  arguments: [link],
  options: {
    ...askOptions,
    reason: { kind: 'text', value: 'TEXT', required: true, help: 'for the log: why it is given up' },
    ...yesOption,
  },
  examples: ['links purge eu-west --reason "the peer was rebuilt and wants none of it"'],
  run: async (given, terminal) => (await import('./act.ts')).purge(given.arguments.link, given.options, terminal),
})

const drift = command({
  name: 'drift',
  summary: 'what each side believes of the other, side by side',
  arguments: [link],
  options: askOptions,
  examples: ['links drift eu-west'],
  run: async (given, terminal) => (await import('./looks.ts')).drift(given.arguments.link, given.options, terminal),
})

const progress = command({
  name: 'progress',
  summary: 'how far a bootstrap, a backlog or the telling of retained messages has come',
  arguments: [link],
  options: { ...askOptions, watch },
  examples: ['links progress eu-west --watch'],
  run: async (given, terminal) => (await import('./looks.ts')).progress(given.arguments.link, given.options, terminal),
})

export const linksGroup: CommandGroup = {
  name: 'links',
  summary: 'the links of a cluster',
  commands: [
    list,
    show,
    create,
    update,
    onLink('enable', 'switch a link on', { wait }),
    onLink('disable', 'switch a link off; its settings stay'),
    remove,
    stats,
    routes,
    dryRun,
    onLink('pause', 'hold back what is for the peer, on all nodes: it waits in the outbox, within its limits'),
    onLink('resume', 'let what is for the peer go on'),
    outbox,
    purge,
    drift,
    progress,
    onLink('reset', 'begin all counts of a link anew'),
  ],
}
