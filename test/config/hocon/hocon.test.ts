import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readHocon } from '../../../src/config/hocon/hocon.ts'

/** A directory in memory. Files stand under `/conf`. */
function directory(files: Readonly<Record<string, string>>) {
  return (path: string): string => {
    const text = files[path.replace('/conf/', '')]
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
    return text
  }
}

async function read(text: string, env: Record<string, string> = {}, files: Readonly<Record<string, string>> = {}) {
  return readHocon(text, { file: 'main.conf', baseDir: '/conf' }, env, directory(files))
}

async function valuesOf(text: string, env: Record<string, string> = {}, files: Readonly<Record<string, string>> = {}) {
  const document = await read(text, env, files)
  assert.ok(document.type === 'ok', JSON.stringify(document))
  assert.deepEqual(document.errors, [])
  return document.value
}

for (const { when, text, env = {}, value } of [
  { when: 'nothing', text: '', value: {} },
  { when: 'comments alone', text: '# a\n// b\n', value: {} },
  { when: 'dotted and nested keys', text: 'a.b = 1\na { c = 2 }', value: { a: { b: 1, c: 2 } } },
  { when: 'braces around all', text: '{ "a": [1, "x", null, true] }', value: { a: [1, 'x', null, true] } },
  { when: 'the later of two values', text: 'a = 1\na = 2', value: { a: 2 } },
  { when: 'units without quotes', text: 'a = 15s\nb = 256MB\nc = 10 s', value: { a: '15s', b: '256MB', c: '10 s' } },
  { when: 'numbers in quotes stay text', text: 'a = "012"\nb = 12', value: { a: '012', b: 12 } },
  { when: 'a list that goes on', text: 'a = ["x"]\na += "y"\na = ${a} ["z"]', value: { a: ['x', 'y', 'z'] } },
  { when: 'one key for another', text: 'a { x = 1 }\nb = ${a} { y = 2 }', value: { a: { x: 1 }, b: { x: 1, y: 2 } } },
  { when: 'the environment', text: 'a = ${P}\nb = "x"${P}', env: { P: '012' }, value: { a: '012', b: 'x012' } },
  { when: 'an optional that lacks', text: 'a = 1\na = ${?P}\nb = [${?P}]', value: { a: 1, b: [] } },
  { when: 'an optional that is there', text: 'a = 1\na = ${?P}', env: { P: 'x' }, value: { a: 'x' } },
  { when: 'a byte order mark and CR LF', text: '\uFEFFa = 1\r\nb = """x\r\ny"""\r\n', value: { a: 1, b: 'x\ny' } },
]) {
  test(`hocon: ${when}`, async () => assert.deepEqual(await valuesOf(text, env), value))
}

test('hocon: the environment of the process is not looked at', async () => {
  assert.ok(process.env['PATH'] !== undefined)
  assert.deepEqual(await valuesOf('a = ${?PATH}'), {})
})

test('hocon: every substitution that finds nothing is told, with its key and line', async () => {
  const document = await read('a = ${NOPE}\nb { c = ["x", "y"${X.Y}"z"] }\nd = 1\ne = ${NOPE}')
  assert.deepEqual(
    document.errors.map(({ key, line, reason }) => ({ key, line, reason })),
    [
      { key: 'a', line: 1, reason: 'unresolved_substitution' },
      { key: 'b.c[1]', line: 2, reason: 'unresolved_substitution' },
      { key: 'e', line: 4, reason: 'unresolved_substitution' },
    ],
  )
  assert.match(document.errors[1]?.message ?? '', /\$\{X\.Y\}/)
})

test('hocon: keys that name each other come to an end', async () => {
  const document = await read('a = ${b}\nb = ${a}')
  assert.ok(document.errors.length > 0)
})

test('include: keys join the section that includes them, later ones win, and places are those of the included file', async () => {
  const files = {
    'sub/links.conf': '# links\nlinks = [\n { name = a }\n]\ninclude "more.conf"',
    'sub/more.conf': '{\n "z": 9\n}',
  }
  const document = await read('cluster {\n name = old\n include "sub/links.conf"\n name = new }\nend = 1', {}, files)
  assert.ok(document.type === 'ok')
  assert.deepEqual(document.value, { cluster: { name: 'new', links: [{ name: 'a' }], z: 9 }, end: 1 })
  assert.deepEqual(document.placeOf(['cluster', 'links', 0, 'name']), { file: 'sub/links.conf', line: 3 })
  assert.deepEqual(document.placeOf(['cluster', 'z']), { file: 'sub/more.conf', line: 2 })
  assert.deepEqual(document.placeOf(['cluster', 'name']), { file: 'main.conf', line: 4 })
  assert.deepEqual(document.placeOf(['end']), { file: 'main.conf', line: 5 })
  assert.deepEqual(document.placeOf(['cluster', 'links', 0, 'server']), { file: 'sub/links.conf', line: 3 })
  assert.deepEqual(document.placeOf(['nowhere']), { file: 'main.conf' })
})

