import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { lineBytesMax } from '../../src/debug/debug-connection.ts'
import { connectionsMax, DebugSocket } from '../../src/debug/debug-socket.ts'
import { DebugClient, debugPort, openDebugSocket, socketPath } from './debug-fixture.ts'

const ask = { jsonrpc: '2.0', id: 1, method: 'log.level' }

async function answers(t: TestContext, path: string): Promise<boolean> {
  const answer = await new DebugClient(t, path).ask('log.level')
  return 'result' in answer
}

test('the socket is for its owner alone, and the umask is as before', async (t) => {
  const before = process.umask(0)
  t.after(() => process.umask(before))
  const path = await openDebugSocket(t)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(process.umask(), 0)
})

test('a directory that is not there is made', async (t) => {
  const path = join(dirname(socketPath(t)), 'data', 'a1', 'debug.sock')
  const socket = new DebugSocket(path, debugPort())
  await socket.open()
  assert.ok(await answers(t, path))
  await socket.close()
})

test('when it is closed everybody is disconnected and the file is gone', async (t) => {
  const path = socketPath(t)
  const socket = new DebugSocket(path, debugPort())
  await socket.open()
  const client = new DebugClient(t, path)
  await client.ask('log.level')
  await socket.close()
  await client.closed
  assert.equal(existsSync(path), false)
  await socket.close()
})

test('what a process that was killed has left is replaced', async (t) => {
  const path = socketPath(t)
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' }), 'exit')
  assert.ok(statSync(path).isSocket(), 'the dead process left its socket')
  const socket = new DebugSocket(path, debugPort())
  await socket.open()
  t.after(() => socket.close())
  assert.ok(await answers(t, path))
})

test('one on which a process answers is left alone, and said to be in use', async (t) => {
  const path = await openDebugSocket(t)
  const code = 'DEBUG_SOCKET_IN_USE'
  await assert.rejects(new DebugSocket(path, debugPort()).open(), { code, message: /another process answers there/ })
  assert.ok(await answers(t, path))
})

test('what is no socket is left alone', async (t) => {
  const path = socketPath(t)
  writeFileSync(path, 'precious')
  const code = 'DEBUG_SOCKET_UNUSABLE'
  await assert.rejects(new DebugSocket(path, debugPort()).open(), { code, message: /no socket has this name/ })
  assert.equal(readFileSync(path, 'utf8'), 'precious')
})

test('a name that the kernel would cut off, or whose directory is a file, is refused', async (t) => {
  const path = socketPath(t)
  const code = 'DEBUG_SOCKET_UNUSABLE'
  const tooLong = join(dirname(path), 'x'.repeat(100), 'debug.sock')
  await assert.rejects(new DebugSocket(tooLong, debugPort()).open(), { code, message: /shorter/ })
  writeFileSync(path, '')
  await assert.rejects(new DebugSocket(join(path, 'debug.sock'), debugPort()).open(), { code })
  mkdirSync(join(dirname(path), 'directory'))
  await assert.rejects(new DebugSocket(join(dirname(path), 'directory'), debugPort()).open(), { code })
})

test('one more than may be connected is told so, and there is room again when one goes', async (t) => {
  const path = await openDebugSocket(t)
  const clients = Array.from({ length: connectionsMax }, () => new DebugClient(t, path))
  for (const client of clients) await client.ask('log.level')
  const late = new DebugClient(t, path)
  assert.match(JSON.stringify(await late.next()), /"code":-32003,"message":"there are 16 connections already"/)
  await late.closed
  clients[0]!.socket.destroy()
  await clients[0]!.closed
  // The node hears of it a little later.
  for (let came: object = {}; !('result' in came);) came = await new DebugClient(t, path).ask('log.level')
})

test('a line that is too long ends the connection, whether or not its end ever comes', async (t) => {
  const path = await openDebugSocket(t)
  for (const end of ['', '\n']) {
    const client = new DebugClient(t, path)
    client.socket.on('error', () => {})
    client.socket.write('x'.repeat(lineBytesMax + 1) + end)
    assert.match(JSON.stringify(await client.next()), /"code":-32003,"message":"a line is longer than 1048576 bytes"/)
    await client.closed
  }
  // None of them has kept its place.
  for (let i = 0; i < connectionsMax; i += 1) assert.ok(await answers(t, path))
})

test('who was sent away and stays does not keep the socket from closing', async (t) => {
  const path = socketPath(t)
  const socket = new DebugSocket(path, debugPort())
  await socket.open()
  for (let i = 0; i < connectionsMax; i += 1) await new DebugClient(t, path).ask('log.level')
  const late = connect({ path, allowHalfOpen: true })
  t.after(() => late.destroy())
  await once(late, 'data')
  await socket.close()
})

test('the longest line is read, in however many pieces it comes', async (t) => {
  const client = new DebugClient(t, await openDebugSocket(t))
  const padding = ' '.repeat(lineBytesMax - JSON.stringify(ask).length)
  client.socket.write(JSON.stringify(ask) + padding.slice(0, 100_000))
  client.socket.write(`${padding.slice(100_000)}\n`)
  assert.deepEqual(await client.next(), { jsonrpc: '2.0', id: 1, result: { level: 'info' } })
})

test('all requests of who has said all at once and ended are answered, in order', async (t) => {
  const client = new DebugClient(t, await openDebugSocket(t))
  const ids = Array.from({ length: 500 }, (_, id) => id)
  client.send(...ids.map((id) => ({ ...ask, id })))
  client.socket.end()
  for (const id of ids) assert.equal((await client.next())['id'], id)
  await client.closed
})

for (const { line, code, says } of [
  { line: '{', code: -32_700, says: /no JSON/ },
  { line: '[]', code: -32_600, says: /batches are not taken/ },
  { line: '7', code: -32_600, says: /expected an object/ },
  { line: '{"id":1,"method":"log.level"}', code: -32_600, says: /jsonrpc/ },
  { line: '{"jsonrpc":"2.0","id":{},"method":"log.level"}', code: -32_600, says: /`id`/ },
  { line: '{"jsonrpc":"2.0","id":1}', code: -32_600, says: /`method`/ },
  { line: '{"jsonrpc":"2.0","id":1,"method":"log.level","params":[1]}', code: -32_600, says: /by name/ },
]) {
  test(`the line ${line} is answered with ${code}, and the next one as ever`, async (t) => {
    const client = new DebugClient(t, await openDebugSocket(t))
    client.send(line)
    const { error } = await client.next()
    assert.match(JSON.stringify(error), new RegExp(`"code":${code},`))
    assert.match(JSON.stringify(error), says)
    assert.ok('result' in (await client.ask('log.level')))
  })
}

test('a notification is done and not answered; neither is an empty line', async (t) => {
  const client = new DebugClient(t, await openDebugSocket(t))
  const { id: _, ...notification } = { ...ask, params: { level: 'debug' } }
  client.send(notification, '', { ...notification, method: 'no.such' })
  assert.deepEqual((await client.ask('log.level'))['result'], { level: 'debug' })
})

test('a socket that something else serves is in use, too', async (t) => {
  const path = socketPath(t)
  const server = createServer().listen(path)
  await once(server, 'listening')
  t.after(() => server.close())
  await assert.rejects(new DebugSocket(path, debugPort()).open(), { code: 'DEBUG_SOCKET_IN_USE' })
})
