import assert from 'node:assert/strict'
import test from 'node:test'
import type { QoS } from '../../src/packets/message.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { type PacketOf, parsePacket, type RawClient, type Version } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const levels: readonly QoS[] = [0, 1, 2]
const kept = { clean: false, properties: { sessionExpiryInterval: 600 } } as const

/** Publishes and goes through the whole exchange that the QoS asks for. Returns the reason code of the answer. */
async function publishWhole(client: RawClient, packet: PacketOf<'publish'>): Promise<number> {
  client.send(packet)
  if (packet.qos === 0) return 0
  const answer = await client.next(packet.qos === 1 ? 'puback' : 'pubrec')
  assert.equal(answer.messageId, packet.messageId)
  if (packet.qos === 1) return answer.reasonCode ?? 0
  client.send({ cmd: 'pubrel', messageId: packet.messageId! })
  assert.equal((await client.next('pubcomp')).messageId, packet.messageId)
  return answer.reasonCode ?? 0
}

/** Acknowledges what was received, to the end. */
async function acknowledge(client: RawClient, { qos, messageId }: PacketOf<'publish'>): Promise<void> {
  if (qos === 1) client.send({ cmd: 'puback', messageId: messageId! })
  if (qos < 2) return
  client.send({ cmd: 'pubrec', messageId: messageId! })
  assert.equal((await client.next('pubrel')).messageId, messageId)
  client.send({ cmd: 'pubcomp', messageId: messageId! })
}

for (const [from, to] of [
  [3, 4],
  [4, 4],
  [4, 5],
  [5, 4],
  [5, 5],
] as const satisfies readonly (readonly [Version, Version])[]) {
  for (const published of levels) {
    for (const subscribed of levels) {
      test(`version ${from} at QoS ${published} to version ${to} at QoS ${subscribed}`, async (t) => {
        const broker = await TestBroker.start(t)
        const receiver = await broker.subscriber('receiver', [{ topic: 'temp/+', qos: subscribed }], to)
        // With a second one the bytes of the publisher are not the first one's to be changed in place.
        const second = await broker.subscriber('second', [{ topic: 'temp/#', qos: subscribed }], to)
        const publisher = await broker.client('publisher', from)
        const payload = Buffer.from([0, 255, 1, 128, 10])
        for (const messageId of [7, 8]) {
          const topic = `temp/käse${messageId}`
          assert.equal(await publishWhole(publisher, publish(topic, payload, { qos: published, messageId })), 0)
          for (const client of [receiver, second]) {
            const { packet, bytes } = await client.receive()
            assert(packet.cmd === 'publish')
            assert.equal(packet.topic, topic)
            assert.deepEqual(packet.payload, payload)
            assert.equal(packet.qos, Math.min(published, subscribed))
            assert.equal(packet.dup || packet.retain, false)
            assert.deepEqual(
              bytes,
              client.encode(publish(topic, payload, { qos: packet.qos, messageId: packet.messageId! })),
            )
            await acknowledge(client, packet)
          }
        }
        for (const client of [receiver, second, publisher]) await client.nothingMore()
        assert.equal(broker.broker.sessions.get('receiver')?.window.count, 0)
        assert.equal(broker.broker.sessions.get('publisher')?.awaitingRel.size, 0)
      })
    }
  }
}

test('nobody is subscribed: PUBACK and PUBREC say 0x10 to MQTT 5 and nothing to 3.1.1', async (t) => {
  const broker = await TestBroker.start(t)
  const young = await broker.client('young', 5)
  assert.equal(await publishWhole(young, publish('t', 'x', { qos: 1, messageId: 1 })), reasonCode.noMatchingSubscribers)
  assert.equal(await publishWhole(young, publish('t', 'x', { qos: 2, messageId: 1 })), reasonCode.noMatchingSubscribers)
  const old = await broker.client('old', 4)
  old.send(publish('t', 'x', { qos: 1, messageId: 3 }))
  assert.equal((await old.receive()).bytes.toString('hex'), '40020003')
})

