import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationText, printable, table } from '../../../src/cli/inspect/table.ts'

test('columns are as wide as their widest cell, numbers stand on the right', () => {
  const columns = [
    { title: 'NAME', of: ([name]: [string, number]) => name },
    { title: 'N', of: ([, n]: [string, number]) => `${n}`, align: 'right' as const },
  ]
  assert.deepEqual(
    table(columns, [
      ['a', 7],
      ['longer', 1_234],
    ]),
    ['NAME       N', 'a          7', 'longer  1234'],
  )
})

test('what a client may have chosen commands no terminal', () => {
  assert.equal(printable('a\u001b[2Jb\nc\u202ed'), 'a\\u{1b}[2Jb\\u{a}c\\u{202e}d')
  assert.equal(printable('müller/📟/#'), 'müller/📟/#')
  assert.deepEqual(table([{ title: 'T', of: (row: string) => row }], ['\u0007']), ['T', '\\u{7}'])
})

for (const [ms, text] of [
  [-5, '0 ms'],
  [999, '999 ms'],
  [1_000, '1 s'],
  [59_999, '59 s'],
  [3_599_000, '59 min'],
  [7_200_000, '2 h'],
  [200_000_000, '2 d'],
] as const) {
  test(`${ms} ms are told as ${text}`, () => assert.equal(durationText(ms), text))
}
