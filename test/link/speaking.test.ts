/** Several nodes of a cluster and one peer: who of them speaks to it, under which names, and what happens when that changes. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { LinkRuntimePorts } from '../../src/link/link-runtime.ts'
import type { LinkStatus } from '../../src/link/status.ts'
import { Acceptor, isPublish, type Answer, type Received } from './acceptor.ts'
import { behaving, isInit, isRoutes, routeOf } from './behaving.ts'
import { FakeLeases } from './fake-leases.ts'
import { linkConfig, message, passing, startRuntime } from './link-fixture.ts'

const names = ['a1', 'a2', 'a3'] as const
type Name = (typeof names)[number]

async function startCluster(t: TestContext, answer: Answer = behaving(), ports: Partial<LinkRuntimePorts> = {}) {
  const leases = new FakeLeases()
  const acceptor = new Acceptor(answer)
  const config = linkConfig(await acceptor.listen())
  const start = (nodeName: Name, slot: number) =>
    startRuntime({ nodeName, slot, actorName: 'cl.a', speaking: leases.of(nodeName), ...ports })
  const nodes = { a1: start('a1', 0), a2: start('a2', 1), a3: start('a3', 2) }
  t.after(async () => {
    for (const name of names) await nodes[name].runtime.stop(0)
    await acceptor.close()
  })
  for (const name of names) nodes[name].interest.add('t/1')
  const speaks = (name: Name, by: Name = name) =>
    nodes[name].status(({ state, speaker }) => state === 'running' && speaker === by)
  return { acceptor, config, leases, nodes, speaks }
}

type Cluster = Awaited<ReturnType<typeof startCluster>>

async function startRunning(t: TestContext, answer?: Answer): Promise<Cluster> {
  const cluster = await startCluster(t, answer)
  for (const name of names) cluster.nodes[name].runtime.apply([cluster.config])
  for (const name of names) await cluster.speaks(name, 'a1')
  return cluster
}

const routeClients = ({ acceptor }: Cluster) =>
  [...acceptor.clients].map(({ clientId }) => clientId).filter((clientId) => clientId.endsWith(':route'))

const inits = ({ acceptor }: Cluster) =>
  acceptor.received.flatMap((received) => {
    const route = routeOf(received)
    return route?.type === 'actor_init' ? [{ ...route, clientId: received.clientId }] : []
  })

/** Both ends have seen that the connection is gone. */
const closed = (cluster: Cluster, clientId: string) =>
  cluster.acceptor.packet(() => !routeClients(cluster).includes(clientId), { from: -1 })

const isInitOf = (clientId: string) => (received: Received) => received.clientId === clientId && isInit(received)

/** Says that a newer life exists to whoever comes with an older one than was heard of last. */
function fencing(): Answer {
  const well = behaving()
  let newest = 0
  return (received) => {
    const route = routeOf(received)
    if (route?.type === 'actor_init') newest = Math.max(newest, route.incarnation)
    const isOld = route !== undefined && 'incarnation' in route && route.incarnation < newest
    if (isOld) received.peer.send({ cmd: 'disconnect', reasonCode: 0x83 })
    else well(received)
  }
}

/** Without how its parts are. */
function wordsOf(status: LinkStatus | undefined) {
  const { planes: _, ...words } = status ?? { state: undefined }
  return words
}

test('one node speaks for all, every node forwards, and each says who speaks', async (t) => {
  const cluster = await startRunning(t)
  const { acceptor, nodes } = cluster
  assert.deepEqual(routeClients(cluster), ['link-from-a:0:route'])
  assert.deepEqual(
    inits(cluster).map(({ actor }) => actor),
    ['cl.a'],
  )
  for (const { runtime } of [nodes.a1, nodes.a2])
    assert.deepEqual(wordsOf(runtime.status('cl.b')), { state: 'running', reasons: [], speaker: 'a1' })
  assert.equal(nodes.a2.runtime.transitions('cl.b/route-sync').at(-1)?.to, 'standby')
  for (const [index, name] of names.entries()) {
    nodes[name].runtime.sinkOf('cl.b')?.accept(passing(message(name)))
    const { clientId } = await acceptor.packet(
      ({ packet, clientId: from }) =>
        isPublish(packet) && packet.topic === '$LINK/cluster/msg/cl.a' && from.includes(`:${index}:`),
    )
    assert.equal(clientId, `link-from-a:${index}:msg:1`)
  }
  assert.ok(acceptor.received.every(({ clientId }) => clientId.startsWith('link-from-a:')))
})

