/** The benchmark of offenders runs to its end on tiny input, so that it cannot rot. Its figures mean nothing here. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const RUN = fileURLToPath(new URL('../../scripts/bench/run.js', import.meta.url))

test('p99 beside each kind of offender is told', { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
  const args = [RUN, '--only', 'overload', '--rounds', '1', '--seconds', '0.3']
  const child = spawn(process.execPath, ['--enable-source-maps', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  assert.equal(code, 0, said + complaint)
  const figure = String.raw`[\d.]+ \([\d.]+-[\d.]+\)`
  const line = new RegExp(`^overload [a-z-]+  ${figure} \\| ${figure} \\| ${figure} \\| ${figure}$`)
  assert.equal(said.split('\n').filter((one) => line.test(one)).length, 7, said)
})
