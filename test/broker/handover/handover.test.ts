/** A client that comes back to another node finds its session there, and the old node has none any more. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { noAttributes } from '../../../src/broker/access/client-info.ts'
import { reasonCode } from '../../../src/packets/reason-code.ts'
import { MemoryStore } from '../durable/memory-store.ts'
import { publish, subscribe, type TestBroker } from '../test-broker.ts'
import { Gate, Town, turns } from './two-nodes.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }
/** Sends these at QoS 1 or 2 and waits for what they are acknowledged with. */
async function publishAll(node: TestBroker, qos: 1 | 2, topic: string, payloads: readonly string[]): Promise<void> {
  const publisher = await node.client(`p${Math.random()}`)
  for (const [at, payload] of payloads.entries()) {
    publisher.send(publish(topic, payload, { qos, messageId: at + 1 }))
    await publisher.next(qos === 1 ? 'puback' : 'pubrec')
  }
  await publisher.destroy()
}

for (const isStored of [false, true]) {
  const words = isStored ? 'on disk' : 'in memory'
  const store = (): MemoryStore | undefined => (isStored ? new MemoryStore() : undefined)

  test(`${words}: subscriptions with their options and the queue move, in order, and nothing stays`, async (t) => {
    const town = new Town(t)
    const [a, b] = [await town.node('a', store()), await town.node('b', store())]
    const client = await a.started.client('s', 5, kept)
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'a/#', qos: 2, nl: true, rap: true, rh: 0 }],
      properties: { subscriptionIdentifier: 77 },
    })
    await client.next('suback')
    await client.destroy()
    await a.started.connections(0)
    const publisher = await a.started.client('p')
    publisher.send(publish('a/1', 'one', { qos: 1, messageId: 1, retain: true }))
    await publisher.next('puback')
    publisher.send(publish('a/2', 'two', { qos: 0 }))
    publisher.send(publish('a/3', 'three', { qos: 2, messageId: 2 }))
    await publisher.next('pubrec')
    const again = await b.started.client('s', 5, kept)
    assert.equal(again.connack.sessionPresent, true)
    const found = await again.publishes(3)
    assert.deepEqual(
      found.map(({ payload, qos, retain, dup }) => [String(payload), qos, retain, dup]),
      [
        ['one', 1, true, false],
        ['two', 0, false, false],
        ['three', 2, false, false],
      ],
    )
    assert.ok(found.every(({ properties }) => properties?.subscriptionIdentifier === 77))
    const { subscriptions } = b.started.broker.sessions.get('s')!
    const { qos, noLocal, retainAsPublished, retainHandling } = subscriptions.get('a/#')!
    assert.deepEqual(
      { qos, noLocal, retainAsPublished, retainHandling },
      { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 0 },
    )
    assert.equal(a.started.broker.sessions.get('s'), undefined)
    await town.pass(2_500)
    assert.deepEqual([...a.started.broker.interest()], [])
    if (!isStored) return
    await a.started.broker.journal.flush()
    assert.deepEqual(
      ['sessions', 'subscriptions', 'messages', 'progress'].map((table) => a.store!.count(table as 'sessions')),
      [0, 0, 0, 0],
    )
  })

  test(`${words}: what was sent and not acknowledged comes again, QoS 2 under its identifier, in all of its four steps`, async (t) => {
    const town = new Town(t)
    const [a, b] = [await town.node('a', store()), await town.node('b', store())]
    const subscriber = await a.started.subscriber('s', ['a'], 5, kept)
    await publishAll(a.started, 2, 'a', ['pubrec to come', 'pubcomp to come', 'done'])
    const [first, second, third] = (await subscriber.publishes(3)).map(({ messageId }) => messageId!)
    for (const messageId of [second!, third!]) {
      subscriber.send({ cmd: 'pubrec', messageId })
      await subscriber.next('pubrel')
    }
    subscriber.send({ cmd: 'pubcomp', messageId: third! })
    await subscriber.nothingMore()
    await publishAll(a.started, 1, 'a', ['puback to come'])
    await subscriber.publishes(1)
    // The fourth step: the client's own message, whose PUBREL is to come.
    subscriber.send(publish('elsewhere', 'own', { qos: 2, messageId: 9 }))
    await subscriber.next('pubrec')
    const again = await b.started.client('s', 5, kept)
    assert.equal((await subscriber.next('disconnect')).reasonCode, reasonCode.sessionTakenOver)
    const repeated = await again.next('publish')
    assert.deepEqual(
      [repeated.messageId, String(repeated.payload), repeated.dup, repeated.qos],
      [first, 'pubrec to come', true, 2],
    )
    assert.equal((await again.next('pubrel')).messageId, second)
    const last = await again.next('publish')
    assert.deepEqual([String(last.payload), last.dup, last.qos], ['puback to come', true, 1])
    again.send({ cmd: 'puback', messageId: last.messageId! })
    again.send({ cmd: 'pubcomp', messageId: second! })
    again.send({ cmd: 'pubrec', messageId: first! })
    assert.equal((await again.next('pubrel')).messageId, first)
    again.send({ cmd: 'pubcomp', messageId: first! })
    // Repeated, it must not be passed on anew; released, its identifier is free.
    const watcher = await b.started.subscriber('watcher', ['elsewhere'])
    again.send(publish('elsewhere', 'own', { qos: 2, messageId: 9, dup: true }))
    assert.equal((await again.next('pubrec')).reasonCode ?? 0, 0)
    await watcher.nothingMore()
    again.send({ cmd: 'pubrel', messageId: 9 })
    assert.equal((await again.next('pubcomp')).reasonCode ?? 0, 0)
    await again.nothingMore()
    assert.equal(b.started.broker.sessions.get('s')!.window.count, 0)
  })
}

