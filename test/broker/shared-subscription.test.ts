import assert from 'node:assert/strict'
import test from 'node:test'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from './manual-clock.ts'
import type { PacketOf, RawClient } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const text = ({ payload }: PacketOf<'publish'>) => String(payload)

/** All that this client has been sent so far. */
async function drained(client: RawClient): Promise<PacketOf<'publish'>[]> {
  client.send({ cmd: 'pingreq' })
  const got: PacketOf<'publish'>[] = []
  for (;;) {
    const { packet } = await client.receive()
    if (packet.cmd === 'pingresp') return got
    assert(packet.cmd === 'publish')
    got.push(packet)
  }
}

for (const strategy of ['round_robin', 'random'] as const) {
  test(`each message goes to one member of each group, and to everybody else (${strategy})`, async (t) => {
    let seed = 1
    const random = () => (seed = (seed * 48_271) % 0x7fffffff) / 0x7fffffff
    const broker = await TestBroker.start(t, { shared_subscription_strategy: strategy }, new ManualClock(), random)
    const members = await Promise.all(
      [1, 2, 3].map((i) => broker.subscriber(`g${i}`, ['$share/g/t/+'], i === 2 ? 4 : 5)),
    )
    const others = await Promise.all([1, 2].map((i) => broker.subscriber(`h${i}`, ['$share/h/t/+'])))
    const plain = await broker.subscriber('plain', ['t/#'])
    const publisher = await broker.client('publisher')
    for (let i = 0; i < 60; i++)
      publisher.send(publish(`t/${i % 7}`, String(i), { qos: (i % 2) as 0 | 1, messageId: i + 1 }))
    for (let acknowledged = 0; acknowledged < 30; acknowledged++) await publisher.next('puback')
    await publisher.nothingMore()
    const all = Array.from({ length: 60 }, (_, i) => String(i))
    for (const group of [members, others]) {
      const shares = await Promise.all(group.map(drained))
      assert.deepEqual(
        shares
          .flat()
          .map(text)
          .sort((a, b) => Number(a) - Number(b)),
        all,
      )
      for (const share of shares)
        if (strategy === 'round_robin') assert.equal(share.length, 60 / group.length)
        else assert(share.length > 5, `${share.length}`)
    }
    assert.deepEqual((await drained(plain)).map(text), all)
  })
}

test('a member that is away is passed over while another one is there, and is not while there is none', async (t) => {
  const broker = await TestBroker.start(t)
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const away = await broker.subscriber('away', ['$share/g/t'], 5, kept)
  const here = await broker.subscriber('here', ['$share/g/t'], 5, kept)
  await away.destroy()
  await broker.connections(1)
  const publisher = await broker.client('publisher')
  const send = async (payload: string) => {
    publisher.send(publish('t', payload, { qos: 1, messageId: 1 }))
    assert.equal((await publisher.next('puback')).reasonCode ?? 0, 0)
  }
  for (const payload of ['1', '2', '3']) await send(payload)
  assert.deepEqual((await drained(here)).map(text), ['1', '2', '3'])
  await here.destroy()
  await broker.connections(1)
  await send('4')
  const back = [await broker.client('away', 5, kept), await broker.client('here', 5, kept)]
  const got = (await Promise.all(back.map(drained))).flat()
  assert.deepEqual(got.filter(({ dup }) => !dup).map(text), ['4'])
  assert.deepEqual(got.filter(({ dup }) => dup).map(text), ['1', '2', '3'])
})

test('a member with a full window is passed over', async (t) => {
  const broker = await TestBroker.start(t)
  const small = await broker.subscriber('small', ['$share/g/t'], 5, { properties: { receiveMaximum: 1 } })
  const large = await broker.subscriber('large', ['$share/g/t'])
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 9; i++) {
    publisher.send(publish('t', String(i), { qos: 1, messageId: 1 }))
    await publisher.next('puback')
  }
  assert.equal((await drained(small)).length, 1)
  assert.equal((await drained(large)).length, 8)
})

