import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { LinkConfig } from '../../src/config/config.ts'
import { imbalance } from '../../src/lanes/ledger.ts'
import { decodeLinkMessage } from '../../src/link/emqx/link-message.ts'
import { Acceptor, isPublish, payloadOf, type Answer, type Received } from './acceptor.ts'
import { behaving, isInit, isRoutes, routeOf } from './behaving.ts'
import { linkConfig, message, passing, startRuntime } from './link-fixture.ts'

const isMessage = ({ packet }: Received) => isPublish(packet) && packet.topic === '$LINK/cluster/msg/cl.a'

function topicOf({ packet }: Received): string {
  assert.ok(isPublish(packet))
  const decoded = decodeLinkMessage(payloadOf(packet))
  assert.equal(decoded.type, 'message')
  return decoded.type === 'message' ? decoded.message.topic : ''
}

async function start(t: TestContext, answer: Answer, changes: Partial<LinkConfig> = {}) {
  const acceptor = new Acceptor(answer)
  const port = await acceptor.listen()
  const run = startRuntime()
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  const config = linkConfig(port, changes)
  run.runtime.apply([config])
  return { ...run, acceptor, config, port }
}

/** Beside the full outbox. */
const allWrong = ({ reasons }: { reasons: readonly string[] }) => reasons.length === 3
const bothDown = ({ reasons }: { reasons: readonly string[] }) => reasons.length === 2
const running = ({ state }: { state: string }) => state === 'running'

test('a link to a peer that behaves is running, with no reason to say more', async (t) => {
  const { status, runtime } = await start(t, behaving(), { pool_size: 3 })
  const { planes, ...word } = await status(running)
  assert.deepEqual(word, { state: 'running', reasons: [] })
  assert.deepEqual([planes?.routeSync.state, planes?.inbound.state], ['syncing', 'absent'])
  assert.ok(runtime.transitions('cl.b/route-sync').length > 0)
  // A link runs as soon as one of its connections is up, and none has failed.
  const members = ['cl.b/forwarding/1', 'cl.b/forwarding/2', 'cl.b/forwarding/3']
  const isUp = (member: string) => runtime.transitions(member).at(-1)?.to === 'open.up'
  for (const untilMs = Date.now() + 10_000; !members.every(isUp) && Date.now() < untilMs;) await endOfTurn()
  assert.ok(members.every(isUp))
  assert.equal(runtime.transitions('cl.b/supervised').at(-1)?.to, 'running')
})

test('without links nothing ticks and nothing is listened to', () => {
  const { clock, interest, runtime } = startRuntime()
  runtime.apply([])
  assert.equal(clock.timers, 0)
  assert.equal(interest.listeners, 0)
  assert.deepEqual(runtime.actors(), [])
})

for (const { when, behaviour, state, reason } of [
  {
    when: 'refuses the connection',
    behaviour: { connack: 0x86 },
    state: 'connecting',
    reason: /0x86 Bad User Name or Password/,
  },
  {
    when: 'refuses the subscription',
    behaviour: { suback: 0x87 },
    state: 'degraded',
    reason: /subscription to its answers: 0x87/,
  },
  ...(['unknown_cluster', 'bad_remote_cluster_link_name', 'cluster_link_disabled'] as const).map((word) => ({
    when: `answers ${word}`,
    behaviour: { ack: { result: 'error', reason: word } as const },
    state: 'degraded',
    reason: new RegExp(word),
  })),
  {
    when: 'refuses our actor_init',
    behaviour: { ack: 'none' as const, puback: (received: Received) => (isInit(received) ? 0x87 : 0) },
    state: 'degraded',
    reason: /0x87 Not authorized/,
  },
]) {
  test(`a peer that ${when}: ${state}, and says why`, async (t) => {
    const { status } = await start(t, behaving(behaviour))
    const found = await status(({ reasons }) => reasons.some((words) => reason.test(words)))
    assert.equal((await status((now) => now.state === state)).state, state)
    assert.ok(found.reasons.length > 0)
  })
}

