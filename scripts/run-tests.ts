/**
 * Runs the compiled tests: `node dist/scripts/run-tests.js [WORD...]`, where a word selects the files whose path holds it.
 * The list is made from test/, not from dist/, so that a deleted test's old output is not run; and it is handed over
 * file by file because Node 20 takes no globs and Node 22 takes no folders.
 */
import { spawn } from 'node:child_process'
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
// The time is for each file as a whole. Most of it is waiting, so that as many files run at once as there are processors.
const limits = ['--test-timeout=300000', `--test-concurrency=${availableParallelism()}`]
const runner = spawn(process.execPath, ['--enable-source-maps', '--test', ...limits, ...files], { stdio: 'inherit' })
runner.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1
})
