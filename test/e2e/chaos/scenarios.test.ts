/** Short scenarios of `isthmus chaos`, from its command line to the verdict: real processes, real sockets, real faults. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../clusters.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const run = promisify(execFile)

const isthmus = (...args: readonly string[]) => run(process.execPath, [MAIN, ...args])

// They wait for most of their time: for a fault to end, for links to come back, for quiet.
describe('isthmus chaos', { concurrency: true }, () => {
  it('a link that is cut, and every node killed at once: nothing is lost, and the report says so', async () => {
    const results = temporaryDirectory()
    const { stdout } = await isthmus('chaos', 'link-cut-5s', 'both-killed', '--results', results, '--seed', '7')
    assert.match(stdout, /cut: all to all/)
    assert.match(stdout, /sigkill: east1/)
    assert.equal(stdout.match(/^ {2}holds$/gm)?.length, 2, stdout)
    const files = readdirSync(results)
    for (const file of ['report.txt', 'report.html', 'results.json']) assert.ok(files.includes(file), files.join(', '))
    const judged: unknown = JSON.parse(readFileSync(join(results, 'results.json'), 'utf8'))
    assert.match(JSON.stringify(judged), /"both-killed"/)
  })

  it('what is there is listed; what is not there is said', async () => {
    const { stdout } = await isthmus('chaos', '--list')
    assert.match(stdout, /^mesh +Three clusters/m)
    await assert.rejects(isthmus('chaos', 'no-such'), { code: 2, stderr: /there is no scenario no-such/ })
  })

  it('SIGINT ends a scenario, its processes and what they wrote, and is no success', async (t) => {
    const [results, directory] = [temporaryDirectory(), temporaryDirectory()]
    const child = spawn(process.execPath, [MAIN, 'chaos', 'link-cut-60s', '--results', results], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: directory },
    })
    t.after(() => child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('cut: all to all')) break
    assert.equal(processesOf(directory).length, 2, 'both nodes have their files there')
    child.kill('SIGINT')
    assert.deepEqual(await ended, [1, null])
    assert.deepEqual(processesOf(directory), [])
    assert.deepEqual(readdirSync(directory), [])
  })
})

/** Command lines that name this directory. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map(commandLineOf)
    .filter((line) => line.includes(directory) && line.includes('--config'))
}

/** Empty for one that has ended meanwhile. */
function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return ''
    throw error
  }
}
