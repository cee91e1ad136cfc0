/**
 * Commands as data: what is parsed, what `--help` says and what a shell completes come from one description, and what a command does
 * is loaded when it is asked for.
 */
import type { Terminal } from './terminal.ts'

/** What can stand in a place, for who completes it: files, directories, or the names of the node's links. */
export type Completion = 'file' | 'directory' | 'link'

export type Option = {
  readonly short?: string
  readonly help: string
} & (
  | { readonly kind: 'flag' }
  /** `--ssl` and `--no-ssl`. */
  | { readonly kind: 'switch' }
  /** `value` names it in help: FILE. */
  | { readonly kind: 'text'; readonly value: string; readonly required?: true; readonly complete?: Completion }
  /** May be said several times. */
  | { readonly kind: 'texts'; readonly value: string; readonly required?: true }
  /** A whole number. */
  | { readonly kind: 'number'; readonly value: string; readonly min: number; readonly max: number }
  | { readonly kind: 'word'; readonly words: readonly string[] }
)
export type Options = Readonly<Record<string, Option>>

export type Argument = {
  /** In capitals, as help shows it: LINK. Values are found under it in small letters. */
  readonly name: string
  readonly optional?: true
  /** The last one: at least one of them, unless it is optional. */
  readonly many?: true
  /** Those that are taken; anything is if they are not named. */
  readonly words?: readonly string[]
  readonly complete?: Completion
  /** Where one finds what it may be: told to who leaves it out. */
  readonly hint?: string
}
export type Arguments = readonly Argument[]

type ValueOf<One extends Option> = One extends { readonly kind: 'flag' }
  ? boolean
  : One extends { readonly kind: 'switch' }
    ? boolean | undefined
    : One extends { readonly kind: 'number' }
      ? number | undefined
      : One extends { readonly kind: 'texts' }
        ? readonly string[]
        : One extends { readonly kind: 'word'; readonly words: readonly (infer Word)[] }
          ? Word | undefined
          : One extends { readonly required: true }
            ? string
            : string | undefined

type ArgumentValue<One extends Argument> = One extends { readonly many: true }
  ? readonly string[]
  : WordOf<One> | (One extends { readonly optional: true } ? undefined : never)
type WordOf<One extends Argument> = One extends { readonly words: readonly (infer Word)[] } ? Word : string

/** What somebody gave to a command. */
export type Given<Declared extends Options, Taken extends Arguments> = {
  readonly options: { readonly [Name in keyof Declared]: ValueOf<Declared[Name]> }
  readonly arguments: { readonly [One in Taken[number] as Lowercase<One['name']>]: ArgumentValue<One> }
}

/** The same of any command. */
export type AnyGiven = {
  readonly options: Readonly<Record<string, ValueOf<Option>>>
  readonly arguments: Readonly<Record<string, string | readonly string[] | undefined>>
}

export type ExitCode = 0 | 1 | 2

type Description<Declared extends Options, Taken extends Arguments> = {
  readonly name: string
  /** A sentence without its full stop. */
  readonly summary: string
  /** What else there is to know, in lines. */
  readonly about?: readonly string[]
  readonly arguments: Taken
  readonly options: Declared
  /** Command lines without `isthmus`. */
  readonly examples: readonly string[]
  /** Is not shown anywhere. */
  readonly hidden?: true
}

export type Command = Description<Options, Arguments> & {
  /** Rejects with `CommandFailure` for what people can do something about. */
  readonly run: (given: AnyGiven, terminal: Terminal) => Promise<ExitCode>
}

export type CommandGroup = {
  readonly name: string
  readonly summary: string
  readonly about?: readonly string[]
  readonly commands: readonly Entry[]
}

export type Entry = Command | CommandGroup

export const isGroup = (entry: Entry): entry is CommandGroup => 'commands' in entry

/** One command, whose `run` knows the types of what it is given. */
export function command<const Declared extends Options, const Taken extends Arguments>(
  described: Description<Declared, Taken> & {
    readonly run: (given: Given<Declared, Taken>, terminal: Terminal) => Promise<ExitCode>
  },
): Command {
  // What is given was read by these very options and arguments.
  return { ...described, run: (given, terminal) => described.run(given as Given<Declared, Taken>, terminal) }
}
