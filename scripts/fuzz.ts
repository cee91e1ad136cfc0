/**
 * Feeds generated and mutated input to everything that reads what strangers send: no exception may leave it, no input may take more
 * memory than is configured, none may hold the event loop up for 20 ms.
 *   npm run fuzz -- [--target NAME] [--minutes 1 | --seconds N] [--seed N] [--record DIR]
 *   npm run fuzz -- --target NAME --seed N --index N            the one input of that number
 *   npm run fuzz -- --target NAME --replay FILE [--minimize]    an input from a file; --minimize cuts it down and writes FILE.min
 * Without a target all run at once, each in a process of its own. What is found is written to dist/fuzz-findings/, and belongs, once
 * it is mended, into test/fuzz/corpus/NAME/. `--record` leaves a record of the run for RELIABILITY.md in a directory. Exit codes: 0 nothing found, 1 something found, 2 usage.
 */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { readInput } from '../test/fuzz/corpus.ts'
import { Fuzzer, minimize } from '../test/fuzz/fuzzer.ts'
import { fuzz } from '../test/fuzz/fuzz-run.ts'
import { watchBuffers } from '../test/fuzz/meter.ts'
import { targetNamed, targets } from '../test/fuzz/targets.ts'
import { commandLine, type RecordOf, runHeader, writeRecord } from './reliability/run-record.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    index: { type: 'string' },
    replay: { type: 'string' },
    minimize: { type: 'boolean', default: false },
    record: { type: 'string' },
  },
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const seconds = values.seconds === undefined ? Number(values.minutes ?? 1) * 60 : Number(values.seconds)

if (values.target === undefined) process.exitCode = await runAll()
else if (!targets.some(({ name }) => name === values.target)) {
  process.stderr.write(`no target ${values.target}; there are ${targets.map(({ name }) => name).join(', ')}\n`)
  process.exitCode = 2
} else if (values.minimize && values.replay !== undefined) await cutDown(values.target, values.replay)
else process.exitCode = await runOne(values.target)

/** What became of one target, as its process tells it to the one that started it, and as a record has it. */
type Row = RecordOf<'fuzz'>['targets'][number]

async function runAll(): Promise<number> {
  const ended = await Promise.all(targets.map(({ name }) => runInProcess(name)))
  record(ended.map(({ row }) => row))
  return Math.max(...ended.map(({ code }) => code))
}

async function runInProcess(target: string): Promise<{ readonly code: number; readonly row: Row }> {
  const self = fileURLToPath(import.meta.url)
  const args = ['--enable-source-maps', self, '--target', target, '--seconds', String(seconds), '--seed', String(seed)]
  const child = spawn(process.execPath, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  let told: Row | undefined
  child.on('message', (row: Row) => (told = row))
  const code = await new Promise<number>((resolve) => child.once('close', (ended) => resolve(ended ?? 1)))
  const broken = { target, executions: 0, seconds: 0, slowestMs: 0, findings: [`its process ended with ${code}`] }
  return { code, row: told ?? broken }
}

function record(rows: Row[]): void {
  if (values.record === undefined) return
  const given = process.argv.slice(2)
  const command = commandLine('fuzz', values.seed === undefined ? [...given, '--seed', String(seed)] : given)
  writeRecord(values.record, { ...runHeader('fuzz', command), seed, targets: rows })
}

async function runOne(target: string): Promise<number> {
  const startedMs = performance.now()
  const { finding, found, inputs, worst } = await fuzz({
    target,
    seed,
    seconds,
    ...(values.index === undefined ? {} : { index: Number(values.index) }),
    ...(values.replay === undefined ? {} : { input: readInput(values.replay) }),
  })
  const row = {
    target,
    executions: inputs,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
    slowestMs: Math.round(worst.ms * 10) / 10,
  }
  if (finding === undefined || found === undefined) {
    tell({ ...row, findings: [] })
    const slowest = `slowest turn ${worst.ms.toFixed(1)} ms (input ${worst.index})`
    process.stdout.write(`${target}: nothing found in ${inputs} inputs of seed ${seed}, ${slowest}\n`)
    return 0
  }
  const where = values.replay ?? found.file
  tell({ ...row, findings: [`${finding.kind}: ${finding.words} (input ${found.index} of seed ${seed})`] })
  process.stdout.write(
    `${target}: input ${found.index} of seed ${seed} ${finding.kind}: ${finding.words}\n` +
      `  replay: npm run fuzz -- --target ${target} --replay ${where}\n`,
  )
  return 1
}

/** The process that started us, if it listens; a target that runs alone makes its own record. */
function tell(row: Row): void {
  if (process.send === undefined) record([row])
  else process.send(row)
}

async function cutDown(target: string, file: string): Promise<void> {
  watchBuffers()
  const fuzzer = new Fuzzer(targetNamed(target), seed)
  const input = readInput(file)
  const finding = await fuzzer.judge(input)
  if (finding === undefined) return void process.stdout.write(`${target}: nothing is wrong with ${file}\n`)
  const smallest = await minimize(fuzzer, input, finding)
  writeFileSync(`${file}.min`, smallest)
  process.stdout.write(
    `${target}: ${input.length} bytes became ${smallest.length}: ${file}.min\n${finding.kind}: ${finding.words}\n`,
  )
}
