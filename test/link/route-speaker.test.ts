/** How a great interest, and a peer with limits, shape what is said on a route connection. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Acceptor, isPublish, type Answer, type Received } from './acceptor.ts'
import { behaving, isRoutes, routeOf } from './behaving.ts'
import { linkConfig, startRuntime } from './link-fixture.ts'

const running = ({ state }: { state: string }) => state === 'running'

async function start(t: TestContext, answer: Answer, interest: readonly string[]) {
  const acceptor = new Acceptor(answer)
  const run = startRuntime()
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  for (const topicFilter of interest) run.interest.add(topicFilter)
  run.runtime.apply([linkConfig(await acceptor.listen())])
  return { ...run, acceptor }
}

function opsOf(received: Received): string[] {
  const route = routeOf(received)
  return route?.type === 'route' ? route.ops.map(({ type, topicFilter }) => `${type} ${topicFilter}`) : []
}

/** Lets time pass until the peer has a batch that fits. */
async function batch(run: Awaited<ReturnType<typeof start>>, fits: (ops: readonly string[]) => boolean) {
  for (let turns = 0; turns < 500; turns += 1) {
    const found = run.acceptor.received.filter(isRoutes).map(opsOf).find(fits)
    if (found !== undefined) return found
    run.clock.advance(10)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error('the peer was never told')
}

const many = Array.from({ length: 9_000 }, (_, index) => `t/${index}`)

test('a bootstrap goes in batches of 4,000, each after the answer to the one before, and deletions come last', async (t) => {
  const unanswered: Received[] = []
  const run = await start(
    t,
    behaving({
      puback: (received) => {
        if (!isRoutes(received)) return 0
        unanswered.push(received)
        return undefined
      },
    }),
    many,
  )
  const sizes: number[] = []
  const told: string[] = []
  while (!told.includes('delete t/0')) {
    await batch(run, () => unanswered.length > 0)
    // Time enough for another one, if it did not wait.
    run.clock.advance(100)
    const [received, ...early] = unanswered.splice(0)
    assert.deepEqual(early, [])
    assert.ok(received !== undefined && isPublish(received.packet))
    sizes.push(opsOf(received).length)
    told.push(...opsOf(received))
    if (sizes.length === 1) {
      run.interest.add('more')
      run.interest.remove('t/0')
    }
    received.peer.send({ cmd: 'puback', messageId: received.packet.messageId ?? 0, reasonCode: 0 })
  }
  assert.deepEqual(sizes.slice(0, 2), [4_000, 4_000])
  assert.equal(sizes.length, 3)
  assert.deepEqual(new Set(told), new Set(['delete t/0', ...[...many, 'more'].map((one) => `add ${one}`)]))
  assert.equal(told.at(-1), 'delete t/0')
  await run.status(running)
})

test('what comes and goes while a batch is on its way keeps nothing that comes later', async (t) => {
  const unanswered: Received[] = []
  let holds = false
  const puback = (received: Received) => {
    if (!holds || !isRoutes(received)) return 0
    unanswered.push(received)
    return undefined
  }
  const run = await start(t, behaving({ puback }), ['t/1'])
  await batch(run, (ops) => ops.includes('add t/1'))
  await run.status(running)
  holds = true
  run.interest.add('t/2')
  await batch(run, (ops) => ops.includes('add t/2'))
  run.interest.remove('t/1')
  run.interest.add('t/1')
  holds = false
  for (const { peer, packet } of unanswered) {
    assert.ok(isPublish(packet))
    peer.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 })
  }
  // Whether the answer comes before or after it, the next one is told.
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setTimeout(resolve, 1))
  run.interest.add('t/3')
  await batch(run, (ops) => ops.includes('add t/3'))
})

test('a peer that takes small packets gets small batches, and a route that no packet can hold keeps none of the others', async (t) => {
  const huge = `t/${'x'.repeat(9_000)}`
  const run = await start(t, behaving({ properties: { maximumPacketSize: 8_192 } }), [
    ...many.slice(0, 500),
    huge,
    'last',
  ])
  await batch(run, (ops) => ops.includes('add last'))
  const told = run.acceptor.received.filter(isRoutes)
  assert.deepEqual(
    told.flatMap(opsOf).toSorted(),
    [...many.slice(0, 500), 'last'].map((one) => `add ${one}`).toSorted(),
  )
  assert.ok(told.every(({ packet }) => (packet.length ?? 0) <= 8_192))
  assert.deepEqual(
    run.lines.filter(({ event }) => event === 'cluster_link_routerepl_route_too_large').map(({ level }) => level),
    ['warn'],
  )
  await run.status(running)
})

test('a peer that takes no QoS 1 is told everything at QoS 0', async (t) => {
  const run = await start(t, behaving({ properties: { maximumQoS: 0 } }), ['t/1'])
  await batch(run, (ops) => ops.includes('add t/1'))
  await run.status(running)
  run.interest.add('t/2')
  await batch(run, (ops) => ops.includes('add t/2'))
  assert.ok(run.acceptor.received.every(({ packet }) => !isPublish(packet) || packet.qos === 0))
})
