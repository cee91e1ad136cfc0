/** The same rows for a person, for another program, and for a script. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remark, showFacts, showJson, showRows } from '../../src/cli/show.ts'

function screen(isTTY: boolean, env: Readonly<Record<string, string>> = {}) {
  const said = { out: '', complaints: '' }
  return {
    said,
    env,
    out: { isTTY, write: (text: string) => (said.out += text) },
    complaints: { write: (text: string) => (said.complaints += text) },
  }
}

const columns = [
  { title: 'NAME', of: ([name]: readonly [string, number]) => name, paint: (shown: string) => `<${shown}>` },
  { title: 'N', of: ([, n]: readonly [string, number]) => `${n}`, align: 'right' as const },
]
const rows = [
  ['a\tb', 1],
  ['longer', 22],
] as const

test('a table with titles and colours on a terminal', () => {
  const terminal = screen(true)
  showRows(terminal, columns, rows, 'none')
  assert.equal(terminal.said.out, 'NAME      N\n<a\\u{9}b>   1\n<longer >  22\n')
})

for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
  test(`no colours with ${JSON.stringify(env)}`, () => {
    const terminal = screen(true, env)
    showRows(terminal, columns, rows, 'none')
    assert.equal(terminal.said.out, 'NAME      N\na\\u{9}b   1\nlonger   22\n')
  })
}

test('elsewhere a line a row with tabs, which no name can hold', () => {
  const terminal = screen(false)
  showRows(terminal, columns, rows, 'none')
  assert.equal(terminal.said.out, 'a\\u{9}b\t1\nlonger\t22\n')
})

test('where there is nothing a person is told so, and a program gets nothing', () => {
  const person = screen(true)
  showRows(person, columns, [], 'there are none')
  assert.equal(person.said.out, 'there are none\n')
  const program = screen(false)
  showRows(program, columns, [], 'there are none')
  assert.equal(program.said.out, '')
})

test('facts leave out what is empty', () => {
  const facts = [
    ['a', 'x'],
    ['none', ''],
    ['long', 'y\u001b[2J'],
  ] as const
  const person = screen(true)
  showFacts(person, facts)
  assert.equal(person.said.out, 'a     x\nlong  y\\u{1b}[2J\n')
  const program = screen(false)
  showFacts(program, facts)
  assert.equal(program.said.out, 'a\tx\nlong\ty\\u{1b}[2J\n')
})

test('JSON is one line for a script, and several for a person', () => {
  const program = screen(false)
  showJson(program, { a: [1] })
  assert.equal(program.said.out, '{"a":[1]}\n')
  const person = screen(true)
  showJson(person, { a: [1] })
  assert.match(person.said.out, /\n {2}"a": \[\n/)
})

test('who was silent, and that there is more, is said beside the rows', () => {
  const terminal = screen(false)
  remark(terminal, {
    data: [],
    silent: [{ node: 'b', reason: 'no answer' }],
    meta: { count: 200, hasnext: true, silent: [{ node: 'c', reason: 'gone' }] },
  })
  assert.equal(
    terminal.said.complaints,
    'b said nothing: no answer\nc said nothing: gone\nthere are 200 in all: --limit and --page show others\n',
  )
  remark(terminal, undefined)
  assert.equal(terminal.said.out, '')
})
