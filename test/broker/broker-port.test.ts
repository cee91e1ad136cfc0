import assert from 'node:assert/strict'
import test from 'node:test'
import type { InterestChange, PassingPublish, RouteSink } from '../../src/link/broker-port.ts'
import type { Message } from '../../src/packets/message.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from './manual-clock.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

class Outbox implements RouteSink {
  readonly id = 'outbox'
  readonly accepted: { message: Message; from: string; byteLength: number }[] = []

  accept(passing: PassingPublish): undefined {
    const message = passing.toMessage()
    assert.equal(passing.toMessage(), message)
    assert.deepEqual([passing.qos, passing.retain, passing.from], [message.qos, message.retain, message.from])
    this.accepted.push({ message, from: passing.from, byteLength: passing.byteLength })
  }

  get topics(): string[] {
    return this.accepted.map(({ message }) => message.topic)
  }
}

function fromLink(topic: string, payload: string, parts: Partial<Message> = {}): Message {
  return {
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    retain: false,
    properties: undefined,
    from: 'far-client',
    username: undefined,
    peerHost: undefined,
    timestampMs: Date.now(),
    origin: 'far',
    ...parts,
  }
}

test('interest is told when a filter gets its first subscriber and when it loses its last', async (t) => {
  const started = await TestBroker.start(t)
  const { broker } = started
  const changes: InterestChange[] = []
  const stop = broker.onInterest((change) => changes.push(change))
  const told = () => changes.splice(0).map(({ type, topicFilter }) => `${type} ${topicFilter}`)
  const a = await started.client('a')
  const b = await started.client('b')
  await subscribe(a, 'x/+', 'x/+', '$share/g/y', '$SYS/#', '$LINK/#', 'bad/#/filter')
  assert.deepEqual(told(), ['added x/+', 'added y'])
  await subscribe(b, 'x/+', 'y', '$share/h/y')
  await subscribe(b, { topic: 'x/+', qos: 0 })
  assert.deepEqual(told(), [])
  assert.deepEqual([...broker.interest()].sort(), ['x/+', 'y'])
  a.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['x/+', '$share/g/y', 'never'] })
  await a.next('unsuback')
  assert.deepEqual(told(), [])
  b.send({ cmd: 'disconnect' })
  await b.closed()
  assert.deepEqual(told().sort(), ['removed x/+', 'removed y'])
  assert.deepEqual([...broker.interest()], [])
  stop()
  await subscribe(a, 'z')
  assert.deepEqual(told(), [])
  assert.deepEqual([...broker.interest()], ['z'])
})

test('a listener that throws does not hurt the client, nor other listeners', async (t) => {
  const broker = await TestBroker.start(t)
  const heard: string[] = []
  broker.broker.onInterest(() => {
    throw new Error('listener')
  })
  broker.broker.onInterest(({ topicFilter }) => heard.push(topicFilter))
  const client = await broker.client('a')
  assert.deepEqual(await subscribe(client, 'x'), [2])
  assert.deepEqual(heard, ['x'])
})

test('a sink gets a message once however many of its routes match, and none that came over a link', async (t) => {
  const broker = await TestBroker.start(t)
  const sink = new Outbox()
  const other = new Outbox()
  for (const filter of ['a/#', 'a/+', 'a/b', '#']) broker.broker.addRoute(filter, sink)
  broker.broker.addRoute('a/+', other)
  broker.broker.addRoute('a/+', other)
  const publisher = await broker.client('publisher', 5, { username: 'user' })
  const send = async (topic: string) => {
    publisher.send(publish(topic, 'xyz', { qos: 1, messageId: 1, retain: true, properties: { contentType: 'c' } }))
    return (await publisher.next('puback')).reasonCode ?? 0
  }
  assert.equal(await send('a/b'), 0)
  assert.deepEqual([sink.topics, other.topics], [['a/b'], ['a/b']])
  const [{ message, byteLength }] = sink.accepted as [Outbox['accepted'][0]]
  const { timestampMs, ...shown } = message
  assert(Math.abs(timestampMs - Date.now()) < 10_000)
  assert.deepEqual(shown, {
    topic: 'a/b',
    payload: Buffer.from('xyz'),
    qos: 1,
    retain: true,
    properties: { contentType: 'c' },
    from: 'publisher',
    username: 'user',
    peerHost: '127.0.0.1',
    origin: undefined,
  })
  assert.equal(byteLength, 6)
  assert.equal(broker.broker.deliver(fromLink('a/b', 'x')), 0)
  assert.equal(sink.accepted.length, 1)
  for (const filter of ['a/#', 'a/+', 'a/b']) broker.broker.removeRoute(filter, sink)
  assert.equal(await send('a/c'), 0)
  assert.deepEqual(
    [sink.topics, other.topics],
    [
      ['a/b', 'a/c'],
      ['a/b', 'a/c'],
    ],
  )
  broker.broker.removeRoute('#', sink)
  broker.broker.removeRoute('a/+', other)
  assert.equal(await send('a/d'), reasonCode.noMatchingSubscribers)
  assert.equal(sink.accepted.length, 2)
})

test('what a sink keeps stays as it was when the same bytes go out to a subscriber', async (t) => {
  const broker = await TestBroker.start(t)
  const sink = new Outbox()
  broker.broker.addRoute('#', sink)
  const receiver = await broker.subscriber('receiver', [{ topic: 'a', qos: 1 }])
  receiver.send(publish('a', 'x', { qos: 2, messageId: 300 }))
  assert.equal((await receiver.next('publish')).messageId, 1)
  await receiver.next('pubrec')
  assert.equal(sink.accepted[0]?.message.qos, 2)
  assert.equal(String(sink.accepted[0]?.message.payload), 'x')
})

