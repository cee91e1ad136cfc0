import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { listenOnFreePort, startRelay } from '../../src/cli/demo/relay.ts'

test('a relay passes bytes both ways, counts them, waits for its target, and can be cut', async (t) => {
  const echo = createServer((socket) => void socket.pipe(socket))
  t.after(() => echo.close())
  const target = await listenOnFreePort(echo)
  const relay = await startRelay()
  t.after(() => relay.close())

  const client = connect(relay.port, '127.0.0.1')
  client.on('error', () => client.destroy())
  client.write('before the target is known')
  relay.pointAt(target)
  const [echoed] = await once(client, 'data')
  assert.equal(String(echoed), 'before the target is known')
  assert.equal(relay.bytes(), 2 * 'before the target is known'.length)

  const closed = once(client, 'close')
  relay.cut()
  await closed
})

test('a relay whose target is gone refuses by closing', async (t) => {
  const gone = createServer()
  const port = await listenOnFreePort(gone)
  await new Promise((resolve) => gone.close(resolve))
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(port)
  const client = connect(relay.port, '127.0.0.1')
  client.on('error', () => client.destroy())
  await once(client, 'close')
})
