/** What may stand in the place of the last word of a command line that is being written. Pure. */
import { walk } from '../command-line.ts'
import { type Command, type CommandGroup, type Completion, isGroup, type Option } from '../command.ts'
import { allOptions, saidIn, takesValue } from '../said.ts'

export type Candidates =
  | {
      readonly type: 'words'
      readonly words: readonly { readonly word: string; readonly help: string }[]
    }
  /** Files, directories or names of links: of these the table knows nothing. */
  | { readonly type: Completion }
  | { readonly type: 'none' }

/** @param words behind `isthmus`, the last one as far as it is written; `''` for a new one */
export function candidatesFor(root: CommandGroup, words: readonly string[]): Candidates {
  const before = words.slice(0, -1)
  const last = words.at(-1) ?? ''
  const isVerbatim = before.includes('--')
  const options = new Map(allOptions(root))
  const inline = /^--([^=]+)=/.exec(last)
  if (!isVerbatim && inline !== null) {
    const option = options.get(inline[1] ?? '')
    return option === undefined ? { type: 'none' } : prefixed(inline[0], valuesOf(option))
  }
  const pending = isVerbatim ? undefined : pendingOption(before.at(-1), options)
  if (pending !== undefined) return valuesOf(pending)
  const said = saidIn(root, before)
  const isHelp = said.words[0] === 'help'
  const { entry, rest } = walk(root, isHelp ? said.words.slice(1) : said.words)
  if (last.startsWith('-') && !isVerbatim) return optionWords(entry, new Set(said.options.map(({ name }) => name)))
  if (isGroup(entry)) return rest.length > 0 ? { type: 'none' } : commandWords(entry)
  return isHelp ? { type: 'none' } : argumentWords(entry, rest.length)
}

/** The option whose value the next word is. */
function pendingOption(word: string | undefined, options: ReadonlyMap<string, Option>): Option | undefined {
  const long = /^--([^=]+)$/.exec(word ?? '')?.[1]
  const short = /^-(\w)$/.exec(word ?? '')?.[1]
  const option =
    long === undefined
      ? [...options.values()].find((one) => short !== undefined && one.short === short)
      : options.get(long)
  return option !== undefined && takesValue(option) ? option : undefined
}

function valuesOf(option: Option): Candidates {
  if (option.kind === 'word') return { type: 'words', words: option.words.map((word) => ({ word, help: '' })) }
  if (option.kind === 'text' && option.complete !== undefined) return { type: option.complete }
  return { type: 'none' }
}

function prefixed(prefix: string, candidates: Candidates): Candidates {
  if (candidates.type !== 'words') return candidates
  return { type: 'words', words: candidates.words.map(({ word, help }) => ({ word: `${prefix}${word}`, help })) }
}

function commandWords({ commands }: CommandGroup): Candidates {
  const shown = commands.filter((entry) => isGroup(entry) || entry.hidden !== true)
  return { type: 'words', words: shown.map(({ name, summary }) => ({ word: name, help: summary })) }
}

function optionWords(entry: Command | CommandGroup, said: ReadonlySet<string>): Candidates {
  const help = { word: '--help', help: 'what there is' }
  if (isGroup(entry)) return { type: 'words', words: [help] }
  const words = Object.entries(entry.options).flatMap(([name, option]) => {
    if (option.kind !== 'texts' && said.has(name)) return []
    const one = { word: `--${name}`, help: option.help }
    return option.kind === 'switch' ? [one, { word: `--no-${name}`, help: option.help }] : [one]
  })
  return { type: 'words', words: [...words, help] }
}

function argumentWords({ arguments: taken }: Command, index: number): Candidates {
  const last = taken.at(-1)
  const argument = taken[index] ?? (last?.many === true ? last : undefined)
  if (argument?.words !== undefined) return { type: 'words', words: argument.words.map((word) => ({ word, help: '' })) }
  return { type: argument?.complete ?? 'none' }
}