test('DUP of a publisher is not passed on [MQTT-3.3.1-3]', async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', ['t'])
  const publisher = await broker.client('publisher')
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1, dup: true }))
  assert.equal((await receiver.next('publish')).dup, false)
})

for (const { version, receiveMaximum, maxInflight, window } of [
  { version: 5, receiveMaximum: 2, maxInflight: 32, window: 2 },
  { version: 5, receiveMaximum: 10, maxInflight: 3, window: 3 },
  { version: 4, receiveMaximum: undefined, maxInflight: 4, window: 4 },
] as const) {
  for (const qos of [1, 2] as const) {
    test(`window at QoS ${qos}: Receive Maximum ${receiveMaximum}, max_inflight ${maxInflight}: ${window} at once`, async (t) => {
      const broker = await TestBroker.start(t, { max_inflight: maxInflight })
      const properties = receiveMaximum === undefined ? {} : { properties: { receiveMaximum } }
      const receiver = await broker.subscriber('receiver', ['t'], version, properties)
      const publisher = await broker.client('publisher')
      for (let i = 0; i < 10; i++) await publishWhole(publisher, publish('t', String(i), { qos, messageId: 1 }))
      const got: PacketOf<'publish'>[] = await receiver.publishes(window)
      await receiver.nothingMore()
      for (let acknowledged = 0; acknowledged < 10; acknowledged++) {
        const { messageId } = got[acknowledged]!
        if (qos === 1) receiver.send({ cmd: 'puback', messageId: messageId! })
        else {
          // PUBREC alone makes no room: the window counts to PUBCOMP (MQTT 5, 4.9).
          receiver.send({ cmd: 'pubrec', messageId: messageId! })
          await receiver.next('pubrel')
          await receiver.nothingMore()
          receiver.send({ cmd: 'pubcomp', messageId: messageId! })
        }
        if (got.length < 10) got.push(await receiver.next('publish'))
        await receiver.nothingMore()
      }
      assert.deepEqual(
        got.map(({ payload }) => Number(String(payload))),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      )
    })
  }
}

test('QoS 0 does not wait for a full window', async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', ['t'], 5, { properties: { receiveMaximum: 1 } })
  const publisher = await broker.client('publisher')
  publisher.send(publish('t', 'one', { qos: 1, messageId: 1 }), publish('t', 'two', { qos: 1, messageId: 2 }))
  publisher.send(publish('t', 'three'))
  assert.deepEqual(
    (await receiver.publishes(2)).map(({ payload }) => String(payload)),
    ['one', 'three'],
  )
  await receiver.nothingMore()
})

for (const cmd of ['puback', 'pubrec'] as const) {
  test(`${cmd.toUpperCase()} with an error is the end of that message, and makes room`, async (t) => {
    const broker = await TestBroker.start(t)
    const receiver = await broker.subscriber('receiver', ['t'], 5, { properties: { receiveMaximum: 1 } })
    const publisher = await broker.client('publisher')
    const qos = cmd === 'puback' ? 1 : 2
    for (const payload of ['a', 'b']) await publishWhole(publisher, publish('t', payload, { qos, messageId: 1 }))
    const first = await receiver.next('publish')
    receiver.send({ cmd, messageId: first.messageId!, reasonCode: reasonCode.quotaExceeded })
    assert.equal(String((await receiver.next('publish')).payload), 'b')
  })
}

for (const version of [4, 5] as const) {
  test(`version ${version}: what was not acknowledged comes again with DUP, in order and under its old identifier`, async (t) => {
    const broker = await TestBroker.start(t)
    const options = version === 5 ? kept : { clean: false }
    const first = await broker.subscriber('receiver', ['t'], version, options)
    const publisher = await broker.client('publisher')
    for (const [i, qos] of ([1, 2, 1, 2, 1] as const).entries())
      await publishWhole(publisher, publish('t', String(i), { qos, messageId: 1 }))
    const sent = await first.publishes(5)
    first.send({ cmd: 'puback', messageId: sent[2]!.messageId! })
    await first.nothingMore()
    await first.destroy()
    await broker.connections(1)
    await publishWhole(publisher, publish('t', 'meanwhile', { qos: 1, messageId: 1 }))
    const again = await broker.client('receiver', version, options)
    const resent = await again.publishes(5)
    assert.deepEqual(
      resent.map(({ payload, dup, messageId, qos }) => ({ payload: String(payload), dup, messageId, qos })),
      [
        ...sent
          .filter((_, i) => i !== 2)
          .map(({ payload, messageId, qos }) => ({ payload: String(payload), dup: true, messageId, qos })),
        { payload: 'meanwhile', dup: false, messageId: resent[4]!.messageId, qos: 1 },
      ],
    )
    assert(!sent.some(({ messageId }, i) => i !== 2 && messageId === resent[4]!.messageId))
    await again.nothingMore()
  })
}