test('a peer that never answers actor_init is given up after 5 s and tried again', async (t) => {
  const { acceptor, clock, status } = await start(t, behaving({ ack: 'none' }))
  await acceptor.packet(isInit)
  clock.advance(5_000)
  await status(({ reasons }) => reasons.some((words) => words.includes('no answer to our actor_init within 5000 ms')))
  const from = acceptor.received.length
  clock.advance(5_000)
  await acceptor.packet(isInit, { from })
})

test('the peer is told our interest, its changes after 10 ms, and heartbeats', async (t) => {
  const acceptor = new Acceptor(behaving())
  const run = startRuntime()
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  for (const topicFilter of ['t/1', 't/#', 'other']) run.interest.add(topicFilter)
  run.runtime.apply([linkConfig(await acceptor.listen(), { topics: ['t/#', 's/#'] })])
  const bootstrap = routeOf(await acceptor.packet(isRoutes))
  assert.deepEqual(bootstrap?.type === 'route' && bootstrap.ops, [{ type: 'add', topicFilter: 't/#', id: 't/#' }])
  await run.status(running)
  run.clock.advance(10)
  run.interest.add('s/2')
  run.interest.remove('t/#')
  const from = acceptor.received.length
  run.clock.advance(10)
  const delta = routeOf(await acceptor.packet(isRoutes, { from }))
  assert.deepEqual(delta?.type === 'route' && delta.ops.map(({ type, topicFilter }) => `${type} ${topicFilter}`), [
    'add s/2',
    'add t/1',
    'delete t/#',
  ])
  run.clock.advance(10_000)
  const beat = routeOf(await acceptor.packet((received) => routeOf(received)?.type === 'heartbeat', { from }))
  assert.ok(beat?.type === 'heartbeat' && delta?.type === 'route')
  assert.equal(beat.incarnation, delta.incarnation)
})

test('messages cross in order, and the ledger says delivered', async (t) => {
  const { acceptor, runtime, status } = await start(t, behaving())
  await status(running)
  const sink = runtime.sinkOf('cl.b')
  for (let index = 0; index < 100; index += 1)
    sink?.accept(passing(message(`m/${index}`, { qos: index % 2 === 0 ? 1 : 2 })))
  await acceptor.packet((received) => isMessage(received) && topicOf(received) === 'm/99')
  const crossed = acceptor.received.filter(isMessage)
  assert.deepEqual(
    crossed.map(topicOf),
    Array.from({ length: 100 }, (_, index) => `m/${index}`),
  )
  assert.ok(crossed.every(({ packet }) => isPublish(packet) && packet.qos === 1 && !packet.retain))
  await settled(runtime, ({ delivered }) => delivered === 100)
})

test('a message from another cluster is not forwarded', async (t) => {
  const { runtime, status } = await start(t, behaving())
  await status(running)
  runtime.sinkOf('cl.b')?.accept(passing(message('m', { origin: 'cl.c' })))
  assert.equal(runtime.ledger('cl.b')?.matched, 0)
})

test('PUBACK 0x00 and 0x10 are delivered, others failed with their code', async (t) => {
  const codes = [0x00, 0x10, 0x97, 0x83]
  const { acceptor, runtime, status } = await start(
    t,
    behaving({ puback: (received) => (isMessage(received) ? codes[Number(topicOf(received))] : 0) }),
  )
  await status(running)
  for (const index of codes.keys()) runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`)))
  await acceptor.packet((received) => isMessage(received) && topicOf(received) === '3')
  await settled(runtime, (ledger) => ledger.inflight === 0)
  const ledger = runtime.ledger('cl.b')
  assert.equal(ledger?.delivered, 2)
  assert.deepEqual(ledger?.failed, { 'refused_by_peer(0x97)': 1, 'refused_by_peer(0x83)': 1 })
})

type Runtime = ReturnType<typeof startRuntime>['runtime']
type Ledger = NonNullable<ReturnType<Runtime['ledger']>>

/** Turns of the event loop until the ledger fits. */
async function settled(runtime: Runtime, fits: (ledger: Ledger) => boolean): Promise<Ledger> {
  for (let turns = 0; turns < 2_000; turns += 1) {
    const ledger = runtime.ledger('cl.b')
    assert.ok(ledger !== undefined)
    assert.equal(imbalance(ledger), 0)
    if (fits(ledger)) return ledger
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error(`the ledger stays ${JSON.stringify(runtime.ledger('cl.b'))}`)
}

test('no more is in flight than the peer’s Receive Maximum allows', async (t) => {
  const { acceptor, runtime, status } = await start(
    t,
    behaving({ properties: { receiveMaximum: 3 }, puback: (received) => (isMessage(received) ? undefined : 0) }),
  )
  await status(running)
  for (let index = 0; index < 10; index += 1) runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`)))
  await acceptor.packet((received) => isMessage(received) && topicOf(received) === '2')
  assert.equal(runtime.ledger('cl.b')?.inflight, 3)
  assert.equal(runtime.ledger('cl.b')?.queued, 7)
})

