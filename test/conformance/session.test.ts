/** Chapters 3.14 and 4.1 to 4.6: DISCONNECT, sessions, delivery and its order. */
import assert from 'node:assert/strict'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { MemoryStore } from '../broker/durable/memory-store.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { hex, type PacketOf, type RawClient, type Version } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { answers } from './answers.ts'
import { connectBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

const kept = (version: Version) =>
  version === 5 ? { clean: false, properties: { sessionExpiryInterval: 600 } } : { clean: false }

const text = ({ payload }: PacketOf<'publish'>) => String(payload)

/** Publishes at this QoS and goes through the whole exchange. */
async function publishWhole(client: RawClient, packet: PacketOf<'publish'>): Promise<void> {
  client.send(packet)
  if (packet.qos === 1) await client.next('puback')
  if (packet.qos !== 2) return
  await client.next('pubrec')
  client.send({ cmd: 'pubrel', messageId: packet.messageId! })
  await client.next('pubcomp')
}

/** A subscriber of `t` whose session is kept, and a publisher. */
async function pair(t: Parameters<typeof TestBroker.start>[0], version: Version, clock?: ManualClock) {
  const broker = await TestBroker.start(t, {}, clock)
  const receiver = await broker.subscriber('receiver', ['t'], version, kept(version))
  const publisher = await broker.client('publisher', version)
  return { broker, receiver, publisher }
}

async function reconnect(broker: TestBroker, receiver: RawClient, version: Version): Promise<RawClient> {
  await receiver.destroy()
  await broker.connections(1)
  return broker.client('receiver', version, kept(version))
}

holds(
  'what comes at QoS 1 and 2 while a client is away is there when it is back',
  { 4: '3.1.2-4 3.1.2-5 4.1.0-1 4.5.0-1', 5: '3.1.2-5 3.1.2-23 4.5.0-1' },
  async (t, version) => {
    const { broker, receiver, publisher } = await pair(t, version)
    const others = await Promise.all(
      ['b', 'c'].map((name) => broker.subscriber(name, [{ topic: '#', qos: 1 }], version, kept(version))),
    )
    for (const client of [receiver, ...others]) await client.destroy()
    await broker.connections(1)
    for (const [i, qos] of ([1, 2, 1] as const).entries())
      await publishWhole(publisher, publish('t', String(i), { qos, messageId: i + 1 }))
    for (const [name, qos] of [
      ['receiver', [1, 2, 1]],
      ['b', [1, 1, 1]],
      ['c', [1, 1, 1]],
    ] as const) {
      const back = await broker.client(name, version, kept(version))
      assert.equal(back.connack.sessionPresent, true)
      const got = await back.publishes(3)
      assert.deepEqual(
        got.map((packet) => [text(packet), packet.qos, packet.dup]),
        qos.map((expected, i) => [String(i), expected, false]),
      )
      await back.nothingMore()
    }
  },
)

holds(
  'a clean session leaves nothing to the next one, neither subscriptions nor messages nor identifiers',
  { 4: '3.1.2-6', 5: '3.1.2-4' },
  async (t, version) => {
    const { broker, receiver, publisher } = await pair(t, version)
    await publishWhole(publisher, publish('t', 'unacknowledged', { qos: 1, messageId: 1 }))
    await receiver.next('publish')
    receiver.send(publish('t/own', 'x', { qos: 2, messageId: 5 }))
    await receiver.next('pubrec')
    await receiver.destroy()
    await broker.connections(1)
    const clean = await broker.client('receiver', version, { clean: true })
    assert.equal(clean.connack.sessionPresent, false)
    await publishWhole(publisher, publish('t', 'x', { qos: 1, messageId: 1 }))
    await clean.nothingMore()
    const watcher = await broker.subscriber('watcher', ['t/own'])
    clean.send(publish('t/own', 'new', { qos: 2, messageId: 5 }))
    assert.equal(text(await watcher.next('publish')), 'new')
    await clean.next('pubrec')
    await clean.destroy()
    await broker.connections(2)
    assert.equal((await broker.client('receiver', version, kept(version))).connack.sessionPresent, false)
  },
)

holds(
  'a session lasts as long as its connection, however long that is',
  { 4: '4.1.0-1 4.1.0-2', 5: '4.1.0-1' },
  async (t, version) => {
    const clock = new ManualClock()
    const broker = await TestBroker.start(t, { session_expiry_interval: 1_000 }, clock)
    const client = await broker.subscriber('a', ['t'], version)
    clock.advance(86_400_000)
    client.send(publish('t', 'x'))
    assert.equal(text(await client.next('publish')), 'x')
  },
)

holds('a session ends when it was away for its Session Expiry Interval', { 5: '4.1.0-2' }, async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const options = { clean: false, properties: { sessionExpiryInterval: 3 } }
  for (const [away, present] of [
    [2_999, true],
    [3_000, false],
  ] as const) {
    await (await broker.client('a', 5, options)).destroy()
    await broker.connections(0)
    clock.advance(away)
    const back = await broker.client('a', 5, options)
    assert.equal(back.connack.sessionPresent, present)
    await back.destroy()
    await broker.connections(0)
  }
})