test('PUBREL is sent again after a reconnect, and not the message', async (t) => {
  const broker = await TestBroker.start(t)
  const first = await broker.subscriber('receiver', ['t'], 5, kept)
  const publisher = await broker.client('publisher')
  await publishWhole(publisher, publish('t', 'x', { qos: 2, messageId: 1 }))
  const { messageId } = await first.next('publish')
  first.send({ cmd: 'pubrec', messageId: messageId! })
  await first.next('pubrel')
  await first.destroy()
  await broker.connections(1)
  const again = await broker.client('receiver', 5, kept)
  const pubrel = await again.receive()
  assert.equal(pubrel.packet.cmd, 'pubrel')
  assert.equal(pubrel.packet.messageId, messageId)
  assert.equal(pubrel.bytes[0], 0x62)
  again.send({ cmd: 'pubcomp', messageId: messageId! })
  await again.nothingMore()
  assert.equal(broker.broker.sessions.get('receiver')?.window.count, 0)
})

test('Receive Maximum holds for what is sent again too [MQTT-3.3.4-9]', async (t) => {
  const broker = await TestBroker.start(t)
  const first = await broker.subscriber('receiver', ['t'], 5, kept)
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 6; i++) await publishWhole(publisher, publish('t', String(i), { qos: 1, messageId: 1 }))
  const sent = await first.publishes(6)
  await first.destroy()
  await broker.connections(1)
  await publishWhole(publisher, publish('t', '6', { qos: 1, messageId: 1 }))
  const again = await broker.client('receiver', 5, {
    clean: false,
    properties: { sessionExpiryInterval: 600, receiveMaximum: 2 },
  })
  const got = await again.publishes(2)
  for (let i = 0; i < 7; i++) {
    await again.nothingMore()
    assert.equal(String(got[i]!.payload), String(i))
    assert.equal(got[i]!.dup, i < 6)
    if (i < 6) assert.equal(got[i]!.messageId, sent[i]!.messageId)
    again.send({ cmd: 'puback', messageId: got[i]!.messageId! })
    if (got.length < 7) got.push(await again.next('publish'))
  }
  await again.nothingMore()
})

test('a message that was acknowledged before it was sent again is not', async (t) => {
  const broker = await TestBroker.start(t)
  const first = await broker.subscriber('receiver', ['t'], 5, kept)
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 3; i++) await publishWhole(publisher, publish('t', String(i), { qos: 1, messageId: 1 }))
  const sent = await first.publishes(3)
  await first.destroy()
  await broker.connections(1)
  const again = await broker.client('receiver', 5, {
    clean: false,
    properties: { sessionExpiryInterval: 600, receiveMaximum: 1 },
  })
  assert.equal(String((await again.next('publish')).payload), '0')
  again.send({ cmd: 'puback', messageId: sent[1]!.messageId! }, { cmd: 'puback', messageId: sent[0]!.messageId! })
  assert.equal(String((await again.next('publish')).payload), '2')
  again.send({ cmd: 'puback', messageId: sent[2]!.messageId! })
  await again.nothingMore()
  assert.equal(broker.broker.sessions.get('receiver')?.window.count, 0)
})

