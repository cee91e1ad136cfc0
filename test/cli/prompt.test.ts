/** What a person at a real terminal types: a password is shown nowhere, an answer is; Ctrl-C gives up. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from './terminal.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** Where nobody listens: what is asked before that is all that counts here. */
function dataDir(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-prompt-'))
  t.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'api.json'), '{"url":"http://127.0.0.1:1","token":"t"}')
  return directory
}

/** `script` gives the command a terminal. Each answer is typed when its question is there. */
async function atTerminal(
  t: TestContext,
  line: string,
  answers: readonly (readonly [string, string])[],
): Promise<string> {
  const command = `"${process.execPath}" "${MAIN}" ${line} --data-dir "${dataDir(t)}"`
  const child = spawn('script', ['-qfe', '--echo', 'always', '-c', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const left = [...answers]
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
    const [next] = left
    if (next === undefined || !shown.endsWith(next[0])) return
    left.shift()
    child.stdin.write(next[1])
  })
  await new Promise((resolve) => child.once('close', resolve))
  assert.deepEqual(left, [], shown)
  return shown.replaceAll('\r\n', '\n')
}

test('a password is asked for twice, and shown nowhere', async (t) => {
  const shown = await atTerminal(t, 'users add anna', [
    ['password of anna: ', 'hush\r'],
    ['once more: ', 'hush\r'],
  ])
  assert.match(
    shown,
    /^password of anna: \nonce more: \nisthmus users add: http:\/\/127\.0\.0\.1:1: nobody listens there/,
  )
})

test('Ctrl-C gives up', async (t) => {
  const shown = await atTerminal(t, 'users passwd anna', [['new password of anna: ', '\u0003']])
  assert.equal(shown, 'new password of anna: \nisthmus users passwd: nothing was changed\n')
})

test('an answer is shown once, and all but yes is no', async (t) => {
  const shown = await atTerminal(t, 'users delete anna', [['delete the user anna? [y/N] ', 'maybe\r']])
  assert.equal(shown, 'delete the user anna? [y/N] maybe\nisthmus users delete: nothing was changed\n')
})

for (const [answer, code, says] of [
  ['y', 1, /nobody listens there/],
  ['YES', 1, /nobody listens there/],
  ['', 1, /nothing was changed/],
] as const) {
  test(`answered with ${JSON.stringify(answer)}`, async (t) => {
    const done = await run(['users', 'delete', 'anna', '--data-dir', dataDir(t)], { isTTY: true, answers: [answer] })
    assert.equal(done.code, code)
    assert.match(done.complaints, says)
  })
}