test('a node that gets the right speaks at once under a higher incarnation, and who loses it closes its connection', async (t) => {
  const cluster = await startRunning(t)
  const { acceptor, leases } = cluster
  leases.move('cl.b', 'a2')
  await acceptor.packet(isInitOf('link-from-a:1:route'))
  await closed(cluster, 'link-from-a:0:route')
  for (const name of names) await cluster.speaks(name, 'a2')
  const [before, after] = inits(cluster)
  assert.ok(before !== undefined && after !== undefined && after.incarnation > before.incarnation)
  await acceptor.packet((received) => received.clientId === 'link-from-a:1:route' && isRoutes(received))
  leases.move('cl.b', 'a1')
  await cluster.speaks('a1')
  assert.ok((inits(cluster).at(-1)?.incarnation ?? 0) > after.incarnation, 'it is another life than its first')
})

for (const { during, answer } of [
  { during: 'connecting', answer: () => {} },
  { during: 'handshaking', answer: behaving({ ack: 'none' }) },
  {
    during: 'bootstrapping',
    answer: behaving({ puback: (received) => (isRoutes(received) ? undefined : 0) }),
  },
  { during: 'established.degraded', answer: behaving({ puback: (received) => (isRoutes(received) ? 0x97 : 0) }) },
  { during: 'disconnected', answer: ({ peer }) => void peer.socket.destroy() },
  { during: 'refused', answer: behaving({ connack: 0x87 }) },
] satisfies { during: string; answer: Answer }[]) {
  test(`the right can be lost while ${during}: nothing is left of the session, and nothing is tried again`, async (t) => {
    const cluster = await startCluster(t, answer)
    const { leases, nodes } = cluster
    const { runtime, clock } = nodes.a1
    runtime.apply([cluster.config])
    nodes.a2.runtime.apply([cluster.config])
    while (runtime.transitions('cl.b/route-sync').at(-1)?.to.includes(during) !== true)
      await new Promise((resolve) => setImmediate(resolve))
    leases.move('cl.b', 'a2')
    assert.equal(runtime.transitions('cl.b/route-sync').at(-1)?.to, 'standby')
    const count = inits(cluster).filter(({ clientId }) => clientId.includes(':0:')).length
    clock.advance(60_000)
    assert.equal(runtime.transitions('cl.b/route-sync').at(-1)?.to, 'standby')
    assert.equal(inits(cluster).filter(({ clientId }) => clientId.includes(':0:')).length, count)
    assert.equal(nodes.a1.interest.listeners, 0, 'no life goes on')
    assert.equal(runtime.routeCount('cl.b'), 0)
  })
}

test('a speaker that wakes up to find a newer life steps back and does not fight', async (t) => {
  const cluster = await startRunning(t, fencing())
  const { leases, nodes } = cluster
  leases.freeze('cl.b', 'a1', true)
  leases.move('cl.b', 'a2')
  await cluster.speaks('a2')
  const lives = inits(cluster).length
  nodes.a1.clock.advance(10_000)
  await cluster.speaks('a1', 'a2')
  await closed(cluster, 'link-from-a:0:route')
  nodes.a1.clock.advance(60_000)
  assert.equal(inits(cluster).length, lives, 'it did not introduce itself again')
  assert.deepEqual(routeClients(cluster), ['link-from-a:1:route'])
})

test('a speaker that is told of a newer life, and has the right, takes a newer one itself', async (t) => {
  const cluster = await startRunning(t)
  const { acceptor, nodes } = cluster
  for (const client of acceptor.clients)
    if (client.clientId.endsWith(':route')) client.send({ cmd: 'disconnect', reasonCode: 0x83 })
  await nodes.a1.status(({ state }) => state === 'degraded')
  while (nodes.a1.runtime.transitions('cl.b/route-sync').at(-1)?.to !== 'disconnected')
    await new Promise((resolve) => setImmediate(resolve))
  nodes.a1.clock.advance(750)
  await cluster.speaks('a1')
  const [first, second] = inits(cluster)
  assert.ok(first !== undefined && second !== undefined && second.incarnation > first.incarnation)
})

