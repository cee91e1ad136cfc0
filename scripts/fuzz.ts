/**
 * Feeds generated and mutated input to everything that reads what strangers send: no exception may leave it, no input may take more
 * memory than is configured, none may hold the event loop up for 20 ms.
 *   npm run fuzz -- [--target NAME] [--minutes 1 | --seconds N] [--seed N]
 *   npm run fuzz -- --target NAME --seed N --index N            the one input of that number
 *   npm run fuzz -- --target NAME --replay FILE [--minimize]    an input from a file; --minimize cuts it down and writes FILE.min
 * Without a target all run at once, each in a process of its own. What is found is written to dist/fuzz-findings/, and belongs, once
 * it is mended, into test/fuzz/corpus/NAME/. Exit codes: 0 nothing found, 1 something found, 2 usage.
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

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    index: { type: 'string' },
    replay: { type: 'string' },
    minimize: { type: 'boolean', default: false },
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

async function runAll(): Promise<number> {
  const codes = await Promise.all(
    targets.map(({ name }) => {
      const self = fileURLToPath(import.meta.url)
      const args = [self, '--target', name, '--seconds', String(seconds), '--seed', String(seed)]
      const child = spawn(process.execPath, ['--enable-source-maps', ...args], { stdio: 'inherit' })
      return new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
    }),
  )
  return Math.max(...codes)
}

async function runOne(target: string): Promise<number> {
  const { finding, found, inputs, worst } = await fuzz({
    target,
    seed,
    seconds,
    ...(values.index === undefined ? {} : { index: Number(values.index) }),
    ...(values.replay === undefined ? {} : { input: readInput(values.replay) }),
  })
  if (finding === undefined || found === undefined) {
    const slowest = `slowest turn ${worst.ms.toFixed(1)} ms (input ${worst.index})`
    process.stdout.write(`${target}: nothing found in ${inputs} inputs of seed ${seed}, ${slowest}\n`)
    return 0
  }
  process.stdout.write(
    `${target}: input ${found.index} of seed ${seed} ${finding.kind}: ${finding.words}\n` +
      `  replay: npm run fuzz -- --target ${target} --replay ${values.replay ?? found.file}\n`,
  )
  return 1
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
