/** The debug socket of real nodes, seen through the command as a user runs it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type NodeFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { DebugClient } from '../debug/debug-fixture.ts'
import { connectClient } from './clients.ts'
import { linkTo, nodeFile, reserve, startCluster, temporaryDirectory } from './clusters.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

async function inspect(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN, 'inspect', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text))
  }
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { code, ...output }
}

async function startNode(t: TestContext, file: NodeFile, directory: string): Promise<NodeProcess> {
  const node = await startNodeProcess(file, directory)
  t.after(() => node.kill())
  return node
}

test('inspect: actors, history, routes and faults of a linked node', async (t) => {
  const directory = temporaryDirectory()
  const socket = join(directory, 'debug.sock')
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const file = {
    ...nodeFile(clusterA, [linkTo(clusterB, [], { pool_size: 1 })], join(directory, 'data')),
    debug: { socket, faults: true },
  }
  const [a, b] = await Promise.all([
    startNode(t, file, directory),
    startCluster(t, clusterB, [linkTo(clusterA, ['t/#'])]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const client = new DebugClient(t, socket)
  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await inspect('--config', a.configFile, ...args)
    assert.equal(code, 0, stderr)
    return stdout
  }

  await t.test('the socket is for the owner alone', () => assert.equal(statSync(socket).mode & 0o777, 0o600))

  await t.test('actors are the tree of what runs, and each has a history', async () => {
    const actors = await ask('actors')
    assert.match(actors, /"id":"cl-b\/supervised","parent":"supervisor:links","state":"running"/)
    assert.match(actors, /"id":"cl-b\/route-sync","parent":"cl-b","state":"session\.established/)
    assert.match(actors, /"id":"cl-b\/forwarding\/1","parent":"cl-b\/forwarding","state":"open\.up"/)
    assert.match(
      await ask('history', 'cl-b/forwarding/1'),
      /"event":"connected","from":"open\.connecting","to":"open\.up"/,
    )
  })

  await t.test(
    'one link shows what is spoken each way, and with whom; its accounts begin anew when told to',
    async () => {
      const shown = await ask('links', 'cl-b')
      assert.match(shown, /^\{"links":\[\{"name":"cl-b","state":"running"/)
      assert.match(shown, /"dialect":"native"/)
      assert.match(shown, /"peerDialect":"native"/)
      assert.match(shown, /"peer":\{"node":"cl-b@127\.0\.0\.1","version":1/)
      assert.equal(await ask('ledger', 'cl-b', 'reset'), '{"done":true}\n')
    },
  )

  await t.test('an actor that is killed begins anew, which shows', async () => {
    await client.ask('actors.watch', { actor: 'cl-b/route-sync' })
    client.send({ jsonrpc: '2.0', id: 2, method: 'fault.kill_actor', params: { actor: 'cl-b/route-sync' } })
    for (let seen = ''; !seen.includes('session.established');) seen = JSON.stringify(await client.next())
    assert.match(await ask('actors'), /"id":"cl-b\/route-sync","parent":"cl-b",[^}]*"restarts":1\}/)
    assert.match(await ask('history', 'cl-b/route-sync'), /"to":"error","reason":"killed by fault\.kill_actor"/)
  })

  await t.test('a link that is cut connects again, and says why it had to', async () => {
    client.send({ jsonrpc: '2.0', id: 3, method: 'fault.cut', params: { link: 'cl-b' } })
    for (let seen = ''; !seen.includes('session.established');) seen = JSON.stringify(await client.next())
    assert.match(
      await ask('history', 'cl-b/route-sync'),
      /"event":"disconnected"[^}]*"reason":"[^"]*cut by fault\.cut"/,
    )
    await a.waitForStatus('cl-b', 'running')
  })

  await t.test('a match names the client here and the link, with the reason', async (t) => {
    const here = await connectClient(t, a.mqttPort)
    const there = await connectClient(t, b.mqttPort)
    await here.subscribeAsync('t/+', { qos: 1 })
    await there.subscribeAsync('t/1', { qos: 1 })
    let match = ''
    while (!match.includes('"total":2')) match = JSON.stringify(await client.ask('routes.match', { topic: 't/1' }))
    match = await ask('routes', 'match', 't/1')
    assert.match(match, /"subscription":"t\/\+","qos":1,.*"because":"subscribed to t\/\+"/)
    assert.match(match, /"type":"link","link":"cl-b","topicFilter":"t\/1","because":"the peer wants t\/1"/)
    assert.match(
      await ask('routes', 'match', 'u'),
      /"because":"none of its 1 routes matches"\}\],"notes":\["nobody wants it"/,
    )
    assert.match(await ask('routes', 'list', 't/'), /"topicFilter":"t\/[1+]".*"topicFilter":"t\/[1+]".*"total":2/)
  })

  await t.test('the level of the log changes at once', async () => {
    assert.equal(await ask('log-level', 'debug'), '{"level":"debug"}\n')
    const from = a.log.length
    await connectClient(t, a.mqttPort)
    await a.waitFor('a line at debug', (event) => event['level'] === 'debug', from)
  })

  await t.test('what it does not know is a failure with words', async () => {
    const { code, stdout, stderr } = await inspect('--socket', socket, 'history', 'cl-c')
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 1, stdout: '', stderr: 'isthmus inspect: this node has no actor cl-c\n' },
    )
  })

  await t.test('a node that ends takes its socket with it', async () => {
    assert.equal(await a.stop(), 0)
    assert.equal(existsSync(socket), false)
    const { code, stderr } = await inspect('--config', a.configFile, 'actors')
    assert.equal(code, 1)
    assert.match(stderr, /there is no such socket: does the node run/)
  })
})

test('inspect: a second node does not start on the socket of the first; a killed one’s is replaced', async (t) => {
  const directory = temporaryDirectory()
  const debug = { socket: join(directory, 'debug.sock') }
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const first = await startNode(t, { ...nodeFile(clusterA, [], join(directory, 'a')), debug }, directory)
  const second = { ...nodeFile(clusterB, [], join(directory, 'b')), debug }
  await assert.rejects(startNodeProcess(second, directory), /another process answers there/)
  const { code, stderr } = await inspect('--socket', debug.socket, 'links', '--json')
  assert.equal(code, 0, stderr)
  await first.kill()
  assert.match((await inspect('--socket', debug.socket, 'links')).stderr, /nobody answers/)
  await startNode(t, second, directory)
  assert.equal((await inspect('--socket', debug.socket, 'links')).stdout, '{"links":[]}\n')
})

test('inspect: faults are refused where they are not allowed', async (t) => {
  const directory = temporaryDirectory()
  const socket = join(directory, 'debug.sock')
  const cluster = await reserve('cl-a')
  await startNode(t, { ...nodeFile(cluster, [], join(directory, 'data')), debug: { socket } }, directory)
  const answer = await new DebugClient(t, socket).ask('fault.kill_actor', { actor: 'x' })
  assert.match(
    JSON.stringify(answer),
    /"code":-32002,"message":"faults are switched off on this node; debug\.faults = true/,
  )
})