for (const version of [4, 5] as const) {
  test(`version ${version}: a QoS 2 message that is sent again after a reconnect is delivered once`, async (t) => {
    const broker = await TestBroker.start(t)
    const receiver = await broker.subscriber('receiver', ['t'])
    const options = version === 5 ? kept : { clean: false }
    const first = await broker.client('publisher', version, options)
    first.send(publish('t', 'once', { qos: 2, messageId: 42 }))
    await first.next('pubrec')
    await first.destroy()
    await broker.connections(1)
    const again = await broker.client('publisher', version, options)
    again.send(publish('t', 'once', { qos: 2, messageId: 42, dup: true }))
    assert.equal((await again.next('pubrec')).messageId, 42)
    again.send({ cmd: 'pubrel', messageId: 42 })
    assert.equal((await again.next('pubcomp')).messageId, 42)
    assert.equal(String((await receiver.next('publish')).payload), 'once')
    await receiver.nothingMore()
    await publishWhole(again, publish('t', 'another under the same identifier', { qos: 2, messageId: 42 }))
    assert.equal(String((await receiver.next('publish')).payload), 'another under the same identifier')
  })
}

test('PUBREL and PUBREC for what nobody knows are answered with 0x92', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send({ cmd: 'pubrel', messageId: 9 })
  assert.deepEqual(await client.next('pubcomp').then(({ messageId, reasonCode }) => [messageId, reasonCode]), [9, 0x92])
  client.send({ cmd: 'pubrec', messageId: 9 })
  assert.deepEqual(await client.next('pubrel').then(({ messageId, reasonCode }) => [messageId, reasonCode]), [9, 0x92])
  client.send({ cmd: 'puback', messageId: 9 }, { cmd: 'pubcomp', messageId: 9 })
  await client.nothingMore()
})

test('more QoS 2 messages without PUBREL than the server takes are too many (0x93)', async (t) => {
  const broker = await TestBroker.start(t, { max_awaiting_rel: 3 })
  const client = await broker.client('a')
  assert.equal(client.connack.properties?.receiveMaximum, 3)
  client.send(...[1, 2, 3].map((messageId) => publish('t', 'x', { qos: 2, messageId })))
  for (let i = 0; i < 3; i++) await client.next('pubrec')
  client.send(publish('t', 'x', { qos: 2, messageId: 4 }))
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.receiveMaximumExceeded)
  await client.closed()
})

test('packet identifiers go round after 65535 and pass over one that is still unacknowledged', async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', [{ topic: 't', qos: 1 }])
  const publisher = await broker.client('publisher')
  const packet = publisher.encode(publish('t', 'x', { qos: 1, messageId: 1 }))
  const batch = Buffer.concat(Array.from({ length: 31 }, () => packet))
  publisher.sendBytes(packet)
  const held = (await receiver.next('publish')).messageId!
  let before = held
  let rounds = 0
  for (let received = 0; received < 70_000;) {
    publisher.sendBytes(batch)
    const acknowledgements = Buffer.alloc(31 * 4)
    for (let i = 0; i < 31; i++, received++) {
      const { bytes } = await receiver.receive()
      const id = bytes.readUInt16BE(5)
      assert.notEqual(id, held)
      assert.notEqual(id, 0)
      if (id < before) rounds++
      before = id
      acknowledgements.writeUInt32BE(0x40020000 + id, i * 4)
    }
    receiver.sendBytes(acknowledgements)
  }
  assert.equal(rounds, 1)
  assert.equal(parsePacket(batch.subarray(0, packet.length), 5).cmd, 'publish')
})

test('a client that unsubscribes gets no more, and UNSUBACK says 0x11 for what it never had', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('a', ['a', 'b', '$share/g/c'])
  client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['a', 'never', '$share/g/c', '$share/h/c'] })
  const unsuback = await client.next('unsuback')
  assert.equal(unsuback.messageId, 4)
  assert.deepEqual(unsuback.granted, [0, reasonCode.noSubscriptionExisted, 0, reasonCode.noSubscriptionExisted])
  client.send(publish('a', '1'), publish('b', '2'), publish('c', '3'))
  assert.equal(String((await client.next('publish')).payload), '2')
  await client.nothingMore()
  const old = await broker.client('old', 4)
  await subscribe(old, 'x')
  old.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['x', 'y'] })
  assert.equal((await old.receive()).bytes.toString('hex'), 'b0020005')
})