test('what a member had not acknowledged when its session ended goes to another one', async (t) => {
  const broker = await TestBroker.start(t)
  const dying = await broker.subscriber('dying', [{ topic: '$share/g/t', qos: 2 }])
  const publisher = await broker.client('publisher')
  for (const [i, qos] of ([1, 1, 2, 1] as const).entries()) {
    publisher.send(publish('t', String(i), { qos, messageId: 1 }))
    if (qos === 1) await publisher.next('puback')
    else {
      await publisher.next('pubrec')
      publisher.send({ cmd: 'pubrel', messageId: 1 })
      await publisher.next('pubcomp')
    }
  }
  const got = await dying.publishes(4)
  dying.send({ cmd: 'puback', messageId: got[0]!.messageId! })
  await dying.nothingMore()
  const heir = await broker.client('heir')
  heir.send({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [{ topic: '$share/g/t', qos: 1 }],
    properties: { subscriptionIdentifier: 77 },
  })
  await heir.next('suback')
  await dying.destroy()
  await broker.connections(2)
  const inherited = await drained(heir)
  // Not the one of QoS 2, which may have arrived [MQTT-4.8.2-5].
  assert.deepEqual(inherited.map(text), ['1', '3'])
  for (const { dup, qos, properties } of inherited) {
    assert.equal(dup, false)
    assert.equal(qos, 1)
    assert.equal(properties?.subscriptionIdentifier, 77)
  }
})

test('what waited for a member when its session expired goes to another one', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const dying = await broker.subscriber('dying', ['$share/g/t'], 5, {
    clean: false,
    properties: { sessionExpiryInterval: 10 },
  })
  await dying.destroy()
  await broker.connections(0)
  const publisher = await broker.client('publisher')
  publisher.send(publish('t', '1', { qos: 2, messageId: 1 }), publish('t', '2', { qos: 1, messageId: 2 }))
  await publisher.next('pubrec')
  await publisher.next('puback')
  const heir = await broker.subscriber('heir', ['$share/g/t'])
  await heir.nothingMore()
  clock.advance(10_000)
  assert.deepEqual((await drained(heir)).map(text).sort(), ['1', '2'])
})

test('a message that a member refuses is not offered to another one [MQTT-4.8.2-6]', async (t) => {
  const broker = await TestBroker.start(t)
  const refusing = await broker.subscriber('refusing', ['$share/g/t'])
  const publisher = await broker.client('publisher')
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1 }))
  const { messageId } = await refusing.next('publish')
  refusing.send({ cmd: 'puback', messageId: messageId!, reasonCode: reasonCode.notAuthorized })
  await refusing.nothingMore()
  const other = await broker.subscriber('other', ['$share/g/t'])
  await refusing.destroy()
  await broker.connections(2)
  await other.nothingMore()
})

test('who leaves the group gets nothing more; when the last one leaves, nobody is there', async (t) => {
  const broker = await TestBroker.start(t)
  const first = await broker.subscriber('first', ['$share/g/t'])
  const second = await broker.subscriber('second', ['$share/g/t'])
  const publisher = await broker.client('publisher')
  for (const [client, left] of [
    [first, 0],
    [second, reasonCode.noMatchingSubscribers],
  ] as const) {
    client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['$share/g/t'] })
    await client.next('unsuback')
    publisher.send(publish('t', 'x', { qos: 1, messageId: 1 }))
    assert.equal((await publisher.next('puback')).reasonCode ?? 0, left)
    await client.nothingMore()
    if (client === first) assert.equal(text(await second.next('publish')), 'x')
  }
})

test('No Local on a shared subscription is a protocol error [MQTT-3.8.3-4]', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [{ topic: '$share/g/t', qos: 1, nl: true, rap: false, rh: 0 }],
  })
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.protocolError)
})

test('a client that is in a group and subscribed besides gets a message for each', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  assert.deepEqual(await subscribe(client, '$share/g/t', 't'), [2, 2])
  client.send(publish('t', 'x'))
  await client.publishes(2)
  await client.nothingMore()
})
