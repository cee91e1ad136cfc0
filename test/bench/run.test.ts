/** Every benchmark runs to its end on tiny input, so that it cannot rot. Its figures mean nothing here. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

const TURN = String.raw`[\d.]+ \| [\d.]+ \| [\d.]+`

const LINUX = { skip: process.platform !== 'linux' && 'reads /proc' }

test('the broker beside Mosquitto', LINUX, async () => {
  const out = join(tmpdir(), `isthmus-bench-${process.pid}.txt`)
  const cells = ['QoS 0, 64 B, 1 to 50', 'QoS 1, 64 B, 1 to 1', 'QoS 2, 64 B, 50 to 1']
  const { code, output } = await bench('--only', 'broker', '--out', out, ...cells.flatMap((cell) => ['--cell', cell]))
  assert.equal(code, 0, output)
  for (const cell of cells) assert.match(output, new RegExp(`${cell} +${FIGURE} \\| ${FIGURE} \\| .*, budget 0`))
  assert.ok(output.includes(readFileSync(out, 'utf8')), 'the file holds what was printed')
  rmSync(out)
})

test('the broker that keeps what it acknowledges, and its profile', LINUX, async () => {
  const { code, output } = await bench('--only', 'durable', '--cell', 'QoS 2, 64 B', '--cell', 'PUBACK', '--profile')
  assert.equal(code, 0, output)
  assert.match(output, new RegExp(`durable QoS 2, 64 B, 1 to 1 +${FIGURE} \\| ${FIGURE} \\| .*, budget 2.5`))
  for (const who of ['ours, in memory', 'ours, durable', 'Mosquitto, persistent'])
    assert.match(output, new RegExp(`durable PUBACK.*${who} p50 [\\d.]+ ms, p99 [\\d.]+ ms of [1-9]`))
  assert.match(output, /QoS 2, 64 B, 1 to 1, profile of the node.*\n +[\d.]+ % /)
  assert.match(output, /bytes to the disk per message: \d+ \| \d+ \| \d+/)
})

test('the link beside others', LINUX, async () => {
  const results = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const cells = ['QoS 1, 64 B, 1 publisher', 'QoS 0, 2,000 a second', 'QoS 1, 1024 B, 10 of']
  const { code, output } = await bench('--only', 'link', '--results', results, ...cells.flatMap((c) => ['--cell', c]))
  assert.equal(code, 0, output)
  for (const who of ['Isthmus', 'Mosquitto [\\d.]+', 'NATS leaf nodes', 'aedes \\+ MQTT.js'])
    assert.match(output, new RegExp(`QoS 1, 64 B, 1 publisher, CPU us per message: .*${who} ${FIGURE}`))
  assert.match(output, new RegExp(`QoS 1, 64 B, 1 publisher, durable, .*ratio to Isthmus, in memory ${FIGURE}`))
  assert.match(output, new RegExp(`QoS 0, 2,000 a second, p99, ms on the way: Isthmus ${FIGURE} .* budget 1.1`))
  assert.match(output, new RegExp(`QoS 1, 1024 B, 10 of 20 topics wanted, .*: Isthmus ${FIGURE} .* budget 1.05`))
  assert.doesNotMatch(output, /lost|doubled/)
  assert.match(readFileSync(join(results, 'link.md'), 'utf8'), /\| QoS 0, 2,000 a second, CPU \|/)
  assert.match(readFileSync(join(results, 'link.svg'), 'utf8'), /^<svg [^]*<\/svg>\n$/)
  rmSync(results, { recursive: true })
})

test('a linked pair stands for whoever wants to measure it, and ends with its input', LINUX, async () => {
  const child = spawn(process.execPath, ['--enable-source-maps', RUN, '--serve', 'link'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = once(child, 'close')
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  const { publishPort, subscribePort, pids } = JSON.parse(String(line)) as Record<string, number & number[]>
  assert.ok(Number(publishPort) > 0 && Number(subscribePort) > 0 && publishPort !== subscribePort, String(line))
  for (const pid of pids ?? []) process.kill(pid, 0)
  child.stdin.end()
  assert.deepEqual(await gone, [0, null])
})

test('very many routes of a link', LINUX, async () => {
  const results = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const { code, output } = await bench('--only', 'routes', '--filters', '2000', '--results', results)
  assert.equal(code, 0, output)
  for (const [what, unit] of [
    ['bootstrap', 's'],
    ['bootstrap, longest turn', 'ms'],
    ['bootstrap, p99 of messages meanwhile', 'ms'],
    ['resync, 1,000 changed', 's'],
    ['resync, 1,000 changed, on the link', 'KiB'],
  ])
    assert.match(output, new RegExp(`2,000 routes: ${what}, ${unit}: Isthmus ${FIGURE} \\| budget`))
  assert.match(output, new RegExp(`forwarding, .*ratio to Isthmus, 20 routes ${FIGURE}, budget 1.2`))
  assert.doesNotMatch(output, /NaN|lost/)
  assert.match(readFileSync(join(results, 'routes.md'), 'utf8'), /memory, replica, kept \| B per route/)
  rmSync(results, { recursive: true })
})

test('what gathered during an outage, and live messages meanwhile', LINUX, async () => {
  const results = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const { code, output } = await bench('--only', 'drain', '--filters', '5000', '--results', results)
  assert.equal(code, 0, output)
  for (const what of ['live messages in quiet, p50', 'live messages in quiet, p99', 'it takes', 'CPU'])
    assert.match(output, new RegExp(`drain of 1,000: ${what}, .*: Isthmus ${FIGURE}`))
  // So few may have crossed before a live one is due.
  for (const what of ['live messages meanwhile, p99', 'live messages, p99, times that in quiet'])
    assert.match(output, new RegExp(`drain of 1,000: ${what}.*: Isthmus (${FIGURE}|-)`))
  assert.doesNotMatch(output, /lost|doubled/)
  assert.match(readFileSync(join(results, 'drain.md'), 'utf8'), /drain of 1,000: it takes/)
  rmSync(results, { recursive: true })
})

test('idle connections', LINUX, async () => {
  const { code, output } = await bench('--only', 'idle', '--connections', '100')
  assert.equal(code, 0, output)
  assert.match(output, /ours -?[\d.]+ resident, -?[\d.]+ collected, budget 12\.0/)
})

test('a part that there is not', async () => {
  const { code, output } = await bench('--only', 'broker,brokr')
  assert.equal(code, 2)
  assert.match(output, /brokr: there is broker, /)
})

test('the topic index', async () => {
  const { code, output } = await bench('--only', 'topics', '--filters', '1000')
  assert.equal(code, 0, output)
  assert.match(output, /"filters":\s*1000/)
})

test('a node that joins', LINUX, async () => {
  const { code, output } = await bench('--only', 'join', '--filters', '1000')
  assert.equal(code, 0, output)
  for (const cell of ['a third node joins', 'it was killed and is back'])
    assert.match(output, new RegExp(`${cell}: \\d+ ms, \\d+ ms CPU .*; third ${TURN}`))
})