test('a speaker that is told of a newer life while nobody can say whose the right is comes back as what it was', async (t) => {
  const cluster = await startRunning(t)
  const { acceptor, leases, nodes } = cluster
  leases.lost = true
  leases.lapse('cl.b', 'lapsed')
  for (const client of acceptor.clients)
    if (client.clientId.endsWith(':route')) client.send({ cmd: 'disconnect', reasonCode: 0x83 })
  while (nodes.a1.runtime.transitions('cl.b/route-sync').at(-1)?.to !== 'refused')
    await new Promise((resolve) => setImmediate(resolve))
  nodes.a1.clock.advance(5_000)
  await cluster.speaks('a1')
  const [first, second] = inits(cluster)
  assert.equal(second?.incarnation, first?.incarnation)
})

test('a lapsed speaker goes on', async (t) => {
  const cluster = await startRunning(t)
  const { leases, nodes } = cluster
  leases.lapse('cl.b', 'lapsed')
  nodes.a1.runtime.setCoordinationLost(true)
  assert.deepEqual(wordsOf(nodes.a1.runtime.status('cl.b')), {
    state: 'degraded',
    reasons: ['coordination lost'],
    speaker: 'a1',
  })
  assert.deepEqual(routeClients(cluster), ['link-from-a:0:route'])
  nodes.a1.runtime.setCoordinationLost(false)
  leases.lapse('cl.b', 'holder')
  await cluster.speaks('a1')
  assert.equal(inits(cluster).length, 1)
})

test('a speaker cut from the peer gives way to a node that is not', async (t) => {
  let isCut = false
  const well = behaving()
  const cluster = await startRunning(t, (received) => {
    if (isCut && received.clientId.startsWith('link-from-a:0:')) received.peer.socket.destroy()
    else well(received)
  })
  const { acceptor, leases, nodes } = cluster
  isCut = true
  for (const { clientId, socket } of acceptor.clients) if (clientId.includes(':0:')) socket.destroy()
  await nodes.a1.status(({ reasons }) => reasons.length === 2)
  nodes.a1.clock.advance(1_499)
  assert.equal(leases.holderOf('cl.b'), 'a1')
  nodes.a1.clock.advance(1)
  assert.equal(leases.holderOf('cl.b'), 'a2')
  await cluster.speaks('a2')
  await cluster.speaks('a3', 'a2')
  assert.deepEqual(leases.contestants('cl.b'), ['a2', 'a3'])
  nodes.a1.clock.advance(1_000)
  assert.deepEqual(leases.contestants('cl.b'), ['a2', 'a3', 'a1'])
  await nodes.a1.status(({ state, speaker }) => state !== 'running' && speaker === 'a2')
})

test('alone in its cluster a speaker that gave way takes the right up again', async (t) => {
  const cluster = await startCluster(t, ({ peer }) => void peer.socket.destroy())
  const { leases, nodes } = cluster
  const { runtime, clock, status } = nodes.a1
  runtime.apply([cluster.config])
  await status(({ reasons }) => reasons.some((words) => words.includes('closed')))
  clock.advance(1_500)
  assert.equal(leases.holderOf('cl.b'), undefined)
  await status(({ reasons }) => reasons.some((words) => words.startsWith('no node of the cluster')))
  clock.advance(1_000)
  assert.equal(leases.holderOf('cl.b'), 'a1')
  clock.advance(2_999)
  assert.equal(leases.holderOf('cl.b'), 'a1', 'the second time it is more patient')
})

test('while nobody is known to hold the right the status says so', async (t) => {
  const { nodes, config, leases } = await startCluster(t)
  leases.lost = true
  nodes.a1.runtime.apply([config])
  const { state } = await nodes.a1.status(({ reasons }) =>
    reasons.includes('no node of the cluster is known to tell the peer what we want'),
  )
  assert.equal(state, 'connecting')
})

for (const { what, change } of [
  { what: 'disabled', change: (config: Cluster['config']) => [{ ...config, enable: false }] },
  { what: 'removed', change: () => [] },
]) {
  test(`a link that is ${what} on a node leaves the right to the others`, async (t) => {
    const cluster = await startRunning(t)
    const { leases, nodes } = cluster
    nodes.a1.runtime.apply(change(cluster.config))
    assert.deepEqual(leases.contestants('cl.b'), ['a2', 'a3'])
    await cluster.speaks('a2')
    nodes.a1.runtime.apply([cluster.config])
    await cluster.speaks('a1', 'a2')
    for (const name of names) nodes[name].runtime.apply([])
    assert.deepEqual(leases.contestants('cl.b'), [])
  })
}