test('all connections together keep to the link’s inflight window, and none starves', async (t) => {
  const config = linkConfig(0)
  const { runtime, status } = await start(t, behaving(), {
    pool_size: 4,
    resource_opts: { ...config.resource_opts, inflight_window: 2 },
  })
  await status(running)
  for (let index = 0; index < 200; index += 1) {
    runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`, { from: `device-${index}` })))
    assert.ok((runtime.ledger('cl.b')?.inflight ?? 0) <= 2)
  }
  assert.equal((await settled(runtime, ({ delivered }) => delivered === 200)).queued, 0)
})

test('a message beyond the peer’s Maximum Packet Size is dropped as too large, and the next one crosses', async (t) => {
  const { acceptor, runtime, status } = await start(t, behaving({ properties: { maximumPacketSize: 4_096 } }))
  await status(running)
  runtime.sinkOf('cl.b')?.accept(passing(message('large', { payload: Buffer.alloc(5_000) })))
  runtime.sinkOf('cl.b')?.accept(passing(message('small')))
  await acceptor.packet((received) => isMessage(received) && topicOf(received) === 'small')
  assert.deepEqual(runtime.ledger('cl.b')?.dropped, { too_large: 1 })
})

test('what was in flight when the connection was cut crosses again, first and in order', async (t) => {
  let answering = false
  const { acceptor, clock, runtime, status } = await start(
    t,
    behaving({ puback: (received) => (isMessage(received) && !answering ? undefined : 0) }),
  )
  await status(running)
  for (const name of ['a', 'b', 'c']) runtime.sinkOf('cl.b')?.accept(passing(message(name)))
  await acceptor.packet((received) => isMessage(received) && topicOf(received) === 'c')
  answering = true
  const from = acceptor.received.length
  acceptor.cut()
  await status(bothDown)
  runtime.sinkOf('cl.b')?.accept(passing(message('d')))
  clock.advance(5_000)
  await acceptor.packet((received) => isMessage(received) && topicOf(received) === 'd', { from })
  assert.deepEqual(acceptor.received.slice(from).filter(isMessage).map(topicOf), ['a', 'b', 'c', 'd'])
  const ledger = await settled(runtime, ({ delivered }) => delivered === 4)
  assert.equal(ledger.retried, 3)
})

test('a peer that stops acknowledging is given up after retry_interval', async (t) => {
  const { acceptor, clock, runtime, status } = await start(
    t,
    behaving({ puback: (received) => (isMessage(received) ? undefined : 0) }),
  )
  await status(running)
  runtime.sinkOf('cl.b')?.accept(passing(message('a')))
  await acceptor.packet(isMessage)
  clock.advance(15_000)
  const found = await status(({ reasons }) =>
    reasons.some((words) => words.includes('no acknowledgement within 15000 ms')),
  )
  assert.equal(found.state, 'degraded')
  assert.equal(runtime.ledger('cl.b')?.queued, 1)
})

test('the outbox survives an edit of everything, and another pool size sends it on', async (t) => {
  const { acceptor, config, runtime, status } = await start(t, behaving({ connack: 0x88 }))
  const sink = runtime.sinkOf('cl.b')
  for (let index = 0; index < 20; index += 1)
    sink?.accept(passing(message(`${index}`, { from: `device-${index % 5}` })))
  await acceptor.packet(({ packet }) => packet.cmd === 'connect')
  acceptor.answer = behaving()
  runtime.apply([{ ...config, pool_size: 4, clientid: 'other', topics: ['x'] }])
  assert.equal(runtime.sinkOf('cl.b'), sink)
  await status(running)
  assert.equal((await settled(runtime, ({ delivered }) => delivered === 20)).matched, 20)
  for (let device = 0; device < 5; device += 1) {
    const own = acceptor.received
      .filter(isMessage)
      .map(topicOf)
      .map(Number)
      .filter((index) => index % 5 === device)
    assert.deepEqual(
      own,
      own.toSorted((one, other) => one - other),
    )
  }
})

for (const { when, changes, incarnations, reconnects } of [
  { when: 'topics', changes: { topics: ['x'] }, incarnations: 2, reconnects: true },
  { when: 'username', changes: { username: 'u' }, incarnations: 2, reconnects: true },
  { when: 'max_inflight', changes: { max_inflight: 5 }, incarnations: 1, reconnects: true },
  { when: 'actor_ttl', changes: { actor_ttl: 5_000 }, incarnations: 1, reconnects: false },
]) {
  test(`an edit of ${when} ${incarnations === 2 ? 'speaks under a new incarnation' : 'keeps the incarnation'}`, async (t) => {
    const { acceptor, config, runtime, status } = await start(t, behaving())
    await status(running)
    const from = acceptor.received.length
    runtime.apply([{ ...config, ...changes }])
    await status(running)
    if (reconnects)
      await acceptor.packet(({ packet, clientId }) => packet.cmd === 'connect' && clientId.includes(':msg:'), { from })
    await status(running)
    const lives = acceptor.received.map(routeOf).filter((route) => route?.type === 'actor_init')
    assert.equal(new Set(lives.map((init) => init?.incarnation)).size, incarnations)
    const connects = acceptor.received.slice(from).filter(({ packet }) => packet.cmd === 'connect')
    assert.equal(connects.length > 0, reconnects)
  })
}

test('a reconnect keeps the incarnation, and only what changed meanwhile is sent', async (t) => {
  const { acceptor, clock, interest, status } = await start(t, behaving())
  interest.add('t/1')
  await status(running)
  clock.advance(10)
  await acceptor.packet(isRoutes)
  acceptor.answer = behaving({ ack: { result: 'ok', needBootstrap: false } })
  const from = acceptor.received.length
  acceptor.cut()
  await status(bothDown)
  interest.add('t/2')
  clock.advance(5_000)
  const init = routeOf(await acceptor.packet(isInit, { from }))
  await status(running)
  clock.advance(10)
  const delta = routeOf(await acceptor.packet(isRoutes, { from }))
  assert.ok(init?.type === 'actor_init' && delta?.type === 'route')
  assert.equal(init.incarnation, delta.incarnation)
  const first = acceptor.received.map(routeOf).find((route) => route?.type === 'actor_init')
  assert.equal(first?.type === 'actor_init' && first.incarnation, init.incarnation)
  assert.deepEqual(
    delta.ops.map(({ topicFilter }) => topicFilter),
    ['t/2'],
  )
})

test('a peer that forgot us is told everything again', async (t) => {
  const { acceptor, clock, interest, status } = await start(t, behaving())
  interest.add('t/1')
  await status(running)
  clock.advance(10)
  await acceptor.packet(isRoutes)
  const from = acceptor.received.length
  acceptor.cut()
  await status(bothDown)
  clock.advance(5_000)
  const again = routeOf(await acceptor.packet(isRoutes, { from }))
  assert.ok(again?.type === 'route')
  assert.deepEqual(
    again.ops.map(({ topicFilter }) => topicFilter),
    ['t/1'],
  )
})

test('with part of the pool down the link is degraded and says how much', async (t) => {
  let refuse = false
  const well = behaving()
  const { acceptor, clock, status } = await start(
    t,
    (received) => {
      const third = received.packet.cmd === 'connect' && received.clientId.endsWith(':3')
      if (third && refuse) received.peer.send({ cmd: 'connack', reasonCode: 0x87, sessionPresent: false })
      else well(received)
    },
    { pool_size: 3 },
  )
  await status(running)
  refuse = true
  for (const client of acceptor.clients) if (client.clientId.endsWith(':3')) client.socket.destroy()
  await status(({ state }) => state === 'degraded')
  clock.advance(5_000)
  const { reasons } = await status((now) => now.reasons.some((words) => words.includes('0x87')))
  assert.match(reasons[0] ?? '', /1 of 3 connections lacking/)
})

test('the addresses are tried in their order, and each one’s failure is told', async (t) => {
  const away = new Acceptor(() => {})
  const closedPort = await away.listen()
  await away.close()
  const { acceptor, config, runtime, status, port } = await start(t, behaving())
  await status(running)
  runtime.apply([{ ...config, server: `127.0.0.1:${closedPort},127.0.0.1:${port}` }])
  await acceptor.packet(({ packet }) => packet.cmd === 'connect', { from: acceptor.received.length })
  await status(running)
  acceptor.answer = behaving({ connack: 0x87 })
  acceptor.cut()
  await status(({ state }) => state !== 'running')
  runtime.apply([{ ...config, server: `127.0.0.1:${closedPort},127.0.0.1:${port}`, username: 'u' }])
  const { reasons } = await status((now) => now.reasons.some((words) => words.includes('0x87')))
  assert.match(reasons.join(), new RegExp(`127.0.0.1:${closedPort}: nobody listens there .*127.0.0.1:${port}: .*0x87`))
})

test('a DISCONNECT of the peer is the reason, and its code sets the level of the log', async (t) => {
  const { acceptor, lines, status } = await start(t, behaving())
  await status(running)
  for (const client of acceptor.clients) {
    client.send({ cmd: 'disconnect', reasonCode: client.clientId.includes('routesync') ? 0x98 : 0x8b })
    client.socket.end()
  }
  await status(({ reasons }) => reasons.length === 2)
  const levels = lines
    .filter(({ event }) => event.endsWith('disconnected'))
    .map(({ level, event }) => `${level} ${event}`)
  assert.deepEqual(levels.toSorted(), [
    'info cluster_link_forwarding_client_disconnected',
    'warn cluster_link_routerepl_disconnected',
  ])
})

test('a disabled link is stopped, keeps what waits, and gathers nothing', async (t) => {
  const { acceptor, config, runtime, status } = await start(
    t,
    behaving({ puback: (received) => (isMessage(received) ? undefined : 0) }),
  )
  await status(running)
  runtime.sinkOf('cl.b')?.accept(passing(message('a')))
  runtime.apply([{ ...config, enable: false }])
  assert.equal(runtime.status('cl.b')?.state, 'stopped')
  runtime.sinkOf('cl.b')?.accept(passing(message('b')))
  assert.deepEqual(runtime.ledger('cl.b'), { ...runtime.ledger('cl.b'), matched: 1, queued: 1, inflight: 0 })
  acceptor.answer = behaving()
  runtime.apply([config])
  await settled(runtime, ({ delivered }) => delivered === 1)
})

test('a deleted link is gone with all that it had', async (t) => {
  const { acceptor, clock, interest, runtime, status } = await start(t, behaving())
  await status(running)
  runtime.apply([])
  assert.equal(runtime.status('cl.b'), undefined)
  assert.equal(runtime.sinkOf('cl.b'), undefined)
  assert.equal(interest.listeners, 0)
  assert.equal(clock.timers, 0)
  for (const { socket } of acceptor.clients) await new Promise((resolve) => socket.once('close', resolve))
})

for (const { when, answer, waitFor } of [
  {
    when: 'while CONNECT is unanswered',
    answer: () => {},
    waitFor: ({ packet }: Received) => packet.cmd === 'connect',
  },
  { when: 'while actor_init is unanswered', answer: behaving({ ack: 'none' }), waitFor: isInit },
  {
    when: 'while a batch is unanswered',
    answer: behaving({ puback: (received) => (isRoutes(received) ? undefined : 0) }),
    waitFor: isRoutes,
  },
]) {
  test(`a link stops at once ${when}`, async (t) => {
    const acceptor = new Acceptor(answer)
    const { clock, interest, runtime } = startRuntime()
    t.after(async () => acceptor.close())
    interest.add('t/1')
    runtime.apply([linkConfig(await acceptor.listen())])
    await acceptor.packet(waitFor)
    const started = performance.now()
    await runtime.stop(0)
    assert.ok(performance.now() - started < 500)
    assert.equal(clock.timers, 0)
    assert.equal(interest.listeners, 0)
    for (const { socket } of acceptor.clients) await new Promise((resolve) => socket.once('close', resolve))
  })
}

test('messages wait for a peer that is not there, within the limits, and expire meanwhile', async (t) => {
  const { clock, config, runtime } = await start(t, () => {})
  const sink = runtime.sinkOf('cl.b')
  runtime.apply([{ ...config, resource_opts: { ...config.resource_opts, max_buffer_messages: 5 } }])
  for (let index = 0; index < 6; index += 1) sink?.accept(passing(message(`${index}`)))
  const brief = { properties: { messageExpiryInterval: 20 }, timestampMs: clock.nowMs() }
  sink?.accept(passing(message('brief', brief)))
  assert.deepEqual(runtime.ledger('cl.b')?.dropped, { queue_full: 2 })
  await endOfTurn()
  clock.advance(20_000)
  assert.deepEqual(runtime.ledger('cl.b')?.dropped, { queue_full: 2, expired: 1 })
  assert.equal(runtime.ledger('cl.b')?.queued, 4)
})

test('an outbox above its high-water mark degrades the link until it is drained', async (t) => {
  let answering = false
  const { acceptor, clock, config, runtime, status } = await start(
    t,
    behaving({ puback: (received) => (isMessage(received) && !answering ? undefined : 0) }),
  )
  await status(running)
  runtime.apply([{ ...config, max_inflight: 4, resource_opts: { ...config.resource_opts, max_buffer_messages: 10 } }])
  await status(running)
  for (let index = 0; index < 9; index += 1) runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`)))
  const { reasons } = await status(({ state }) => state === 'degraded')
  assert.deepEqual(reasons, ['the outbox is nearly full'])
  answering = true
  const from = acceptor.received.length
  acceptor.cut()
  await status(allWrong)
  clock.advance(5_000)
  await acceptor.packet(isMessage, { from })
  await settled(runtime, ({ delivered }) => delivered === 9)
  await status(running)
})

