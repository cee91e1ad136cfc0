/** Every benchmark runs to its end on tiny input, so that it cannot rot. Its figures mean nothing here. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const RUN = fileURLToPath(new URL('../../scripts/bench/run.js', import.meta.url))
const TINY = ['--rounds', '1', '--seconds', '0.2', '--warmup', '0.1', '--topics', '20']

async function bench(...args: string[]): Promise<{ code: unknown; output: string }> {
  const child = spawn(process.execPath, ['--enable-source-maps', RUN, ...TINY, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { code, output }
}

// Figures hang on 10 ms steps of CPU time here, so that a tiny run may well print 0.000.
const FIGURE = String.raw`[\d.]+ \([\d.]+-[\d.]+\)`

test('the broker beside Mosquitto, at both QoS', { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
  const out = join(tmpdir(), `isthmus-bench-${process.pid}.txt`)
  const { code, output } = await bench('--only', 'broker', '--out', out)
  assert.equal(code, 0, output)
  for (const qos of [0, 1]) {
    assert.match(output, new RegExp(`broker QoS ${qos} {2}isthmus ${FIGURE}`))
    assert.match(output, new RegExp(`broker QoS ${qos} {2}mosquitto [\\d.]+ ${FIGURE}`))
  }
  assert.ok(output.includes(readFileSync(out, 'utf8')), 'the file holds what was printed')
})

test('the link and its profile, at both QoS', { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
  const { code, output } = await bench('--only', 'link', '--profile')
  assert.equal(code, 0, output)
  for (const side of ['sender', 'receiver']) assert.match(output, new RegExp(`profile of the ${side}.*\\n +[\\d.]+ % `))
  for (const qos of [0, 1])
    assert.match(output, new RegExp(`link QoS ${qos} .*sender ${FIGURE} \\+ receiver ${FIGURE}`))
})

test('the topic index', async () => {
  const { code, output } = await bench('--only', 'topics', '--filters', '1000')
  assert.equal(code, 0, output)
  assert.match(output, /"filters":\s*1000/)
})
