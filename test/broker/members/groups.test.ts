/** Shared subscriptions whose members are on several nodes: each message goes to one of them in the whole cluster. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeMessage, Publication } from '../../../src/packets/publication.ts'
import type { RawClient } from '../raw-client.ts'
import { publish, subscribe } from '../test-broker.ts'
import { describe, Nodes } from './nodes.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

/** Payloads of all that this client was sent. */
async function taken(client: RawClient): Promise<string[]> {
  client.send({ cmd: 'pingreq' })
  const found: string[] = []
  for (;;) {
    const { packet } = await client.receive()
    if (packet.cmd === 'pingresp') return found
    if (packet.cmd === 'publish') found.push(packet.payload.toString())
  }
}

async function leave(client: RawClient): Promise<void> {
  client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['$share/g/t'] })
  await client.next('unsuback')
}

function publication(nodes: Nodes, payload: string, retain = false): Publication {
  const bytes = encodeMessage({
    topic: 't',
    payload: Buffer.from(payload),
    qos: 1,
    retain,
    properties: undefined,
    from: 'p',
    username: undefined,
    peerHost: undefined,
    timestampMs: nodes.clock.nowMs(),
    origin: undefined,
  })
  const publisher = { clientId: 'p', username: undefined, peerHost: undefined }
  return Publication.read('t', bytes, publisher, nodes.clock.nowMs(), undefined)
}

test('a member here that is ready goes first; other nodes take turns when there is none', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const onB = await nodes.at('b').subscriber('on-b', ['$share/g/t'])
  const onC = await nodes.at('c').subscriber('on-c', ['$share/g/t'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(...['1', '2', '3', '4'].map((payload) => publish('t', payload)))
  await publisher.nothingMore()
  assert.deepEqual(nodes.deliver(), ['a>b t g/t', 'a>c t g/t', 'a>b t g/t', 'a>c t g/t'])
  assert.deepEqual(
    [await taken(onB), await taken(onC)],
    [
      ['1', '3'],
      ['2', '4'],
    ],
  )
  const onA = await nodes.at('a').subscriber('on-a', ['$share/g/t'])
  publisher.send(publish('t', '5'), publish('t', '6'))
  await publisher.nothingMore()
  assert.deepEqual(nodes.deliver(), [])
  assert.deepEqual(await taken(onA), ['5', '6'])
})

test('a member here that would have to wait comes after other nodes, and gets it when there are none', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const away = await nodes.at('a').subscriber('away', ['$share/g/t'], 5, kept)
  await away.destroy()
  await nodes.at('a').connections(0)
  const there = await nodes.at('b').subscriber('there', [{ topic: '$share/g/t', qos: 0 }])
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', '1', { qos: 1, messageId: 1 }))
  await publisher.nothingMore()
  assert.deepEqual(nodes.deliver(), ['a>b t g/t'])
  await publisher.next('puback')
  assert.deepEqual(await taken(there), ['1'])
  await there.destroy()
  await nodes.at('b').connections(0)
  publisher.send(publish('t', '2', { qos: 1, messageId: 2 }))
  await publisher.next('puback')
  assert.deepEqual(nodes.underway, [])
  assert.deepEqual(await taken(await nodes.at('a').client('away', 5, kept)), ['2'])
})

test('one copy tells a node of its ordinary subscribers and of all groups it is to serve', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const onB = await nodes.at('b').subscriber('on-b', ['t', '$share/g/t', '$share/h/#'])
  await nodes.at('c').subscriber('on-c', ['t'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1, retain: true }))
  await publisher.nothingMore()
  assert.deepEqual(nodes.deliver().toSorted(), ['a>b t all, h/#, g/t', 'a>c t all'])
  assert.deepEqual(await taken(onB), ['x', 'x', 'x'])
  await publisher.next('puback')
})

