/** What is acknowledged when: after it is on disk, in order, and not at all while the disk takes nothing. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { ManualClock } from '../manual-clock.ts'
import { publish, subscribe, TestBroker } from '../test-broker.ts'
import { MemoryStore } from './memory-store.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

/** With a kept session `away` that wants `kept/#`; commits wait from here on. */
async function startWithKept(t: TestContext, clock = new ManualClock()) {
  const store = new MemoryStore()
  const started = await TestBroker.start(t, {}, clock)
  started.broker.open(store)
  const away = await started.subscriber('away', ['kept/#'], 5, kept)
  await away.destroy()
  await started.connections(0)
  clock.advance(1000)
  await started.broker.journal.flush()
  store.isPrompt = false
  return { broker: started.broker, started, store, clock }
}

/** The same with a kept session whose client `there` wants `here` and is connected, and with a publisher. */
async function startWithReader(t: TestContext) {
  const { started, store, broker, clock } = await startWithKept(t)
  store.isPrompt = true
  const there = await started.subscriber('there', ['here'], 5, kept)
  const publisher = await started.client('p')
  clock.advance(1000)
  await broker.journal.flush()
  store.isPrompt = false
  return { store, broker, clock, there, publisher }
}

/** Resolves when a commit is on its way. */
async function commitBegun(store: MemoryStore, clock: ManualClock): Promise<void> {
  while (store.pending.length === 0) {
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('PUBACK and PUBREC wait for the commit, and later ones behind them, whatever they are for', async (t) => {
  const { started, store, clock } = await startWithKept(t)
  const publisher = await started.client('p')
  publisher.send(
    publish('other', '', { qos: 1, messageId: 1 }),
    publish('kept/1', '', { qos: 1, messageId: 2 }),
    publish('other', '', { qos: 1, messageId: 3 }),
    publish('kept/2', '', { qos: 2, messageId: 4 }),
  )
  assert.equal((await publisher.next('puback')).messageId, 1)
  await publisher.nothingMore()
  await commitBegun(store, clock)
  await publisher.nothingMore()
  store.settle()
  assert.equal((await publisher.next('puback')).messageId, 2)
  assert.equal((await publisher.next('puback')).messageId, 3)
  assert.equal((await publisher.next('pubrec')).messageId, 4)
})

test('a node that ends acknowledges what it took before it says goodbye, and takes nothing more', async (t) => {
  const { started, store, clock } = await startWithKept(t)
  const publisher = await started.client('p')
  publisher.send(publish('kept/1', '', { qos: 1, messageId: 1 }))
  await commitBegun(store, clock)
  const closed = started.server.close()
  publisher.send(publish('kept/2', '', { qos: 1, messageId: 2 }))
  store.settle()
  assert.equal((await publisher.next('puback')).messageId, 1)
  assert.equal((await publisher.next('disconnect')).reasonCode, 0x8b)
  await closed
  assert.equal(store.pending.length, 0)
})

test('a node that ends while its disk does not answer waits for it no longer than two seconds', async (t) => {
  const { started, store, clock } = await startWithKept(t)
  const publisher = await started.client('p')
  publisher.send(publish('kept/1', '', { qos: 1, messageId: 1 }))
  await commitBegun(store, clock)
  const closed = started.server.close()
  clock.advance(1_999)
  assert.equal(started.server.connectionCount, 1)
  clock.advance(1)
  assert.equal((await publisher.next('disconnect')).reasonCode, 0x8b)
  await closed
})

test('what nobody keeps waits for nothing', async (t) => {
  const { started, store } = await startWithKept(t)
  const reader = await started.subscriber('reader', ['a'])
  const publisher = await started.client('p')
  for (const messageId of [1, 2]) {
    publisher.send(publish('a', '', { qos: 1, messageId }))
    assert.equal((await publisher.next('puback')).messageId, messageId)
    await reader.next('publish')
  }
  assert.equal(store.pending.length, 0)
})

test('a message that its subscribers took before the commit began is not written at all', async (t) => {
  const { store, clock, there, publisher } = await startWithReader(t)
  // One commit is on its way, so that the next can't begin.
  publisher.send(publish('kept/1', '', { qos: 1, messageId: 1 }))
  await commitBegun(store, clock)
  publisher.send(publish('here', '', { qos: 1, messageId: 2 }))
  const { messageId } = await there.next('publish')
  there.send({ cmd: 'puback', messageId: messageId! })
  await there.nothingMore()
  store.settle()
  assert.equal((await publisher.next('puback')).messageId, 1)
  while (publisher.unread === 0) {
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await publisher.next('puback')).messageId, 2)
  assert.equal(store.pending.length, 0)
})

test('a message that every kept subscriber has acknowledged is answered at once, and the disk is not asked', async (t) => {
  const { store, there, publisher } = await startWithReader(t)
  for (const messageId of [1, 2, 3]) {
    publisher.send(publish('here', '', { qos: 1, messageId }))
    const taken = await there.next('publish')
    await publisher.nothingMore()
    there.send({ cmd: 'puback', messageId: taken.messageId! })
    // Time stands still: no commit begins by itself.
    assert.equal((await publisher.next('puback')).messageId, messageId)
  }
  assert.equal(store.pending.length, 0)
})

test('a disk that took nothing is not taken for mended because nothing is left to write', async (t) => {
  const { store, broker, clock, there, publisher } = await startWithReader(t)
  publisher.send(publish('here', '', { qos: 1, messageId: 1 }))
  const taken = await there.next('publish')
  await commitBegun(store, clock)
  store.failure = new Error('full')
  store.settle()
  store.failure = undefined
  await publisher.closed()
  there.send({ cmd: 'puback', messageId: taken.messageId! })
  await there.nothingMore()
  assert(broker.journal.isFailing)
  await commitBegun(store, clock)
  assert(broker.journal.isFailing)
  store.settle()
  while (broker.journal.isFailing) await new Promise((resolve) => setImmediate(resolve))
})

test('QoS 2 goes to a kept subscriber only when it is on disk; QoS 1 at once', async (t) => {
  const { started, store, clock, broker } = await startWithKept(t)
  store.isPrompt = true
  const there = await started.subscriber('there', ['here'], 5, kept)
  clock.advance(1000)
  await broker.journal.flush()
  store.isPrompt = false
  const publisher = await started.client('p')
  publisher.send(publish('here', 'one', { qos: 1, messageId: 1 }), publish('here', 'two', { qos: 2, messageId: 2 }))
  assert.equal((await there.next('publish')).payload.toString(), 'one')
  await commitBegun(store, clock)
  await there.nothingMore()
  store.settle()
  assert.equal((await there.next('publish')).payload.toString(), 'two')
})

test('SUBACK of a kept session waits for the commit', async (t) => {
  const { started, store, clock } = await startWithKept(t)
  const client = await started.client('s', 5, kept)
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'x', qos: 1 }] })
  await commitBegun(store, clock)
  await client.nothingMore()
  store.settle()
  while (client.unread === 0) {
    store.settle()
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual((await client.next('suback')).granted, [1])
})

