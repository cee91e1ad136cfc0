/** One namespace over several nodes: who gets a message, how often, in which order, and what its publisher is told when. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { LocalInterestChange } from '../../../src/broker/members/local-interest.ts'
import type { InterestChange, RouteSink } from '../../../src/link/broker-port.ts'
import type { Message } from '../../../src/packets/message.ts'
import { encodeMessage, Publication } from '../../../src/packets/publication.ts'
import { MemoryStore } from '../durable/memory-store.ts'
import { ManualClock } from '../manual-clock.ts'
import type { RawClient } from '../raw-client.ts'
import { publish, subscribe, TestBroker } from '../test-broker.ts'
import { Nodes } from './nodes.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }
const message: Message = {
  topic: 't',
  payload: Buffer.from('x'),
  qos: 1,
  retain: false,
  properties: undefined,
  from: 'far',
  username: undefined,
  peerHost: undefined,
  timestampMs: 0,
  origin: undefined,
}

function named({ entry }: Pick<LocalInterestChange, 'entry'>): string {
  return `${entry.kind === 'group' ? `${entry.shareName}: ` : ''}${entry.topicFilter}${entry.isKept ? ' kept' : ''}`
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

async function payloads(client: RawClient, count: number): Promise<string[]> {
  return (await client.publishes(count)).map(({ payload }) => payload.toString())
}

test('a message goes once to each node that has subscribers, and once to each of them, however many filters match', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const onA = await nodes.at('a').subscriber('on-a', ['x/#', 'x/+'])
  const one = await nodes.at('b').subscriber('one', ['x/#', 'x/y', { topic: 'x/+', qos: 0 }])
  const two = await nodes.at('b').subscriber('two', ['x/y'])
  const elsewhere = await nodes.at('c').subscriber('elsewhere', ['z'])
  const publisher = await nodes.at('a').client('p', 5, { username: 'u' })
  publisher.send(publish('x/y', 'm', { qos: 2, messageId: 7, properties: { contentType: 'c' } }))
  await publisher.nothingMore()
  assert.deepEqual(nodes.underway.length, 1)
  assert.deepEqual(nodes.deliver(), ['a>b x/y all'])
  assert.equal((await publisher.next('pubrec')).reasonCode ?? 0, 0)
  for (const client of [onA, one, two]) {
    const got = await client.next('publish')
    assert.deepEqual([got.qos, got.payload.toString(), got.properties?.contentType], [2, 'm', 'c'])
  }
  for (const client of [onA, one, two, elsewhere]) await client.nothingMore()
  assert.equal(nodes.node('a').broker.counters.sentToMembers, 1)
  assert.equal(nodes.node('b').broker.counters.receivedFromMembers, 1)
})

test('order holds per publisher', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const reader = await nodes.at('b').subscriber('reader', [{ topic: '#', qos: 1 }])
  const publisher = await nodes.at('a').client('p')
  const sent = Array.from({ length: 20 }, (_, i) => String(i))
  publisher.send(...sent.map((payload, i) => publish(`t/${i % 3}`, payload, { qos: 1, messageId: i + 1 })))
  await publisher.nothingMore()
  nodes.deliver()
  assert.deepEqual(await payloads(reader, 20), sent)
})

test('who has nobody elsewhere sends nothing, and a filter that is gone is gone everywhere', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const reader = await nodes.at('b').subscriber('reader', ['t', 't/#'])
  const publisher = await nodes.at('a').client('p')
  const told = async (): Promise<number> => {
    publisher.send(publish('t', 'x', { qos: 1, messageId: 1 }))
    while (publisher.unread === 0) {
      nodes.deliver()
      await turn()
    }
    return (await publisher.next('puback')).reasonCode ?? 0
  }
  assert.equal(await told(), 0)
  for (const [filter, reason] of [
    ['t', 0],
    ['t/#', 16],
  ] as const) {
    reader.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: [filter] })
    while ((await reader.receive()).packet.cmd !== 'unsuback');
    assert.equal(await told(), reason)
  }
  assert.equal(nodes.node('a').broker.counters.sentToMembers, 2)
})

test('No Local holds on the node of its session, and its messages reach the others', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const own = { topic: 't', qos: 0, nl: true, rap: false, rh: 0 } as const
  const speaker = await nodes.at('a').subscriber('speaker', [own])
  const other = await nodes.at('b').subscriber('other', [own])
  speaker.send(publish('t', 'x'))
  await speaker.nothingMore()
  nodes.deliver()
  assert.deepEqual(await payloads(other, 1), ['x'])
  await speaker.nothingMore()
})

test('a will is published once, on all nodes', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const readers = [await nodes.at('a').subscriber('ra', ['will']), await nodes.at('b').subscriber('rb', ['will'])]
  const dying = await nodes.at('a').client('dying', 5, { will: { topic: 'will', payload: 'gone', qos: 1 } })
  await dying.destroy()
  await nodes.at('a').connections(1)
  assert.deepEqual(nodes.deliver(), ['a>b will all'])
  for (const reader of readers) {
    assert.deepEqual(await payloads(reader, 1), ['gone'])
    await reader.nothingMore()
  }
})

test('links: what was published in the cluster goes over the link of its own node alone, and what came over one over none', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const accepted: string[] = []
  const sink = (id: string): RouteSink => ({ id, accept: (passing) => void accepted.push(`${id} ${passing.from}`) })
  for (const name of ['a', 'b']) nodes.node(name).broker.addRoute('#', sink(name))
  const reader = await nodes.at('b').subscriber('reader', ['t'])
  assert.equal(nodes.node('a').broker.deliver({ ...message, from: 'here', timestampMs: nodes.clock.nowMs() }), 2)
  assert.equal(nodes.node('a').broker.deliver({ ...message, origin: 'peer', timestampMs: nodes.clock.nowMs() }), 1)
  assert.deepEqual(nodes.deliver(), ['a>b t all', 'a>b t all'])
  assert.deepEqual(await payloads(reader, 2), ['x', 'x'])
  assert.deepEqual(accepted, ['a here'])
})

test('the life of a message that came over a link is what is left of it, on other nodes, too', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const reader = await nodes.at('b').subscriber('reader', ['t'])
  const properties = { messageExpiryInterval: 10 }
  nodes.node('a').broker.deliver({ ...message, origin: 'peer', properties, timestampMs: nodes.clock.nowMs() - 4_000 })
  nodes.clock.advance(1_000)
  nodes.deliver()
  assert.equal((await reader.next('publish')).properties?.messageExpiryInterval, 5)
  nodes.node('a').broker.deliver({ ...message, origin: 'peer', properties, timestampMs: nodes.clock.nowMs() - 4_000 })
  nodes.clock.advance(6_000)
  nodes.deliver()
  await reader.nothingMore()
  assert.equal(nodes.node('b').broker.counters.droppedExpired, 1)
})

test('a message that came over a link tells on all nodes when it was published, so that its copies are known to be of one', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const onA = await nodes.at('a').subscriber('on-a', ['t'])
  await nodes.at('b').subscriber('on-b', ['t'])
  for (const [properties, agoMs] of [
    [undefined, 700],
    [{ messageExpiryInterval: 10 }, 700],
  ] as const) {
    const timestampMs = nodes.clock.nowMs() - agoMs
    nodes.node('a').broker.deliver({ ...message, origin: 'peer', properties, timestampMs })
    assert.equal(nodes.underway.at(-1)?.publication.receivedAtMs, timestampMs)
    await onA.next('publish')
  }
})

test('links see the interest of all nodes as one: each filter once', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const { broker } = nodes.node('a')
  const changes: InterestChange[] = []
  broker.onInterest((change) => changes.push(change))
  const told = (): string[] => changes.splice(0).map(({ type, topicFilter }) => `${type} ${topicFilter}`)
  const [onA, onB, onC] = [
    await nodes.at('a').client('a'),
    await nodes.at('b').client('b'),
    await nodes.at('c').client('c'),
  ]
  await subscribe(onB, 'x', '$share/g/y', '$SYS/#')
  assert.deepEqual(told(), ['added x', 'added y'])
  await subscribe(onA, 'x', 'y')
  await subscribe(onC, 'x', '$share/g/y')
  broker.addMemberRoute('b', 'x')
  assert.deepEqual(told(), [])
  assert.deepEqual([...broker.interest()].toSorted(), ['x', 'y'])
  await onB.destroy()
  await onC.destroy()
  for (const name of ['b', 'c']) await nodes.at(name).connections(0)
  assert.deepEqual(told(), [])
  await onA.destroy()
  await nodes.at('a').connections(0)
  assert.deepEqual(told().toSorted(), ['removed x', 'removed y'])
  broker.removeMemberRoute('b', 'x')
  broker.removeMemberGroup('b', 'g', 'y')
  assert.deepEqual([told(), [...broker.interest()]], [[], []])
})

test('local interest: what sessions here subscribe to, and whether one of them outlives its connection', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const { broker } = nodes.node('a')
  const changes: LocalInterestChange[] = []
  broker.onLocalInterest((change) => changes.push(change))
  const told = (): string[] => changes.splice(0).map((change) => `${change.type} ${named(change)}`)
  const brief = await nodes.at('a').subscriber('brief', ['x', '$share/g/x', '$SYS/#'])
  assert.deepEqual(told(), ['added x', 'added g: x'])
  broker.addMemberRoute('b', 'far')
  const lasting = await nodes.at('a').subscriber('lasting', ['x', 'y', '$share/g/x'], 5, kept)
  await subscribe(lasting, { topic: 'x', qos: 0 })
  assert.deepEqual(told(), ['changed x kept', 'added y kept', 'changed g: x kept'])
  assert.deepEqual(
    // In no order.
    [...broker.localInterest()].map((entry) => named({ entry })).toSorted(),
    ['g: x kept', 'x kept', 'y kept'],
  )
  lasting.send({ cmd: 'disconnect' })
  await lasting.closed()
  assert.deepEqual(told(), [])
  const again = await nodes.at('a').client('lasting', 5, { clean: false })
  assert.deepEqual(told(), ['changed x', 'changed y', 'changed g: x'])
  await again.destroy()
  await nodes.at('a').connections(1)
  assert.deepEqual(told(), ['removed y'])
  await brief.destroy()
  await nodes.at('a').connections(0)
  assert.deepEqual(told(), ['removed x', 'removed g: x'])
  assert.deepEqual([...broker.localInterest()], [])
})

test('local interest counts what was there before anybody asked', async (t) => {
  const started = await TestBroker.start(t)
  const brief = await started.subscriber('brief', ['x', '$share/g/x'])
  await started.subscriber('lasting', ['x'], 5, kept)
  const { broker } = started
  assert.deepEqual(
    [...broker.localInterest()],
    [
      { kind: 'filter', topicFilter: 'x', isKept: true },
      { kind: 'group', shareName: 'g', topicFilter: 'x', isKept: false },
    ],
  )
  await brief.destroy()
  await started.connections(1)
  assert.deepEqual([...broker.localInterest()], [{ kind: 'filter', topicFilter: 'x', isKept: true }])
})

test('PUBACK and PUBREC wait until the other nodes have the message, and later ones behind them; QoS 0 waits for nothing', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  await nodes.at('b').subscriber('rb', ['far/#'])
  await nodes.at('c').subscriber('rc', ['far/2'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(
    publish('near', '', { qos: 1, messageId: 1 }),
    publish('far/1', '', { qos: 1, messageId: 2 }),
    publish('near', '', { qos: 1, messageId: 3 }),
    publish('far/2', '', { qos: 2, messageId: 4 }),
    publish('far/3', ''),
  )
  assert.equal((await publisher.next('puback')).messageId, 1)
  await publisher.nothingMore()
  assert.equal(nodes.underway.length, 4)
  nodes.deliverOne(0)
  assert.equal((await publisher.next('puback')).messageId, 2)
  assert.equal((await publisher.next('puback')).messageId, 3)
  await publisher.nothingMore()
  nodes.deliverOne(1)
  await publisher.nothingMore()
  nodes.deliverOne(0)
  assert.equal((await publisher.next('pubrec')).messageId, 4)
  assert.equal(nodes.underway.length, 1)
})

test('a repeated PUBLISH of QoS 2 is not answered before the first one is at the other nodes', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const reader = await nodes.at('b').subscriber('reader', ['far'])
  const first = await nodes.at('a').client('p', 5, kept)
  first.send(publish('far', 'x', { qos: 2, messageId: 9 }))
  await first.nothingMore()
  await first.destroy()
  const again = await nodes.at('a').client('p', 5, kept)
  again.send(publish('far', 'x', { qos: 2, messageId: 9, dup: true }))
  await again.nothingMore()
  assert.deepEqual(nodes.deliver(), ['a>b far all'])
  assert.equal((await again.next('pubrec')).messageId, 9)
  assert.deepEqual(await payloads(reader, 1), ['x'])
})

test('what a link brings is acknowledged to the peer when the other nodes have it', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const { broker } = nodes.node('a')
  broker.linkInlet = {
    greet: () => undefined,
    batch: () => undefined,
    subscribe: () => 0,
    publish: (_client, { payload, ...rest }) => {
      broker.deliver({ ...rest, topic: payload.toString(), payload, origin: 'peer' })
      return 0
    },
    closed: () => undefined,
  }
  await nodes.at('b').subscriber('reader', ['far'])
  const peer = await nodes.at('a').client('peer')
  peer.send(publish('$LINK/cluster/msg/x', 'far', { qos: 1, messageId: 1 }))
  await peer.nothingMore()
  nodes.deliver()
  assert.equal((await peer.next('puback')).messageId, 1)
})

test('an acknowledgement waits for the disk here, for the other node, and for the disk there', async (t) => {
  const clock = new ManualClock()
  const nodes = await Nodes.start(t, ['a', 'b'], {}, clock)
  const stores = { a: new MemoryStore(), b: new MemoryStore() }
  for (const name of ['a', 'b'] as const) {
    nodes.node(name).broker.open(stores[name])
    const away = await nodes.at(name).subscriber('away', ['t'], 5, kept)
    await away.destroy()
    await nodes.at(name).connections(0)
    clock.advance(1000)
    await nodes.node(name).broker.journal.flush()
    stores[name].isPrompt = false
  }
  const commitBegun = async (name: 'a' | 'b'): Promise<void> => {
    while (stores[name].pending.length === 0) {
      clock.advance(1)
      await turn()
    }
  }
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', '1', { qos: 1, messageId: 1 }))
  await commitBegun('a')
  stores.a.settle()
  await publisher.nothingMore()
  nodes.deliver()
  await commitBegun('b')
  await publisher.nothingMore()
  stores.b.settle()
  assert.equal((await publisher.next('puback')).messageId, 1)
  // The other way round.
  publisher.send(publish('t', '2', { qos: 1, messageId: 2 }), publish('none', '', { qos: 1, messageId: 3 }))
  await commitBegun('a')
  nodes.deliver()
  await commitBegun('b')
  stores.b.settle()
  await publisher.nothingMore()
  stores.a.settle()
  assert.equal((await publisher.next('puback')).messageId, 2)
  assert.equal((await publisher.next('puback')).messageId, 3)
})

test('whenKept calls at once if what came from others needs no disk, whatever else is being written', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const store = new MemoryStore()
  const { broker } = nodes.node('b')
  broker.open(store)
  store.isPrompt = false
  await nodes
    .at('b')
    .client('kept', 5, kept)
    .catch(() => undefined)
  let called = 0
  broker.whenKept(() => called++)
  assert.equal(called, 1)
})

test('a node that can not be sent to takes neither the publisher nor other subscribers with it', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const { broker, started } = nodes.node('a')
  const here = await nodes.at('a').subscriber('here', ['t'])
  broker.addMemberRoute('b', 't')
  broker.members = {
    send: () => {
      throw new Error('lane')
    },
    settledMark: 0,
    wait: () => undefined,
    all: () => ['b'],
  }
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1, retain: true }))
  assert.equal((await publisher.next('puback')).reasonCode ?? 0, 0)
  assert.deepEqual(await payloads(here, 1), ['x'])
  assert.equal(started.log.filter(({ event }) => event === 'cluster_member_send_failed').length, 1)
})

test('a node that leaves its cluster serves its own clients', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  await nodes.at('b').subscriber('far', ['t', '$share/g/t'])
  const here = await nodes.at('a').subscriber('here', ['$share/g/t'])
  nodes.node('a').broker.members = undefined
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1 }))
  assert.equal((await publisher.next('puback')).reasonCode ?? 0, 0)
  assert.deepEqual(await payloads(here, 1), ['x'])
  assert.deepEqual(nodes.underway, [])
})

test('nothing that another node says brings a message under a reserved or bad topic', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const { broker } = nodes.node('b')
  const publisher = { clientId: 'p', username: undefined, peerHost: undefined }
  for (const topic of ['$LINK/x', '$SYS/x', 'a/#']) {
    const bytes = encodeMessage({ ...message, topic, retain: true })
    const publication = Publication.read(topic, bytes, publisher, nodes.clock.nowMs(), undefined)
    assert.equal(broker.deliverFromMember(publication, { plain: true, groups: [] }), 0)
    assert.equal(broker.applyRetained(publication), false)
  }
  assert.equal(broker.retainedCount, 0)
})
