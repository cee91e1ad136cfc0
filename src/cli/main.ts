#!/usr/bin/env node
/** The command `isthmus`. Commands are loaded when asked for, so that `--help` costs nothing. */
import { productVersion } from '../config/version.ts'
import { type Command, parseCommandLine, USAGE } from './command-line.ts'
import { INSPECT_USAGE } from './inspect/parse-inspect.ts'

/** Does what was asked. Resolves with the exit code: 0 good, 1 failed, 2 usage or configuration. */
async function run(command: Command): Promise<number> {
  switch (command.type) {
    case 'start':
      return (await import('./start.ts')).start(command)
    case 'demo':
      return (await import('./demo.ts')).demo(command)
    case 'conf_check':
      return (await import('./conf-check.ts')).confCheck(command.file)
    case 'conf_diff':
      return (await import('./conf-diff.ts')).confDiff(command.file)
    case 'inspect':
      return (await import('./inspect.ts')).inspect(command, process.stdout)
    case 'inspect_help':
      process.stdout.write(INSPECT_USAGE)
      return 0
    case 'help':
      process.stdout.write(USAGE)
      return 0
    case 'version':
      process.stdout.write(`isthmus ${productVersion()}\n`)
      return 0
    case 'usage_error':
      process.stderr.write(`isthmus: ${command.message}\n\n${USAGE}`)
      return 2
  }
}

process.exitCode = await run(parseCommandLine(process.argv.slice(2)))