test('a session that ends with its connection leaves nothing, and its will once', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a'), await town.node('b')]
  const watcher = await a.started.subscriber('watcher', ['will'])
  const old = await a.started.client('s', 5, { clean: true, will: { topic: 'will', payload: 'gone' } })
  const again = await b.started.client('s', 5, kept)
  assert.equal(again.connack.sessionPresent, false)
  assert.equal((await old.next('disconnect')).reasonCode, reasonCode.sessionTakenOver)
  assert.equal(String((await watcher.next('publish')).payload), 'gone')
  await town.pass(10_000)
  await watcher.nothingMore()
})

for (const { delay, clean, sent } of [
  { delay: 0, clean: false, sent: true },
  { delay: 10, clean: false, sent: false },
  { delay: 0, clean: true, sent: true },
  { delay: 10, clean: true, sent: true },
])
  test(`takeover by another node, will delay ${delay} s, ${clean ? 'clean start' : 'the session goes on'}: the will is ${sent ? 'sent once' : 'not sent'}`, async (t) => {
    const town = new Town(t)
    const [a, b] = [await town.node('a'), await town.node('b')]
    const watchers = [await a.started.subscriber('w', ['will']), await b.started.subscriber('w2', ['will'])]
    const will = { topic: 'will', payload: 'gone', properties: { willDelayInterval: delay } }
    const old = await a.started.client('s', 5, { ...kept, will })
    await subscribe(old, 'x')
    const again = await b.started.client('s', 5, { ...kept, clean })
    assert.equal(again.connack.sessionPresent, !clean)
    assert.equal((await old.next('disconnect')).reasonCode, reasonCode.sessionTakenOver)
    if (sent) assert.equal(String((await watchers[0]!.next('publish')).payload), 'gone')
    await town.pass(30_000)
    for (const watcher of watchers) await watcher.nothingMore()
    assert.equal(b.started.broker.sessions.get('s')!.subscriptions.size, clean ? 0 : 1)
  })

test('a delayed will fires at the old node if the client that was on its way never got there', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a'), await town.node('b')]
  const watcher = await a.started.subscriber('w', ['will'])
  const will = { topic: 'will', payload: 'gone', properties: { willDelayInterval: 5 } }
  const old = await a.started.client('s', 5, { ...kept, will })
  town.onTheWayBack = async () => {
    town.forgetNode('b')
    throw new Error('b is gone')
  }
  const lost = await b.started.open()
  lost.send({
    cmd: 'connect',
    clientId: 's',
    protocolId: 'MQTT',
    protocolVersion: 5,
    clean: false,
    keepalive: 0,
    properties: kept.properties,
  })
  await old.closed()
  await town.pass(9_000)
  await watcher.nothingMore()
  await town.pass(2_000)
  assert.equal(String((await watcher.next('publish')).payload), 'gone')
  await town.pass(20_000)
  await watcher.nothingMore()
  const again = await a.started.client('s', 5, kept)
  assert.equal(again.connack.sessionPresent, true)
})