test('a group whose members went while the message was underway: it is handed on, and never goes in circles', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c', 'd'])
  const leaving = await nodes.at('b').subscriber('leaving', ['$share/g/t'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1 }))
  await publisher.nothingMore()
  // The others do not hear that it leaves, and believe one another to have members.
  nodes.isTelling = false
  for (const at of ['a', 'b', 'c', 'd'])
    for (const other of nodes.others(at)) nodes.node(at).broker.addMemberGroup(other, 'g', 't')
  await leave(leaving)
  assert.equal(nodes.deliverOne(0), 'a>b t g/t')
  assert.equal(nodes.underway.length, 1)
  assert.equal((await publisher.next('puback')).messageId, 1)
  const visited = nodes.deliver()
  assert(visited.length <= 4, visited.join('; '))
  const dropped = ['a', 'b', 'c', 'd'].map((name) => nodes.node(name).broker.counters.droppedNoMember)
  assert.equal(
    dropped.reduce((sum, count) => sum + count, 0),
    1,
  )
})

test('handed on, it reaches a member that there is', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const leaving = await nodes.at('b').subscriber('leaving', ['$share/g/t'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', 'x', { qos: 2, messageId: 1, retain: true }))
  await publisher.nothingMore()
  assert.deepEqual(nodes.underway.map(describe), ['a>b t g/t', 'a>c t retain'])
  await leave(leaving)
  const heir = await nodes.at('c').subscriber('heir', ['$share/g/t'])
  assert.deepEqual(nodes.deliver(), ['a>b t g/t', 'a>c t retain', 'b>c t g/t after c'])
  const got = await heir.next('publish')
  assert.deepEqual([got.qos, got.retain, got.payload.toString()], [2, false, 'x'])
  await publisher.next('pubrec')
})

test('when a session ends, another member here inherits what it held, else one on another node', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const first = await nodes.at('a').subscriber('first', ['$share/g/t'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', '1', { qos: 1, messageId: 1 }), publish('t', '2', { qos: 2, messageId: 2, retain: true }))
  await first.publishes(2)
  await publisher.next('puback')
  await publisher.nothingMore()
  nodes.deliver()
  const second = await nodes.at('a').subscriber('second', ['$share/g/t'])
  const onB = await nodes.at('b').subscriber('on-b', ['$share/g/t'])
  await first.destroy()
  await nodes.at('a').connections(2)
  assert.deepEqual(nodes.deliver(), [])
  const { messageId } = await second.next('publish')
  assert.equal(messageId, 1)
  await second.destroy()
  await nodes.at('a').connections(1)
  assert.deepEqual(nodes.deliver(), ['a>b t g/t after b'])
  // What was sent at QoS 2 goes to nobody else [MQTT-4.8.2-5].
  assert.deepEqual(await taken(onB), ['1'])
})

test('what a node had not acknowledged when it died: its groups go to others, the rest is counted', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const { broker } = nodes.node('a')
  const onC = await nodes.at('c').subscriber('on-c', ['$share/g/t', 't'])
  broker.addMemberGroup('b', 'g', 't')
  assert.equal(broker.redispatch(publication(nodes, '1', true), { plain: true, groups: ['g/t', 'gone/t'] }, 'b'), 1)
  assert.deepEqual(nodes.deliver(), ['a>c t g/t after b after c'])
  assert.deepEqual(await taken(onC), ['1'])
  assert.deepEqual([broker.counters.droppedMemberLost, broker.counters.droppedNoMember], [1, 1])
  const onA = await nodes.at('a').subscriber('on-a', ['$share/g/t'])
  assert.equal(broker.redispatch(publication(nodes, '2'), { plain: false, groups: ['g/t'] }, 'b'), 0)
  assert.deepEqual(await taken(onA), ['2'])
  assert.equal(nodes.node('c').broker.retainedCount, 0)
})

test('what a dead node had for a group waits for a member here if no other node is left', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const { broker } = nodes.node('a')
  const away = await nodes.at('a').subscriber('away', ['$share/g/t'], 5, kept)
  await away.destroy()
  await nodes.at('a').connections(0)
  broker.addMemberGroup('b', 'g', 't')
  assert.equal(broker.redispatch(publication(nodes, '1'), { plain: false, groups: ['g/t'] }, 'b'), 0)
  assert.deepEqual(await taken(await nodes.at('a').client('away', 5, kept)), ['1'])
})