holds(
  'after PUBACK, and after PUBCOMP, a PUBLISH of that identifier is a new message, whatever its DUP',
  { 4: '4.3.2-2 4.3.3-2', 5: '4.3.2-5 4.3.3-12' },
  async (t, version) => {
    const { receiver, publisher } = await pair(t, version)
    for (const qos of [1, 2] as const)
      for (const dup of [false, true]) {
        await publishWhole(publisher, publish('t', `${qos} ${dup}`, { qos, dup, messageId: 7 }))
        assert.equal(text(await receiver.next('publish')), `${qos} ${dup}`)
      }
  },
)

holds(
  'until PUBREL a PUBLISH of that identifier is answered with PUBREC and delivered to nobody again',
  { 4: '4.3.3-2', 5: '4.3.3-10 4.3.3-11' },
  async (t, version) => {
    const { broker, receiver, publisher } = await pair(t, version)
    for (const dup of [false, true, true]) {
      publisher.send(publish('t', 'once', { qos: 2, dup, messageId: 7 }))
      assert.equal((await publisher.next('pubrec')).messageId, 7)
    }
    const again = await broker.client('publisher', version, { clean: true })
    assert.equal(text(await receiver.next('publish')), 'once')
    await receiver.nothingMore()
    // PUBREL may come twice as well.
    for (let i = 0; i < 2; i++) {
      again.send({ cmd: 'pubrel', messageId: 7 })
      assert.equal((await again.next('pubcomp')).messageId, 7)
    }
  },
)

holds('after a PUBREC that refuses, the identifier is free for a new message', { 5: '4.3.3-9' }, async (t) => {
  const { receiver, publisher } = await pair(t, 5)
  publisher.send(publish('$SYS/x', 'refused', { qos: 2, messageId: 7 }))
  assert.equal((await publisher.next('pubrec')).reasonCode, reasonCode.notAuthorized)
  publisher.send(publish('t', 'new', { qos: 2, messageId: 7 }))
  assert.equal((await publisher.next('pubrec')).reasonCode ?? 0, 0)
  assert.equal(text(await receiver.next('publish')), 'new')
})

holds('a message that expires meanwhile is still acknowledged to the end', { 5: '4.3.3-13' }, async (t) => {
  const clock = new ManualClock()
  const { broker, receiver, publisher } = await pair(t, 5, clock)
  await receiver.destroy()
  await broker.connections(1)
  const packet = publish('t', 'x', { qos: 2, messageId: 7, properties: { messageExpiryInterval: 1 } })
  publisher.send(packet)
  assert.equal((await publisher.next('pubrec')).reasonCode ?? 0, 0)
  clock.advance(5_000)
  publisher.send({ ...packet, dup: true })
  assert.equal((await publisher.next('pubrec')).reasonCode ?? 0, 0)
  publisher.send({ cmd: 'pubrel', messageId: 7 })
  assert.equal((await publisher.next('pubcomp')).reasonCode ?? 0, 0)
  const back = await broker.client('receiver', 5, kept(5))
  await back.nothingMore()
})

holds('what was sent does not expire: it comes again', { 5: '4.3.3-7' }, async (t) => {
  const clock = new ManualClock()
  const { broker, receiver, publisher } = await pair(t, 5, clock)
  for (const qos of [1, 2] as const)
    await publishWhole(
      publisher,
      publish('t', String(qos), { qos, messageId: 1, properties: { messageExpiryInterval: 1 } }),
    )
  await receiver.publishes(2)
  clock.advance(5_000)
  const back = await reconnect(broker, receiver, 5)
  assert.deepEqual(
    (await back.publishes(2)).map((packet) => [text(packet), packet.dup]),
    [
      ['1', true],
      ['2', true],
    ],
  )
})