test('messages wait in the outbox, not in the memory of a socket that the peer does not read', async (t) => {
  const { acceptor, runtime, status } = await start(t, behaving())
  await status(running)
  const client = [...acceptor.clients].find(({ clientId }) => clientId.includes(':msg:'))
  client?.socket.pause()
  const payload = Buffer.alloc(20_000)
  const sink = runtime.sinkOf('cl.b')
  // In turns, so that the socket can tell how it stands.
  for (let index = 0; index < 400; index += 1) {
    sink?.accept(passing(message(`${index}`, { qos: 0, payload })))
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const ledger = runtime.ledger('cl.b')
  assert.ok(ledger !== undefined && imbalance(ledger) === 0)
  assert.ok((ledger.dropped.shed_qos0 ?? 0) > 0, 'the outbox kept to its own limit')
  assert.ok(ledger.queued > 0)
  client?.socket.resume()
  await settled(runtime, ({ queued }) => queued === 0)
})

test('a link whose actor crashes again and again is failed alone, and mended by an edit', async (t) => {
  let broken = true
  const acceptor = new Acceptor(behaving())
  const port = await acceptor.listen()
  const run = startRuntime({
    nextIncarnation: (peer) => {
      if (broken && peer === 'cl.b') throw new Error('the disk is full')
      return 1
    },
  })
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  const bad = linkConfig(port)
  const good = linkConfig(port, { name: 'cl.c', clientid: 'c' })
  run.runtime.apply([bad, good])
  for (let seconds = 0; seconds < 120; seconds += 1) run.clock.advance(500)
  const { reasons } = await run.status(({ state }) => state === 'failed')
  assert.match(reasons[0] ?? '', /crashed too often, last with: the disk is full/)
  await run.status(running, 'cl.c')
  run.runtime.apply([bad, good])
  assert.equal(run.runtime.status('cl.b')?.state, 'failed', 'the same configuration mends nothing')
  run.runtime.sinkOf('cl.b')?.accept(passing(message('kept')))
  broken = false
  run.runtime.apply([{ ...bad, pool_size: 2 }, good])
  await run.status(running)
  await settled(run.runtime, ({ delivered }) => delivered === 1)
})

for (const change of ['disable', 'delete'] as const) {
  test(`a failed link can be ${change}d`, async (t) => {
    const { runtime, clock, status } = startRuntime({
      nextIncarnation: () => {
        throw new Error('the disk is full')
      },
    })
    t.after(async () => runtime.stop(0))
    const config = linkConfig(1)
    runtime.apply([config])
    for (let seconds = 0; seconds < 120; seconds += 1) clock.advance(500)
    await status(({ state }) => state === 'failed')
    runtime.apply(change === 'disable' ? [{ ...config, enable: false }] : [])
    assert.equal(runtime.status('cl.b')?.state, change === 'disable' ? 'stopped' : undefined)
    assert.equal(clock.timers, 0)
  })
}

test('a peer that is away all night is one line a connection', async (t) => {
  const away = new Acceptor(() => {})
  const port = await away.listen()
  await away.close()
  const { runtime, clock, lines } = startRuntime()
  t.after(async () => runtime.stop(0))
  runtime.apply([linkConfig(port)])
  const failures = () => lines.filter(({ event }) => event.endsWith('failed'))
  for (let attempts = 0; failures().length < 10; attempts += 1) {
    assert.ok(attempts < 1_000)
    clock.advance(250)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal(failures().filter(({ level }) => level === 'warn').length, 2)
})

test('a peer that fails now in this way, now in that, is a line for each way', async (t) => {
  let turn = 0
  const acceptor = new Acceptor(({ peer: { socket } }) => {
    turn += 1
    if (turn % 4 < 2) socket.destroy()
    else socket.resetAndDestroy()
  })
  const { runtime, clock, lines } = startRuntime()
  t.after(async () => {
    await runtime.stop(0)
    await acceptor.close()
  })
  runtime.apply([linkConfig(await acceptor.listen())])
  const failures = () => lines.filter(({ event }) => event.endsWith('failed'))
  for (let attempts = 0; failures().length < 24; attempts += 1) {
    assert.ok(attempts < 1_000)
    clock.advance(250)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const warnings = failures().filter(({ level }) => level === 'warn')
  assert.ok(warnings.length <= 4, `${warnings.length} warnings`)
})

test('a node that stops lets what waits cross first', async (t) => {
  let answering = false
  const { acceptor, clock, runtime, status } = await start(
    t,
    behaving({
      puback: (received) => (isMessage(received) && !answering ? undefined : 0),
      properties: { receiveMaximum: 1 },
    }),
  )
  await status(running)
  for (const name of ['a', 'b', 'c']) runtime.sinkOf('cl.b')?.accept(passing(message(name)))
  const first = await acceptor.packet(isMessage)
  answering = true
  const stopped = runtime.stop(5_000)
  assert.ok(isPublish(first.packet))
  first.peer.send({ cmd: 'puback', messageId: first.packet.messageId ?? 0, reasonCode: 0 })
  const timer = setInterval(() => clock.advance(10), 1)
  await stopped.finally(() => clearInterval(timer))
  assert.deepEqual(acceptor.received.filter(isMessage).map(topicOf), ['a', 'b', 'c'])
})

test('a node that stops takes back nothing of what its clients wanted', async (t) => {
  const acceptor = new Acceptor(behaving())
  const run = startRuntime()
  t.after(() => acceptor.close())
  for (const topicFilter of ['t/1', 't/2']) run.interest.add(topicFilter)
  run.runtime.apply([linkConfig(await acceptor.listen())])
  await run.status(running)
  const from = acceptor.received.length
  run.runtime.beginStop()
  run.interest.remove('t/1')
  run.interest.add('t/3')
  run.clock.advance(10)
  const delta = routeOf(await acceptor.packet(isRoutes, { from }))
  await run.runtime.stop(0)
  assert.deepEqual(delta?.type === 'route' && delta.ops, [{ type: 'add', topicFilter: 't/3', id: 't/3' }])
})

test('an answer to somebody else’s question is no answer', async (t) => {
  const well = behaving({ ack: 'none' })
  const { acceptor, clock, runtime, status } = await start(t, (received) => {
    well(received)
    const { packet, peer } = received
    if (!isPublish(packet) || !isInit(received)) return
    const other = { ...packet, properties: { ...packet.properties, correlationData: Buffer.from('somebody else’s') } }
    peer.ack(other, { result: 'ok', needBootstrap: true })
  })
  await acceptor.packet(({ packet }) => packet.cmd === 'puback')
  assert.equal(runtime.transitions('cl.b/route-sync').at(-1)?.to, 'session.handshaking')
  clock.advance(5_000)
  await status(({ reasons }) => reasons.some((words) => words.includes('no answer to our actor_init')))
})

test('a link that was deleted and is made again speaks under a higher incarnation than before', async (t) => {
  const { acceptor, config, runtime, status } = await start(t, behaving())
  await status(running)
  const lives = () =>
    acceptor.received.map(routeOf).flatMap((route) => (route?.type === 'actor_init' ? [route.incarnation] : []))
  for (let made = 2; made <= 4; made += 1) {
    runtime.apply([])
    runtime.apply([config])
    await status(running)
    assert.equal(lives().length, made)
  }
  assert.deepEqual(
    lives(),
    [...new Set(lives())].toSorted((one, other) => one - other),
  )
})

test('a lifetime shorter than any check loses nothing on a link that runs, nor in a pause within it', async (t) => {
  const { resource_opts } = linkConfig(0)
  const { acceptor, clock, runtime, status } = await start(t, behaving(), {
    resource_opts: { ...resource_opts, request_ttl: 6_000, health_check_interval: 60_000 },
  })
  await status(running)
  for (let index = 0; index < 5; index += 1) runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`)))
  await settled(runtime, ({ delivered }) => delivered === 5)
  acceptor.cut()
  await status(bothDown)
  for (let index = 5; index < 10; index += 1) runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`)))
  clock.advance(5_000)
  const ledger = await settled(runtime, ({ delivered }) => delivered === 10)
  assert.deepEqual(ledger.dropped, {})
})

