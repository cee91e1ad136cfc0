/** What `--help` says, from the table of commands. */
import { type Argument, type Command, type CommandGroup, type Entry, isGroup, type Option } from './command.ts'

const EXIT_CODES = 'Exit codes: 0 good, 1 failed, 2 usage or configuration.'
/** A synopsis that is longer stands in a line of its own. */
const SYNOPSIS_WIDTH = 34

/** @param path names of the groups and the command, without `isthmus`; ends with a line end */
export function helpOf(entry: Entry, path: readonly string[]): string {
  const lines = isGroup(entry) ? groupHelp(entry, path) : commandHelp(entry, path)
  return `${lines.join('\n')}\n`
}

function groupHelp(group: CommandGroup, path: readonly string[]): string[] {
  const shown = group.commands.filter((entry) => isGroup(entry) || entry.hidden !== true)
  const name = ['isthmus', ...path].join(' ')
  const isRoot = path.length === 0
  const own: readonly Line[] = isRoot ? [{ head: 'isthmus --version', text: 'the version' }] : []
  const entries = shown.map((entry): Line => {
    const head = `${name} ${isGroup(entry) ? `${entry.name} ...` : synopsis(entry)}`
    return { head, text: isGroup(entry) ? `${entry.summary}: ${namesIn(entry)}` : entry.summary }
  })
  return [
    `${name}: ${group.summary}`,
    '',
    ...columns([...entries, ...own]),
    ...(group.about === undefined ? [] : ['', ...group.about]),
    '',
    `\`${name} ${isRoot ? '' : ''}COMMAND --help\` has options and examples of each.`,
    EXIT_CODES,
  ]
}

function namesIn(group: CommandGroup): string {
  return group.commands.map(({ name }) => name).join(', ')
}

function commandHelp(command: Command, path: readonly string[]): string[] {
  const parents = path.slice(0, -1)
  const options = Object.entries(command.options).map(([name, option]): Line => {
    const text = 'required' in option ? `${option.help} (needed)` : option.help
    return { head: optionHead(name, option), text }
  })
  const examples = command.examples.map((example) => `  isthmus ${example}`)
  return [
    `isthmus ${path.join(' ')}: ${command.summary}`,
    '',
    `  ${['isthmus', ...parents, synopsis(command)].join(' ')}${options.length > 0 ? ' [OPTIONS]' : ''}`,
    ...(command.about === undefined ? [] : ['', ...command.about]),
    ...(options.length === 0 ? [] : ['', ...columns(options)]),
    ...(examples.length === 0 ? [] : ['', 'Examples:', ...examples]),
    '',
    EXIT_CODES,
  ]
}

/** `create NAME --server HOST:PORT`: the name, what it takes, and what may not lack. */
function synopsis({ name, arguments: taken, options }: Command): string {
  const required = Object.entries(options).filter(([, option]) => 'required' in option)
  return [name, ...taken.map(argumentText), ...required.map(([one, option]) => optionText(one, option))].join(' ')
}

function argumentText({ name, optional, many, words }: Argument): string {
  const text = `${words === undefined ? name : words.join('|')}${many === true ? ' ...' : ''}`
  return optional === true ? `[${text}]` : text
}

function optionHead(name: string, option: Option): string {
  const { short } = option
  const other = option.kind === 'switch' ? `, --no-${name}` : short === undefined ? '' : `, -${short}`
  return `${optionText(name, option)}${other}`
}

function optionText(name: string, option: Option): string {
  if (option.kind === 'flag' || option.kind === 'switch') return `--${name}`
  return `--${name} ${option.kind === 'word' ? option.words.join('|') : option.value}`
}

type Line = { readonly head: string; readonly text: string }

function columns(lines: readonly Line[]): string[] {
  const widths = lines.map(({ head }) => head.length).filter((width) => width <= SYNOPSIS_WIDTH)
  const width = Math.max(0, ...widths)
  return lines.flatMap(({ head, text }) => {
    const gap = ' '.repeat(width + 4)
    return head.length > width ? [`  ${head}`, `${gap}${text}`] : [`  ${head.padEnd(width)}  ${text}`]
  })
}
