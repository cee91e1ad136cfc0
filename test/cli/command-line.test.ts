/** Command lines against the table of commands: what is asked for, and what is said to who slips. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Asked, parseCommandLine } from '../../src/cli/command-line.ts'
import { type CommandGroup, isGroup, type Option } from '../../src/cli/command.ts'
import { isthmus } from '../../src/cli/commands.ts'
import { helpOf } from '../../src/cli/help.ts'
import { allOptions, takesValue } from '../../src/cli/said.ts'

/** Quotes as a shell reads them, as far as these lines need it. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  )
}

const parse = (line: string): Asked => parseCommandLine(isthmus, wordsOf(line))

/** Without what nobody said. */
function said(of: object): object {
  const known = Object.entries(of).filter(([, value]) => {
    const isEmpty = Array.isArray(value) && value.length === 0
    return value !== undefined && value !== false && !isEmpty
  })
  return Object.fromEntries(known)
}

/** Of what was given, what somebody said. */
function given(line: string): unknown {
  const asked = parse(line)
  assert.equal(asked.type, 'run', asked.type === 'usage_error' ? asked.message : '')
  return asked.type === 'run'
    ? { path: asked.path.join(' '), ...said(asked.given.options), ...said(asked.given.arguments) }
    : undefined
}

for (const [line, expected] of [
  ['start --config a.conf', { path: 'start', config: 'a.conf' }],
  ['start --config=a.conf', { path: 'start', config: 'a.conf' }],
  ['start -c a.conf', { path: 'start', config: 'a.conf' }],
  ['demo', { path: 'demo' }],
  ['demo --cluster --once --json', { path: 'demo', cluster: true, once: true, json: true }],
  ['chaos mesh --minutes 30 --seed 7', { path: 'chaos', scenario: ['mesh'], minutes: 30, seed: 7 }],
  ['conf check a.conf', { path: 'conf check', file: 'a.conf' }],
  ['conf diff a.conf', { path: 'conf diff', file: 'a.conf' }],
  ['conf show --keys', { path: 'conf show', keys: true }],
  ['links list', { path: 'links list' }],
  ['links -c a.conf list --json', { path: 'links list', config: 'a.conf', json: true }],
  ['--data-dir data/a1 links show eu-west', { path: 'links show', 'data-dir': 'data/a1', link: 'eu-west' }],
  [
    'links create eu --server h:1 --topics a,b --topics c',
    {
      path: 'links create',
      link: 'eu',
      server: 'h:1',
      topics: ['a,b', 'c'],
    },
  ],
  [
    'links update eu --no-enable --pool-size 4 --set a.b=c',
    {
      path: 'links update',
      link: 'eu',
      'pool-size': 4,
      set: ['a.b=c'],
    },
  ],
  ['links create eu --topics=', { path: 'links create', link: 'eu', topics: [''] }],
  ['links create eu --username=-x', { path: 'links create', link: 'eu', username: '-x' }],
  ['links delete -y -- --eu', { path: 'links delete', yes: true, link: '--eu' }],
  ['links list --limit 5 --limit 6'.replace('list', 'routes eu'), { path: 'links routes', link: 'eu', limit: 6 }],
  ['clients kick a b', { path: 'clients kick', clientid: ['a', 'b'] }],
  [
    'acl test publish a/b --clientid c --qos 1 --retain',
    {
      path: 'acl test',
      action: 'publish',
      topic: 'a/b',
      clientid: 'c',
      qos: 1,
      retain: true,
    },
  ],
  ['__complete -- links show --config', { path: '__complete', words: ['links', 'show', '--config'] }],
] as const) {
  test(`isthmus ${line}`, () => assert.deepEqual(given(line), expected))
}

for (const [line, enable] of [
  ['--enable', true],
  ['--no-enable', false],
  ['--enable --no-enable', false],
  ['--durable', undefined],
] as const) {
  test(`a switch can be said either way, and the last one counts: ${line}`, () => {
    const asked = parse(`links update eu ${line}`)
    assert.equal(asked.type, 'run')
    assert.equal(asked.type === 'run' ? asked.given.options['enable'] : asked, enable)
  })
}

