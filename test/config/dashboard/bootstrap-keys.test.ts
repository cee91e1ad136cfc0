import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBootstrapKeys } from '../../../src/config/dashboard/bootstrap-keys.ts'

test('a line is a key, its secret and perhaps its role', () => {
  assert.deepEqual(parseBootstrapKeys('\uFEFF# scripts\r\nci:s3cret\n\n  grafana:s:viewer \nop:x:administrator'), {
    type: 'ok',
    keys: [
      { key: 'ci', secret: 's3cret', role: 'administrator' },
      { key: 'grafana', secret: 's', role: 'viewer' },
      { key: 'op', secret: 'x', role: 'administrator' },
    ],
  })
})

for (const { when, line, says } of [
  { when: 'there is no secret', line: 'ci', says: /expected key:secret/ },
  { when: 'the secret is empty', line: 'ci:', says: /expected key:secret/ },
  { when: 'there is too much', line: 'ci:s3cret:viewer:x', says: /expected key:secret/ },
  { when: 'the key is no name', line: 'c i:s3cret', says: /letters, digits/ },
  { when: 'the role is nobody’s', line: 'ci:s3cret:root', says: /administrator or viewer/ },
  { when: 'the role is one that only EMQX has', line: 'ci:s3cret:publisher', says: /for EMQX/ },
  { when: 'the key was there before', line: 'one:s3cret', says: /stands in line 1 already/ },
])
  test(`${when}: the line is named, its secret never`, () => {
    const result = parseBootstrapKeys(`one:1\n\n${line}\n`)
    assert.ok(result.type === 'invalid')
    assert.deepEqual(
      result.problems.map((problem) => problem.line),
      [3],
    )
    assert.match(result.problems[0]!.message, says)
    assert.doesNotMatch(result.problems[0]!.message, /s3cret/)
  })

test('whatever stands in the file, it is read or refused with words', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', ':', '\n', '#', ' ', 'viewer', 'é') }), (text) => {
      const result = parseBootstrapKeys(text)
      if (result.type === 'ok') for (const { key, secret } of result.keys) assert.ok(key !== '' && secret !== '')
      else assert.ok(result.problems.every(({ line, message }) => line >= 1 && message !== ''))
    }),
  )
})
