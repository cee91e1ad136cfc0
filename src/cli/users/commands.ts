/** `isthmus users ...` of MQTT, `admins ...` of the dashboard, and `api-keys ...` of scripts. */
import { command, type CommandGroup } from '../command.ts'
import { askOptions } from '../node-options.ts'
import { pageOptions } from '../page-options.ts'
import { yesOption } from '../prompt.ts'
import { passwordOptions } from '../read-secret.ts'

const role = {
  kind: 'word',
  words: ['administrator', 'viewer'],
  help: 'what it may; a viewer changes nothing',
} as const

export const usersGroup: CommandGroup = {
  name: 'users',
  summary: 'MQTT users of the built-in database',
  commands: [
    command({
      name: 'list',
      summary: 'all users, the same on all nodes',
      arguments: [],
      options: {
        search: { kind: 'text', value: 'TEXT', help: 'those whose name holds it' },
        ...pageOptions,
        ...askOptions,
      },
      examples: ['users list', 'users list --search device-'],
      run: async ({ options }, terminal) => (await import('./mqtt-users.ts')).list(options, terminal),
    }),
    command({
      name: 'add',
      summary: 'a new user; the password is asked for, or read from a file',
      arguments: [{ name: 'USER' }],
      options: { ...passwordOptions, superuser: { kind: 'switch', help: 'no rule holds for it' }, ...askOptions },
      examples: [
        'users add devices',
        'users add devices --password-file secret.txt',
        'pwgen 20 1 | isthmus users add devices --password-file -',
      ],
      run: async (given, terminal) =>
        (await import('./mqtt-users.ts')).add(given.arguments.user, given.options, terminal),
    }),
    command({
      name: 'passwd',
      summary: 'another password; who is connected stays connected',
      arguments: [{ name: 'USER' }],
      options: { ...passwordOptions, ...askOptions },
      examples: ['users passwd devices'],
      run: async (given, terminal) =>
        (await import('./mqtt-users.ts')).passwd(given.arguments.user, given.options, terminal),
    }),
    command({
      name: 'delete',
      summary: 'delete a user; who is connected stays connected',
      arguments: [{ name: 'USER' }],
      options: { ...askOptions, ...yesOption },
      examples: ['users delete devices --yes'],
      run: async (given, terminal) =>
        (await import('./mqtt-users.ts')).remove(given.arguments.user, given.options, terminal),
    }),
  ],
}

export const adminsGroup: CommandGroup = {
  name: 'admins',
  summary: 'users of the dashboard',
  commands: [
    command({
      name: 'list',
      summary: 'all users of the dashboard, with their roles',
      arguments: [],
      options: askOptions,
      examples: ['admins list'],
      run: async ({ options }, terminal) => (await import('./admins.ts')).list(options, terminal),
    }),
    command({
      name: 'add',
      summary: 'a new user of the dashboard; the password is asked for, or read from a file',
      arguments: [{ name: 'USER' }],
      options: {
        ...passwordOptions,
        role: { ...role, help: `${role.help}; viewer if nothing is said` },
        description: { kind: 'text', value: 'TEXT', help: 'for people' },
        ...askOptions,
      },
      examples: ['admins add anna --role administrator', 'admins add wall --password-file secret.txt'],
      run: async (given, terminal) => (await import('./admins.ts')).add(given.arguments.user, given.options, terminal),
    }),
    command({
      name: 'passwd',
      summary: 'another password; all logins of that user end',
      about: ['This is the way back in for who forgot it: on the node’s own machine nobody asks for the old one.'],
      arguments: [{ name: 'USER' }],
      options: { ...passwordOptions, ...askOptions },
      examples: ['admins passwd admin --data-dir data/a1'],
      run: async (given, terminal) =>
        (await import('./admins.ts')).passwd(given.arguments.user, given.options, terminal),
    }),
    command({
      name: 'delete',
      summary: 'delete a user of the dashboard; all its logins end',
      arguments: [{ name: 'USER' }],
      options: { ...askOptions, ...yesOption },
      examples: ['admins delete wall'],
      run: async (given, terminal) =>
        (await import('./admins.ts')).remove(given.arguments.user, given.options, terminal),
    }),
  ],
}

export const apiKeysGroup: CommandGroup = {
  name: 'api-keys',
  summary: 'keys with which scripts ask the API',
  commands: [
    command({
      name: 'list',
      summary: 'all API keys, without their secrets',
      arguments: [],
      options: askOptions,
      examples: ['api-keys list'],
      run: async ({ options }, terminal) => (await import('./api-keys.ts')).list(options, terminal),
    }),
    command({
      name: 'add',
      summary: 'a new API key; its secret is shown now, and never again',
      arguments: [{ name: 'NAME' }],
      options: {
        role: { ...role, help: `${role.help}; administrator if nothing is said` },
        expires: { kind: 'text', value: 'TIME', help: 'such as 2027-01-31T00:00:00Z; never if nothing is said' },
        description: { kind: 'text', value: 'TEXT', help: 'for people' },
        ...askOptions,
      },
      examples: ['api-keys add backup --role viewer', 'api-keys add deploy --json'],
      run: async (given, terminal) =>
        (await import('./api-keys.ts')).add(given.arguments.name, given.options, terminal),
    }),
    command({
      name: 'delete',
      summary: 'delete an API key',
      arguments: [{ name: 'NAME' }],
      options: { ...askOptions, ...yesOption },
      examples: ['api-keys delete backup'],
      run: async (given, terminal) =>
        (await import('./api-keys.ts')).remove(given.arguments.name, given.options, terminal),
    }),
  ],
}