for (const { line, says } of [
  { line: '', says: /^which command\? start, demo, chaos, conf, links/ },
  { line: 'strat', says: /^unknown command strat; did you mean start\?/ },
  { line: 'links lsit', says: /^unknown command lsit; did you mean list\?/ },
  { line: 'links frobnicate', says: /^unknown command frobnicate; there are list, show, create/ },
  { line: 'links', says: /^which command\? list, show/ },
  { line: 'strat --help', says: /unknown command strat/ },
  { line: 'help links lsit', says: /unknown command lsit/ },
  { line: 'start', says: /^--config FILE is missing/ },
  { line: 'start --config', says: /^--config FILE: FILE is missing/ },
  { line: 'start --config --json', says: /FILE is missing; if it is --json, write --config=--json/ },
  { line: 'start -c -x', says: /FILE is missing; if it is -x, write --config=-x/ },
  { line: 'start --confg a.conf', says: /^unknown option --confg; did you mean --config\?/ },
  { line: 'links list --wacth', says: /^unknown option --wacth; did you mean --watch\?/ },
  { line: 'links list --limit 5', says: /^this command takes no --limit/ },
  { line: 'links list --bogus', says: /^unknown option --bogus$/ },
  { line: 'links --bogus', says: /^unknown option --bogus$/ },
  { line: 'links list --json=1', says: /^--json takes no value/ },
  { line: 'start --config a b.conf', says: /start: what is b\.conf\?/ },
  { line: 'links show', says: /^links show: LINK is missing; `isthmus links list` has their names/ },
  { line: 'links show eu us', says: /^links show: what is us\?/ },
  { line: 'links routes eu --limit many', says: /^--limit is a number from 1 to 1000/ },
  { line: 'links routes eu --limit 0', says: /^--limit is a number/ },
  { line: 'links create eu --overflow drop_oldset', says: /^--overflow is one of .*; did you mean drop_oldest\?/ },
  { line: 'links purge eu', says: /^--reason TEXT is missing/ },
  { line: 'acl test pub a --clientid c', says: /^acl test: what is pub\? ACTION is one of publish, subscribe/ },
  { line: 'acl test publish a', says: /^--clientid ID is missing/ },
  { line: 'clients kick', says: /^clients kick: CLIENTID is missing/ },
  { line: 'conf', says: /^which command\? check, diff, show/ },
  { line: 'conf check', says: /^conf check: FILE is missing/ },
  { line: 'conf check a b', says: /^conf check: what is b\?/ },
  { line: 'demo cluster', says: /^demo: what is cluster\?/ },
]) {
  test(`isthmus ${line} is refused with a reason`, () => {
    const asked = parse(line)
    assert.equal(asked.type, 'usage_error')
    assert.match(asked.type === 'usage_error' ? asked.message : '', says)
  })
}

for (const [line, path] of [
  ['--help', ''],
  ['help', ''],
  ['-h', ''],
  ['links --help', 'links'],
  ['help links create', 'links create'],
  ['links create eu --help', 'links create'],
  ['links create --no-such --help', 'links create'],
] as const) {
  test(`isthmus ${line} is help`, () => {
    const asked = parse(line)
    assert.equal(asked.type, 'help')
    assert.equal(asked.type === 'help' ? asked.path.join(' ') : undefined, path)
  })
}

test('isthmus --version', () => {
  assert.deepEqual(parse('--version'), { type: 'version' })
  assert.deepEqual(parse('-v'), { type: 'version' })
})

// ---- the table itself

function* commandsIn(group: CommandGroup, path: readonly string[] = []): Generator<readonly [string, Command]> {
  for (const entry of group.commands)
    if (isGroup(entry)) yield* commandsIn(entry, [...path, entry.name])
    else yield [[...path, entry.name].join(' '), entry]
}
type Command = Exclude<CommandGroup['commands'][number], CommandGroup>

test('options of one name are the same to the parser everywhere, and no short one stands for two', () => {
  const known = new Map<string, Option>()
  const shorts = new Map<string, string>([
    ['h', 'help'],
    ['v', 'version'],
  ])
  for (const [name, option] of allOptions(isthmus)) {
    const before = known.get(name) ?? option
    known.set(name, option)
    assert.equal(takesValue(option), takesValue(before), `--${name}`)
    assert.equal(option.short, before.short, `--${name}`)
    if (option.short === undefined) continue
    assert.equal(shorts.get(option.short) ?? name, name, `-${option.short}`)
    shorts.set(option.short, name)
  }
  for (const name of known.keys()) assert.ok(!known.has(`no-${name}`) && name !== 'help' && name !== 'version', name)
})

for (const [path, command] of commandsIn(isthmus)) {
  if (command.hidden === true) continue
  test(`isthmus ${path} --help: how it is used, all options, and examples that are right`, () => {
    const help = helpOf(command, path.split(' '))
    assert.match(help, new RegExp(`^isthmus ${path}: `))
    for (const name of Object.keys(command.options)) assert.ok(help.includes(`--${name}`), name)
    assert.ok(command.examples.length > 0)
    for (const example of command.examples) {
      assert.ok(help.includes(`  isthmus ${example}\n`))
      for (const part of example.split(/ \| isthmus | \| xargs isthmus /).map((one) => one.split(/ [|>] /)[0] ?? '')) {
        if (part.startsWith('pwgen')) continue
        const asked = parse(part.endsWith('clients kick') ? `${part} someone` : part)
        assert.equal(asked.type, 'run', `${part}: ${asked.type === 'usage_error' ? asked.message : asked.type}`)
      }
      assert.ok(example.includes(path.split(' ').at(-1) ?? ''), `${example} is of ${path}`)
    }
  })
}

test('the help of all names each command once', () => {
  const help = helpOf(isthmus, [])
  for (const { name } of isthmus.commands) assert.equal(help.includes(`  isthmus ${name}`), name !== '__complete', name)
  assert.match(help, /isthmus start --config FILE +run a node/)
  assert.match(help, /isthmus links \.\.\. +the links of a cluster: list, show, create, /)
  assert.match(help, /Exit codes: 0 good, 1 failed, 2 usage or configuration/)
})

test('what the README says of the command line is right', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const section = /### On the command line\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? ''
  const lines = [...section.matchAll(/^npx isthmus (.*?)(?: {2,}#.*| > .*)?$/gm)].map(([, line]) => line ?? '')
  assert.ok(lines.length > 8)
  for (const line of lines) {
    const asked = parse(line.replace(/ {3}#.*/, ''))
    assert.equal(asked.type, 'run', `${line}: ${asked.type === 'usage_error' ? asked.message : asked.type}`)
  }
})
