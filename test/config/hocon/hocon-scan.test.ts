import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, scanHocon } from '../../../src/config/hocon/hocon-scan.ts'

const places = `# a comment with { and "
node.name = "a"   // dotted
cluster {
  name = """three
lines }
here"""
  links = [
    { name = a, server = "h:1" },
    {
      name: "b#"
      "quoted.key" = 1, resource_opts { x
        = 5 }
    } { more = 1 }
    # another comment ]
  ]
}
list = [1, 2
  3]
list += 4
list = \${list} [5]
other = [1, 2]
other = [
  3]
`

for (const { path, line } of [
  { path: ['node'], line: 2 },
  { path: ['node', 'name'], line: 2 },
  { path: ['cluster'], line: 3 },
  { path: ['cluster', 'name'], line: 4 },
  { path: ['cluster', 'links'], line: 7 },
  { path: ['cluster', 'links', 0], line: 8 },
  { path: ['cluster', 'links', 0, 'server'], line: 8 },
  { path: ['cluster', 'links', 1], line: 9 },
  { path: ['cluster', 'links', 1, 'name'], line: 10 },
  { path: ['cluster', 'links', 1, 'quoted.key'], line: 11 },
  { path: ['cluster', 'links', 1, 'resource_opts', 'x'], line: 11 },
  { path: ['cluster', 'links', 1, 'more'], line: 13 },
  { path: ['cluster', 'links', 2], line: undefined },
  { path: ['list', 1], line: 17 },
  { path: ['list', 2], line: 18 },
  { path: ['list', 3], line: 19 },
  { path: ['other', 0], line: 23 },
  { path: ['cluster', 'quoted'], line: undefined },
]) {
  test(`${path.join('.')} stands on line ${line}`, () => {
    const scan = scanHocon(places)
    assert.equal(scan.type === 'ok' && scan.lines.get(keyOf(path)), line)
  })
}

for (const { when, text, line, says } of [
  { when: 'a section that is not closed', text: 'a {\n b = 1\n', line: 3, says: /`\{` of line 1 is never closed/ },
  { when: 'a list that is not closed', text: 'a = [1,\n2', line: 2, says: /`\[` of line 1 is never closed/ },
  { when: 'a brace too many', text: 'a = 1\n}', line: 2, says: /closes nothing/ },
  { when: 'a bracket too many', text: 'a = [1]]\nb = 2', line: 1, says: /cannot stand here|a key should stand here/ },
  { when: 'a list that ends with a brace', text: 'a = {b = [1 }', line: 1, says: /before this `}`/ },
  { when: 'text after the end', text: '{a = 1}\nb = 2', line: 2, says: /nothing may follow/ },
  { when: 'a list as a whole', text: '[1]', line: 1, says: /made of keys/ },
  { when: 'a key without a value', text: 'a = 1\nb\nc = 2', line: 2, says: /`=` is missing/ },
  { when: 'a key with nothing after =', text: 'a = 1\nb =\n', line: 2, says: /no value/ },
  { when: 'a value without a key', text: '= 1', line: 1, says: /a key should stand here/ },
  { when: 'two keys on one line', text: 'a = 1 b = 2', line: 1, says: /`=` cannot stand in a value/ },
  { when: 'a dot first', text: '.a = 1', line: 1, says: /before a dot/ },
  { when: 'two dots', text: 'a..b = 1', line: 1, says: /before a dot/ },
  { when: 'a dot last', text: 'a. = 1', line: 1, says: /after a dot/ },
  { when: 'a string that is not closed', text: 'a = 1\nb = "x\n', line: 2, says: /not closed on its line/ },
  { when: 'a triple string that is not closed', text: 'a = """x\ny', line: 1, says: /never closed/ },
  { when: 'an escape that is none', text: 'a = "\\q"', line: 1, says: /escape/ },
  { when: 'a tab in a string', text: 'a = "\t"', line: 1, says: /control character/ },
  { when: 'an address without quotes', text: 'a = 127.0.0.1:1883', line: 1, says: /`:` cannot stand.*double quotes/ },
  { when: 'a filter with + without quotes', text: 't = [\na/+/b]', line: 2, says: /`\+` cannot stand.*double quotes/ },
  { when: 'a filter with # without quotes', text: 't = [a/#\n]', line: 1, says: /put a topic filter in double quotes/ },
  { when: '# alone without quotes', text: 't = [#]', line: 1, says: /topic filters in it stand in double quotes/ },
  { when: 'an expression', text: 'a = [1] | map { expr = "process.exit(9)" }', line: 1, says: /`\|` cannot stand/ },
  { when: 'a substitution in a key', text: '${a} = 1', line: 1, says: /a key should stand|substitution/ },
  { when: 'an open substitution', text: 'a = ${b', line: 1, says: /\$\{NAME\}/ },
  { when: 'nested substitutions', text: 'a = ${b.${c}}', line: 1, says: /\$\{NAME\}/ },
  { when: 'an unseen blank', text: 'a = 1\u00a0', line: 1, says: /U\+00A0/ },
  { when: 'a NUL', text: 'a = \0', line: 1, says: /U\+0000/ },
  { when: 'a dangerous name', text: 'a { "__proto__" { x = 1 } }', line: 1, says: /`__proto__`/ },
  { when: 'a name of every object', text: 'constructor.x = 1', line: 1, says: /`constructor`/ },
  { when: 'sections without end', text: 'a = '.padEnd(500, '['), line: 1, says: /deeper than 64/ },
]) {
  test(`scan: ${when} is refused on line ${line}`, () => {
    const scan = scanHocon(text)
    assert.ok(scan.type === 'invalid', 'should be refused')
    assert.match(scan.message, says)
    assert.equal(scan.line, line)
    assert.equal(scan.reason, 'syntax_error')
  })
}

for (const { text, target } of [
  { text: 'include "a.conf"', target: 'a.conf' },
  { text: 'a { include file("a.conf") }', target: 'a.conf' },
  { text: 'include required("a.conf") # why', target: 'a.conf' },
  { text: 'x = 1, include required( file( "a.conf" ) )', target: 'a.conf' },
]) {
  test(`scan: ${text} includes ${target}`, () => {
    const scan = scanHocon(text)
    assert.deepEqual(scan.type === 'ok' && scan.includes.map((include) => include.target), [target])
  })
}

for (const text of [
  'include url("http://127.0.0.1/x.conf")',
  'include "http://127.0.0.1/x.conf" { x = 1 }',
  'include a.conf',
  'include classpath("a.conf")',
  'include = 1',
  'require "a.conf"',
  'a = include "a.conf"',
  'a = [require "a.conf"]',
  'include eval("1")',
  'include required(file("a.conf"',
]) {
  test(`scan: ${text} is refused: bad_include`, () => {
    const scan = scanHocon(text)
    assert.equal(scan.type === 'invalid' && scan.reason, 'bad_include')
  })
}