test('what a sink is lent stays as it was when a single subscriber is sent it', async (t) => {
  const broker = await TestBroker.start(t)
  const lent: { readonly bytes: Buffer; readonly before: Buffer }[] = []
  const sink: RouteSink = {
    id: 'lent',
    accept({ view: { buffer, start, end }, isLasting }) {
      assert.equal(isLasting, true)
      lent.push({ bytes: buffer.subarray(start, end), before: Buffer.from(buffer.subarray(start, end)) })
      return undefined
    },
  }
  broker.broker.addRoute('#', sink)
  const receiver = await broker.subscriber('receiver', [
    { topic: 'a', qos: 1 },
    { topic: '$share/g/b', qos: 1 },
  ])
  const publisher = await broker.client('publisher')
  for (const [topic, qos] of [
    ['a', 1],
    ['b', 2],
    ['a', 0],
  ] as const) {
    publisher.send(publish(topic, 'x', { qos, messageId: 700 + qos, retain: true }))
    const got = await receiver.next('publish')
    assert.equal(got.qos, Math.min(1, qos))
    assert.equal(got.retain, false)
  }
  assert.equal(lent.length, 3)
  for (const { bytes, before } of lent) assert.deepEqual(bytes, before)
})

test('a sink that throws takes neither publisher nor subscribers with it', async (t) => {
  const broker = await TestBroker.start(t)
  const broken: RouteSink = {
    id: 'broken',
    accept() {
      throw new Error('sink')
    },
  }
  const sound = new Outbox()
  broker.broker.addRoute('a', broken)
  broker.broker.addRoute('a', sound)
  const client = await broker.subscriber('client', ['a'])
  client.send(publish('a', 'x'))
  assert.equal(String((await client.next('publish')).payload), 'x')
  assert.deepEqual(sound.topics, ['a'])
  assert.equal(broker.log.filter(({ event }) => event === 'cluster_link_accept_failed').length, 1)
})

test('wills go to sinks like other messages', async (t) => {
  const broker = await TestBroker.start(t)
  const sink = new Outbox()
  broker.broker.addRoute('will', sink)
  const client = await broker.client('a', 5, { will: { topic: 'will', payload: 'x' } })
  client.sendBytes(Buffer.from([0, 0]))
  await client.closed()
  assert.deepEqual(
    sink.accepted.map(({ message }) => [message.topic, message.from, message.origin]),
    [['will', 'a', undefined]],
  )
})

test('deliver: subscribers, groups and the retained store get it, and it says how many there were', async (t) => {
  const broker = await TestBroker.start(t)
  const plain = await broker.subscriber('plain', [{ topic: 'a/+', qos: 2, rap: true, nl: false, rh: 0 }])
  const old = await broker.subscriber('old', ['a/#'], 4)
  const members = [await broker.subscriber('m1', ['$share/g/a/b']), await broker.subscriber('m2', ['$share/g/a/b'])]
  const message = fromLink('a/b', 'x', {
    qos: 2,
    retain: true,
    properties: {
      contentType: 'c',
      userProperties: [
        ['k', 'v'],
        ['k', 'w'],
      ],
    },
  })
  assert.equal(broker.broker.deliver(message), 3)
  const got = await plain.next('publish')
  assert.equal(got.qos, 2)
  assert.equal(got.retain, true)
  assert.deepEqual(got.properties?.userProperties, Object.assign(Object.create(null), { k: ['v', 'w'] }))
  assert.equal((await old.next('publish')).retain, false)
  for (const member of members) member.send({ cmd: 'pingreq' })
  const first = await Promise.all(members.map((member) => member.receive()))
  assert.deepEqual(first.map(({ packet }) => packet.cmd).sort(), ['pingresp', 'publish'])
  assert.deepEqual([...broker.broker.retained('a/#')], [message])
  assert.equal(broker.broker.deliver(fromLink('b', 'x')), 0)
  const later = await broker.subscriber('later', ['a/b'])
  assert.equal((await later.next('publish')).retain, true)
})

test('deliver counts the life of a message from its first broker, and drops one whose life is over', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const client = await broker.subscriber('a', ['a'])
  const properties = { messageExpiryInterval: 10 }
  assert.equal(broker.broker.deliver(fromLink('a', 'x', { properties, timestampMs: clock.nowMs() - 4_000 })), 1)
  assert.equal((await client.next('publish')).properties?.messageExpiryInterval, 6)
  const dead = fromLink('a', 'x', { properties, timestampMs: clock.nowMs() - 10_000, retain: true })
  assert.equal(broker.broker.deliver(dead), 0)
  await client.nothingMore()
  assert.deepEqual([...broker.broker.retained('#')], [])
})

test('deliver takes no message into a reserved namespace or under a bad topic', async (t) => {
  const broker = await TestBroker.start(t)
  for (const topic of ['$LINK/cluster/msg/x', '$SYS/x', '', 'a/#', 'a/+', 'a\0b'])
    assert.equal(broker.broker.deliver(fromLink(topic, 'x', { retain: true })), 0, topic)
  for (const filter of ['#', '$LINK/#', '$SYS/#', 'a/#', 'a/+'])
    assert.deepEqual([...broker.broker.retained(filter)], [])
})
