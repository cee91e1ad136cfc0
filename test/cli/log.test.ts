/** What a process writes to its log depends on who reads it: a terminal, made here by `script`, or anything else. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const log = new URL('../../src/cli/log.js', import.meta.url).href
const source = `const { createLog } = await import(${JSON.stringify(log)}); const log = await createLog('info'); log.debug('quiet'); log.info({ link: 'eu-west' }, 'node_started')`
const command = [process.execPath, '--input-type=module', '--eval', source]

test('into a pipe it writes JSON, one object a line, of its level and above', () => {
  const [program = '', ...args] = command
  const { stdout } = spawnSync(program, args, { encoding: 'utf8' })
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, 1)
  const line: unknown = JSON.parse(lines[0] ?? '')
  assert.ok(typeof line === 'object' && line !== null && 'time' in line)
  assert.deepEqual({ ...line, time: '' }, { level: 'info', time: '', link: 'eu-west', msg: 'node_started' })
  assert.match(String(line.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test(
  'on a terminal it writes for people',
  { skip: process.platform !== 'linux' && 'wants script of util-linux' },
  () => {
    const quoted = command.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ')
    const { stdout, status } = spawnSync('script', ['-qec', quoted, '/dev/null'], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
    assert.match(stdout, /\[\d\d:\d\d:\d\d\.\d+\].*INFO.*node_started/)
    assert.match(stdout, /link.*"eu-west"/)
    assert.ok(!stdout.includes('quiet') && !stdout.includes('{"level"'), stdout)
  },
)
