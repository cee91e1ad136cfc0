/** A node and its store as whoever runs it sees them: restarts, and reasons not to start. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, connectAsync } from 'mqtt'
import { startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { LmdbStore } from '../../src/store/lmdb-store.ts'
import { nodeFile, reserve, temporaryDirectory } from './clusters.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** Starts a node that is not going to run. Returns its exit code and what it said. */
function startInVain(directory: string, config: object): { readonly code: number | null; readonly said: string } {
  const file = join(directory, 'in-vain.conf')
  writeFileSync(file, JSON.stringify(config))
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'start', '--config', file], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: status, said: stdout + stderr }
}

test('a node that was stopped goes on where it was: queue, subscription, retained message', async (t) => {
  const directory = temporaryDirectory()
  const cluster = await reserve('durable')
  const config = nodeFile(cluster, [], join(directory, 'data'))
  const url = `mqtt://127.0.0.1:${cluster.port}`
  const kept = { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 3600 } } as const
  let node = await startNodeProcess(config, directory)
  t.after(() => node.kill())
  const subscriber = await connectAsync(url, { ...kept, clientId: 's' })
  await subscriber.subscribeAsync('t/#', { qos: 2 })
  await subscriber.endAsync()
  const publisher = await connectAsync(url, { protocolVersion: 5 })
  await publisher.publishAsync('t/1', 'one', { qos: 1 })
  await publisher.publishAsync('t/2', 'two', { qos: 2, retain: true })
  await publisher.endAsync()
  assert.equal(await node.stop(), 0)
  node = await startNodeProcess(config, directory)
  assert(node.log.some((event) => event.msg === 'store_loaded' && event['sessions'] === 1 && event['retained'] === 1))
  const again = connect(url, { ...kept, clientId: 's' })
  t.after(() => again.endAsync(true))
  const topics: string[] = []
  await new Promise<void>((resolve, reject) => {
    again.on('error', reject)
    again.on('message', (topic) => {
      topics.push(topic)
      if (topics.length === 2) resolve()
    })
  })
  assert.deepEqual(topics, ['t/1', 't/2'])
})

test('a node does not start on a store that another one uses, or that is damaged, and says what to do', async (t) => {
  const directory = temporaryDirectory()
  const cluster = await reserve('durable')
  const config = nodeFile(cluster, [], join(directory, 'data'))
  const file = join(directory, 'data', 'store.mdb')
  const node = await startNodeProcess(config, directory)
  t.after(() => node.kill())
  const other = startInVain(directory, { ...config, listeners: { tcp: { default: { bind: '127.0.0.1:0' } } } })
  assert.equal(other.code, 1)
  assert.match(other.said, new RegExp(`process ${node.pid} uses this store`))
  assert.equal(await node.stop(), 0)

  mkdirSync(join(directory, 'records'))
  const records = join(directory, 'records', 'store.mdb')
  copyFileSync(file, records)
  const store = LmdbStore.open(records)
  await store.commit([{ table: 'sessions', key: Buffer.alloc(6, 1), value: Buffer.from('nonsense') }])
  await store.close()
  for (const { data, harm, words } of [
    { data: 'records', harm: () => undefined, words: /1 damaged record in the store \(sessions 010101010101/ },
    { data: 'data', harm: () => writeFileSync(file, 'x'.repeat(20_000)), words: /does not begin as a store/ },
  ]) {
    harm()
    const path = join(directory, data, 'store.mdb')
    const before = readFileSync(path)
    const { code, said } = startInVain(directory, {
      ...config,
      node: { ...config.node, data_dir: join(directory, data) },
    })
    assert.equal(code, 1)
    assert.match(said, words)
    assert(said.includes(path) && said.includes('move'), said)
    assert(readFileSync(path).equals(before), 'it was written to')
  }
})