for (const { when, files, error } of [
  { when: 'a file that lacks', files: {}, error: { file: 'main.conf', line: 2, reason: 'file_not_readable' } },
  {
    when: 'a file that includes itself',
    files: { 'a.conf': 'include "a.conf"' },
    error: { file: 'a.conf', line: 1, reason: 'bad_include' },
  },
  {
    when: 'a circle',
    files: { 'a.conf': '\ninclude "b.conf"', 'b.conf': 'x = 1\n\ninclude "a.conf"' },
    error: { file: 'b.conf', line: 3, reason: 'bad_include' },
  },
  {
    when: 'a file with an error',
    files: { 'a.conf': 'x = 1\ny = [' },
    error: { file: 'a.conf', line: 2, reason: 'syntax_error' },
  },
  {
    when: 'a file whose brace would close the outer section',
    files: { 'a.conf': 'x = 1 }\n' },
    error: { file: 'a.conf', line: 1, reason: 'syntax_error' },
  },
]) {
  test(`include: ${when} is refused`, async () => {
    const document = await read('a = 1\ninclude "a.conf"', {}, files)
    assert.ok(document.type === 'invalid')
    assert.deepEqual(
      document.errors.map(({ file, line, reason }) => ({ file, line, reason })),
      [error],
    )
  })
}

test('a password does not show in what is said about a text that cannot be read', async () => {
  for (const text of [
    'password = "s3cret\n',
    'password = "s3cret" [1]',
    'password "s3cret"',
    'password = { "s3cret" }',
    'password = s3cret:x',
    'password = "s3cret\\q"',
    'a = 1 "s3cret" = 2',
    'password = {"s3cret" = }',
    '"s3cret"',
  ]) {
    const document = await read(text)
    assert.ok(document.type === 'invalid', text)
    assert.ok(
      document.errors.every(({ key, message }) => !`${key} ${message}`.includes('s3cret')),
      JSON.stringify(document.errors),
    )
  }
})

/** A value, and how a person might write it: with the lines on which keys stand, by path. */
type Written = {
  readonly value: unknown
  readonly text: string
  readonly lines: readonly (readonly [path: string, line: number])[]
}

const name = fc
  .stringMatching(/^[a-z][a-z_]{0,5}$/)
  .filter((text) => !(text in {}) && text !== 'include' && text !== 'require')
const scalar = fc.oneof(
  fc
    .string()
    .map((value): Written => ({ value, text: JSON.stringify(value).replaceAll('\u007f', '\\u007f'), lines: [] })),
  fc
    .stringMatching(/^[a-zA-Z][a-zA-Z0-9/._-]{0,8}$/)
    .filter((word) => !/^(?:true|false|null|include|require|infinity|nan)$/i.test(word) && !word.includes('//'))
    .map((value): Written => ({ value, text: value, lines: [] })),
  fc.integer().map((value): Written => ({ value, text: String(value), lines: [] })),
  fc.boolean().map((value): Written => ({ value, text: String(value), lines: [] })),
  fc.constant({ value: 'x\n"y" }\nz', text: '"""x\n"y" }\nz"""', lines: [] }),
)
const gap = fc.constantFrom('\n', '\n\n', ' # } ]\n', ' // "\n\n')

const { tree } = fc.letrec<{ tree: Written; section: Written; list: Written }>((tie) => ({
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('section'), tie('list')),
  section: fc
    .tuple(
      fc.uniqueArray(fc.tuple(name, tie('tree'), fc.constantFrom(' = ', ':', ' =\n'), gap), {
        maxLength: 4,
        selector: ([key]) => key,
      }),
    )
    .map(([fields]) => section(fields, true)),
  list: fc.array(fc.tuple(tie('tree'), fc.oneof(fc.constant(', '), gap)), { maxLength: 4 }).map(writeList),
}))
const document = fc
  .uniqueArray(fc.tuple(name, tree, fc.constantFrom(' = ', ' : '), gap), { maxLength: 5, selector: ([key]) => key })
  .map((fields) => section(fields, false))

const newlines = (text: string): number => text.split('\n').length - 1

function section(fields: readonly (readonly [string, Written, string, string])[], braced: boolean): Written {
  let text = braced ? '{' : ''
  const lines: [string, number][] = []
  for (const [key, child, assign, end] of fields) {
    const line = newlines(text)
    lines.push([`.${key}`, line])
    text += key + assign
    lines.push(...child.lines.map(([path, at]): [string, number] => [`.${key}${path}`, newlines(text) + at]))
    text += child.text + end
  }
  return {
    value: Object.fromEntries(fields.map(([key, child]) => [key, child.value])),
    text: braced ? `${text}}` : text,
    lines,
  }
}

function writeList(elements: readonly (readonly [Written, string])[]): Written {
  let text = '['
  const lines: [string, number][] = []
  for (const [index, [child, end]] of elements.entries()) {
    lines.push([`.${index}`, newlines(text)])
    lines.push(...child.lines.map(([path, at]): [string, number] => [`.${index}${path}`, newlines(text) + at]))
    text += child.text + end
  }
  return { value: elements.map(([child]) => child.value), text: `${text}]`, lines }
}

test('what is written in whatever style is read as it was meant, each key on its line', async () => {
  await fc.assert(
    fc.asyncProperty(document, async ({ value, text, lines }) => {
      const result = await read(text)
      assert.ok(result.type === 'ok', JSON.stringify(result))
      assert.deepEqual(result.value, value)
      for (const [path, line] of lines) {
        const parts = path
          .slice(1)
          .split('.')
          .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
        assert.equal(result.placeOf(parts).line, line + 1, path)
      }
    }),
    { numRuns: 500 },
  )
})