test('a node that stops leaves the right to the others', async (t) => {
  const cluster = await startRunning(t)
  await cluster.nodes.a1.runtime.stop(0)
  await cluster.speaks('a2')
})

test('a follower whose link is edited stands by under the new settings, and speaks with them when its turn comes', async (t) => {
  const cluster = await startRunning(t)
  const { acceptor, leases, nodes } = cluster
  nodes.a2.runtime.apply([{ ...cluster.config, topics: ['t/1', 'u'], clientid: 'link-edited' }])
  await acceptor.packet(({ clientId, packet }) => clientId === 'link-edited:1:msg:1' && packet.cmd === 'connect')
  await cluster.speaks('a2', 'a1')
  assert.equal(inits(cluster).length, 1)
  nodes.a2.interest.add('u')
  nodes.a2.interest.add('v')
  leases.move('cl.b', 'a2')
  await acceptor.packet(isInitOf('link-edited:1:route'))
  await cluster.speaks('a2')
  assert.equal(nodes.a2.runtime.routeCount('cl.b'), 2)
})

test('a node without its slot waits for it, connects with it, and again when it gets another', async (t) => {
  const { acceptor, config, leases, nodes } = await startCluster(t, behaving(), {})
  const { runtime, status } = nodes.a1
  runtime.setSlot(undefined)
  runtime.apply([config])
  assert.deepEqual(runtime.status('cl.b'), { state: 'connecting', reasons: ['waits for its slot in the cluster'] })
  assert.deepEqual(leases.contestants('cl.b'), [])
  runtime.setCoordinationLost(true)
  const reasons = ['waits for its slot in the cluster', 'coordination lost']
  assert.deepEqual(runtime.status('cl.b'), { state: 'connecting', reasons })
  runtime.setCoordinationLost(false)
  assert.deepEqual(runtime.status('cl.b')?.reasons, ['waits for its slot in the cluster'])
  runtime.setSlot(7)
  await status(({ state }) => state === 'running')
  await acceptor.packet(isInitOf('link-from-a:7:route'))
  runtime.setSlot(8)
  await acceptor.packet(isInitOf('link-from-a:8:route'))
  await acceptor.packet(({ clientId, packet }) => clientId === 'link-from-a:8:msg:1' && packet.cmd === 'connect')
  await status(({ state }) => state === 'running')
  const [first, second] = acceptor.received.flatMap((received) => routeOf(received) ?? []).filter(isActorInit)
  assert.equal(first?.incarnation, second?.incarnation, 'the life goes on')
  runtime.setSlot(undefined)
  assert.deepEqual(runtime.status('cl.b')?.reasons, ['waits for its slot in the cluster'])
  assert.deepEqual(leases.contestants('cl.b'), [])
  await acceptor.packet(() => acceptor.clients.size === 0, { from: -1 })
  runtime.sinkOf('cl.b')?.accept(passing(message('kept')))
  runtime.setSlot(8)
  await acceptor.packet(
    ({ packet, clientId }) => clientId === 'link-from-a:8:msg:1' && isPublish(packet) && packet.topic.includes('/msg/'),
  )
})

function isActorInit(route: NonNullable<ReturnType<typeof routeOf>>) {
  return route.type === 'actor_init'
}

test('a lapsed speaker for which no incarnation is left waits for one, and the link goes on', async (t) => {
  const { acceptor, config, leases, nodes } = await startCluster(t)
  leases.exhausted = true
  const { runtime, clock, status } = nodes.a1
  runtime.apply([config])
  await status(({ reasons }) => reasons.some((words) => words.includes('no incarnation is left')))
  runtime.sinkOf('cl.b')?.accept(passing(message('meanwhile')))
  await acceptor.packet(({ packet }) => isPublish(packet) && packet.topic === '$LINK/cluster/msg/cl.a')
  leases.exhausted = false
  clock.advance(750)
  await status(({ state }) => state === 'running')
})