holds(
  'each step is repeated on the next connection until it was answered, under its own identifier and in order',
  { 4: '3.3.1-1 4.3.2-1 4.3.3-1 4.4.0-1 2.3.1-4 4.6.0-6', 5: '3.3.1-1 4.3.2-3 4.3.3-3 4.3.3-5 4.3.3-6 4.4.0-1' },
  async (t, version) => {
    const { broker, receiver, publisher } = await pair(t, version)
    for (const [i, qos] of ([2, 1, 2, 1] as const).entries())
      await publishWhole(publisher, publish('t', String(i), { qos, messageId: 1 }))
    const ids = (await receiver.publishes(4)).map(({ messageId }) => messageId!)
    receiver.send({ cmd: 'pubrec', messageId: ids[2]! })
    await receiver.next('pubrel')
    receiver.send({ cmd: 'puback', messageId: ids[3]! })
    await receiver.nothingMore()
    let client = receiver
    for (let round = 0; round < 2; round++) {
      client = await reconnect(broker, client, version)
      const { packets } = await answers(client)
      assert.deepEqual(
        packets.map((packet) => [packet.cmd, packet.messageId, packet.cmd === 'publish' && packet.dup]),
        [
          ['publish', ids[0], true],
          ['publish', ids[1], true],
          ['pubrel', ids[2], false],
        ],
      )
    }
    client.send({ cmd: 'pubcomp', messageId: ids[2]! }, { cmd: 'puback', messageId: ids[1]! })
    await client.nothingMore()
    client = await reconnect(broker, client, version)
    const last = await client.next('publish')
    assert.deepEqual([last.messageId, last.qos, last.dup], [ids[0], 2, true])
    await client.nothingMore()
  },
)

holds('nothing is sent again while the connection lives', { 4: '4.4.0-1', 5: '4.4.0-1' }, async (t, version) => {
  const clock = new ManualClock()
  const { receiver, publisher } = await pair(t, version, clock)
  for (const qos of [1, 2] as const) await publishWhole(publisher, publish('t', 'x', { qos, messageId: 1 }))
  const [, second] = await receiver.publishes(2)
  receiver.send({ cmd: 'pubrec', messageId: second!.messageId! })
  await receiver.next('pubrel')
  for (let i = 0; i < 10; i++) {
    clock.advance(3_600_000)
    await receiver.nothingMore()
  }
})

holds('what the receiver refused is not sent again', { 5: '4.4.0-2' }, async (t) => {
  const { broker, receiver, publisher } = await pair(t, 5)
  for (const qos of [1, 2] as const) await publishWhole(publisher, publish('t', 'x', { qos, messageId: 1 }))
  const [one, two] = await receiver.publishes(2)
  receiver.send({ cmd: 'puback', messageId: one!.messageId!, reasonCode: 0x80 })
  receiver.send({ cmd: 'pubrec', messageId: two!.messageId!, reasonCode: 0x97 })
  await receiver.nothingMore()
  const back = await reconnect(broker, receiver, 5)
  await back.nothingMore()
})

holds(
  'messages of one publisher and QoS come in their order, to one that is away as to one that is there',
  { 4: '4.6.0-5 4.6.0-6', 5: '4.6.0-5 4.6.0-6' },
  async (t, version) => {
    const { broker, receiver, publisher } = await pair(t, version)
    const here = await broker.subscriber('here', ['t'], version)
    await receiver.destroy()
    await broker.connections(2)
    for (let i = 0; i < 60; i++) {
      const qos = (i % 3) as 0 | 1 | 2
      publisher.send(publish('t', String(i), { qos, messageId: i + 1 }))
    }
    await answers(publisher)
    const back = await broker.client('receiver', version, kept(version))
    for (const client of [here, back]) {
      const got: PacketOf<'publish'>[] = []
      while (got.length < 60) {
        const { packet } = await client.receive()
        if (packet.cmd === 'pubrel') client.send({ cmd: 'pubcomp', messageId: packet.messageId! })
        if (packet.cmd !== 'publish') continue
        got.push(packet)
        if (packet.qos > 0) client.send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: packet.messageId! })
      }
      for (const qos of [0, 1, 2])
        assert.deepEqual(
          got.filter((packet) => packet.qos === qos).map(text),
          Array.from({ length: 20 }, (_, i) => String(3 * i + qos)),
        )
    }
  },
)

