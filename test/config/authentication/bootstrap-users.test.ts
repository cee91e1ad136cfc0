import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BootstrapType, PasswordHashConfig } from '../../../src/config/authentication/authentication-config.ts'
import {
  type BootstrapUser,
  parseBootstrapUsers,
  userIdProblem,
} from '../../../src/config/authentication/bootstrap-users.ts'

const sha256 = { name: 'sha256', salt_position: 'prefix' } as const
const hash = 'b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75'
const salt = 'de1024f462fb83910fd13151bd4bd235'

function users(
  text: string,
  file = 'u.csv',
  type: BootstrapType = 'plain',
  algorithm: PasswordHashConfig = sha256,
): readonly BootstrapUser[] {
  const result = parseBootstrapUsers(text, file, type, algorithm)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.users
}

const hashed = (password_hash: string): string => JSON.stringify([{ user_id: 'a', password_hash }])

const plain = (user_id: string, password: string, is_superuser = false): BootstrapUser => {
  return { type: 'plain', user_id, password, is_superuser }
}

for (const { what, text, expected } of [
  { what: 'nothing', text: '', expected: [] },
  { what: 'a header alone', text: 'user_id,password,is_superuser\n', expected: [] },
  { what: 'the file that EMQX comes with', text: 'user_id,password_hash\n'.replace('_hash', '') + ',\n', expected: [] },
  { what: 'a user', text: 'user_id,password,is_superuser\na,p,true\n', expected: [plain('a', 'p', true)] },
  { what: 'columns in another order', text: 'password,user_id\np,a', expected: [plain('a', 'p')] },
  { what: 'no word about superusers', text: 'user_id,password,is_superuser\na,p,\n', expected: [plain('a', 'p')] },
  {
    what: 'line ends of Windows, and empty lines',
    text: 'user_id,password\r\n\r\na,p\r\n\r\n',
    expected: [plain('a', 'p')],
  },
  { what: 'a byte order mark', text: '\uFEFFuser_id,password\na,p', expected: [plain('a', 'p')] },
  { what: 'blanks, which belong to a password', text: 'user_id, password\na, p ', expected: [plain('a', ' p ')] },
  { what: 'quotes', text: 'user_id,password\n"a, b","p""q\nr"', expected: [plain('a, b', 'p"q\nr')] },
])
  test(`CSV: ${what}`, () => assert.deepEqual(users(text), expected))

for (const { what, text, expected } of [
  { what: 'an empty list', text: '[]', expected: [] },
  {
    what: 'users',
    text: '[{"user_id":"a","password":"p","is_superuser":true},{"user_id":"b","password":"q"}]',
    expected: [plain('a', 'p', true), plain('b', 'q')],
  },
  {
    what: 'superusers in text',
    text: '[{"user_id":"a","password":"p","is_superuser":"true"}]',
    expected: [plain('a', 'p', true)],
  },
  { what: 'a byte order mark', text: '\uFEFF[]', expected: [] },
])
  test(`JSON: ${what}`, () => assert.deepEqual(users(text, 'u.json'), expected))

test('hashes, as EMQX documents them', () => {
  const expected = [
    { type: 'hash', user_id: 'myuser3', password_hash: hash, salt, is_superuser: true },
    { type: 'hash', user_id: 'myuser4', password_hash: hash, salt: '', is_superuser: false },
  ]
  assert.deepEqual(
    users(
      `user_id,password_hash,salt,is_superuser\nmyuser3,${hash},${salt},true\nmyuser4,${hash},,false\n`,
      'u.csv',
      'hash',
    ),
    expected,
  )
  const json = [
    { user_id: 'myuser3', password_hash: hash, salt, is_superuser: true },
    { user_id: 'myuser4', password_hash: hash },
  ]
  assert.deepEqual(users(JSON.stringify(json), 'u.json', 'hash'), expected)
})

