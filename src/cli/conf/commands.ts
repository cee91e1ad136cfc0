/** `isthmus conf ...`: configurations in files; no node is asked. */
import { command, type CommandGroup } from '../command.ts'

const file = { name: 'FILE', complete: 'file', hint: 'a configuration of a node' } as const

export const confGroup: CommandGroup = {
  name: 'conf',
  summary: 'the configuration of a node',
  commands: [
    command({
      name: 'check',
      summary: 'say all that is wrong with a configuration, start nothing',
      arguments: [file],
      options: {},
      examples: ['conf check us-east.conf'],
      run: async (given) => (await import('../conf-check.ts')).confCheck(given.arguments.file),
    }),
    command({
      name: 'diff',
      summary: 'say where FILE differs from the links that run; 1 is the exit code if it does',
      arguments: [file],
      options: {},
      examples: ['conf diff us-east.conf'],
      run: async (given) => (await import('../conf-diff.ts')).confDiff(given.arguments.file),
    }),
    command({
      name: 'show',
      summary: 'what a node runs with: FILE with every default filled in, its links as they run, secrets as ******',
      about: [
        'Of a node that has run, its links are those that hold now, wherever they were changed; --file-only shows those',
        'of FILE. Includes and variables of the environment are filled in. What it prints is HOCON.',
      ],
      arguments: [{ ...file, optional: true }],
      options: {
        'file-only': { kind: 'flag', help: 'the links of FILE, whatever runs' },
        keys: { kind: 'flag', help: 'instead: all keys that a configuration may have' },
        json: { kind: 'flag', help: 'JSON' },
      },
      examples: ['conf show us-east.conf', 'conf show us-east.conf --json | jq .mqtt', 'conf show --keys'],
      run: async (given, terminal) =>
        (await import('./conf-show.ts')).confShow(given.arguments.file, given.options, terminal),
    }),
  ],
}
