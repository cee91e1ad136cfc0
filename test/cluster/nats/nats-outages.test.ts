import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connect } from 'nats'
import { systemClock } from '../../../src/broker/clock.ts'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { type OutageServers, outageSuite } from '../coordination-outages.ts'
import { startNats, startNatsCluster, type TestNats } from '../nats-server.ts'
import { connectedNats, joinNats, natsConfig, until, untilConnected } from './nats-node.ts'

async function outageServers(t: TestContext, serverCount: 1 | 3): Promise<OutageServers> {
  const servers = serverCount === 1 ? [await startNats(t)] : await startNatsCluster(t, serverCount)
  const one = (server: number): TestNats => {
    const found = servers[server]
    assert.ok(found !== undefined)
    return found
  }
  // Nodes reach a single server through it, so that what is between them can be cut.
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(one(0).port)
  return {
    join: async (node, which = servers.map((_, server) => server)) => {
      const urls = serverCount === 1 ? [`127.0.0.1:${relay.port}`] : which.map((server) => one(server).url)
      return (await joinNats(t, natsConfig(urls), node)).coordination
    },
    kill: async (server) => one(server).kill(),
    restart: async (server) => one(server).restart(),
    wipe: () => one(0).wipe(),
    deleteRegisters: async () => {
      const tool = await connect({ servers: one(0).url })
      try {
        const jetStream = await tool.jetstreamManager()
        assert.equal(await jetStream.streams.delete('KV_isthmus__test'), true)
      } finally {
        await tool.close()
      }
    },
    freeze: (server) => one(server).stop(),
    thaw: (server) => one(server).cont(),
    cutConnections: () => relay.cut(),
  }
}

outageSuite({ name: 'nats', begin: outageServers, until })

test('nats: that a server is away is said once aloud, and what it refuses is nothing', async (t) => {
  const server = await startNats(t)
  await server.kill()
  const { coordination, log } = await joinNats(t, natsConfig([server.url]), 'a')
  await until(() => log.events('debug').includes('coordination_unreachable'), 'a second attempt')
  assert.deepEqual(log.events('warn'), ['coordination_unreachable'])
  await server.restart()
  await untilConnected(coordination, true)
  const lost = untilConnected(coordination, false)
  await server.kill()
  await lost
  const back = untilConnected(coordination, true)
  await server.restart()
  await back
  const warnings = log.events('warn').slice(1)
  assert.deepEqual([warnings[0], warnings.length <= 2], ['coordination_lost', true])
  assert.equal(coordination.problem, undefined)
})

test('nats: deletions are swept after an hour, and a register counts on', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  const first = await coordination.registers.write('k', Buffer.from('1'), 0)
  assert.ok(first.type === 'written')
  const deleted = await coordination.registers.remove('k', first.revision)
  assert.ok(deleted.type === 'written')
  const clock = { ...systemClock, nowMs: () => Date.now() + 3_700_000 }
  const { coordination: late } = await connectedNats(t, natsConfig([server.url]), 'b', { clock })
  let isReady = false
  late.registers.watch('', { changed: () => undefined, ready: () => (isReady = true) })
  await until(() => isReady, 'the beginning')
  let revision = deleted.revision
  while (revision !== 0) ({ revision } = await coordination.registers.read('k'))
  assert.deepEqual(await coordination.registers.write('k', Buffer.from('late'), deleted.revision), { type: 'conflict' })
  const next = await coordination.registers.write('k', Buffer.from('2'), 0)
  assert.ok(next.type === 'written' && next.revision > deleted.revision)
})
