/** What a shell asks at each TAB. It is answered fast, and never with a complaint: that would spoil the line. */
import type { CommandGroup } from '../command.ts'
import type { NodePlace } from '../find-node.ts'
import { saidIn } from '../said.ts'
import type { Terminal } from '../terminal.ts'
import { type Candidates, candidatesFor } from './candidates.ts'

/** How long a node may take to say which links it has. */
const WAIT_MS = 1_000

/**
 * Writes a candidate a line, what it is behind a tab; `:file` or `:directory` alone where the shell knows better.
 * @param all commands that there are
 * @param words behind `isthmus`, as the shell took the line apart
 */
export async function complete(all: CommandGroup, words: readonly string[], terminal: Terminal): Promise<0> {
  const line = joined(words)
  const last = line.at(-1) ?? ''
  const candidates = candidatesFor(all, line)
  if (candidates.type === 'file' || candidates.type === 'directory') {
    terminal.out.write(`:${candidates.type}\n`)
    return 0
  }
  // The shell replaces what it takes for the last word: of `--config=x` that may be `x`.
  const cut = words.at(-1) !== last && last.includes('=') ? last.indexOf('=') + 1 : 0
  for (const { word, help } of await wordsOf(all, candidates, line, terminal))
    if (word.startsWith(last)) terminal.out.write(`${word.slice(cut)}${help === '' ? '' : `\t${help}`}\n`)
  return 0
}

/** Bash takes `--config=x` apart into three words. */
function joined(words: readonly string[]): string[] {
  const line: string[] = []
  for (const [index, word] of words.entries()) {
    const before = line.at(-1)
    const continues = word === '=' || (words[index - 1] === '=' && before?.endsWith('=') === true)
    if (continues && before?.startsWith('--') === true) line[line.length - 1] = `${before}${word}`
    else line.push(word)
  }
  return line
}

async function wordsOf(
  all: CommandGroup,
  candidates: Candidates,
  line: readonly string[],
  terminal: Terminal,
): Promise<readonly { readonly word: string; readonly help: string }[]> {
  if (candidates.type === 'words') return candidates.words
  if (candidates.type !== 'link') return []
  return (await linkNames(all, line, terminal)).map((word) => ({ word, help: '' }))
}

/** Of the node that the line names; none if that takes too long, or can't be said. */
async function linkNames(all: CommandGroup, line: readonly string[], terminal: Terminal): Promise<string[]> {
  const [{ ApiClient }, { fieldsIn }] = await Promise.all([import('../api-client.ts'), import('../show.ts')])
  const { CommandFailure } = await import('../command-failure.ts')
  try {
    const api = await ApiClient.of(placeIn(all, line), terminal.env)
    const links = await api.request('GET', '/cluster/links', { waitMs: WAIT_MS })
    return fieldsIn(links).flatMap(({ name }) => (typeof name === 'string' ? [name] : []))
  } catch (error) {
    if (error instanceof CommandFailure) return []
    throw error
  }
}

function placeIn(all: CommandGroup, line: readonly string[]): NodePlace {
  const { options } = saidIn(all, line.slice(0, -1))
  const value = (name: string): string | undefined => options.findLast((one) => one.name === name)?.value
  return {
    config: value('config'),
    dataDir: value('data-dir'),
    url: value('url'),
    apiKey: value('api-key'),
    apiSecret: value('api-secret'),
    cacert: value('cacert'),
  }
}
