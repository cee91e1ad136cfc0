/** What a shell offers at TAB: of the table, of a node, and by real bash with the script that is printed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isthmus } from '../../../src/cli/commands.ts'
import { candidatesFor } from '../../../src/cli/completion/candidates.ts'
import { scriptFor } from '../../../src/cli/completion/scripts.ts'
import { run } from '../terminal.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

/** `line` ends where the cursor is. */
function offered(line: string): unknown {
  const candidates = candidatesFor(isthmus, line.split(' '))
  return candidates.type === 'words' ? candidates.words.map(({ word }) => word) : candidates.type
}

const has = (line: string, ...words: readonly string[]): void => {
  const all = offered(line)
  assert.ok(Array.isArray(all), String(all))
  for (const word of words) assert.ok(all.includes(word), `${word} in ${all.join(' ')}`)
}

test('commands, and those below them', () => {
  has('', 'start', 'links', 'users', 'completion')
  has('links ', 'list', 'create', 'dry-run')
  has('--config a.conf links ', 'list')
  has('inspect routes ', 'match', 'list')
  has('help links ', 'create')
  assert.ok(!JSON.stringify(offered('')).includes('__complete'))
  assert.equal(offered('links frobnicate '), 'none')
})

test('options of the command that is meant, but for those that were said', () => {
  has('links create -', '--server', '--no-ssl', '--config', '--help')
  has('start --', '--config')
  assert.ok(!JSON.stringify(offered('links list --json -')).includes('--json'))
  has('links create --topics a -', '--topics')
  assert.deepEqual(offered('links --'), ['--help'])
})

test('values: words, files, directories, names of links', () => {
  assert.deepEqual(offered('links create eu --overflow '), ['drop_oldest', 'drop_newest', 'backpressure'])
  assert.deepEqual(offered('links create eu --overflow=drop'), [
    '--overflow=drop_oldest',
    '--overflow=drop_newest',
    '--overflow=backpressure',
  ])
  assert.equal(offered('start --config '), 'file')
  assert.equal(offered('start -c '), 'file')
  assert.equal(offered('conf check '), 'file')
  assert.equal(offered('links list --data-dir '), 'directory')
  assert.equal(offered('links show '), 'link')
  assert.equal(offered('links show eu '), 'none')
  assert.equal(offered('links create --server '), 'none')
  assert.deepEqual(offered('acl test '), ['publish', 'subscribe'])
  assert.deepEqual(offered('completion '), ['bash', 'zsh', 'fish'])
  assert.deepEqual(offered('acl test -- '), ['publish', 'subscribe'])
})

/** Says that it has these links, and nothing else. */
async function dataDirOfNode(t: TestContext, links: readonly string[]): Promise<string> {
  const server = createServer((_request, response) => response.end(JSON.stringify(links.map((name) => ({ name })))))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const directory = temporary(t)
  t.after(() => server.close().closeAllConnections())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  writeFileSync(join(directory, 'api.json'), JSON.stringify({ url, token: 't' }))
  return directory
}

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-complete-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

test('names of links are asked of the node that the line names; without one there are none, and no complaint', async (t) => {
  const dataDir = await dataDirOfNode(t, ['eu-west', 'eu-north', 'ap'])
  const asked = await run(['__complete', '--', 'links', 'show', '--data-dir', dataDir, 'eu'])
  assert.deepEqual(asked, { code: 0, out: 'eu-west\neu-north\n', complaints: '' })
  for (const place of [join(dataDir, 'none'), ''])
    assert.deepEqual(await run(['__complete', '--', 'links', 'show', '--data-dir', place, 'eu']), {
      code: 0,
      out: '',
      complaints: '',
    })
})

test('what is offered has its meaning behind a tab; a file is left to the shell', async () => {
  const { out } = await run(['__complete', '--', 'links', 'dr'])
  assert.match(out, /^dry-run\twhat would cross.*\ndrift\twhat each side believes.*\n$/)
  assert.equal((await run(['__complete', '--', 'start', '-c', ''])).out, ':file\n')
  assert.equal((await run(['__complete', '--', 'links', 'list', '--data-dir', 'd'])).out, ':directory\n')
  // As bash takes `--overflow=dr` apart.
  const cut = await run(['__complete', '--', 'links', 'create', '--overflow', '=', 'dr'])
  assert.equal(cut.out, 'drop_oldest\ndrop_newest\n')
  assert.match((await run(['__complete', '--', 'links', 'create', '--overflow', '='])).out, /^drop_oldest\n/)
})

test('a shell that is not known is refused', async () => {
  const { code, complaints } = await run(['completion', 'tcsh'])
  assert.equal(code, 2)
  assert.match(complaints, /SHELL is one of bash, zsh, fish/)
})

test('real bash completes with the script', async (t) => {
  const directory = temporary(t)
  const dataDir = await dataDirOfNode(t, ['eu-west', 'ap-south'])
  const bin = join(directory, 'isthmus')
  writeFileSync(bin, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`)
  chmodSync(bin, 0o755)
  writeFileSync(join(directory, 'us east.conf'), '')
  mkdirSync(join(directory, 'data'))
  const { out: script } = await run(['completion', 'bash'])
  assert.equal(script, scriptFor('bash'))
  writeFileSync(join(directory, 'completion.bash'), script)
  /** As bash does at TAB: its words, and then what the function answers. */
  const tab = async (...words: readonly string[]): Promise<string[]> => {
    const program = `source ./completion.bash
COMP_WORDS=(isthmus "$@"); COMP_CWORD=$#
$(complete -p isthmus | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "\${COMPREPLY[@]}"`
    const env = { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` }
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', program, 'bash', ...words], {
      cwd: directory,
      env,
    })
    assert.equal(stderr, '')
    return stdout.split('\n').filter((line) => line !== '')
  }
  const [commands, names, files, directories, cut, none] = await Promise.all([
    tab('links', 'd'),
    tab('links', 'delete', '--data-dir', dataDir, ''),
    tab('conf', 'check', 'us'),
    tab('links', 'list', '--data-dir', 'd'),
    tab('links', 'update', 'eu', '--retained', '=', 's'),
    tab('links', 'delete', '--data-dir', 'none', ''),
  ])
  assert.deepEqual(commands, ['disable', 'delete', 'dry-run', 'drift'])
  assert.deepEqual(names, ['eu-west', 'ap-south'])
  assert.deepEqual(files, ['us east.conf'])
  assert.deepEqual(directories, ['data'])
  assert.deepEqual(cut, ['sync'])
  assert.deepEqual(none, [])
})

for (const shell of ['zsh', 'fish'] as const) {
  test(`the script for ${shell} asks the same`, async () => {
    const { code, out } = await run(['completion', shell])
    assert.equal(code, 0)
    assert.equal(out, scriptFor(shell))
    assert.match(out, /__complete -- /)
    for (const kind of [':file', ':directory']) assert.ok(out.includes(kind))
  })
}
