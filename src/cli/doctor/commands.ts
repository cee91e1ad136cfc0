/** `isthmus doctor LINK`: why does nothing cross? */
import { command } from '../command.ts'
import { askOptions } from '../node-options.ts'

export const doctorCommand = command({
  name: 'doctor',
  summary: 'why does nothing cross? Goes through all that a link needs, and says what to change',
  about: [
    'It stops at the first step that is broken. Exit code 0: nothing is; 1: something is; 2: the question was wrong.',
    'It changes nothing, and does not disturb the link.',
  ],
  arguments: [{ name: 'LINK', complete: 'link', hint: '`isthmus links list` has their names' }],
  options: {
    ...askOptions,
    topic: {
      kind: 'text',
      value: 'T',
      help: 'whether a message of this topic would cross, either way, is asked as well',
    },
  },
  examples: ['doctor eu-west --config us-east.conf', 'doctor eu-west --topic global/hello', 'doctor eu-west --json'],
  run: async (given, terminal) => (await import('./doctor.ts')).doctor(given.arguments.link, given.options, terminal),
})
