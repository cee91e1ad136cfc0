import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'

/** Resolves with a client, and the other end of its connection, which reads nothing. */
async function connected(t: TestContext): Promise<{ client: SocketClient; far: Socket }> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-test-'))
  const path = join(directory, 'debug.sock')
  const server = createServer({ pauseOnConnect: true })
  t.after(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  server.listen(path)
  await once(server, 'listening')
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = await SocketClient.open(path)
  return { client, far: await accepted }
}

test('a node that is killed while it is asked fails the question, and nothing else', async (t) => {
  const { client, far } = await connected(t)
  const answer = client.call('members.list')
  // With a question unread the system resets the connection.
  far.destroy()
  await assert.rejects(answer, /the node has closed the connection/)
  await client.closed
})
