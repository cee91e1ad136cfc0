/**
 * Clients that are too much, out of malice or by mistake. What is looked at here is what follows: the neighbours' messages all arrive,
 * what the offender costs is bounded and counted, and it is closed where that is due. How fast the neighbours' messages arrive
 * meanwhile is the business of `npm run bench -- --only overload`.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ISubscription } from 'mqtt-packet'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { hex, type RawClient } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { Neighbours } from './neighbours.ts'

const FILTERS = 100_000
const KILOBYTE = Buffer.alloc(1024)

test('a topic of 200 levels is refused where 128 are allowed, as a topic, a filter and a share', async (t) => {
  const broker = await TestBroker.start(t)
  const neighbours = await Neighbours.meet(broker)
  const deep = Array.from({ length: 200 }, (_, level) => level).join('/')
  const client = await broker.client('deep')
  assert.deepEqual(await subscribe(client, deep, `${deep}/#`, `$share/g/${deep}`, '+/'.repeat(127) + '+'), [
    reasonCode.topicFilterInvalid,
    reasonCode.topicFilterInvalid,
    reasonCode.topicFilterInvalid,
    2,
  ])
  client.send(publish(deep, 'x'))
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.topicNameInvalid)
  await client.closed()
  const slashes = await broker.client('slashes')
  slashes.send(publish('/'.repeat(65_535), 'x'))
  assert.equal((await slashes.next('disconnect')).reasonCode, reasonCode.topicNameInvalid)
  await neighbours.partInPeace()
})

test('where 200 levels are allowed they match, wildcards at every level included', async (t) => {
  const broker = await TestBroker.start(t, { max_topic_levels: 200 })
  const deep = Array.from({ length: 200 }, (_, level) => level).join('/')
  const client = await broker.subscriber('deep', [deep, `${'+/'.repeat(199)}+`, '#'])
  client.send(publish(deep, 'x'))
  assert.equal((await client.next('publish')).topic, deep)
  await client.nothingMore()
})

test('a subscriber of # that does not read on a busy node: its QoS 0 is shed and counted, nobody waits for it', async (t) => {
  const broker = await TestBroker.start(t, { max_outbound_bytes: 262_144 })
  const { counters } = broker.broker
  const neighbours = await Neighbours.meet(broker)
  const all = await broker.subscriber('all', [{ topic: '#', qos: 0 }])
  all.pause()
  const publishers = await Promise.all(Array.from({ length: 10 }, (_, at) => broker.client(`busy ${at}`)))
  let rounds = 0
  while (counters.shedQos0 < 1000) {
    for (const [at, publisher] of publishers.entries())
      for (let i = 0; i < 50; i++) publisher.send(publish(`busy/${at}/${i}`, KILOBYTE))
    await Promise.all(publishers.map((publisher) => publisher.nothingMore()))
    await neighbours.talk(5)
    rounds++
    assert(rounds < 1000, 'nothing was shed')
  }
  assert.equal(counters.droppedQueueFull, 0)
  await neighbours.partInPeace()
})

test('connections that say nothing, or half a CONNECT, go after idle_timeout', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const neighbours = await Neighbours.meet(broker)
  const silent = await Promise.all(Array.from({ length: 50 }, () => broker.open()))
  for (const client of silent.slice(0, 25)) client.sendBytes(hex('10 20 0004 4d515454 05'))
  await broker.connections(52)
  clock.advance(14_000)
  await neighbours.talk()
  assert.equal(broker.server.connectionCount, 52)
  clock.advance(3_000)
  await Promise.all(silent.map((client) => client.closed()))
  await broker.connections(2)
  await neighbours.partInPeace()
})

test('a client that vanished without a word goes after one and a half times its keep alive, and its will comes', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const heir = await broker.subscriber('heir', ['will'])
  const gone = await broker.client('gone', 5, {
    keepalive: 10,
    will: { topic: 'will', payload: Buffer.from('left'), qos: 1, retain: false },
  })
  // Half open: to the server it looks as if the client had nothing to say.
  gone.pause()
  clock.advance(14_000)
  await heir.nothingMore()
  clock.advance(3_000)
  assert.equal(String((await heir.next('publish')).payload), 'left')
  await broker.connections(1)
})

test('a client that never acknowledges: a window, then a queue, then the oldest go, counted; QoS 0 still flows', async (t) => {
  const broker = await TestBroker.start(t, { max_inflight: 8, max_mqueue_len: 20 })
  const { counters, sessions } = broker.broker
  const neighbours = await Neighbours.meet(broker)
  const mute = await broker.subscriber('mute', ['t'])
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 500; i++) {
    publisher.send(publish('t', String(i), { qos: 1, messageId: i + 1 }))
    if (i % 50 === 0) await neighbours.talk()
  }
  for (let i = 0; i < 500; i++) await publisher.next('puback')
  const got = await mute.publishes(8)
  assert.deepEqual(
    got.map(({ payload }) => String(payload)),
    ['0', '1', '2', '3', '4', '5', '6', '7'],
  )
  await mute.nothingMore()
  const session = sessions.get('mute')
  assert.deepEqual([session?.window.count, session?.queue.length, counters.droppedQueueFull], [8, 20, 500 - 28])
  publisher.send(publish('t', 'at once'))
  assert.equal(String((await mute.next('publish')).payload), 'at once')
  await neighbours.partInPeace()
})

test('100,000 filters in one packet and in many: the neighbours have their turn in between, also when they all go', async (t) => {
  const broker = await TestBroker.start(t, { max_packet_size: 4_194_304 })
  const neighbours = await Neighbours.meet(broker)
  const greedy = await broker.client('greedy')
  const before = [...broker.broker.interest()].length

  greedy.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters(0, FILTERS / 2) })
  const turns = await talkUntil(neighbours, () => greedy.unread > 0)
  assert.ok(turns > 1, 'a large packet is not done in one go')
  const { granted } = await greedy.next('suback')
  assert.equal(granted.length, FILTERS / 2)
  assert.ok(granted.every((code) => code === 0))
  for (let first = FILTERS / 2; first < FILTERS; first += 1000)
    greedy.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters(first, 1000) })
  await talkUntil(neighbours, () => greedy.unread === FILTERS / 2000)
  for (let left = FILTERS / 2000; left > 0; left--) await greedy.next('suback')
  assert.equal([...broker.broker.interest()].length, before + FILTERS)

  const publisher = await broker.client('publisher')
  for (const at of [0, 49_999, 50_000, 99_999]) publisher.send(publish(`fleet/${at}/speed`, String(at)))
  assert.deepEqual(
    (await greedy.publishes(4)).map(({ payload }) => String(payload)),
    ['0', '49999', '50000', '99999'],
  )
  await greedy.destroy()
  await talkUntil(neighbours, () => [...broker.broker.interest()].length === before)
  assert.equal(broker.broker.sessions.get('greedy'), undefined)
  await neighbours.partInPeace()
})

test('an UNSUBSCRIBE of many filters is answered for each, and one that is malformed at its end ends the connection', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('many', ['f/1', 'f/4999'])
  const unsubscriptions = Array.from({ length: 5000 }, (_, at) => `f/${at}`)
  client.send({ cmd: 'unsubscribe', messageId: 7, unsubscriptions })
  const { messageId, granted } = await client.next('unsuback')
  assert.equal(messageId, 7)
  assert.deepEqual(
    granted?.flatMap((code, at) => (code === 0 ? [at] : [])),
    [1, 4999],
  )
  const packet = client.encode({ cmd: 'unsubscribe', messageId: 8, unsubscriptions })
  packet[packet.length - 1] = 0xff
  client.sendBytes(packet)
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.malformedPacket)
  await client.closed()
})

test('what comes behind a large SUBSCRIBE waits for it, and is done in its order', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('both')
  const subscriptions = Array.from({ length: 5000 }, (_, at): ISubscription => ({ topic: `f/${at}`, qos: 0 }))
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions }, publish('f/4999', 'after'), { cmd: 'pingreq' })
  await client.next('suback')
  assert.equal(String((await client.next('publish')).payload), 'after')
  await client.next('pingresp')
})

test('a publisher far faster than its slowest subscriber: the fast one has all, the slow one a part in order, the rest is counted', async (t) => {
  const broker = await TestBroker.start(t, { max_outbound_bytes: 262_144 })
  const { counters } = broker.broker
  const neighbours = await Neighbours.meet(broker)
  const slow = await broker.subscriber('slow', [{ topic: 't', qos: 0 }])
  const fast = await broker.subscriber('fast', [{ topic: 't', qos: 0 }])
  const publisher = await broker.client('publisher')
  let said = 0
  const numbers: number[] = []
  while (counters.shedQos0 < 500) {
    slow.pause()
    for (let i = 0; i < 40; i++, said++) {
      const payload = Buffer.alloc(4096)
      payload.writeUInt32BE(said)
      publisher.send(publish('t', payload))
    }
    for (const { payload } of await fast.publishes(40)) numbers.push(numberIn(payload))
    await neighbours.talk()
    slow.resume()
    assert(said < 200_000, 'nothing was shed')
  }
  assert.deepEqual(numbers, [...Array(said).keys()])
  const got = await publishesOf(slow, said - counters.shedQos0)
  assert.ok(
    got.every((number, at) => at === 0 || number > got[at - 1]!),
    'in order',
  )
  await slow.nothingMore()
  assert.equal(counters.closedSlow, 0)
  await neighbours.partInPeace()
})

test('a flood of CONNECT, most of them under one ClientID: nothing is left of it', async (t) => {
  const broker = await TestBroker.start(t)
  const neighbours = await Neighbours.meet(broker)
  for (let round = 0; round < 10; round++) {
    const flood = await Promise.all(Array.from({ length: 50 }, () => broker.open()))
    const answers = flood.map((client, at) => client.connect({ clientId: at % 5 === 0 ? `flood ${at}` : 'same' }))
    await neighbours.talk(3)
    await Promise.all(answers)
    await Promise.all(flood.map((client) => client.destroy()))
  }
  await broker.connections(2)
  assert.equal(broker.broker.sessions.count, 2)
  await neighbours.partInPeace()
})

function filters(first: number, count: number): ISubscription[] {
  return Array.from({ length: count }, (_, at) => ({ topic: `fleet/${first + at}/speed`, qos: 0 }))
}

/** Talks until this is so, and returns how often. */
async function talkUntil(neighbours: Neighbours, isOver: () => boolean): Promise<number> {
  let turns = 0
  for (; !isOver(); turns++) await neighbours.talk()
  return turns
}

async function publishesOf(client: RawClient, count: number): Promise<number[]> {
  return (await client.publishes(count)).map(({ payload }) => numberIn(payload))
}

function numberIn(payload: string | Buffer): number {
  return Buffer.from(payload).readUInt32BE(0)
}
