/** Each trap that others fell into names tests of ours (test/TRAPS.md); a test that is renamed or deleted must not leave it bare. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

type Trap = { readonly id: string; readonly words: string; readonly shownBy: string }

const traps = readTraps(readFileSync('test/TRAPS.md', 'utf8'))

test('the list holds every trap once', () => {
  const numbers = Array.from({ length: 41 }, (_, index) => `${index + 1}`)
  const named = traps.map(({ id }) => id).filter((id) => id !== '')
  assert.deepEqual(named, [...numbers, ...'ABCDEFGHI'.split('')])
  assert.equal(new Set(traps.map(({ words }) => words)).size, traps.length)
})

for (const { id, words, shownBy } of traps) {
  test(`trap ${id === '' ? '' : `${id}, `}${words}: its tests exist`, () => {
    const tests = [...shownBy.matchAll(/`([^`]+\.test\.ts)` “([^”]+)”/g)]
    assert.ok(tests.length > 0 || /^comes with \w/.test(shownBy), `nothing shows it: ${shownBy}`)
    for (const [, file = '', title = ''] of tests) {
      assert.ok(literalsOf(readFileSync(join('test', file), 'utf8')).has(title), `${file} has no “${title}”`)
    }
  })
}

test('a title counts as a whole, as a string of the source and not in a comment', () => {
  const source = `// 'in a comment'\ntest('alone', () => {})\ntest(\`of \${each}\`, f)\nconst row = { when: "one's own" }`
  assert.deepEqual([...literalsOf(source)], ['alone', 'of ${each}', "one's own"])
})

/** The rows of the table. */
function readTraps(markdown: string): Trap[] {
  return [...markdown.matchAll(/^\| (.*?) ?\| (.+?) \| (.+) \|$/gm)]
    .map(([, id = '', words = '', shownBy = '']) => ({ id, words, shownBy }))
    .filter(({ id }) => id !== '#' && !id.startsWith('-'))
}

/** Every string literal and every template, as it is written between its quotes. */
function literalsOf(source: string): Set<string> {
  const code = source.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')
  return new Set(
    [...code.matchAll(/'([^'\n]+)'|"([^"\n]+)"|`([^`]+)`/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? ''),
  )
}
