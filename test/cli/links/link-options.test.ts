/** What the options of `links create` and `update` make of a link. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommandLine } from '../../../src/cli/command-line.ts'
import { isthmus } from '../../../src/cli/commands.ts'
import { filtersOf, type LinkGiven, settingsOf } from '../../../src/cli/links/link-options.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'

function settings(...words: readonly string[]): unknown {
  const asked = parseCommandLine(isthmus, ['links', 'create', 'eu', ...words])
  assert.equal(asked.type, 'run', asked.type === 'usage_error' ? asked.message : '')
  // The table says what these options are.
  return asked.type === 'run' ? settingsOf(asked.given.options as LinkGiven) : undefined
}

for (const { words, expected } of [
  { words: [], expected: [] },
  { words: ['--server', 'h:1'], expected: [['server', 'h:1']] },
  {
    words: ['--no-enable', '--durable'],
    expected: [
      ['enable', false],
      ['durable', true],
    ],
  },
  { words: ['--topics', 'a/#, b', '--topics', 'c'], expected: [['topics', ['a/#', 'b', 'c']]] },
  { words: ['--topics', ''], expected: [['topics', []]] },
  {
    words: ['--ssl', '--ssl-verify', '--ssl-cacertfile', '/ca.pem'],
    expected: [
      ['ssl.enable', true],
      ['ssl.cacertfile', '/ca.pem'],
      ['ssl.verify', 'verify_peer'],
    ],
  },
  { words: ['--no-ssl-verify'], expected: [['ssl.verify', 'verify_none']] },
  {
    words: ['--pool-size', '4', '--set', 'resource_opts.request_ttl=1h'],
    expected: [
      ['pool_size', 4],
      ['resource_opts.request_ttl', '1h'],
    ],
  },
  {
    words: ['--set', 'topics=["a,b"]', '--set', 'server=h:1=2', '--set', 'username='],
    expected: [
      ['topics', ['a,b']],
      ['server', 'h:1=2'],
      ['username', ''],
    ],
  },
  { words: ['--set', 'pool_size'], expected: '--set pool_size: write a setting and its value: --set pool_size=4' },
  { words: ['--set', 'topics=[a]'], expected: '--set topics=[a]: what begins like JSON has to be JSON' },
]) {
  test(`${words.join(' ') || 'nothing'} sets ${JSON.stringify(expected)}`, () =>
    assert.deepEqual(settings(...words), expected))
}

test('filters stand between commas', () => {
  assert.deepEqual(filtersOf(['a/+,b', ' c , ', '']), ['a/+', 'b', 'c'])
})

test('every option sets a field that there is', () => {
  const line =
    '--server h:1 --username u --clientid c --no-enable --ssl --ssl-verify --ssl-cacertfile a --ssl-certfile b ' +
    '--ssl-keyfile c --ssl-server-name h --durable --overflow drop_newest --retained sync --compression auto ' +
    '--dialect native --pool-size 3 --max-inflight 4 --retry-interval 5s --topics t'
  const all = settings(...line.split(' '))
  assert.ok(Array.isArray(all))
  const link: Record<string, unknown> = { name: 'eu' }
  const ssl: Record<string, unknown> = {}
  for (const [field, value] of all as [string, unknown][])
    if (field.startsWith('ssl.')) ssl[field.slice(4)] = value
    else link[field] = value
  const resolved = resolveConfig(
    { cluster: { name: 'us', links: [{ ...link, ssl } as never] } },
    { readFile: () => '-----BEGIN CERTIFICATE-----' },
  )
  const unknown = resolved.type === 'ok' ? [] : resolved.errors.filter(({ reason }) => reason === 'unknown_key')
  assert.deepEqual(unknown, [])
})
