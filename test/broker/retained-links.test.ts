/** Retained messages that come over links: the later one wins, wherever it comes from, and nothing that was cleared comes back. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import type { Message } from '../../src/packets/message.ts'
import { MemoryStore } from './durable/memory-store.ts'
import { deliverFromPeer } from './link-batch.ts'
import { ManualClock } from './manual-clock.ts'
import { Nodes } from './members/nodes.ts'
import { mqttDefaults, publish, subscribe, TestBroker } from './test-broker.ts'

function message(timestampMs: number, topic: string, payload: string, parts: Partial<Message> = {}): Message {
  return {
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    retain: true,
    properties: undefined,
    from: 'p',
    username: undefined,
    peerHost: undefined,
    timestampMs,
    origin: undefined,
    ...parts,
  }
}

function contentOf(broker: Broker): Record<string, string> {
  return Object.fromEntries([...broker.retained('#')].map(({ topic, payload }) => [topic, payload.toString()]))
}

async function start(t: TestContext) {
  const clock = new ManualClock()
  const started = await TestBroker.start(t, {}, clock)
  const { broker } = started
  broker.isVersioning = true
  const reader = await started.subscriber('reader', ['#'])
  const nextPayload = async (): Promise<string> => (await reader.next('publish')).payload.toString()
  return { clock, started, broker, reader, nextPayload }
}

test('a live message of a peer is retained if it is later, and delivered in any case', async (t) => {
  const { clock, broker, nextPayload } = await start(t)
  const nowMs = clock.nowMs()
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 10, 'x', 'first')])
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 20, 'x', 'late')])
  assert.deepEqual(contentOf(broker), { x: 'first' })
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 5, 'x', 'second')])
  assert.deepEqual(contentOf(broker), { x: 'second' })
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 7, 'x', '')])
  assert.deepEqual(contentOf(broker), { x: 'second' })
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 4, 'x', '')])
  assert.deepEqual(contentOf(broker), {})
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 5, 'x', 'back')])
  assert.deepEqual(contentOf(broker), {})
  for (const payload of ['first', 'late', 'second', '', '', 'back']) assert.equal(await nextPayload(), payload)
})

test('what a peer tells is delivered only if it is kept, and clears silently where nothing is', async (t) => {
  const { clock, broker, reader, nextPayload } = await start(t)
  const nowMs = clock.nowMs()
  const told = [message(nowMs - 10, 'x', '1'), message(nowMs - 10, 'y', ''), message(nowMs - 10, 'z', '1')]
  deliverFromPeer(broker, 'far', 'told', told)
  deliverFromPeer(broker, 'far', 'told', told)
  assert.deepEqual([await nextPayload(), await nextPayload()], ['1', '1'])
  deliverFromPeer(broker, 'far', 'told', [message(nowMs - 9, 'x', '')])
  assert.deepEqual([await nextPayload(), contentOf(broker)], ['', { z: '1' }])
  // Cleared before it was heard of: it stays away.
  deliverFromPeer(broker, 'far', 'told', [message(nowMs - 11, 'y', 'old')])
  await reader.nothingMore()
  assert.deepEqual(contentOf(broker), { z: '1' })
})

test('what does not fit the limits of this node is not delivered again whenever it is told', async (t) => {
  const { clock, broker, reader } = await start(t)
  const { retainer, mqtt } = broker.limits
  broker.configure(mqtt, { ...retainer, max_payload_size: 3 })
  deliverFromPeer(broker, 'far', 'told', [message(clock.nowMs(), 'x', 'four')])
  broker.configure(mqtt, { ...retainer, enable: false })
  deliverFromPeer(broker, 'far', 'told', [message(clock.nowMs(), 'y', '1')])
  await reader.nothingMore()
  assert.deepEqual(contentOf(broker), {})
})

test('whoever publishes here is later than what a peer said, however far its clock is ahead', async (t) => {
  const { clock, broker, started } = await start(t)
  const hourMs = 3_600_000
  deliverFromPeer(broker, 'far', 'live', [message(clock.nowMs() + hourMs, 'x', 'ahead')])
  const client = await started.client('p')
  client.send(publish('x', 'here', { retain: true }))
  await client.nothingMore()
  assert.deepEqual(contentOf(broker), { x: 'here' })
  assert.equal(broker.ownRetainedOf('x')?.receivedAtMs, clock.nowMs() + hourMs + 1)
  deliverFromPeer(broker, 'far', 'live', [message(clock.nowMs() + hourMs, 'x', 'ahead')])
  assert.deepEqual(contentOf(broker), { x: 'here' })
})

test('a clock that is more than a day ahead keeps nobody from a topic; that is told now and then', async (t) => {
  const { clock, broker, started, nextPayload } = await start(t)
  const dayMs = 24 * 3_600_000
  for (let i = 0; i < 3; i += 1) deliverFromPeer(broker, 'far', 'live', [message(clock.nowMs() + dayMs + 1, 'x', '1')])
  deliverFromPeer(broker, 'far', 'told', [message(Number.MAX_SAFE_INTEGER, 'x', '1')])
  assert.deepEqual(contentOf(broker), {})
  assert.equal(await nextPayload(), '1')
  const lines = started.log.filter(({ event }) => event === 'retained_message_clock_ahead')
  assert.deepEqual(
    lines.map(({ fields }) => fields),
    [{ topic: 'x', origin: 'far', ahead_ms: dayMs + 1 }],
  )
  deliverFromPeer(broker, 'far', 'live', [message(clock.nowMs() + dayMs, 'x', 'ahead')])
  assert.deepEqual(contentOf(broker), { x: 'ahead' })
})

test('two messages of one millisecond end alike in whichever order they come, whatever is left of their lives', async (t) => {
  const { clock, broker } = await start(t)
  const { broker: other } = await TestBroker.start(t, {}, clock)
  other.isVersioning = true
  const atMs = clock.nowMs()
  for (let i = 0; i < 20; i += 1) {
    const live = (seconds: number) => ({ properties: { messageExpiryInterval: seconds, contentType: `${i}` } })
    const [one, two] = [message(atMs, `${i}`, 'one', live(100)), message(atMs, `${i}`, 'two', live(100))]
    deliverFromPeer(broker, 'far', 'live', [one, two])
    deliverFromPeer(other, 'far', 'told', [two, { ...one, ...live(99) }])
  }
  assert.deepEqual(contentOf(broker), contentOf(other))
  assert.equal(new Set(Object.values(contentOf(broker))).size, 2)
})

test('only what was published or cleared here is told to others, as it is kept', async (t) => {
  const { clock, broker, started } = await start(t)
  const nowMs = clock.nowMs()
  deliverFromPeer(broker, 'far', 'live', [message(nowMs - 3, 'theirs', '1'), message(nowMs - 3, 'cleared/theirs', '')])
  const client = await started.client('p', 5)
  client.send(
    publish('ours', '1', { retain: true }),
    publish('cleared/ours', '', { retain: true }),
    publish('plain', '1'),
  )
  await client.nothingMore()
  assert.deepEqual(
    [...broker.ownRetained()],
    [
      { topic: 'ours', atMs: nowMs, isDeleted: false },
      { topic: 'cleared/ours', atMs: nowMs, isDeleted: true },
    ],
  )
  assert.equal(broker.ownRetainedOf('ours')?.toMessage().payload.toString(), '1')
  const cleared = broker.ownRetainedOf('cleared/ours')
  assert.deepEqual([cleared?.payloadLength, cleared?.retain, cleared?.receivedAtMs], [0, true, nowMs])
  for (const topic of ['theirs', 'cleared/theirs', 'plain', 'none'])
    assert.equal(broker.ownRetainedOf(topic), undefined)
  // What we cleared last is ours, and what they clear is theirs.
  clock.advance(1)
  client.send(publish('theirs', '', { retain: true }))
  await client.nothingMore()
  deliverFromPeer(broker, 'far', 'live', [message(nowMs + 1, 'ours', '')])
  assert.deepEqual([...broker.ownRetained()].map(({ topic }) => topic).toSorted(), ['cleared/ours', 'theirs'])
})

test('what has expired is told to nobody', async (t) => {
  const { clock, broker, started } = await start(t)
  const client = await started.client('p')
  client.send(publish('x', '1', { retain: true, properties: { messageExpiryInterval: 5 } }))
  await client.nothingMore()
  assert.notEqual(broker.ownRetainedOf('x'), undefined)
  clock.advance(5_000)
  assert.equal(broker.ownRetainedOf('x'), undefined)
})

test('who came from where outlives the process, of what was cleared, too', async () => {
  const store = new MemoryStore()
  const clock = new ManualClock()
  const open = () => {
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const broker = new Broker({ mqtt: mqttDefaults, clock, random: Math.random, log })
    broker.isVersioning = true
    return broker
  }
  const before = open()
  before.open(store)
  const nowMs = clock.nowMs()
  deliverFromPeer(before, 'far', 'live', [message(nowMs, 'theirs', '1'), message(nowMs, 'cleared/theirs', '')])
  before.deliver(message(nowMs, 'ours', '1'))
  before.deliver(message(nowMs, 'cleared/ours', ''))
  await before.journal.flush()
  const after = open()
  after.open(store.afterCrash())
  clock.advance(1_000)
  assert.deepEqual(contentOf(after), contentOf(before))
  assert.deepEqual([...after.ownRetained()].map(({ topic }) => topic).toSorted(), ['cleared/ours', 'ours'])
  assert.equal(after.retainedOriginOf('cleared/theirs'), 'far')
  deliverFromPeer(after, 'far', 'told', [message(nowMs - 1, 'cleared/ours', 'old')])
  assert.deepEqual(contentOf(after), contentOf(before))
})

test('a message of a peer is of the same age on all nodes of a cluster, and a life that began elsewhere goes on', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const [a, b] = [nodes.node('a').broker, nodes.node('b').broker]
  const { clock } = nodes
  const atMs = clock.nowMs() - 4_000
  const properties = { messageExpiryInterval: 10 }
  deliverFromPeer(a, 'far', 'live', [message(atMs, 'x', '1', { properties })])
  deliverFromPeer(a, 'far', 'told', [message(atMs, 'y', '1', { properties }), message(atMs, 'gone', '')])
  assert.deepEqual(nodes.deliver(), ['a>b x retain', 'a>b y retain', 'a>b gone retain'])
  for (const broker of [a, b]) {
    for (const topic of ['x', 'y']) {
      assert.equal(broker.retainedMessage(topic)?.receivedAtMs, atMs)
      assert.equal(broker.retainedMessage(topic)?.expirySecondsLeft(clock.nowMs()), 6)
    }
    assert.deepEqual([...broker.ownRetained()], [])
    assert.equal(broker.retainedOriginOf('gone'), 'far')
    for (const { topic, version } of a.retainedVersions()) assert.equal(broker.retainedVersionOf(topic), version)
  }
  // Told again on the other node it is known.
  deliverFromPeer(b, 'far', 'told', [message(atMs, 'x', '1', { properties })])
  assert.deepEqual(nodes.deliver(), [])
})

test('where clearing messages are not passed on, links hear of them nevertheless', async (t) => {
  const { broker, started, reader } = await start(t)
  broker.configure(broker.mqtt, { ...broker.limits.retainer, stop_publish_clear_msg: true })
  const crossed: string[] = []
  broker.addRoute('#', { id: 'link:far', accept: ({ view }) => void crossed.push(`${view.end - view.payloadStart}`) })
  const client = await started.client('p')
  client.send(publish('x', '1', { retain: true }), publish('x', '', { retain: true }))
  await client.nothingMore()
  assert.deepEqual(crossed, ['1', '0'])
  assert.equal((await reader.next('publish')).payload.toString(), '1')
  await reader.nothingMore()
})

test('a node without links and members has no versions and remembers nothing that was cleared', async (t) => {
  const started = await TestBroker.start(t)
  const client = await started.client('p')
  client.send(publish('x', '1', { retain: true }), publish('x', '', { retain: true }))
  await client.nothingMore()
  assert.deepEqual([...started.broker.ownRetained()], [])
  await subscribe(client, '#')
  await client.nothingMore()
})
