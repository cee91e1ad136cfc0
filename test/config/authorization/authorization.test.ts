import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatConfigError } from '../../../src/config/config-error.ts'
import { diffConfig } from '../../../src/config/diff-config.ts'
import { parseConfig } from '../../../src/config/parse-config.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'
import { errorsOf, good, readFile } from '../texts.ts'

/** Reads a file whose rules are these. */
async function withFile(rules: string | undefined, more = '') {
  const text = `authorization.sources = [{ type = file, path = "acl.conf" }]\n${more}`
  return parseConfig(text, {
    file: 'isthmus.conf',
    env: {},
    baseDir: '/conf',
    readFile: (path) => (path === '/conf/acl.conf' && rules !== undefined ? rules : readFile(path)),
  })
}

test('rules are read from the file beside the configuration', async () => {
  const result = await withFile('%% all\n{allow, all}.\n')
  assert.ok(result.type === 'ok')
  assert.deepEqual(
    result.config.authorization.sources.map(({ path, rules }) => ({ path, count: rules.length })),
    [{ path: 'acl.conf', count: 1 }],
  )
})

test('a file of rules that cannot be read is an error of the configuration', async () => {
  const result = await withFile(undefined)
  assert.ok(result.type === 'invalid')
  assert.deepEqual(result.errors.map(formatConfigError), [
    'isthmus.conf:1: authorization.sources[0].path: cannot read "acl.conf": there is no such file (failed_to_read_acl_file)',
  ])
})

test('errors of rules name the file, line and column of the rules', async () => {
  const result = await withFile('{allow, all}.\n{alow, all}.\n{deny, all, publsh, []}.\n')
  assert.ok(result.type === 'invalid')
  assert.deepEqual(
    result.errors.map((error) => formatConfigError(error).replace(/:(?= column)[^]*/, '')),
    ['acl.conf:2: authorization.sources[0].path', 'acl.conf:3: authorization.sources[0].path'],
  )
  assert.match(result.errors[0]?.message ?? '', /^column 2: expected allow or deny, got "alow"; did you mean allow\?$/)
})

test('rules within the configuration have their errors on its lines', async () => {
  const text =
    'authorization {\n  sources = [{\n    type = file\n    rules = """\n{allow, all}.\n{alow, all}.\n"""\n  }]\n}'
  const [error, ...others] = await errorsOf(text)
  assert.deepEqual(others, [])
  assert.equal(error?.reason, 'bad_acl_file_content')
  assert.deepEqual({ file: error?.file, line: error?.line }, { file: 'isthmus.conf', line: 6 })
})

test('rules within an object have their errors on their own lines', () => {
  const sources = [{ type: 'file', rules: '{allow, all}.\n{alow, all}.' }]
  const result = resolveConfig({ authorization: { sources } })
  assert.ok(result.type === 'invalid')
  assert.match(result.errors[0]?.message ?? '', /^line 2, column 2: /)
})

test('a source that is switched off is not read', async () => {
  const { config } = await good('authorization.sources = [{ type = file, path = "nowhere", enable = false }]')
  assert.deepEqual(config.authorization.sources[0]?.rules, [])
})

for (const { text, key, reason, says } of [
  { text: '{ type = mysql }', key: 'type', reason: 'not_supported', says: /does not have sources of type mysql/ },
  { text: '{ type = http }', key: 'type', reason: 'not_supported', says: /type = file/ },
  { text: '{ type = fil, path = "a" }', key: 'type', reason: 'bad_value', says: /got "fil"; expected file/ },
  { text: '{ path = "a" }', key: 'type', reason: 'required_field', says: /is missing/ },
  { text: '{ type = file }', key: 'path', reason: 'required_field', says: /is missing/ },
  { text: '{ type = file, path = "" }', key: 'path', reason: 'bad_value', says: /name of a file/ },
  {
    text: '{ type = file, path = "secret", rules = "{allow, all}." }',
    key: 'rules',
    reason: 'bad_value',
    says: /keep one/,
  },
]) {
  test(`source ${text} is refused: ${reason}`, async () => {
    const errors = await errorsOf(`authorization.sources = [${text}]`)
    assert.deepEqual(
      errors.map((error) => ({ key: error.key, reason: error.reason })),
      [{ key: `authorization.sources[0].${key}`, reason }],
    )
    assert.match(errors[0]?.message ?? '', says)
  })
}

