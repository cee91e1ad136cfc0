/** What the command line asks for, as a value; `main.ts` does it. */
import { type InspectCommand, parseInspect } from './inspect/parse-inspect.ts'
import { readArguments } from './read-arguments.ts'

export type Command =
  | { readonly type: 'start'; readonly config: string }
  | { readonly type: 'demo'; readonly cluster: boolean; readonly once: boolean; readonly json: boolean }
  | { readonly type: 'conf_check' | 'conf_diff'; readonly file: string }
  | InspectCommand
  | { readonly type: 'help' | 'inspect_help' | 'version' }
  | { readonly type: 'usage_error'; readonly message: string }

export const USAGE = `isthmus: cluster linking for MQTT

  isthmus start --config FILE     run a node; SIGHUP reads FILE again, SIGTERM drains and ends
  isthmus demo [--once [--json]]  two linked clusters on this machine, live; --once: 5 s, then a verdict
  isthmus demo --cluster ...      three nodes linked with two, one of them killed every 10 s; --once: 25 s (wants nats-server)
  isthmus conf check FILE         say all that is wrong with a configuration, start nothing
  isthmus conf diff FILE          say where FILE differs from what its cluster shares
  isthmus inspect ...             look into a running node; isthmus inspect --help says how
  isthmus --version
  isthmus --help

Exit codes: 0 good, 1 failed, 2 usage or configuration.
`

/** `argv` without the interpreter and the script. */
export function parseCommandLine(argv: readonly string[]): Command {
  const [word, ...rest] = argv
  if (word === undefined) return usageError('which command?')
  if (rest.includes('--help') || rest.includes('-h')) return { type: word === 'inspect' ? 'inspect_help' : 'help' }
  switch (word) {
    case '-h':
    case '--help':
    case 'help':
      return { type: 'help' }
    case '-v':
    case '--version':
      return { type: 'version' }
    case 'start':
      return parseStart(rest)
    case 'demo':
      return parseDemo(rest)
    case 'conf':
      return parseConf(rest)
    case 'inspect':
      return parseInspectCommand(rest)
    default:
      return usageError(`unknown command ${word}`)
  }
}

function parseStart(argv: string[]): Command {
  const parsed = readArguments(argv, { config: { type: 'string', short: 'c' } })
  if (typeof parsed === 'string') return usageError(parsed)
  const { config } = parsed.values
  if (parsed.positionals.length > 0) return usageError(`start: what is ${parsed.positionals.join(' ')}?`)
  return config === undefined ? usageError('start: --config FILE is missing') : { type: 'start', config }
}

function parseDemo(argv: string[]): Command {
  const flag = { type: 'boolean' } as const
  const parsed = readArguments(argv, { cluster: flag, once: flag, json: flag })
  if (typeof parsed === 'string') return usageError(parsed)
  const { cluster = false, once = false, json = false } = parsed.values
  if (parsed.positionals.length > 0) return usageError(`demo: what is ${parsed.positionals.join(' ')}?`)
  return json && !once ? usageError('demo: --json goes with --once') : { type: 'demo', cluster, once, json }
}

function parseConf(argv: string[]): Command {
  const parsed = readArguments(argv, {})
  if (typeof parsed === 'string') return usageError(parsed)
  const [verb, file, ...more] = parsed.positionals
  if ((verb !== 'check' && verb !== 'diff') || file === undefined || more.length > 0)
    return usageError('conf: say `conf check FILE` or `conf diff FILE`')
  return { type: verb === 'check' ? 'conf_check' : 'conf_diff', file }
}

function parseInspectCommand(argv: string[]): Command {
  const command = parseInspect(argv)
  return typeof command === 'string' ? usageError(`inspect: ${command}`) : command
}

const usageError = (message: string): Command => ({ type: 'usage_error', message })
