/** The names of tests, as they stand in the sources: that is how the tables of statements refer to them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type NamedTest = {
  /** Under `test/`, without its ending: `broker/will`. */
  readonly file: string
  /** As it is written, `${…}` included. Also the row of a table of cases, by what it says in `what` or `when`. */
  readonly name: string
  /** Numbers of the statements that it shows by its own account; empty but for tests of `holds`. */
  readonly statements: Readonly<Record<'3.1.1' | '5.0', readonly string[]>>
}

const name = /(?<quote>['"`])(?<name>(?:(?!\k<quote>)[^\\]|\\.)*)\k<quote>/.source
const named = new RegExp(
  String.raw`\b(?<kind>test\(|what: |when: |holds\()\s*${name}(?:,\s*\{(?<braces>[^}]*)\})?`,
  'gs',
)

/** @param directory the folder `test` of the sources */
export function namedTests(directory: string): NamedTest[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .flatMap((path) => testsIn(path.slice(0, -'.test.ts'.length), readFileSync(join(directory, path), 'utf8')))
}

export function testsIn(file: string, source: string): NamedTest[] {
  return [...source.matchAll(named)].map(({ groups }) => {
    const braces = groups!['kind'] === 'holds(' ? groups!['braces']! : ''
    return { file, name: groups!['name']!, statements: { '3.1.1': numbersOf(4, braces), '5.0': numbersOf(5, braces) } }
  })
}

/** The numbers at a protocol level in `4: '3.1.2-1', 5: '3.1.2-1 ' + '3.1.2-2'`. */
function numbersOf(level: number, braces: string): string[] {
  const value = new RegExp(String.raw`\b${level}:\s*((?:'[^']*'[\s+]*)+)`).exec(braces)?.[1] ?? ''
  return [...value.matchAll(/[\d.]+-\d+/g)].map(([number]) => number)
}
