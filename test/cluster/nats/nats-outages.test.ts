import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { systemClock } from '../../../src/broker/clock.ts'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import type { Coordination } from '../../../src/cluster/coordination.ts'
import { startNats, startNatsCluster } from '../nats-server.ts'
import { connectedNats, joinNats, natsConfig, until, untilConnected, untilDone } from './nats-node.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const isLost = (error: unknown): boolean => error instanceof ClusterError && error.code === 'COORDINATION_LOST'

/** What a watcher knows now, and how often it began. */
function watch({ registers }: Coordination): {
  readonly known: Map<string, string>
  readonly beginnings: () => number
} {
  const known = new Map<string, string>()
  let beginnings = 0
  registers.watch('', {
    changed: ({ key, value }) => {
      if (value === undefined) known.delete(key)
      else known.set(key, Buffer.from(value).toString())
    },
    ready: (keys) => {
      beginnings++
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key)
    },
  })
  return { known, beginnings: () => beginnings }
}

/** Sends until it arrives: a bus is lossy, and the subscriptions of two nodes come back at different times. */
async function untilHeard(from: Coordination, to: Coordination, text: string): Promise<void> {
  let isHeard = false
  const stop = to.bus.listen('maps', (_, payload) => {
    isHeard ||= Buffer.from(payload).toString() === text
  })
  await until(() => {
    if (!isHeard) from.bus.broadcast('maps', bytes(text))
    return isHeard
  }, `the message ${text}`)
  stop()
}

test('nats: a restarted server is found again; registers are kept, watches begin again', async (t) => {
  const server = await startNats(t)
  const { coordination: a, log } = await connectedNats(t, natsConfig([server.url]), 'a')
  const { coordination: b } = await connectedNats(t, natsConfig([server.url]), 'b')
  const seen = watch(b)
  await a.registers.write('k', bytes('1'), 0)
  await until(() => seen.known.get('k') === '1', 'the first value')
  const lost = Promise.all([untilConnected(a, false), untilConnected(b, false)])
  await server.kill()
  await lost
  await assert.rejects(a.registers.read('k'), isLost)
  a.bus.broadcast('maps', bytes('dropped'))
  const back = Promise.all([untilConnected(a, true), untilConnected(b, true)])
  await server.restart()
  await back
  await until(() => seen.beginnings() >= 2, 'the second beginning')
  const { value, revision } = await a.registers.read('k')
  assert.equal(Buffer.from(value ?? []).toString(), '1')
  await a.registers.write('k', bytes('2'), revision)
  await until(() => seen.known.get('k') === '2', 'the second value')
  await untilHeard(a, b, 'again')
  const warnings = log.events('warn')
  assert.deepEqual([warnings[0], warnings.length <= 2], ['coordination_lost', true])
  assert.equal(a.problem, undefined)
})

test('nats: all state deleted while the server was away is a new beginning, in which no old revision counts', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  const seen = watch(coordination)
  const old = await coordination.registers.write('k', bytes('1'), 0)
  await coordination.registers.write('other', bytes('1'), 0)
  assert.ok(old.type === 'written')
  await until(() => seen.known.size === 2, 'both registers')
  const lost = untilConnected(coordination, false)
  await server.kill()
  server.wipe()
  await lost
  await server.restart()
  await untilConnected(coordination, true)
  await until(() => seen.known.size === 0, 'that nothing is left')
  assert.deepEqual(await coordination.registers.write('k', bytes('late'), old.revision), { type: 'conflict' })
  const next = await coordination.registers.write('k', bytes('2'), 0)
  assert.ok(next.type === 'written' && next.revision > old.revision)
  await until(() => seen.known.get('k') === '2', 'the new value')
})

test('nats: a bucket that is deleted under a connected node is made again, and what was there is gone', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  const seen = watch(coordination)
  const old = await coordination.registers.write('k', bytes('1'), 0)
  assert.ok(old.type === 'written')
  await until(() => seen.known.size === 1, 'the register')
  const tool = await connect({ servers: server.url })
  t.after(() => tool.close())
  const jetStream = await tool.jetstreamManager()
  assert.equal(await jetStream.streams.delete('KV_isthmus__test'), true)
  await until(() => seen.known.size === 0, 'that nothing is left')
  assert.equal((await coordination.registers.read('k')).revision, 0)
  assert.equal(await jetStream.streams.delete('KV_isthmus__test'), true)
  // Nobody has noticed yet, unless by this write.
  assert.deepEqual(await coordination.registers.write('k', bytes('late'), old.revision), { type: 'conflict' })
  await coordination.registers.write('k', bytes('2'), 0)
  await until(() => seen.known.get('k') === '2', 'the new value')
  assert.equal(coordination.isConnected, true)
})

