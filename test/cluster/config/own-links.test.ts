import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { linkEdits } from '../../../src/cluster/config/link-edits.ts'
import { OwnLinksFile } from '../../../src/cluster/config/own-links-file.ts'
import { OwnLinks } from '../../../src/cluster/config/own-links.ts'
import type { LinkConfig } from '../../../src/config/config.ts'
import { links } from './topic-links.ts'

function node(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-own-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = new OwnLinksFile(directory, 'here')
  const logged: string[] = []
  const note = (_fields: object, event: string) => void logged.push(event)
  const log = { debug: note, info: note, warn: note, error: note }
  /** A process after the other. */
  return { file, logged, start: (fileLinks: readonly LinkConfig[]) => new OwnLinks({ file, log }, fileLinks) }
}

const topicsOf = (list: readonly LinkConfig[]) => list.map(({ name, topics }) => `${name} ${topics.join()}`)

test('as long as only the file changes the links are those of the file, in its order, and nothing is kept', (t) => {
  const { file, start } = node(t)
  const own = start(links(['eu', 'a'], ['us', 'b']))
  const next = links(['us', 'b'], ['asia', 'c'], ['eu', 'a'])
  assert.deepEqual(own.reread(next), next)
  assert.deepEqual(start(links(['us', 'z'])).links, links(['us', 'z']))
  assert.equal(existsSync(file.path), false)
})

test('what was changed here outlives the process, readable for its owner alone', (t) => {
  const { file, start } = node(t)
  const before = links(['eu', 'a'], ['us', 'b'])
  const after = links(['eu', 'a2'], ['asia', 'c'])
  assert.deepEqual(
    start(before).change(() => linkEdits(before, after)),
    after,
  )
  assert.equal(statSync(file.path).mode & 0o777, 0o600)
  assert.deepEqual(start(before).links, after)
})

for (const { when, restarted } of [
  { when: 'read again', restarted: false },
  { when: 'changed while the node was down', restarted: true },
])
  test(`a change here and one of the file both hold, the last one of each link: the file is ${when}`, (t) => {
    const { start } = node(t)
    const before = links(['eu', 'a'], ['us', 'b'], ['old', 'o'])
    const own = start(before)
    own.change(() => linkEdits(before, links(['eu', 'api'], ['us', 'api'], ['made', 'm'])))
    const inFile = links(['eu', 'a'], ['us', 'file'], ['old', 'o'], ['asia', 'c'])
    const now = restarted ? start(inFile) : own
    if (!restarted) now.reread(inFile)
    assert.deepEqual(topicsOf(now.links), ['eu api', 'us file', 'made m', 'asia c'])
    assert.deepEqual(start(inFile).links, now.links, 'the same file again changes nothing')
    now.change((list) => linkEdits(list, links(['eu', 'later'])))
    assert.deepEqual(topicsOf(start(inFile).links), ['eu later'])
  })

test('a link that is gone here comes back when the file changes it, and not before', (t) => {
  const { start } = node(t)
  const before = links(['eu', 'a'])
  start(before).change(() => [{ type: 'delete', name: 'eu' }])
  assert.deepEqual(start(before).links, [])
  assert.deepEqual(topicsOf(start(links(['eu', 'a2'])).links), ['eu a2'])
})

test('once the file says what runs nothing is kept beside it', (t) => {
  const { file, start } = node(t)
  const before = links(['eu', 'a'])
  const after = links(['eu', 'a2'])
  const own = start(before)
  own.change(() => linkEdits(before, after))
  assert.equal(existsSync(file.path), true)
  own.reread(after)
  assert.deepEqual(own.links, after)
  assert.equal(existsSync(file.path), false)
})

test('a change that is refused, or can’t be kept, changes nothing', (t) => {
  const { file, start } = node(t)
  const before = links(['eu', 'a'])
  const own = start(before)
  assert.throws(
    () =>
      own.change(() => {
        throw new Error('no')
      }),
    /no/,
  )
  const lost = new OwnLinks(
    {
      file: new OwnLinksFile(join(file.path, 'nowhere'), 'here'),
      log: { debug() {}, info() {}, warn() {}, error() {} },
    },
    before,
  )
  assert.throws(() => lost.change(() => [{ type: 'delete', name: 'eu' }]), { code: 'DATA_DIR_UNUSABLE' })
  assert.deepEqual([own.links, lost.links], [before, before])
})

for (const text of [
  'noise',
  '{}',
  '{"format":2,"fileLinks":[],"links":[]}',
  '{"format":1,"fileLinks":[],"links":[{}]}',
])
  test(`what is damaged is told and not used: ${text}`, (t) => {
    const { file, logged, start } = node(t)
    writeFileSync(file.path, text)
    const before = links(['eu', 'a'])
    assert.deepEqual(start(before).links, before)
    assert.deepEqual(logged, ['own_links_damaged'])
  })
