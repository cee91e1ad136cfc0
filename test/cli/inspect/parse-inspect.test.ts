import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommandLine } from '../../../src/cli/command-line.ts'
import type { InspectCommand } from '../../../src/cli/inspect/parse-inspect.ts'

const cases: readonly { readonly line: string; readonly command: Partial<InspectCommand> }[] = [
  { line: 'actors', command: { query: { type: 'actors' }, json: false } },
  { line: 'actors', command: { place: { type: 'data_dir', directory: 'data' } } },
  { line: '--data-dir data/a1 actors', command: { place: { type: 'data_dir', directory: 'data/a1' } } },
  {
    line: '--socket s links',
    command: { place: { type: 'socket', path: 's' }, query: { type: 'links', link: undefined } },
  },
  {
    line: 'links eu --config a.conf',
    command: { place: { type: 'config', file: 'a.conf' }, query: { type: 'links', link: 'eu' } },
  },
  {
    line: '--socket s ledger eu reset',
    command: { place: { type: 'socket', path: 's' }, query: { type: 'ledger_reset', link: 'eu' } },
  },
  { line: 'leases --config a.conf', command: { place: { type: 'config', file: 'a.conf' }, query: { type: 'leases' } } },
  { line: '-c a.conf members', command: { place: { type: 'config', file: 'a.conf' }, query: { type: 'members' } } },
  { line: 'lanes --json', command: { query: { type: 'lanes' }, json: true } },
  { line: 'history eu/route-sync', command: { query: { type: 'history', actor: 'eu/route-sync' } } },
  { line: 'watch', command: { query: { type: 'watch', actor: undefined } } },
  { line: 'watch eu', command: { query: { type: 'watch', actor: 'eu' } } },
  { line: 'routes match a/b', command: { query: { type: 'routes_match', topic: 'a/b', limit: 100 } } },
  { line: 'routes list', command: { query: { type: 'routes_list', text: undefined, limit: 100 } } },
  { line: 'routes list a --limit 5', command: { query: { type: 'routes_list', text: 'a', limit: 5 } } },
  { line: 'ledger eu', command: { query: { type: 'ledger', link: 'eu' } } },
  { line: 'log-level', command: { query: { type: 'log_level', level: undefined } } },
  { line: 'log-level debug', command: { query: { type: 'log_level', level: 'debug' } } },
]
for (const { line, command } of cases) {
  test(`isthmus inspect ${line}`, () => {
    const parsed = parseCommandLine(['inspect', ...line.split(' ')])
    assert.deepEqual({ ...parsed, ...command }, parsed)
  })
}

for (const { line, says } of [
  { line: '', says: /what do you want to see/ },
  { line: 'actor', says: /unknown command actor/ },
  { line: 'actors eu', says: /actors: what is eu\?/ },
  { line: 'history', says: /of which ACTOR/ },
  { line: 'history a b', says: /history: what is b\?/ },
  { line: 'ledger', says: /of which LINK/ },
  { line: 'ledger eu rest', says: /ledger: what is rest\?/ },
  { line: 'links eu us', says: /links: what is us\?/ },
  { line: 'routes', says: /routes match TOPIC/ },
  { line: 'routes match', says: /which TOPIC/ },
  { line: 'routes match a b', says: /routes match: what is b\?/ },
  { line: 'routes list --limit 0', says: /--limit/ },
  { line: 'routes list --limit many', says: /--limit/ },
  { line: 'actors --socket s --config c', says: /one of --socket/ },
  { line: 'actors --sokcet s', says: /--sokcet/ },
]) {
  test(`isthmus inspect ${line} is refused with a reason`, () => {
    const command = parseCommandLine(['inspect', ...line.split(' ').filter((word) => word !== '')])
    assert.equal(command.type, 'usage_error')
    assert.match(command.type === 'usage_error' ? command.message : '', says)
  })
}

test('isthmus inspect --help is a help of its own', () => {
  assert.deepEqual(parseCommandLine(['inspect', '--help']), { type: 'inspect_help' })
  assert.deepEqual(parseCommandLine(['inspect', 'routes', '-h']), { type: 'inspect_help' })
})