test('shared subscriptions move: the session is a member at the new node, and nobody inherits what it took along', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a'), await town.node('b')]
  const member = await a.started.subscriber('s', ['$share/g/a'], 5, kept)
  await member.destroy()
  await a.started.connections(0)
  await publishAll(a.started, 1, 'a', ['one', 'two'])
  const other = await a.started.subscriber('other', ['$share/g/a'], 5, kept)
  const again = await b.started.client('s', 5, kept)
  const found = await again.publishes(2)
  assert.deepEqual(
    found.map(({ payload }) => String(payload)),
    ['one', 'two'],
  )
  await other.nothingMore()
  // From now on it is no member here, and one there.
  await publishAll(a.started, 1, 'a', ['three'])
  assert.equal(String((await other.next('publish')).payload), 'three')
  for (const { messageId } of found) again.send({ cmd: 'puback', messageId: messageId! })
  await again.nothingMore()
  await publishAll(b.started, 1, 'a', ['four'])
  assert.equal(String((await again.next('publish')).payload), 'four')
})

test('what still comes to the old node is handed on, once, whether the new one got it too or not', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a', new MemoryStore()), await town.node('b', new MemoryStore())]
  const old = await a.started.subscriber('s', ['a'], 5, kept)
  await old.destroy()
  await a.started.connections(0)
  const gate = new Gate()
  town.onTheWay = async (kind) => {
    if (kind === 'confirm') await gate.pass()
  }
  const connecting = b.started.client('s', 5, kept)
  await gate.reached
  // One that both nodes get, and one that only the old one gets, before it is confirmed; and the same after that.
  await bothPublish(town, 'both, before')
  await publishAll(a.started, 1, 'a', ['old alone, before'])
  gate.open()
  const again = await connecting
  const first = await again.publishes(2)
  assert.deepEqual(
    first.map(({ payload }) => String(payload)),
    ['both, before', 'old alone, before'],
  )
  await publishAll(a.started, 1, 'a', ['old alone, after'])
  await bothPublish(town, 'both, after')
  // In the order in which they were published, though the second one was routed here at once.
  await town.pass(100)
  const second = await again.publishes(2)
  assert.deepEqual(
    second.map(({ payload }) => String(payload)),
    ['old alone, after', 'both, after'],
  )
  await bothPublish(town, 'both, and nothing is handed on in time')
  await town.pass(3_000)
  assert.equal(String((await again.next('publish')).payload), 'both, and nothing is handed on in time')
  await publishAll(a.started, 1, 'a', ['nobody is here any more'])
  await town.pass(200)
  await again.nothingMore()
})

/** The same message by way of both nodes, as it comes from a third. */
async function bothPublish(town: Town, payload: string): Promise<void> {
  const message = {
    topic: 'a',
    payload: Buffer.from(payload),
    qos: 1 as const,
    retain: false,
    properties: undefined,
    from: 'third',
    username: undefined,
    peerHost: undefined,
    timestampMs: town.clock.nowMs(),
    origin: undefined,
  }
  for (const { started } of town.nodes.values()) started.broker.deliver(message)
  await turns(2)
}

test('a session of another user is not handed over: it ends', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a'), await town.node('b')]
  for (const { started } of [a, b])
    started.broker.authenticator = {
      isOpen: false,
      authenticate: async () => ({
        type: 'accepted',
        isSuperuser: false,
        attributes: noAttributes,
        expiresAtMs: undefined,
      }),
    }
  await a.started.subscriber('s', ['a'], 5, { ...kept, username: 'owner' })
  const other = await b.started.client('s', 5, { ...kept, username: 'other' })
  assert.equal(other.connack.sessionPresent, false)
  assert.equal(a.started.broker.sessions.get('s'), undefined)
  assert.deepEqual(a.troubles, ['session_of_another_user_discarded'])
  await subscribe(other, 'b')
  const again = await a.started.client('s', 5, { ...kept, username: 'other' })
  assert.equal(again.connack.sessionPresent, true)
})

test('two connections for one ClientID while its session is on its way: the later one has it, the earlier is closed', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a'), await town.node('b')]
  const old = await a.started.subscriber('s', ['a'], 5, kept)
  const gate = new Gate()
  let takes = 0
  town.onTheWay = async (kind) => {
    if (kind === 'take') takes++
    await gate.pass()
  }
  const first = await b.started.open()
  const connect = {
    cmd: 'connect' as const,
    clientId: 's',
    protocolId: 'MQTT' as const,
    protocolVersion: 5 as const,
    keepalive: 0,
    ...kept,
  }
  first.send(connect)
  await gate.reached
  const second = await b.started.open()
  // It need not wait for its CONNACK.
  second.send(connect, publish('a', 'early', { qos: 1, messageId: 5 }))
  await first.closed()
  assert.equal(second.unread, 0)
  gate.open()
  assert.equal((await second.next('connack')).sessionPresent, true)
  const both = [await second.receive(), await second.receive()].map(({ packet }) => packet.cmd)
  assert.deepEqual(both.toSorted(), ['puback', 'publish'])
  await old.closed()
  assert.equal(takes, 1)
  assert.equal(b.started.server.connectionCount, 1)
})