test('how long an answer is remembered makes no difference, and that is said', async () => {
  const { warnings } = await good('authorization.cache { ttl = 1m, excludes = ["a/#"] }')
  assert.deepEqual(
    warnings.map(({ key, reason }) => ({ key, reason })),
    [
      { key: 'authorization.cache.ttl', reason: 'no_effect' },
      { key: 'authorization.cache.excludes', reason: 'no_effect' },
    ],
  )
})

test('another rule in the file is a change, another comment is none', async () => {
  const [before, comment, rule] = await Promise.all([
    withFile('{allow, {clientid, {re, "^a"}}}.'),
    withFile('% c\n{allow, {client, {re, "^a"}}}.\n'),
    withFile('{allow, {clientid, {re, "^b"}}}.'),
  ])
  assert.ok(before.type === 'ok' && comment.type === 'ok' && rule.type === 'ok')
  assert.deepEqual(diffConfig(before.config, comment.config), [])
  assert.deepEqual(
    diffConfig(before.config, rule.config).map(({ type }) => type),
    ['authorization_changed'],
  )
})

const link = (accept: string): string =>
  `cluster { name = a, links = [{ name = b, server = h, topics = []\n${accept} }] }`
const proof = 'authentication = [{ mechanism = password_based, backend = built_in_database }]'

for (const { accept, more = '', warns } of [
  { accept: '', warns: [] },
  { accept: 'accept.username = peer', warns: ['unproved_identity'] },
  { accept: 'accept.clientid_prefix = "b:"', warns: ['unproved_identity'] },
  { accept: 'accept.cert_common_name = b', warns: [] },
  { accept: 'accept { username = peer, cert_common_name = b }', warns: [] },
  { accept: 'accept.username = peer', more: proof, warns: [] },
  { accept: 'accept.clientid_prefix = "b:"', more: proof, warns: ['unproved_identity'] },
  { accept: 'accept { username = peer, clientid_prefix = "b:" }', more: proof, warns: [] },
  { accept: '', more: proof, warns: ['link_accepts_nobody'] },
  { accept: '', more: 'authorization.no_match = deny', warns: ['link_accepts_nobody'] },
  { accept: '', more: rules('{allow, all}.'), warns: ['link_accepts_nobody'] },
  { accept: '', more: rules('{deny, all, all, [\\"$LINK/#\\"]}.'), warns: ['link_accepts_nobody'] },
  { accept: '', more: rules('{allow, all, all, [\\"$LINK/#\\"]}.'), warns: [] },
]) {
  test(`accept: ${accept || 'none'}${more === '' ? '' : ` with ${more}`} warns of ${warns.join() || 'nothing'}`, async () => {
    const { warnings } = await good(`${link(accept)}\n${more}`)
    assert.deepEqual(
      warnings.map(({ reason }) => reason),
      warns,
    )
  })
}

function rules(text: string): string {
  return `authorization.sources = [{ type = file, rules = "${text}" }]`
}

for (const { accept, says } of [
  { accept: 'accept {}', says: /at least one of username, clientid_prefix and cert_common_name/ },
  { accept: 'accept.username = ""', says: /expected a user name/ },
  { accept: 'accept.clientid_prefix = ""', says: /expected the beginning of a ClientID/ },
  { accept: 'accept { username = x, clientid_prefx = y }', says: /did you mean "clientid_prefix"/ },
]) {
  test(`${accept} is refused`, async () => {
    const errors = await errorsOf(link(accept))
    assert.equal(errors.length, 1, JSON.stringify(errors))
    assert.match(errors[0]?.message ?? '', says)
  })
}
