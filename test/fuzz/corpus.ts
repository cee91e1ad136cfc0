/** Inputs that are kept: good ones to start from, and every one that was ever too much, so that it never is again. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type CorpusEntry = { readonly name: string; readonly bytes: Buffer }

/** Files of `test/fuzz/corpus/<target>/`, from the root of the project, by name. Of a name in `.hex` the bytes are written as digits. */
export function readCorpus(target: string): readonly CorpusEntry[] {
  const directory = join('test', 'fuzz', 'corpus', target)
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .sort()
    .map((name) => ({ name, bytes: readInput(join(directory, name)) }))
}

export function readInput(path: string): Buffer {
  const bytes = readFileSync(path)
  return path.endsWith('.hex') ? Buffer.from(bytes.toString('latin1').replaceAll(/#.*$|\s/gm, ''), 'hex') : bytes
}
