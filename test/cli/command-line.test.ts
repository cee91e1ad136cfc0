import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Command, parseCommandLine } from '../../src/cli/command-line.ts'

const cases: readonly { readonly line: string; readonly command: Command }[] = [
  { line: 'start --config a.conf', command: { type: 'start', config: 'a.conf' } },
  { line: 'start --config=a.conf', command: { type: 'start', config: 'a.conf' } },
  { line: 'start -c a.conf', command: { type: 'start', config: 'a.conf' } },
  { line: 'demo', command: { type: 'demo', cluster: false, once: false, json: false } },
  { line: 'demo --once', command: { type: 'demo', cluster: false, once: true, json: false } },
  { line: 'demo --json --once', command: { type: 'demo', cluster: false, once: true, json: true } },
  { line: 'demo --cluster', command: { type: 'demo', cluster: true, once: false, json: false } },
  { line: 'demo --cluster --once --json', command: { type: 'demo', cluster: true, once: true, json: true } },
  { line: 'conf check a.conf', command: { type: 'conf_check', file: 'a.conf' } },
  { line: '--help', command: { type: 'help' } },
  { line: 'start --help', command: { type: 'help' } },
  { line: '--version', command: { type: 'version' } },
]
for (const { line, command } of cases) {
  test(`isthmus ${line}`, () => assert.deepEqual(parseCommandLine(line.split(' ')), command))
}

for (const { line, says } of [
  { line: '', says: /which command/ },
  { line: 'strat', says: /unknown command strat/ },
  { line: 'start', says: /--config FILE is missing/ },
  { line: 'start --config', says: /--config/ },
  { line: 'start --confg a.conf', says: /--confg/ },
  { line: 'start a.conf', says: /what is a\.conf/ },
  { line: 'demo --json', says: /--json goes with --once/ },
  { line: 'demo --cluster --json', says: /--json goes with --once/ },
  { line: 'demo cluster', says: /what is cluster/ },
  { line: 'conf', says: /conf check FILE/ },
  { line: 'conf check', says: /conf check FILE/ },
  { line: 'conf check a b', says: /conf check FILE/ },
]) {
  test(`isthmus ${line} is refused with a reason`, () => {
    const command = parseCommandLine(line.split(' ').filter((word) => word !== ''))
    assert.equal(command.type, 'usage_error')
    assert.match(command.type === 'usage_error' ? command.message : '', says)
  })
}