test('an old node that does not answer: a fresh session, and the old one ends when it hears of it', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a', new MemoryStore()), await town.node('b', new MemoryStore())]
  const old = await a.started.subscriber('s', ['a'], 5, kept)
  await publishAll(a.started, 1, 'a', ['lost'])
  await old.publishes(1)
  town.onTheWay = async () => {
    throw new Error('silent')
  }
  const again = await b.started.client('s', 5, kept)
  assert.equal(again.connack.sessionPresent, false)
  assert.deepEqual(b.troubles, ['session_handover_failed'])
  assert.equal((await old.next('disconnect')).reasonCode, reasonCode.sessionTakenOver)
  const line = a.started.log.find(({ event }) => event === 'session_superseded')
  assert.deepEqual(line?.fields, { clientid: 's', member: 'b', lost: 1 })
  assert.equal(a.started.broker.counters.droppedNotConnected, 1)
  assert.equal(a.started.broker.sessions.get('s'), undefined)
  await turns(3)
  assert.deepEqual([...a.started.broker.interest()], [])
})

test('a confirmation that gets lost is asked for again, with what came late', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a'), await town.node('b')]
  const old = await a.started.subscriber('s', ['a'], 5, kept)
  await old.destroy()
  await a.started.connections(0)
  let confirmations = 0
  town.onTheWay = async (kind) => {
    if (kind === 'confirm' && confirmations === 0) await publishAll(a.started, 1, 'a', ['late'])
  }
  town.onTheWayBack = async (kind) => {
    if (kind === 'confirm' && ++confirmations === 1) throw new Error('lost')
  }
  const again = await b.started.client('s', 5, kept)
  assert.equal(String((await again.next('publish')).payload), 'late')
  assert.equal(confirmations, 2)
  assert.deepEqual(b.troubles, ['session_handover_unconfirmed'])
  await town.pass(3_000)
  await again.nothingMore()
})

test('a client that is back at the old node before the new one could confirm keeps its session there', async (t) => {
  const town = new Town(t)
  const [a, b] = [await town.node('a', new MemoryStore()), await town.node('b', new MemoryStore())]
  const old = await a.started.subscriber('s', ['a'], 5, kept)
  await old.destroy()
  await a.started.connections(0)
  await publishAll(a.started, 1, 'a', ['one'])
  const gate = new Gate()
  town.onTheWay = async (kind) => {
    if (kind === 'confirm') await gate.pass()
  }
  const there = await b.started.open()
  there.send({ cmd: 'connect', clientId: 's', protocolId: 'MQTT', protocolVersion: 5, keepalive: 0, ...kept })
  await gate.reached
  await publishAll(a.started, 1, 'a', ['two'])
  const again = await a.started.client('s', 5, kept)
  gate.open()
  assert.equal((await there.next('connack')).reasonCode, reasonCode.serverUnavailable)
  assert.deepEqual(
    (await again.publishes(2)).map(({ payload }) => String(payload)),
    ['one', 'two'],
  )
  assert.equal(b.started.broker.sessions.get('s'), undefined)
  await b.started.broker.journal.flush()
  assert.equal(b.store!.count('sessions'), 0)
})

test('to and fro within a moment: the session is always where the client is, with one copy of each message', async (t) => {
  const town = new Town(t)
  const nodes = [await town.node('a', new MemoryStore()), await town.node('b', new MemoryStore())]
  await nodes[0]!.started.subscriber('s', ['a'], 5, kept)
  for (let hop = 1; hop <= 6; hop++) {
    const client = await nodes[hop % 2]!.started.client('s', 5, kept)
    assert.equal(client.connack.sessionPresent, true)
    await bothPublish(town, `${hop}`)
    const found = await client.next('publish')
    assert.equal(String(found.payload), `${hop}`)
    client.send({ cmd: 'puback', messageId: found.messageId! })
    await town.pass(60)
    await client.nothingMore()
  }
})
