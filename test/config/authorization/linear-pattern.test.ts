import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern, patternTextMax } from '../../../src/config/authorization/linear-pattern.ts'

function matches(source: string, text: string): boolean | undefined {
  const result = compilePattern(source)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.pattern.test(text)
}

for (const { source, text, is } of [
  { source: '^link-', text: 'link-a', is: true },
  { source: '^link-', text: 'a-link-', is: false },
  { source: 'link', text: 'my-links', is: true },
  { source: '^d[0-9]{3}$', text: 'd042', is: true },
  { source: '^d[0-9]{3}$', text: 'd0421', is: false },
  { source: String.raw`^\d+\.\w+$`, text: '12.ab_', is: true },
  { source: '(?i)^ADMIN$', text: 'admin', is: true },
  { source: '^[[:alpha:]]+$', text: 'abc', is: true },
  { source: '^(a|b)*$', text: 'abba', is: true },
  { source: '', text: 'anything', is: true },
]) {
  test(`pattern ${JSON.stringify(source)} ${is ? 'fits' : 'does not fit'} ${text}`, () =>
    assert.equal(matches(source, text), is))
}

test('a name with a line feed at its end is not that name', () => assert.equal(matches('^admin$', 'admin\n'), false))

for (const source of [
  '(',
  '[',
  'a**',
  String.raw`\1`,
  '(?=a)',
  '(?<!a)b',
  'a{2000}',
  '((a{100}){100}){100}',
  'a'.repeat(2000),
  '('.repeat(900),
]) {
  test(`pattern ${source.slice(0, 20)} is refused with words`, () => {
    const result = compilePattern(source)
    assert.ok(result.type === 'invalid')
    assert.notEqual(result.message, '')
  })
}

/** Each of these takes a backtracking engine longer than anybody lives. */
for (const source of [
  '^(a+)+$',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '(x+x+)+y',
  '^(a|aa)+$',
  '^([a-zA-Z0-9])(([.-]|[_]+)?([a-zA-Z0-9]+))*(@)$',
]) {
  test(`pattern ${source} takes its time in proportion to the name`, () => {
    const name = `${'a'.repeat(patternTextMax - 1)}!`
    assert.equal(matches(source, name), false)
  })
}

test('a name too long to be looked at is neither', () =>
  assert.equal(matches('a', 'a'.repeat(patternTextMax + 1)), undefined))
