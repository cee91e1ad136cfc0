/** Imports run one way (DESIGN section 2). The sources are read as text: what the compiler erases counts too. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { brokenRules, importsOf, type SourceFile } from './import-rules.ts'

const sources = ['src', 'actors'].flatMap((top) =>
  readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => `${top}/${file}`),
)

test('src/ and actors/ import in one direction', () => {
  assert.ok(sources.length > 0, 'run from the root of the project')
  const files = sources.map((file) => importsOf(file, readFileSync(file, 'utf8')))
  assert.ok(
    files.some((file) => file.imports.length > 0),
    'no import was read at all',
  )
  assert.deepEqual(brokenRules(files), [])
})

const file = (name: string, to: string, typeOnly = false): SourceFile => ({
  file: name,
  imports: [{ to, typeOnly }],
})

for (const { when, files, broken } of [
  { when: 'a lower tier', files: [file('src/broker/a.ts', 'src/topics/b.ts')], broken: 0 },
  { when: 'its own folder', files: [file('src/broker/a.ts', 'src/broker/b/c.ts')], broken: 0 },
  { when: 'a package', files: [file('src/topics/a.ts', 'node:fs')], broken: 0 },
  { when: 'a higher tier', files: [file('src/topics/a.ts', 'src/broker/b.ts')], broken: 1 },
  { when: 'a type of a higher tier', files: [file('src/topics/a.ts', 'src/broker/b.ts', true)], broken: 1 },
  { when: 'a neighbour in its tier', files: [file('src/routes/a.ts', 'src/lanes/b.ts')], broken: 1 },
  { when: 'the configuration from its own tier', files: [file('src/routes/a.ts', 'src/config/b.ts')], broken: 1 },
  { when: 'a link from the broker', files: [file('src/broker/a.ts', 'src/link/b.ts', true)], broken: 1 },
  { when: 'the broker from a link', files: [file('src/link/a.ts', 'src/broker/b.ts', true)], broken: 1 },
  {
    when: 'the types of the broker port',
    files: [file('src/broker/a.ts', 'src/link/broker-port.ts', true)],
    broken: 0,
  },
  { when: 'more than types of the port', files: [file('src/broker/a.ts', 'src/link/broker-port.ts')], broken: 1 },
  { when: 'an actor from the link runtime', files: [file('src/link/a.ts', 'actors/link.ts')], broken: 0 },
  { when: 'an actor from the broker', files: [file('src/broker/a.ts', 'actors/link.ts')], broken: 1 },
  { when: 'the node from a command', files: [file('src/cli/start.ts', 'src/node.ts')], broken: 0 },
  { when: 'the node from the broker', files: [file('src/broker/a.ts', 'src/node.ts')], broken: 1 },
  { when: 'the configuration from the dashboard', files: [file('src/dashboard/a.tsx', 'src/config/b.ts')], broken: 1 },
  { when: 'a package from the dashboard', files: [file('src/dashboard/a.tsx', 'preact')], broken: 0 },
  { when: 'the modules of Node from the dashboard', files: [file('src/dashboard/a.tsx', 'node:fs')], broken: 1 },
  { when: 'the dashboard from the node', files: [file('src/node.ts', 'src/dashboard/a.ts')], broken: 1 },
  { when: 'a test from the product', files: [file('src/broker/a.ts', 'test/broker/b.ts')], broken: 1 },
  { when: 'a folder without a tier', files: [file('src/broker/a.ts', 'src/utils/b.ts')], broken: 1 },
  { when: 'a pure part from an actor', files: [file('actors/link.ts', 'src/routes/b.ts')], broken: 0 },
  { when: 'another actor from an actor', files: [file('actors/link.ts', 'actors/forwarding.ts')], broken: 0 },
  { when: 'a type of I/O from an actor', files: [file('actors/link.ts', 'src/link/b.ts', true)], broken: 0 },
  { when: 'I/O from an actor', files: [file('actors/link.ts', 'src/link/b.ts')], broken: 1 },
  {
    when: 'a pure file of the link from an actor',
    files: [
      file('actors/link.ts', 'src/link/backoff.ts'),
      file('src/link/backoff.ts', 'src/link/b.ts'),
      file('src/link/b.ts', 'node:net', true),
    ],
    broken: 0,
  },
  {
    when: 'a file that reaches a socket from an actor',
    files: [
      file('actors/link.ts', 'src/link/a.ts'),
      file('src/link/a.ts', 'src/link/b.ts'),
      file('src/link/b.ts', 'node:net'),
    ],
    broken: 1,
  },
  { when: 'a pure file of the broker from an actor', files: [file('actors/link.ts', 'src/broker/a.ts')], broken: 1 },
  { when: 'a socket from an actor', files: [file('actors/link.ts', 'node:net')], broken: 1 },
  {
    when: 'each other',
    files: [file('src/topics/a.ts', 'src/topics/b.ts'), file('src/topics/b.ts', 'src/topics/a.ts')],
    broken: 1,
  },
  {
    when: "each other's types within a folder",
    files: [file('src/topics/a.ts', 'src/topics/b.ts'), file('src/topics/b.ts', 'src/topics/a.ts', true)],
    broken: 0,
  },
  {
    when: 'one file by two ways',
    files: [
      {
        file: 'src/topics/a.ts',
        imports: [
          { to: 'src/topics/b.ts', typeOnly: false },
          { to: 'src/topics/c.ts', typeOnly: false },
        ],
      },
      file('src/topics/b.ts', 'src/topics/c.ts'),
    ],
    broken: 0,
  },
]) {
  test(`to import ${when} ${broken === 0 ? 'is fine' : 'is found'}`, () =>
    assert.equal(brokenRules(files).length, broken, brokenRules(files).join('\n')))
}

for (const { source, to, typeOnly } of [
  { source: `import x from './b.ts'`, to: 'src/a/b.ts', typeOnly: false },
  { source: `import './b.ts'`, to: 'src/a/b.ts', typeOnly: false },
  { source: `import type { X } from '../b/c.ts'`, to: 'src/b/c.ts', typeOnly: true },
  { source: `import { type X, type Y } from '../b/c.ts'`, to: 'src/b/c.ts', typeOnly: true },
  { source: `import { type X, y } from '../b/c.ts'`, to: 'src/b/c.ts', typeOnly: false },
  { source: `import {\n  a,\n  b,\n} from '../../actors/link.ts'`, to: 'actors/link.ts', typeOnly: false },
  { source: `export { x } from './b.ts'`, to: 'src/a/b.ts', typeOnly: false },
  { source: `export * from './b.ts'`, to: 'src/a/b.ts', typeOnly: false },
  { source: `export type { X } from './b.ts'`, to: 'src/a/b.ts', typeOnly: true },
  { source: `const x = await import('./b.ts')`, to: 'src/a/b.ts', typeOnly: false },
  { source: `import { readFileSync } from 'node:fs'`, to: 'node:fs', typeOnly: false },
]) {
  test(`reads ${JSON.stringify(source)}`, () =>
    assert.deepEqual(importsOf('src/a/z.ts', source).imports, [{ to, typeOnly }]))
}

test('words about imports in comments and strings are not imports', () => {
  const source = `// import x from './b.ts'\n/* import y from './c.ts' */\nconst from = "it's from 'here'"\nexport const a = 'b'`
  assert.deepEqual(importsOf('src/a/z.ts', source).imports, [])
})