holds(
  'PUBACK, PUBREC and PUBREL come in the order of what they answer',
  { 4: '4.6.0-6', 5: '3.3.4-1' },
  async (t, version) => {
    const { receiver, publisher } = await pair(t, version)
    for (let messageId = 1; messageId <= 20; messageId++)
      publisher.send(publish('t', 'x', { qos: messageId % 2 === 0 ? 2 : 1, messageId }))
    const { packets } = await answers(publisher)
    for (const cmd of ['puback', 'pubrec'] as const)
      assert.deepEqual(
        packets.filter((packet) => packet.cmd === cmd).map(({ messageId }) => messageId),
        Array.from({ length: 10 }, (_, i) => 2 * i + (cmd === 'puback' ? 1 : 2)),
      )
    const ids = (await receiver.publishes(20)).filter(({ qos }) => qos === 2).map(({ messageId }) => messageId!)
    // PUBREL is in the order of PUBREC, whatever that is.
    ids.reverse()
    receiver.send(...ids.map((messageId) => ({ cmd: 'pubrec', messageId }) as const))
    for (const messageId of ids) assert.equal((await receiver.next('pubrel')).messageId, messageId)
  },
)

holds(
  'acknowledgements keep their order where some wait for the disk and others need not',
  { 4: '4.6.0-6', 5: '' },
  async (t, version) => {
    const broker = await TestBroker.start(t, { payload_format_validation: true })
    const store = new MemoryStore(false)
    broker.broker.open(store)
    const away = broker.subscriber('away', ['kept'], version, kept(version))
    while (store.pending.length === 0) await new Promise((resolve) => setImmediate(resolve))
    store.isPrompt = true
    store.settle()
    await (await away).destroy()
    await broker.connections(0)
    const publisher = await broker.client('publisher', version)
    store.isPrompt = false
    const properties = { payloadFormatIndicator: true }
    publisher.send(
      publish('kept', 'x', { qos: 1, messageId: 1 }),
      publish('nobody', 'x', { qos: 1, messageId: 2 }),
      publish('$SYS/x', 'x', { qos: 1, messageId: 3 }),
      publish('kept', 'x', { qos: 2, messageId: 4 }),
      publish('kept', 'x', { qos: 1, messageId: 4 }),
      publish('kept', Buffer.from([0xff]), { qos: 1, messageId: 5, ...(version === 5 ? { properties } : {}) }),
      publish('nobody', 'x', { qos: 2, messageId: 6 }),
      publish('nobody', 'x', { qos: 1, messageId: 7 }),
    )
    await publisher.nothingMore()
    const settling = setInterval(() => store.settle(), 1)
    t.after(() => clearInterval(settling))
    const got: [string, number | undefined][] = []
    while (got.length < 8) {
      const { packet } = await publisher.receive()
      got.push([packet.cmd, packet.messageId])
    }
    assert.deepEqual(
      got,
      [1, 2, 3, 4, 4, 5, 6, 7].map((id, i) => [i === 3 || i === 6 ? 'pubrec' : 'puback', id]),
    )
  },
)

holds('before a good CONNACK there is no DISCONNECT', { 5: '3.14.0-1' }, async (t) => {
  const broker = await TestBroker.start(t)
  for (const bytes of [
    hex('c000'),
    hex('e000'),
    hex('30 04 0001 61 00'),
    connectBytes(5, { flags: 0x03 }),
    connectBytes(5, { level: 6 }),
    connectBytes(5, { flags: 0x06, willTopic: 'a/#', willPayload: '' }),
    connectBytes(5, { tail: hex('00') }),
  ]) {
    const client = await broker.open()
    client.sendBytes(bytes)
    for (const packet of await client.closed()) {
      assert(packet.cmd === 'connack')
      assert(packet.reasonCode! >= 0x80)
    }
  }
})