for (const { what, algorithm, good, bad } of [
  { what: 'SHA-256', algorithm: sha256, good: hash.toUpperCase(), bad: hash.slice(1) },
  { what: 'SHA-1', algorithm: { name: 'sha', salt_position: 'prefix' }, good: 'a'.repeat(40), bad: hash },
  { what: 'PBKDF2', algorithm: { name: 'pbkdf2', mac_fun: 'sha512', iterations: 1 }, good: 'a'.repeat(128), bad: hash },
  {
    what: 'PBKDF2 of a length',
    algorithm: { name: 'pbkdf2', mac_fun: 'sha512', iterations: 1, dk_length: 32 },
    good: hash,
    bad: 'a'.repeat(128),
  },
  {
    what: 'scrypt',
    algorithm: { name: 'scrypt', cost: 1024, block_size: 8, parallelization: 1, dk_length: 32 },
    good: hash,
    bad: 'g'.repeat(64),
  },
  { what: 'bcrypt', algorithm: { name: 'bcrypt', salt_rounds: 10 }, good: `$2y$10$${'a'.repeat(53)}`, bad: hash },
  {
    what: 'bcrypt of a day',
    algorithm: { name: 'bcrypt', salt_rounds: 10 },
    good: `$2a$15$${'a'.repeat(53)}`,
    bad: `$2a$16$${'a'.repeat(53)}`,
  },
  { what: 'plain', algorithm: { name: 'plain', salt_position: 'disable' }, good: 'p', bad: '' },
] as const)
  test(`a hash of ${what} is told from what is none`, () => {
    assert.equal(users(hashed(good), 'u.json', 'hash', algorithm).length, 1)
    const result = parseBootstrapUsers(hashed(bad), 'u.json', 'hash', algorithm)
    assert.match(result.type === 'invalid' ? (result.problems[0]?.message ?? '') : 'good', /^password_hash (is|has) /)
    assert.ok(bad === '' || !JSON.stringify(result).includes(bad))
  })

for (const { what, file = 'u.csv', type = 'plain', text, problems } of [
  {
    what: 'another ending',
    file: 'u.txt',
    text: '',
    problems: ['1: the name of the file must end in .csv or .json, which tells its format'],
  },
  {
    what: 'no header',
    text: 'alice,s3cret\n',
    problems: [
      '1: the header lacks user_id; with bootstrap_type = plain the columns are user_id,password,is_superuser',
    ],
  },
  {
    what: 'passwords where hashes should be',
    type: 'hash',
    text: 'user_id,password\na,s3cret',
    problems: [
      '1: the header lacks password_hash; with bootstrap_type = hash the columns are user_id,password_hash,salt,is_superuser',
    ],
  },
  {
    what: 'a misspelt column',
    text: 'user_id,password,is_superusr\n',
    problems: [
      '1: the header has a column that is none of these (did you mean is_superuser?); with bootstrap_type = plain the columns are user_id,password,is_superuser',
    ],
  },
  {
    what: 'a column twice',
    text: 'user_id,password,password\n',
    problems: [
      '1: the header names a column twice; with bootstrap_type = plain the columns are user_id,password,is_superuser',
    ],
  },
  {
    what: 'several problems',
    text: 'user_id,password,is_superuser\na,p,maybe\n\n"b\nc",,true\nd,p,true,x\n,p,true\na2,p,\na2,q,\n',
    problems: [
      '2: is_superuser is neither true nor false',
      '4: password is missing, or no text',
      '6: has 4 fields, the header 3 columns; a value that holds a comma needs double quotes',
      '7: user_id is empty',
      '9: this user_id stands in line 8 already',
    ],
  },
  {
    what: 'a quote that does not end',
    text: 'user_id,password\na,"s3cret\n',
    problems: ['2: the last value that begins with a double quote does not end'],
  },
  {
    what: 'a quote within a value',
    text: 'user_id,password\na,p\nb,s3"cret\n',
    problems: ['3: a value that holds a double quote must itself stand in double quotes'],
  },
  {
    what: 'something behind a quote',
    text: 'user_id,password\na,"p"s3cret\n',
    problems: ['2: a double quote within a quoted value must be written twice'],
  },
  {
    what: 'line ends of long ago',
    text: 'user_id,password\ra,p\r',
    problems: ['1: a carriage return without a line feed; lines end as in Unix or Windows'],
  },
  {
    what: 'a user_id that is too long',
    text: `user_id,password\n${'ä'.repeat(513)},p\n`,
    problems: ['2: user_id is longer than 1024 bytes'],
  },
  { what: 'no JSON', file: 'u.json', text: '[\n{ "user_id": s3cret }]', problems: ['2: this is no JSON'] },
  { what: 'JSON that ends too soon', file: 'u.json', text: '[\n{\n"user_id":', problems: ['3: this is no JSON'] },
  {
    what: 'JSON of another kind',
    file: 'u.json',
    text: '{ "users": [] }',
    problems: ['1: expected a list of users: [{ "user_id": ... }]'],
  },
  {
    what: 'users that are none',
    file: 'u.json',
    text: '[\n"[{", 7,\n{ "user_id": "a", "password": "p" },\n{ "user_id": 7 },\n{ "user_id": "b", "password": 7 },\n{ "user_id": "c", "pasword": "x" }, []]',
    problems: [
      '2: expected a user: { "user_id": ... }',
      '2: expected a user: { "user_id": ... }',
      '4: user_id is missing, or no text',
      '5: password is missing, or no text',
      '6: expected a user: { "user_id": ... }',
      '6: a key is none of user_id, password or is_superuser',
    ],
  },
  {
    what: 'half a character',
    file: 'u.json',
    text: String.raw`[{ "user_id": "\ud800", "password": "p" }]`,
    problems: ['1: user_id holds half a character'],
  },
] as const)
  test(`${what}: told with its line`, () => {
    const result = parseBootstrapUsers(text, file, type, sha256)
    assert.deepEqual(
      result.type === 'invalid' && result.problems.map(({ line, message }) => `${line}: ${message}`),
      problems,
    )
    assert.doesNotMatch(JSON.stringify(result), /s3cret/)
  })

