/** The tables of statements hold every numbered statement once, and each that binds a server names tests that exist. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { namedTests, testsIn } from './named-tests.ts'

/** Statements in each section, from 1 where not said otherwise. Counted in appendix B of each specification. */
const numbering = {
  '5.0': {
    '1.5.4': 3,
    '1.5.5': 1,
    '1.5.7': 1,
    '2.1.3': 1,
    // The first one was taken out when the specification was made.
    '2.2.1': { from: 2, to: 6 },
    '2.2.2': 1,
    '3.1.0': 2,
    '3.1.2': 30,
    '3.1.3': 12,
    '3.1.4': 6,
    '3.2.0': 2,
    '3.2.2': 22,
    '3.3.1': 13,
    '3.3.2': 20,
    '3.3.4': 10,
    '3.4.2': 3,
    '3.5.2': 3,
    '3.6.1': 1,
    '3.6.2': 3,
    '3.7.2': 3,
    '3.8.1': 1,
    '3.8.3': 5,
    '3.8.4': 8,
    '3.9.2': 2,
    '3.9.3': 2,
    '3.10.1': 1,
    '3.10.3': 2,
    '3.10.4': 6,
    '3.11.2': 2,
    '3.11.3': 2,
    '3.12.4': 1,
    '3.14.0': 1,
    '3.14.1': 1,
    '3.14.2': 4,
    '3.14.4': 3,
    '3.15.1': 1,
    '3.15.2': 3,
    '4.1.0': 2,
    '4.2.0': 1,
    '4.3.1': 1,
    '4.3.2': 5,
    '4.3.3': 13,
    '4.4.0': 2,
    '4.5.0': 2,
    '4.6.0': 6,
    '4.7.0': 1,
    '4.7.1': 2,
    '4.7.2': 1,
    '4.7.3': 4,
    '4.8.2': 6,
    '4.9.0': 3,
    '4.12.0': 7,
    '4.12.1': 2,
    '4.13.1': 1,
    '4.13.2': 1,
    '6.0.0': 4,
  },
  '3.1.1': {
    '1.5.3': 3,
    '2.2.2': 2,
    '2.3.1': 7,
    '3.1.0': 2,
    '3.1.2': 24,
    '3.1.3': 11,
    '3.1.4': 5,
    '3.2.0': 1,
    '3.2.2': 6,
    '3.3.1': 12,
    '3.3.2': 3,
    '3.3.4': 1,
    '3.3.5': 2,
    '3.6.1': 1,
    '3.8.1': 1,
    '3.8.3': 4,
    '3.8.4': 6,
    '3.9.3': 2,
    '3.10.1': 1,
    '3.10.3': 2,
    '3.10.4': 6,
    '3.12.4': 1,
    '3.14.1': 1,
    '3.14.4': 3,
    '4.1.0': 2,
    '4.3.1': 1,
    '4.3.2': 2,
    '4.3.3': 2,
    '4.4.0': 1,
    '4.5.0': 2,
    '4.6.0': 6,
    '4.7.1': 3,
    '4.7.2': 1,
    '4.7.3': 4,
    '4.8.0': 2,
    '6.0.0': 4,
    '7.0.0': 2,
    '7.1.1': 1,
    '7.1.2': 1,
  },
} as const

const versions = ['5.0', '3.1.1'] as const
type SpecVersion = (typeof versions)[number]

type Statement = { readonly number: string; readonly side: string; readonly tests: readonly string[] }

function allNumbers(version: SpecVersion): string[] {
  return Object.entries<number | { from: number; to: number }>(numbering[version]).flatMap(([section, numbers]) => {
    const { from, to } = typeof numbers === 'number' ? { from: 1, to: numbers } : numbers
    return Array.from({ length: to - from + 1 }, (_, i) => `${section}-${from + i}`)
  })
}

function readStatements(version: SpecVersion): Statement[] {
  const markdown = readFileSync(`test/conformance/statements-${version}.md`, 'utf8')
  return [
    ...markdown.matchAll(/^- \*\*MQTT-(?<number>[\d.-]+)\*\* \((?<side>\w+)\) \S.*\n(?<tests>(?: {2}- .*\n)*)/gm),
  ].map(({ groups }) => ({
    number: groups!['number']!,
    side: groups!['side']!,
    tests: groups!['tests']!.split('\n').slice(0, -1),
  }))
}

const tests = namedTests('test')
const shown = ({ file, name }: { file: string; name: string }) => `  - \`${file}.test.ts\` “${name}”`
const existing = new Set(tests.map(shown))

for (const version of versions) {
  const statements = readStatements(version)

  test(`MQTT ${version}: the table holds every statement once, in order`, () => {
    assert.deepEqual(
      statements.map(({ number }) => number),
      allNumbers(version),
    )
    assert.equal(statements.length, version === '5.0' ? 251 : 141)
  })

  test(`MQTT ${version}: each statement that binds a server is shown by a test`, () => {
    for (const { number, side, tests: named } of statements) {
      assert.match(side, /^(?:server|client|both)$/, number)
      if (side !== 'client') assert.ok(named.length > 0, `nothing shows MQTT-${number}`)
    }
  })

  test(`MQTT ${version}: each test that the table names exists`, () => {
    for (const { number, tests: named } of statements)
      for (const line of named) assert.ok(existing.has(line), `MQTT-${number}: there is no test${line.slice(3)}`)
  })

  test(`MQTT ${version}: each test that names a statement stands in the table`, () => {
    const lines = new Map(statements.map(({ number, tests: named }) => [number, named]))
    for (const one of tests)
      for (const number of one.statements[version])
        assert.ok(lines.get(number)?.includes(shown(one)), `MQTT-${number} of ${version} lacks${shown(one).slice(3)}`)
  })
}

test('each test that the page names exists', () => {
  const page = readFileSync('test/conformance/README.md', 'utf8')
  const mentioned = [...page.matchAll(/`[^`]+\.test\.ts` “[^”]+”/g)].map(([mention]) => `  - ${mention}`)
  assert.ok(mentioned.length > 0)
  for (const line of mentioned) assert.ok(existing.has(line), `there is no test${line.slice(3)}`)
})

test('every number in a comment or a name is one of a statement', () => {
  const known = new Set(versions.flatMap(allNumbers))
  for (const top of ['src', 'actors', 'test', 'scripts'])
    for (const file of readdirSync(top, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts')))
      for (const [mention, number] of readFileSync(`${top}/${file}`, 'utf8').matchAll(/\[MQTT-(\d[\d.]*-\d+)/g))
        assert.ok(known.has(number!), `${top}/${file}: ${mention}] is in neither specification`)
})

test('a test is known by its name as it is written, with the statements that it claims', () => {
  const source = [
    "test('one', () => {})",
    "  holds('two',\n    { 4: '1.1.1-1', 5: '2.2.2-2 ' +\n '3.3.3-3' }, f)",
    "{ what: 'three', bytes: '4' }",
    "holds(`four ${x}`, { 3: '', 5: '' }, f)",
  ]
  assert.deepEqual(testsIn('file', source.join('\n')), [
    { file: 'file', name: 'one', statements: { '3.1.1': [], '5.0': [] } },
    { file: 'file', name: 'two', statements: { '3.1.1': ['1.1.1-1'], '5.0': ['2.2.2-2', '3.3.3-3'] } },
    { file: 'file', name: 'three', statements: { '3.1.1': [], '5.0': [] } },
    { file: 'file', name: 'four ${x}', statements: { '3.1.1': [], '5.0': [] } },
  ])
})
