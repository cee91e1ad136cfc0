/** Makes a compiled product with a bug beside the one that this is of, which stays as it is. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutants.ts'

/** Where everything was compiled to. */
export const compiled = fileURLToPath(new URL('../../..', import.meta.url))

/** What the simulator needs of it. */
const PARTS = ['src', 'actors', 'scripts', 'test']

/** The file with its bug. Throws if the text to replace does not stand there once, as after a change of the product. */
export function mutated({ name, file, find, replace }: Mutant, directory = compiled): string {
  const text = readFileSync(join(directory, file), 'utf8')
  const found = text.split(find).length - 1
  if (found !== 1)
    throw new Error(`mutant "${name}": its text stands ${found} times in ${file}; it has to be written anew`)
  return text.replace(find, () => replace)
}

/** Returns the directory of the copy, and how to remove it. It stands beside the original, where the same packages are found. */
export function makeMutant(mutant: Mutant): { readonly directory: string; readonly remove: () => void } {
  const text = mutated(mutant)
  const directory = join(dirname(compiled), `dist-mutant-${mutant.name.toLowerCase().replaceAll(/\W+/g, '-')}`)
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  remove()
  for (const part of PARTS) copyPrograms(join(compiled, part), join(directory, part))
  writeFileSync(join(directory, mutant.file), text)
  return { directory, remove }
}

function copyPrograms(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyPrograms(source, target)
    else if (/\.js(?:on)?$/.test(entry.name)) copyFileSync(source, target)
  }
}