holds(
  'DISCONNECT of the server is the last packet, has no Session Expiry Interval, and is followed by the end',
  { 5: '3.14.2-2 3.14.4-1 3.14.4-2 4.13.2-1' },
  async (t) => {
    const broker = await TestBroker.start(t)
    const options = { clean: false, properties: { sessionExpiryInterval: 60 } }
    const client = await broker.subscriber('a', ['t'], 5, options)
    const last = client.encode(publish('t', 'after', { qos: 1, messageId: 2 }))
    client.sendBytes(Buffer.concat([client.encode(publish('t', 'before')), hex('f0 00'), last]))
    const other = await broker.client('b')
    other.send(publish('t', 'meanwhile'))
    const packets = await client.closed()
    assert.deepEqual(
      packets
        .filter((packet) => packet.cmd === 'publish')
        .map(text)
        .slice(0, 1),
      ['before'],
    )
    const end = packets.at(-1)!
    assert(end.cmd === 'disconnect')
    assert.equal(end.properties?.sessionExpiryInterval, undefined)
    assert(!packets.some((packet) => packet.cmd === 'puback'))
    const old = await broker.client('a', 5, options)
    await broker.client('a', 5, options)
    while (old.unread === 0 && !old.isClosed) await new Promise((resolve) => setImmediate(resolve))
    const taken = (await old.closed()).at(-1)!
    assert(taken.cmd === 'disconnect')
    assert.deepEqual(
      [taken.reasonCode, taken.properties?.sessionExpiryInterval],
      [reasonCode.sessionTakenOver, undefined],
    )
  },
)

holds('DISCONNECT of a client has a reason that is a client’s', { 5: '3.14.2-1' }, async (t) => {
  const broker = await TestBroker.start(t)
  const clientsOwn = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]
  for (let reason = 0; reason < 256; reason++) {
    const client = await broker.client('a')
    client.sendBytes(Buffer.from([0xe0, 1, reason]))
    const packets = await client.closed()
    assert.equal(packets.length, clientsOwn.includes(reason) ? 0 : 1, reason.toString(16))
  }
})

holds(
  'what a client sends after its DISCONNECT is not looked at, and the server closes',
  { 4: '3.14.4-1 3.14.4-2', 5: '3.14.4-1 3.14.4-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const watcher = await broker.subscriber('watcher', ['#'])
    const client = await broker.client('a', version)
    client.send({ cmd: 'disconnect' }, publish('t', 'after', { qos: 1, messageId: 1 }))
    assert.deepEqual(await client.closed(), [])
    await watcher.nothingMore()
  },
)

holds(
  'a will is retained or not as it says, published once, and not at all where there is none',
  { 4: '3.1.2-8 3.1.2-10 3.1.2-12 3.1.2-16 3.1.2-17', 5: '3.1.2-7 3.1.2-8 3.1.2-10 3.1.2-14 3.1.2-15' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const watcher = await broker.subscriber('watcher', [{ topic: 'will/#', qos: 2, rap: true }])
    for (const retain of [false, true]) {
      const will = { topic: `will/${retain}`, payload: 'gone', qos: 1, retain } as const
      const client = await broker.client('a', version, { ...kept(version), will })
      await client.destroy()
      const got = await watcher.next('publish')
      assert.deepEqual([got.topic, got.retain, got.qos], [will.topic, retain, 1])
      await broker.connections(1)
      // The next connection of the session has none.
      const again = await broker.client('a', version, kept(version))
      await again.destroy()
      await broker.connections(1)
      await watcher.nothingMore()
      const later = await broker.client('later', version)
      await subscribe(later, will.topic)
      if (retain) assert.equal((await later.next('publish')).retain, true)
      await later.nothingMore()
      await later.destroy()
      await broker.connections(1)
    }
  },
)

holds(
  'a will that the client took back by DISCONNECT is never published',
  { 4: '3.1.2-10 3.14.4-3', 5: '3.1.2-10 3.14.4-3' },
  async (t, version) => {
    const clock = new ManualClock()
    const broker = await TestBroker.start(t, {}, clock)
    const watcher = await broker.subscriber('watcher', ['will'])
    const client = await broker.client('a', version, { ...kept(version), will: { topic: 'will', payload: 'x' } })
    client.send({ cmd: 'disconnect' })
    await client.closed()
    clock.advance(86_400_000)
    await watcher.nothingMore()
  },
)