test('a node whose members are not ready comes after one whose members are', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  nodes.isTelling = false
  const { broker } = nodes.node('a')
  broker.addMemberGroup('b', 'g', 't', false)
  broker.addMemberGroup('c', 'g', 't')
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('t', '1'), publish('t', '2'))
  await publisher.nothingMore()
  assert.deepEqual(nodes.underway.splice(0).map(describe), ['a>c t g/t', 'a>c t g/t'])
  broker.addMemberGroup('c', 'g', 't', false)
  broker.addMemberGroup('b', 'g', 't', true)
  publisher.send(publish('t', '3'))
  await publisher.nothingMore()
  assert.deepEqual(nodes.underway.splice(0).map(describe), ['a>b t g/t'])
  assert.deepEqual([...broker.interest()], ['t'])
  // One that has to wait here comes between the two.
  broker.addMemberGroup('b', 'g', 't', false)
  const away = await nodes.at('a').subscriber('away', ['$share/g/t'], 5, kept)
  await away.destroy()
  await nodes.at('a').connections(1)
  publisher.send(publish('t', '4', { qos: 1, messageId: 1 }))
  await publisher.next('puback')
  assert.deepEqual(nodes.underway, [])
  assert.deepEqual(await taken(await nodes.at('a').client('away', 5, kept)), ['4'])
})

test('a key that went too far, or names nothing, is dropped and counted', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const { broker } = nodes.node('a')
  broker.addMemberGroup('b', 'g', 't')
  const far = ['g/t', ...Array.from({ length: 65 }, (_, i) => `n${i}`)].join('\0')
  for (const key of [far, '', 'g', '\0\0'])
    broker.deliverFromMember(publication(nodes, 'x'), { plain: false, groups: [key] })
  assert.equal(broker.counters.droppedNoMember, 4)
  assert.deepEqual(nodes.underway, [])
})

test('a group here and on other nodes: who leaves and comes back anew', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const onA = await nodes.at('a').subscriber('on-a', ['$share/g/t'])
  const onB = await nodes.at('b').subscriber('on-b', ['$share/g/t'])
  const publisher = await nodes.at('a').client('p')
  const where = async (): Promise<number[]> => {
    publisher.send(publish('t', 'x'))
    await publisher.nothingMore()
    nodes.deliver()
    return [(await taken(onA)).length, (await taken(onB)).length]
  }
  assert.deepEqual(await where(), [1, 0])
  await leave(onA)
  assert.deepEqual(await where(), [0, 1])
  await subscribe(onA, '$share/g/t')
  await leave(onB)
  assert.deepEqual(await where(), [1, 0])
  await leave(onA)
  assert.deepEqual(await where(), [0, 0])
})

test('whether a group has members elsewhere than on a node that is away', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const { broker } = nodes.at('a')
  const served = (key = 'g/t'): boolean => broker.isServedWithout('b', key)
  assert.equal(served(), true, 'nobody has subscribed: nothing is to wait')
  await nodes.at('b').subscriber('on-b', ['$share/g/t'])
  assert.equal(served(), false)
  const onC = await nodes.at('c').subscriber('on-c', ['$share/g/t'])
  assert.equal(served(), true)
  assert.equal(served('g/t\0c'), false, 'that one was tried')
  await leave(onC)
  assert.equal(served(), false)
  await nodes.at('a').subscriber('on-a', ['$share/g/t'])
  assert.equal(served(), true)
})
