import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { Balancer, type Door, isWanted, landings, linkOf, linkRuns, startLinked, wantedOn } from './linked.ts'
import { eventually, received, type TestMember } from './members.ts'

/** The issue says 100 ms; a slow machine that does much else is given more. */
const ROUTE_MS_MAX = 1_000
const PER_PUBLISHER = 100

test('what the nodes of a cluster want is one set of routes at the peer, known on each of its nodes', async (t) => {
  const nats = await startNats(t)
  const [east, west] = await startLinked(t, nats, [
    { cluster: 'east', size: 3, topics: ['t/#'] },
    { cluster: 'west', size: 2, topics: ['r/#'] },
  ])
  const clients = await Promise.all(east.map((member) => member.connect(t)))
  // The same filter on all, and on each a filter of its own.
  await Promise.all(clients.map((client) => client.subscribeAsync('t/same/+', { qos: 1 })))
  await Promise.all(clients.map((client, index) => client.subscribeAsync(`t/own/${index}`, { qos: 1 })))
  await t.test('a filter on several nodes is one route', async () => {
    for (const member of west)
      await eventually(`${member.name} has the union`, async () => {
        assert.equal((await linkOf(member, 'east')).routes.peers, 4)
      })
    const { routes } = await west[0]!.call('routes.list')
    assert(Array.isArray(routes))
    const filters = routes.filter(({ destinations }) => linkNamed(destinations, 'east'))
    assert.deepEqual(filters.map(({ topicFilter }) => String(topicFilter)).toSorted(), [
      't/own/0',
      't/own/1',
      't/own/2',
      't/same/+',
    ])
    assert.deepEqual(new Set(landings(west, 'east').map(({ actor }) => actor)), new Set(['east']))
  })
  await t.test('it stays until the last of them wants it no more', async () => {
    await clients[0]!.unsubscribeAsync(['t/same/+', 't/own/0'])
    await wantedOn(west, 't/own/0', 'east', false)
    for (const member of west) assert.equal(await isWanted(member, 't/same/x', 'east'), true, member.name)
    await clients[1]!.unsubscribeAsync(['t/same/+', 't/own/1'])
    await wantedOn(west, 't/own/1', 'east', false)
    for (const member of west) assert.equal(await isWanted(member, 't/same/x', 'east'), true, member.name)
    await clients[2]!.unsubscribeAsync(['t/same/+', 't/own/2'])
    await wantedOn(west, 't/same/x', 'east', false)
  })
  await t.test('it is known on every node of the peer soon after the SUBSCRIBE', async (t) => {
    const worst: number[] = []
    for (let index = 0; index < 10; index += 1) {
      const topic = `t/fresh/${index}`
      await clients[index % 3]!.subscribeAsync(topic, { qos: 1 })
      const startMs = performance.now()
      const tookMs = await Promise.all(west.map((member) => untilWanted(member, topic, startMs)))
      worst.push(Math.max(...tookMs))
    }
    worst.sort((one, other) => one - other)
    t.diagnostic(`known on every node after ${worst.map((ms) => ms.toFixed(0)).join(', ')} ms`)
    assert.ok(worst[5]! < ROUTE_MS_MAX, `${worst[5]} ms`)
  })
  await t.test('each message is delivered once to each subscriber, whoever published it', async (t) => {
    await deliversBothWays(t, east, west)
  })
})

test('behind a balancer too each message is delivered once to each subscriber, on whichever node it lands', async (t) => {
  const nats = await startNats(t)
  const balancers: Balancer[] = []
  const behindBalancer = async (doors: readonly Door[]): Promise<string> => {
    const balancer = await Balancer.start(t, doors)
    balancers.push(balancer)
    return balancer.address
  }
  const [east, west] = await startLinked(t, nats, [
    { cluster: 'east', size: 3, topics: ['t/#'], server: behindBalancer },
    { cluster: 'west', size: 2, topics: ['r/#'], server: behindBalancer },
  ])
  // Whoever came while the nodes were starting came to the first that listened.
  for (const balancer of balancers) balancer.cutAll()
  await eventually('all are back', () => {
    assert.deepEqual(
      balancers.map(({ open }) => open.length),
      // One for messages of each member, and the speaker's.
      [3 + 1, 2 + 1],
    )
  })
  await Promise.all([linkRuns(east, 'west'), linkRuns(west, 'east')])
  await deliversBothWays(t, east, west)
  for (const { counts } of balancers) {
    t.diagnostic(`connections to each node behind a balancer: ${counts.join(', ')}`)
    assert.ok(
      counts.every((count) => count > 0),
      'every node is spoken to',
    )
  }
})

function deliversBothWays(t: TestContext, east: readonly TestMember[], west: readonly TestMember[]): Promise<unknown> {
  return Promise.all([
    deliversOnce(t, { from: west, to: east, link: 'east', topic: 't' }),
    deliversOnce(t, { from: east, to: west, link: 'west', topic: 'r' }),
  ])
}

type Way = {
  readonly from: readonly TestMember[]
  readonly to: readonly TestMember[]
  readonly link: string
  readonly topic: string
}

/** Publishers on every member of one side, subscribers with overlapping filters on every member of the other. */
async function deliversOnce(t: TestContext, { from, to, link, topic }: Way): Promise<void> {
  const subscribers = await Promise.all(to.map((member) => member.connect(t)))
  const arrived = subscribers.map(received)
  await Promise.all(subscribers.map((client) => client.subscribeAsync([`${topic}/#`, `${topic}/+/x`], { qos: 1 })))
  await wantedOn(from, `${topic}/p/x`, link)
  const publishers = await Promise.all(from.map((member) => member.connect(t)))
  const wanted = publishers.map((_, publisher) =>
    Array.from({ length: PER_PUBLISHER }, (_, index) => `${publisher}-${index}`),
  )
  await Promise.all(
    publishers.map((publisher, index) =>
      Promise.all(wanted[index]!.map((payload) => publisher.publishAsync(`${topic}/p/x`, payload, { qos: 1 }))),
    ),
  )
  // What comes last on each way shows that nothing more is to come.
  const all = wanted.flat().toSorted()
  await eventually(`${all.length} messages arrived on each`, () => {
    for (const payloads of arrived) assert.ok(payloads.length >= all.length, String(payloads.length))
  })
  for (const [index, payloads] of arrived.entries()) {
    assert.deepEqual(payloads.toSorted(), all, `on ${to[index]!.name}`)
    for (const own of wanted)
      assert.deepEqual(
        payloads.filter((payload) => own.includes(payload)),
        own,
        'in order',
      )
  }
}

/** Milliseconds from `startMs` until the member knows that the peer wants the topic. */
async function untilWanted(member: TestMember, topic: string, startMs: number): Promise<number> {
  const until = startMs + 10_000
  while (performance.now() < until) if (await isWanted(member, topic, 'east')) return performance.now() - startMs
  throw new Error(`${member.name} does not know of ${topic}`)
}

function linkNamed(destinations: unknown, link: string): boolean {
  return Array.isArray(destinations) && destinations.some((row) => row.type === 'link' && row.link === link)
}
