/** Does what a command line asks for, and says why it came to nothing. */
import { productVersion } from '../config/version.ts'
import { CommandFailure } from './command-failure.ts'
import { parseCommandLine } from './command-line.ts'
import type { ExitCode } from './command.ts'
import { isthmus } from './commands.ts'
import { helpOf } from './help.ts'
import type { Terminal } from './terminal.ts'

/** Resolves with the exit code: 0 good, 1 failed, 2 usage or configuration. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { out, complaints } = terminal
  const asked = parseCommandLine(isthmus, argv)
  switch (asked.type) {
    case 'version':
      out.write(`isthmus ${productVersion()}\n`)
      return 0
    case 'help':
      out.write(helpOf(asked.of, asked.path))
      return 0
    case 'usage_error': {
      const name = ['isthmus', ...asked.path].join(' ')
      complaints.write(`${name}: ${asked.message}\n\`${name} --help\` says how it is used\n`)
      return 2
    }
    case 'run':
      try {
        return await asked.command.run(asked.given, terminal)
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error
        complaints.write(failureText(['isthmus', ...asked.path].join(' '), error.message))
        return error.exitCode
      }
  }
}

/** Each of several lines, such as the wrong fields of a link, stands for itself. */
function failureText(name: string, message: string): string {
  const lines = message.split('\n')
  return lines.length === 1 ? `${name}: ${message}\n` : `${name}:\n${lines.map((line) => `  ${line}\n`).join('')}`
}