const userId = fc
  .string({ minLength: 1, maxLength: 20, unit: 'binary' })
  .filter((id) => userIdProblem(id) === undefined && !id.includes('\r'))
const user = fc.record({
  user_id: userId,
  password: fc
    .string({ minLength: 1, maxLength: 20, unit: 'binary' })
    .filter((text) => !/[\p{Surrogate}\r]/u.test(text)),
  is_superuser: fc.boolean(),
})
const list = fc.uniqueArray(user, { maxLength: 8, selector: ({ user_id }) => user_id })
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

test('what is written is read, in either format, and lines are those of the file', () => {
  fc.assert(
    fc.property(list, fc.constantFrom('\n', '\r\n'), fc.boolean(), (written, end, pretty) => {
      const expected = written.map(({ user_id, password, is_superuser }) => plain(user_id, password, is_superuser))
      const rows = written.map(({ user_id, password, is_superuser }) =>
        [quoted(user_id), quoted(password), is_superuser].join(','),
      )
      assert.deepEqual(users(['user_id,password,is_superuser', ...rows, ''].join(end)), expected)
      assert.deepEqual(users(JSON.stringify(written, null, pretty ? 1 : 0), 'u.json'), expected)
      const spoilt = JSON.stringify([...written, 7], null, 1).split('\n')
      const result = parseBootstrapUsers(spoilt.join('\n'), 'u.json', 'plain', sha256)
      assert.deepEqual(result.type === 'invalid' && result.problems.map(({ line }) => line), [spoilt.length - 1])
    }),
  )
})

test('any text is either users or problems', () => {
  fc.assert(
    fc.property(
      fc.string({
        maxLength: 60,
        unit: fc.constantFrom('"', ',', '\n', '\r', 'a', '[', ']', '{', '}', ':', '1', '\\'),
      }),
      fc.constantFrom('u.csv', 'u.json'),
      fc.constantFrom('plain', 'hash') as fc.Arbitrary<BootstrapType>,
      (text, file, type) => {
        const head = file === 'u.csv' ? `user_id,${type === 'plain' ? 'password' : 'password_hash'}\n` : ''
        const result = parseBootstrapUsers(head + text, file, type, sha256)
        assert.ok(
          result.type === 'ok' ||
            result.problems.every(({ line }) => line >= 1 && line <= (head + text).split('\n').length),
        )
      },
    ),
  )
})
