/** What stands in the form of a link, and the link that it means. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { draftOf, emptyDraft, faultsOf, isChanged, linkOf } from '../../src/dashboard/links/form/draft.ts'
import { FIELDS } from '../../src/dashboard/links/form/link-fields.ts'
import { linkSchema } from '../../src/config/link-schema.ts'

const link = {
  name: 'eu-west',
  enable: true,
  server: 'b1:1883',
  topics: ['global/#', 'a/+'],
  password: '******',
  pool_size: 4,
  retry_interval: '15s',
  ssl: { enable: true, verify: 'verify_peer', keyfile: '******', ciphers: ['A', 'B'] },
  tcp_opts: { nodelay: true, keepalive: false },
}

test('a link goes through the form as it came, with what the form does not know', () => {
  const draft = draftOf(link, FIELDS)
  assert.deepEqual(linkOf(draft, FIELDS, link), {
    ...link,
    // Choices that the link left open are what the form shows: the first of each.
    ...Object.fromEntries(
      FIELDS.flatMap(({ key, kind, standard }) =>
        !key.includes('.') && !(key in link) && kind.type === 'switch' ? [[key, standard]] : [],
      ),
    ),
  })
  assert.equal(isChanged(draft, draft), false)
})

test('an empty form means a link of defaults, once it has a name and a server', () => {
  const made = linkOf({ ...emptyDraft(FIELDS), name: 'eu-west', server: 'b1:1883' }, FIELDS, undefined)
  assert.deepEqual(linkSchema.parse(made), linkSchema.parse({ name: 'eu-west', server: 'b1:1883', topics: [] }))
})

test('what a field shows while it is empty is what the node takes then', () => {
  const empty = { ...emptyDraft(FIELDS), name: 'eu-west', server: 'b1:1883' }
  const texts = FIELDS.flatMap(({ key, standard }) => (typeof standard === 'string' ? [[key, standard]] : []))
  const said = { ...empty, ...Object.fromEntries(texts) }
  assert.deepEqual(
    linkSchema.parse(linkOf(said, FIELDS, undefined)),
    linkSchema.parse(linkOf(empty, FIELDS, undefined)),
  )
})

for (const { when, change, changes } of [
  { when: 'a number', change: { pool_size: '12' }, changes: { pool_size: 12 } },
  { when: 'what is no number', change: { pool_size: 'x' }, changes: { pool_size: 'x' } },
  { when: 'an emptied field', change: { pool_size: ' ' }, changes: { pool_size: undefined } },
  { when: 'topics with empty lines', change: { topics: '\n a/# \n\nb' }, changes: { topics: ['a/#', 'b'] } },
  { when: 'a password of digits and blanks', change: { password: ' 12 ' }, changes: { password: ' 12 ' } },
  { when: 'a password that is taken away', change: { password: '' }, changes: { password: undefined } },
]) {
  test(`${when} becomes what the API takes`, () => {
    const draft = draftOf(link, FIELDS)
    const changed = { ...draft, ...change }
    const before: Record<string, unknown> = linkOf(draft, FIELDS, link)
    const after: Record<string, unknown> = linkOf(changed, FIELDS, link)
    for (const [key, value] of Object.entries(changes)) assert.deepEqual(after[key], value)
    assert.deepEqual({ ...after, ...changes }, { ...before, ...changes })
    assert.equal(isChanged(changed, draft), true)
  })
}

test('an error stands at its field, or the nearest one, or below the form', () => {
  const { at, other } = faultsOf(
    [
      { field: 'server', message: 'no port' },
      { field: 'topics.1', message: 'bad' },
      { field: 'topics.2', message: 'worse' },
      { field: 'ssl.versions.0', message: 'old' },
      { field: '', message: 'no' },
    ],
    FIELDS,
  )
  assert.deepEqual(at, { server: 'no port', topics: 'bad; worse' })
  assert.deepEqual(other, ['ssl.versions.0: old', 'no'])
})