test('nats: a server that is frozen is noticed, and used again when it goes on', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  const { coordination: other } = await connectedNats(t, natsConfig([server.url]), 'b')
  const seen = watch(coordination)
  await until(() => seen.beginnings() === 1, 'the beginning')
  const lost = Promise.all([untilConnected(coordination, false), untilConnected(other, false)])
  server.stop()
  // It stops in its own time.
  await assert.rejects(async () => {
    for (;;) await coordination.registers.read('k')
  }, isLost)
  // More than the system's buffers take: what can't be written must not keep the connection from being given up.
  for (let index = 0; index < 200; index++) coordination.bus.broadcast('lanes', new Uint8Array(1_000_000))
  await lost
  server.cont()
  await Promise.all([untilConnected(coordination, true), untilConnected(other, true)])
  await untilHeard(coordination, other, 'again')
  await untilDone(() => coordination.registers.write('k', bytes('1'), 0))
  await until(() => seen.known.get('k') === '1', 'the value')
})

test('nats: a node that has to end does not wait for a frozen server', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  server.stop()
  const { coordination: late } = await joinNats(t, natsConfig([server.url]), 'b')
  await Promise.all([coordination.close(), late.close()])
  assert.deepEqual([coordination.isConnected, late.isConnected], [false, false])
  server.cont()
})

test('nats: a connection that is cut comes back, time after time', async (t) => {
  const server = await startNats(t)
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(server.port)
  const { coordination } = await connectedNats(t, natsConfig([`127.0.0.1:${relay.port}`]), 'a')
  const seen = watch(coordination)
  for (let round = 1; round <= 3; round++) {
    await until(() => seen.beginnings() >= round, `beginning ${round}`)
    const lost = untilConnected(coordination, false)
    relay.cut()
    await lost
    await untilConnected(coordination, true)
    await coordination.registers.write(`k${round}`, bytes('x'), 0)
    await until(() => seen.known.has(`k${round}`), `register ${round}`)
  }
})

test('nats: a node may start before its server', async (t) => {
  const server = await startNats(t)
  await server.kill()
  const { coordination, log } = await joinNats(t, natsConfig([server.url]), 'a')
  const seen = watch(coordination)
  assert.equal(coordination.isConnected, false)
  await assert.rejects(coordination.registers.write('k', bytes('1'), 0), isLost)
  await until(() => log.events('debug').includes('coordination_unreachable'), 'a second attempt')
  assert.deepEqual(log.events('warn'), ['coordination_unreachable'])
  assert.equal(coordination.problem, undefined)
  await server.restart()
  await untilConnected(coordination, true)
  await until(() => seen.beginnings() === 1, 'the beginning')
  await coordination.registers.write('k', bytes('1'), 0)
  await until(() => seen.known.get('k') === '1', 'the value')
})

test('nats: deletions are swept after an hour, and a register counts on', async (t) => {
  const server = await startNats(t)
  const { coordination } = await connectedNats(t, natsConfig([server.url]), 'a')
  const first = await coordination.registers.write('k', bytes('1'), 0)
  assert.ok(first.type === 'written')
  const deleted = await coordination.registers.remove('k', first.revision)
  assert.ok(deleted.type === 'written')
  const clock = { ...systemClock, nowMs: () => Date.now() + 3_700_000 }
  const { coordination: late } = await connectedNats(t, natsConfig([server.url]), 'b', { clock })
  const seen = watch(late)
  await until(() => seen.beginnings() === 1, 'the beginning')
  let revision = deleted.revision
  while (revision !== 0) ({ revision } = await coordination.registers.read('k'))
  assert.deepEqual(await coordination.registers.write('k', bytes('late'), deleted.revision), { type: 'conflict' })
  const next = await coordination.registers.write('k', bytes('2'), 0)
  assert.ok(next.type === 'written' && next.revision > deleted.revision)
})

test('nats: in a NATS cluster of three the death of one server costs no register', async (t) => {
  const servers = await startNatsCluster(t, 3)
  const [first, second, third] = servers
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  // It is told of one server only, and learns of the others from it.
  const { coordination } = await connectedNats(t, natsConfig([first.url]), 'a')
  const { coordination: other } = await connectedNats(t, natsConfig([second.url, third.url]), 'b')
  const seen = watch(other)
  await untilDone(() => coordination.registers.write('k', bytes('1'), 0))
  await until(() => seen.known.get('k') === '1', 'the first value')
  await untilHeard(coordination, other, 'before')
  const lost = untilConnected(coordination, false)
  await first.kill()
  await lost
  await untilConnected(coordination, true)
  const { value, revision } = await untilDone(() => coordination.registers.read('k'))
  assert.equal(Buffer.from(value ?? []).toString(), '1')
  await untilDone(async () => {
    const result = await coordination.registers.write('k', bytes('2'), revision)
    // A write that was given up may have happened.
    if (result.type === 'conflict')
      assert.equal(Buffer.from((await coordination.registers.read('k')).value ?? []).toString(), '2')
  })
  await until(() => seen.known.get('k') === '2', 'the second value')
  await untilHeard(coordination, other, 'after')
  assert.equal(coordination.problem, undefined)
})
