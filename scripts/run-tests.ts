/**
 * Runs the compiled tests: `node dist/scripts/run-tests.js [WORD...]`, where a word selects the files whose path holds it.
 * The list is made from test/, not from dist/, so that a deleted test's old output is not run; and it is handed over
 * file by file because Node 20 takes no globs and Node 22 takes no folders.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const words = process.argv.slice(2)
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .map((file) => join('dist', 'test', file.replace(/\.ts$/, '.js')))
  .sort()
if (files.length === 0) {
  process.stderr.write(`no test file matches ${words.join(' ')}\n`)
  process.exit(2)
}
/** Tests of whole clusters wait most of the time, for a node to be missed, say: twice as many files of them run at once. */
const isWaiting = (file: string): boolean => file.includes(join('e2e', 'cluster'))
const groups = [
  { files: files.filter((file) => !isWaiting(file)), concurrency: availableParallelism() },
  { files: files.filter(isWaiting), concurrency: 2 * availableParallelism() },
]
for (const group of groups) if (!(await run(group))) process.exitCode = 1

/** Resolves with whether all went well. */
async function run({ files, concurrency }: (typeof groups)[number]): Promise<boolean> {
  if (files.length === 0) return true
  // The time is for each file as a whole.
  const limits = ['--test-timeout=300000', `--test-concurrency=${concurrency}`]
  const runner = spawn(process.execPath, ['--enable-source-maps', '--test', ...limits, ...files], { stdio: 'inherit' })
  const [code] = await once(runner, 'exit')
  return code === 0
}
