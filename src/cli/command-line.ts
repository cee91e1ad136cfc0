/** What a command line asks for, as a value, by the table of commands. Pure. */
import { nearestKey } from '../config/nearest-key.ts'
import {
  type AnyGiven,
  type Argument,
  type Command,
  type CommandGroup,
  type Entry,
  isGroup,
  type Option,
  type Options,
} from './command.ts'
import { type Said, saidIn } from './said.ts'

export type Asked =
  | {
      readonly type: 'run'
      readonly command: Command
      readonly path: readonly string[]
      readonly given: AnyGiven
    }
  /** `path`: names of the groups and the command, without `isthmus`. */
  | { readonly type: 'help'; readonly of: Entry; readonly path: readonly string[] }
  | { readonly type: 'version' }
  | { readonly type: 'usage_error'; readonly message: string; readonly path: readonly string[] }

type Value = AnyGiven['options'][string]

/** @param argv without the interpreter and the script */
export function parseCommandLine(root: CommandGroup, argv: readonly string[]): Asked {
  const said = saidIn(root, argv)
  const wantsHelp = said.options.some(({ name }) => name === 'help')
  const [first, ...others] = said.words
  const isHelpWord = first === 'help' && !said.isVerbatim
  const { entry, path, rest } = walk(root, isHelpWord ? others : said.words)
  if (isHelpWord || wantsHelp) {
    if (isGroup(entry) && rest.length > 0) return usageError(path, unknownCommand(entry, rest[0] ?? ''))
    return { type: 'help', of: entry, path }
  }
  if (first === undefined && said.options.some(({ name }) => name === 'version')) return { type: 'version' }
  const unknown = unknownOption(said, entry)
  if (unknown !== undefined) return usageError(path, unknown)
  if (isGroup(entry)) return usageError(path, rest[0] === undefined ? whichOf(entry) : unknownCommand(entry, rest[0]))
  const problems: string[] = []
  const given = {
    options: optionValues(entry, said, problems),
    arguments: argumentValues(entry, path, rest, problems),
  }
  const [problem] = problems
  return problem === undefined ? { type: 'run', command: entry, path, given } : usageError(path, problem)
}

/** As far as the words name groups and a command; `rest` is what follows. */
export function walk(
  root: CommandGroup,
  words: readonly string[],
): { readonly entry: Entry; readonly path: readonly string[]; readonly rest: readonly string[] } {
  let entry: Entry = root
  let index = 0
  for (; isGroup(entry) && index < words.length; index++) {
    const next: Entry | undefined = entry.commands.find(({ name }) => name === words[index])
    if (next === undefined) break
    entry = next
  }
  return { entry, path: words.slice(0, index), rest: words.slice(index) }
}

function whichOf({ commands }: CommandGroup): string {
  return `which command? ${shownNames(commands).join(', ')}`
}

function unknownCommand({ commands }: CommandGroup, word: string): string {
  const names = shownNames(commands)
  const near = nearestKey(word, names)
  return `unknown command ${word}; ${near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`}`
}

export function shownNames(commands: readonly Entry[]): string[] {
  return commands.filter((entry) => isGroup(entry) || entry.hidden !== true).map(({ name }) => name)
}

function unknownOption({ options }: Said, entry: Entry): string | undefined {
  const known = isGroup(entry) ? undefined : new Set(optionNames(entry.options))
  for (const { name, written, isKnown } of options) {
    if (isKnown && (known === undefined || known.has(name))) continue
    const near = written.startsWith('--') ? nearestKey(name, known ?? []) : undefined
    const words = near === undefined ? '' : `; did you mean --${near}?`
    return `${isKnown ? 'this command takes no' : 'unknown option'} ${written}${words}`
  }
  return undefined
}

/** As they are written, `no-ssl` for a switch included. */
export function optionNames(options: Options): string[] {
  return Object.entries(options).flatMap(([name, { kind }]) => (kind === 'switch' ? [name, `no-${name}`] : [name]))
}

function optionValues({ options }: Command, said: Said, problems: string[]): AnyGiven['options'] {
  const values: Record<string, Value> = {}
  for (const [name, option] of Object.entries(options)) {
    const found = said.options.filter((one) => one.name === name || one.name === `no-${name}`)
    const read = valueOf(name, option, found)
    if (read.type === 'problem') problems.push(read.message)
    else values[name] = read.value
  }
  return values
}

type ReadValue =
  | { readonly type: 'value'; readonly value: Value }
  | { readonly type: 'problem'; readonly message: string }

const value = (of: Value): ReadValue => ({ type: 'value', value: of })
const problem = (message: string): ReadValue => ({ type: 'problem', message })

/** Of an option that is said twice the last one counts. */
function valueOf(name: string, option: Option, found: Said['options']): ReadValue {
  const last = found.at(-1)
  if (option.kind === 'flag' || option.kind === 'switch') {
    const withValue = found.find((one) => one.value !== undefined)
    if (withValue !== undefined) return problem(`${withValue.written} takes no value`)
    if (option.kind === 'switch') return value(last === undefined ? undefined : last.name === name)
    return value(last !== undefined)
  }
  const what = option.kind === 'word' ? option.words.join('|') : option.value
  for (const { value: written, isInline, written: as } of found) {
    if (written === undefined) return problem(`${as} ${what}: ${what} is missing`)
    if (!isInline && written.length > 1 && written.startsWith('-') && !/^-\d/.test(written))
      return problem(`${as} ${what}: ${what} is missing; if it is ${written}, write --${name}=${written}`)
  }
  if ('required' in option && last === undefined) return problem(`--${name} ${what} is missing`)
  const written = found.flatMap((one) => one.value ?? [])
  if (option.kind === 'texts') return value(written)
  const text = written.at(-1)
  if (text === undefined || option.kind === 'text') return value(text)
  if (option.kind === 'word') {
    if (option.words.includes(text)) return value(text)
    return problem(`--${name} is one of ${option.words.join(', ')}${meant(text, option.words)}`)
  }
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= option.min && number <= option.max) return value(number)
  return problem(`--${name} is a number from ${option.min} to ${option.max}`)
}

function argumentValues(
  command: Command,
  path: readonly string[],
  rest: readonly string[],
  problems: string[],
): AnyGiven['arguments'] {
  const values: Record<string, string | readonly string[] | undefined> = {}
  const name = path.join(' ')
  let left = rest
  for (const argument of command.arguments) {
    const taken = argument.many === true ? left : left.slice(0, 1)
    left = left.slice(taken.length)
    if (taken.length === 0 && argument.optional !== true) problems.push(lacking(name, argument))
    const strange = taken.find((word) => argument.words !== undefined && !argument.words.includes(word))
    if (strange !== undefined) problems.push(`${name}: what is ${strange}? ${oneOf(argument, strange)}`)
    values[argument.name.toLowerCase()] = argument.many === true ? taken : taken[0]
  }
  if (left.length > 0) problems.push(`${name}: what is ${left.join(' ')}?`)
  return values
}

function lacking(name: string, argument: Argument): string {
  const words = argument.words === undefined ? '' : `: ${argument.words.join(' or ')}`
  return `${name}: ${argument.name} is missing${words}${argument.hint === undefined ? '' : `; ${argument.hint}`}`
}

function oneOf({ name, words = [] }: Argument, strange: string): string {
  return `${name} is one of ${words.join(', ')}${meant(strange, words)}`
}

function meant(written: string, words: readonly string[]): string {
  const near = nearestKey(written, words)
  return near === undefined ? '' : `; did you mean ${near}?`
}

function usageError(path: readonly string[], message: string): Asked {
  return { type: 'usage_error', message, path }
}