test('a full disk: nothing is acknowledged that is not kept, the rest goes on, and so does all when there is room', async (t) => {
  const { started, store, clock, broker } = await startWithKept(t)
  const failures = (): string[] =>
    started.log.filter(({ event }) => event.startsWith('store_')).map(({ event }) => event)
  const waiting = await started.client('waiting')
  const reader = await started.subscriber('reader', ['other'])
  const publisher = await started.client('p')
  const oldPublisher = await started.client('old', 4)
  store.failure = new Error('no room is left on the disk')
  waiting.send(publish('kept/1', '', { qos: 1, messageId: 1 }))
  await commitBegun(store, clock)
  store.isPrompt = true
  store.settle()
  const goodbye = await waiting.next('disconnect')
  assert.equal(goodbye.reasonCode, 0x97)
  assert.match(String(goodbye.properties?.reasonString), /disk/)
  // From now on it is refused, before anybody gets it.
  publisher.send(publish('kept/2', '', { qos: 1, messageId: 1 }), publish('kept/3', '', { qos: 2, messageId: 2 }))
  assert.equal((await publisher.next('puback')).reasonCode, 0x97)
  assert.equal((await publisher.next('pubrec')).reasonCode, 0x97)
  oldPublisher.send(publish('kept/2', '', { qos: 1, messageId: 1 }))
  assert.deepEqual(await oldPublisher.closed(), [])
  publisher.send(publish('other', 'x', { qos: 1, messageId: 3 }), publish('kept/0', 'x'))
  assert.equal((await publisher.next('puback')).messageId, 3)
  assert.equal((await reader.next('publish')).topic, 'other')
  clock.advance(20_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(failures(), ['store_loaded', 'store_write_failed'])
  store.failure = undefined
  while (broker.journal.isFailing) {
    clock.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(failures(), ['store_loaded', 'store_write_failed', 'store_write_recovered'])
  publisher.send(publish('kept/4', '', { qos: 1, messageId: 4 }))
  assert.equal((await publisher.next('puback')).reasonCode ?? 0, 0)
  const away = await started.client('away', 5, kept)
  // What was never acknowledged may come, too: its publisher could not know.
  const topics = (await away.publishes(3)).map(({ topic }) => topic)
  assert.deepEqual(topics, ['kept/1', 'kept/0', 'kept/4'])
})

test('one client that is away does not hold on to the room of all that others took', async (t) => {
  const { started, store, clock, broker } = await startWithKept(t)
  store.isPrompt = true
  const there = await started.subscriber('there', ['#'], 5, kept)
  const publisher = await started.client('p')
  const rounds = 100
  for (let round = 0; round < rounds; round++) {
    const packets = Array.from({ length: 20 }, (_, i) =>
      publish(i === 0 ? 'kept/x' : 'there', Buffer.alloc(100), { qos: 1, messageId: i + 1 }),
    )
    publisher.send(...packets)
    const taken = await there.publishes(packets.length)
    // Nobody acknowledges in time: all of it goes to disk.
    clock.advance(100)
    for (let i = 0; i < packets.length; i++) await publisher.next('puback')
    for (const { messageId } of taken) there.send({ cmd: 'puback', messageId: messageId! })
    await there.nothingMore()
    clock.advance(100)
    await broker.journal.flush()
  }
  // One message a round is left, and most of those stand together in a few records by now.
  assert(store.bytes('messages') < rounds * 1000, `${store.bytes('messages')} bytes for ${rounds} messages`)
  assert(store.count('messages') < rounds)
  const away = await started.client('away', 5, kept)
  assert.equal((await away.publishes(32)).length, 32)
})

test('damaged records are named, and nothing of the store is used', async (t) => {
  const { started, store, clock, broker } = await startWithKept(t)
  store.isPrompt = true
  const publisher = await started.client('p')
  publisher.send(publish('kept/1', 'x', { qos: 1, messageId: 1, retain: true }))
  await publisher.next('puback')
  clock.advance(1000)
  await broker.journal.flush()
  broker.journal.close()
  for (const table of ['sessions', 'subscriptions', 'messages', 'retained'] as const) {
    for (const harm of ['turned', 'cut', 'emptied'] as const) {
      const disk = store.afterCrash()
      const [key, value] = [...disk.entries(table)][0]!
      const damaged = { turned: turnBit(value), cut: value.subarray(0, -1), emptied: Buffer.alloc(0) }[harm]
      await disk.commit([{ table, key, value: damaged }])
      const next = await TestBroker.start(t)
      assert.throws(() => next.broker.open(disk), {
        code: 'STORE_RECORDS_DAMAGED',
        message: new RegExp(`1 damaged record in the store \\(${table} ${key.toString('hex')}: .*move it away`),
      })
    }
  }
})

function turnBit(value: Buffer): Buffer {
  const turned = Buffer.from(value)
  turned[turned.length - 1]! ^= 4
  return turned
}

test('subscribing while the disk takes nothing ends the connection instead of promising', async (t) => {
  const { started, store, clock } = await startWithKept(t)
  const client = await started.client('s', 5, kept)
  await commitBegun(store, clock)
  store.settle()
  store.failure = new Error('no room')
  store.isPrompt = true
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'x', qos: 1 }] })
  while (client.unread === 0) {
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await client.next('disconnect')).reasonCode, 0x97)
  store.failure = undefined
  clock.advance(20_000)
  const again = await started.client('s', 5, kept)
  assert.deepEqual(await subscribe(again, 'x'), [2])
})

test('what a link brings while the disk takes nothing is not acknowledged, so that the peer keeps it', async (t) => {
  const { started, store, clock, broker } = await startWithKept(t)
  broker.linkInlet = {
    greet: () => undefined,
    batch: () => undefined,
    subscribe: () => 0,
    publish: (_client, message) => {
      broker.deliver({ ...message, topic: message.payload.toString() })
      return 0
    },
    closed: () => undefined,
  }
  store.failure = new Error('no room')
  store.isPrompt = true
  const trigger = await started.client('trigger')
  trigger.send(publish('kept/1', '', { qos: 1, messageId: 1 }))
  while (!broker.journal.isFailing) {
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const peer = await started.client('peer')
  peer.send(publish('$LINK/cluster/msg/x', 'nobody/keeps/it', { qos: 1, messageId: 1 }))
  assert.equal((await peer.next('puback')).messageId, 1)
  peer.send(publish('$LINK/cluster/msg/x', 'kept/2', { qos: 1, messageId: 2 }))
  assert.equal((await peer.next('disconnect')).reasonCode, 0x97)
  assert.deepEqual(await peer.closed(), [])
})
