/** What `isthmus inspect` asks of a node, by its command line: a socket that writes down what it is asked. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { runCommandLine } from '../../../src/cli/run-command-line.ts'

type Request = { readonly method: string; readonly params: unknown }

/** Answers everything with nothing. */
async function listener(t: TestContext): Promise<{ readonly path: string; readonly asked: Request[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-inspect-'))
  const path = join(directory, 'debug.sock')
  const asked: Request[] = []
  const server = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => {
      const { id, method, params } = JSON.parse(line) as Request & { readonly id: number }
      asked.push({ method, params })
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: {} })}\n`)
    })
  })
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  t.after(() => {
    server.close()
    rmSync(directory, { recursive: true })
  })
  return { path, asked }
}

async function run(line: string): Promise<{ code: number; out: string; complaints: string }> {
  const said = { out: '', complaints: '' }
  const code = await runCommandLine(line.split(' '), {
    out: { write: (text) => (said.out += text) },
    complaints: { write: (text) => (said.complaints += text) },
    input: Readable.from([]),
    env: {},
  })
  return { code, ...said }
}

for (const [line, method, params] of [
  ['actors', 'actors.list', {}],
  ['members', 'members.list', {}],
  ['leases --json', 'leases.list', {}],
  ['lanes', 'lanes.list', {}],
  ['links', 'links.list', {}],
  ['links eu', 'links.list', { link: 'eu' }],
  ['history eu/route-sync', 'actors.history', { actor: 'eu/route-sync' }],
  ['ledger eu', 'ledger.get', { link: 'eu' }],
  ['ledger eu reset', 'ledger.reset', { link: 'eu' }],
  ['routes match a/b', 'routes.match', { topic: 'a/b', limit: 100 }],
  ['routes list', 'routes.list', { cursor: 0, limit: 100 }],
  ['routes list a --limit 5', 'routes.list', { cursor: 0, limit: 5, text: 'a' }],
  ['log-level', 'log.level', {}],
  ['log-level debug', 'log.level', { level: 'debug' }],
] as const) {
  test(`isthmus inspect ${line}`, async (t) => {
    const { path, asked } = await listener(t)
    assert.deepEqual(await run(`inspect --socket ${path} ${line}`).then(({ code }) => code), 0)
    assert.deepEqual(asked, [{ method, params }])
  })
}

for (const [line, says] of [
  ['inspect', /which command\? actors, history/],
  ['inspect actor', /unknown command actor; did you mean actors\?/],
  ['inspect actors eu', /actors: what is eu\?/],
  ['inspect history', /ACTOR is missing; `isthmus inspect actors` lists them/],
  ['inspect ledger', /LINK is missing; `isthmus inspect links` lists them/],
  ['inspect ledger eu rest', /what is rest\? RESET is one of reset; did you mean reset\?/],
  ['inspect routes', /which command\? match, list/],
  ['inspect routes match', /TOPIC is missing/],
  ['inspect routes list --limit 0', /--limit is a number from 1 to 1000000/],
  ['inspect log-level loud', /LEVEL is one of trace, debug/],
  ['inspect actors --socket s --config c', /say one of --socket, --config and --data-dir/],
  ['inspect actors --sokcet s', /--sokcet; did you mean --socket\?/],
] as const) {
  test(`isthmus ${line} is refused with a reason`, async () => {
    const { code, out, complaints } = await run(line)
    assert.deepEqual({ code, out }, { code: 2, out: '' })
    assert.match(complaints, says)
  })
}
