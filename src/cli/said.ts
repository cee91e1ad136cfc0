/** A command line taken apart: words, and options with their values. Which options take a value the whole table says. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { type CommandGroup, isGroup, type Option } from './command.ts'

export type SaidOption = {
  /** The long name, also where the short one was written; `no-ssl` as it is. */
  readonly name: string
  /** `--config` or `-c`. */
  readonly written: string
  readonly value: string | undefined
  /** As in `--config=FILE`. */
  readonly isInline: boolean
  /** Whether any command has it. */
  readonly isKnown: boolean
}

export type Said = {
  readonly words: readonly string[]
  readonly options: readonly SaidOption[]
  /** Whether `--` stands before the first word: it is none of a command then. */
  readonly isVerbatim: boolean
}

type Declared = NonNullable<ParseArgsConfig['options']>

/** Options may stand before, between and behind the words; behind `--` there are none. */
export function saidIn(root: CommandGroup, argv: readonly string[]): Said {
  const declared: Declared = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } }
  for (const [name, option] of allOptions(root)) Object.assign(declared, declare(name, option))
  const { tokens } = parseArgs({
    args: [...argv],
    options: declared,
    strict: false,
    tokens: true,
    allowPositionals: true,
  })
  const words: string[] = []
  const options: SaidOption[] = []
  let isVerbatim = false
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    else if (token.kind === 'option-terminator') isVerbatim = words.length === 0
    else {
      const { name, rawName: written, value, inlineValue } = token
      const isKnown = Object.hasOwn(declared, name)
      options.push({ name, written, value, isInline: inlineValue === true, isKnown })
    }
  }
  return { words, options, isVerbatim }
}

/** Of all commands; options of one name take a value in all of them, or in none. */
export function* allOptions(group: CommandGroup): Generator<[string, Option]> {
  for (const entry of group.commands)
    if (isGroup(entry)) yield* allOptions(entry)
    else yield* Object.entries(entry.options)
}

export const takesValue = ({ kind }: Option): boolean => kind !== 'flag' && kind !== 'switch'

function declare(name: string, option: Option): Declared {
  const type = takesValue(option) ? 'string' : 'boolean'
  const { short, kind } = option
  return {
    [name]: { type, ...(short === undefined ? {} : { short }) },
    ...(kind === 'switch' ? { [`no-${name}`]: { type } } : {}),
  }
}