for (const { when, byMs } of [
  { when: 'back', byMs: -86_400_000 },
  { when: 'forward', byMs: 86_400_000 },
]) {
  test(`a wall clock set ${when} by a day neither loses what waits nor hides a peer that is silent`, async (t) => {
    const { resource_opts } = linkConfig(0)
    const { acceptor, clock, runtime, status } = await start(
      t,
      behaving({ puback: (received) => (isMessage(received) ? undefined : 0) }),
      { resource_opts: { ...resource_opts, request_ttl: 60_000 } },
    )
    await status(running)
    const brief = (name: string) =>
      passing(message(name, { properties: { messageExpiryInterval: 60 }, timestampMs: clock.nowMs() }))
    runtime.sinkOf('cl.b')?.accept(brief('before'))
    await acceptor.packet(isMessage)
    acceptor.answer = () => {}
    clock.setWall(byMs)
    runtime.sinkOf('cl.b')?.accept(brief('after'))
    clock.advance(15_000)
    await status(({ reasons }) => reasons.some((words) => words.includes('no acknowledgement within 15000 ms')))
    assert.deepEqual(runtime.ledger('cl.b')?.dropped, {})
    clock.advance(44_999)
    assert.deepEqual(runtime.ledger('cl.b')?.dropped, {})
    clock.advance(1)
    assert.deepEqual(runtime.ledger('cl.b')?.dropped, { expired: 2 })
  })
}
