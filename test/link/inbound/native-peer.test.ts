/** The receiver of native batches, over real sockets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import type { MarkSharing } from '../../../src/link/inbound/mark-sharing.ts'
import { isShortFrame, ShortWriter } from '../../../src/lanes/batches/short-frame.ts'
import { decodeAnswer, encodeGreeting } from '../../../src/link/native/greeting.ts'
import { MemoryStore } from '../../broker/durable/memory-store.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { batchOf, bring, give, greetingOf, NativeNode, peerConnect } from './batches.ts'
import { linkTo } from './gate-bench.ts'

test('a peer that greets is answered, and what it brings reaches subscribers', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['a/#'])
  const { client, answer } = await node.peer()
  assert.deepEqual(decodeAnswer(answer ?? ''), {
    version: 1,
    features: ['deflate', 'short', 'probe'],
    node: 'h1',
    boot: '0123456789abcdef',
  })
  const messages = [
    { topic: 'a/1', payload: Buffer.from('one'), qos: 0 },
    { topic: 'a/2', payload: Buffer.from('two'), qos: 1 },
    { topic: 'a/3', payload: Buffer.from('three'), qos: 2, from: 'another' },
  ] as const
  assert.equal(await bring(client, batchOf({ sequence: 3 }, messages)), 0)
  const got = await subscriber.publishes(3)
  assert.deepEqual(
    got.map(({ topic, payload, qos }) => [topic, payload.toString(), qos]),
    messages.map(({ topic, payload, qos }) => [topic, payload.toString(), qos]),
  )
  assert.deepEqual(node.account, { accepted: 3 })
})

test('a batch that comes again is acknowledged and not delivered, over another connection too', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const first = await node.peer()
  const frame = batchOf({ sequence: 1 }, [{ topic: 'a' }])
  assert.equal(await bring(first.client, frame), 0)
  assert.equal(await bring(first.client, frame, 2), 0)
  await first.client.destroy()
  const second = await node.peer()
  assert.equal(await bring(second.client, frame), 0)
  assert.equal(await bring(second.client, batchOf({ sequence: 2, isResent: true }, [{ topic: 'b' }]), 2), 0)
  assert.deepEqual(
    (await subscriber.publishes(2)).map(({ topic }) => topic),
    ['a', 'b'],
  )
  await subscriber.nothingMore()
  assert.deepEqual(node.account, { accepted: 2, duplicate: 2 })
})

test('a batch of QoS 0 has no number, and is taken as often as it comes', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const { client } = await node.peer()
  const frame = batchOf({ sequence: 0 }, [{ topic: 'a', qos: 0 }])
  give(client, frame, 0)
  give(client, frame, 0)
  assert.equal((await subscriber.publishes(2)).length, 2)
  assert.deepEqual(node.account, { accepted: 2 })
})

test('who can not be answered is a client like any other', async (t) => {
  const node = await NativeNode.start(t)
  assert.equal((await node.peer('f1', 'nobody')).answer, undefined)
  for (const text of ['', '{}', 'x'.repeat(20_000), encodeGreeting({ ...greetingOf('far', 'f1'), versions: [2, 9] })]) {
    const { connack } = await node.started.client('c', 5, { properties: { userProperties: { 'isthmus-link': text } } })
    assert.equal(connack.reasonCode, 0)
    assert.equal(connack.properties?.userProperties, undefined)
  }
  for (const change of [{ enable: false }, { dialect: 'emqx' }, { accept: { username: 'far' } }] as const) {
    node.setLink({ enable: true, dialect: 'auto', ...change })
    assert.equal((await node.peer()).answer, undefined, JSON.stringify(change))
  }
})

for (const { versions, reason } of [
  { versions: [2, 3], reason: 'it speaks versions 2 to 3 of the native dialect, and we version 1' },
  { versions: [7, 7], reason: 'it speaks version 7 of the native dialect, and we version 1' },
] as const)
  test(`a peer that greets with versions ${versions.join(' to ')} is not answered, and the log says why, once`, async (t) => {
    const node = await NativeNode.start(t)
    const properties = { userProperties: { 'isthmus-link': encodeGreeting({ ...greetingOf('far', 'f1'), versions }) } }
    for (const clientId of ['c1', 'c2']) {
      const { connack } = await node.started.client(clientId, 5, { properties })
      assert.equal(connack.properties?.userProperties, undefined)
    }
    assert.deepEqual(
      node.started.log.flatMap(({ event, fields }) => (event === 'cluster_link_not_native' ? [fields] : [])),
      [{ link: 'far', node: 'f1', reason }],
    )
  })

test('a newer peer that still knows our version is answered with it, and with the features that both have', async (t) => {
  const node = await NativeNode.start(t)
  const newer = {
    ...greetingOf('far', 'f1'),
    versions: [1, 5],
    features: ['teleport', 'deflate'],
    mood: 'good',
  } as const
  const properties = { userProperties: { 'isthmus-link': encodeGreeting(newer) } }
  const { connack } = await node.started.client('c', 5, { properties })
  const said = connack.properties?.userProperties?.['isthmus-link']
  const { version, features } = decodeAnswer(typeof said === 'string' ? said : '') ?? {}
  assert.deepEqual({ version, features }, { version: 1, features: ['deflate'] })
})

test('a greeting that can not be answered in time for a client that went leaves nothing behind', async (t) => {
  const asked = new Waiting()
  const node = await NativeNode.start(t, { ports: { marks: new Marks(['h2'], () => asked.answer) } })
  node.gate.linksChanged()
  const client = await node.started.open()
  client.send(peerConnect('far', 'f1'))
  await asked.begun
  await client.destroy()
  await node.started.connections(0)
  asked.give([])
  assert.equal((await node.peer()).answer === undefined, false)
})

test('what did not greet brings no batch', async (t) => {
  const node = await NativeNode.start(t)
  const client = await node.started.client('c')
  assert.equal(await bring(client, batchOf({ sequence: 1 }, [{ topic: 'a' }])), 0x99)
  assert.deepEqual(node.account, { malformed: 1 })
})

test('a peer brings batches of its own cluster alone, and only as long as it may', async (t) => {
  const node = await NativeNode.start(t)
  node.links.set('other', { ...linkTo('other') })
  const { client } = await node.peer()
  const frame = batchOf({ sequence: 1 }, [{ topic: 'a' }])
  assert.equal(await bring(client, frame, 1, 'other'), 0x87)
  assert.equal(await bring(client, frame, 2), 0)
  node.setLink({ accept: { username: 'far' } })
  assert.equal((await client.next('disconnect')).reasonCode, 0x98)
})

test('messages outside the topics, and under reserved ones, are left out and counted', async (t) => {
  const node = await NativeNode.start(t, { link: { topics: ['a/+', '$SYS/#', '$other/x'] } })
  const subscriber = await node.started.subscriber('s', ['#', '$other/#', '$SYS/far'])
  const { client } = await node.peer()
  const topics = ['a/1', 'b', '$SYS/far', 'a/2', '$LINK/x', 'a/1/2', '$other/x', 'b']
  assert.equal(
    await bring(
      client,
      batchOf(
        { sequence: 1 },
        topics.map((topic) => ({ topic })),
      ),
    ),
    0,
  )
  assert.deepEqual(
    (await subscriber.publishes(3)).map(({ topic }) => topic),
    ['a/1', 'a/2', '$other/x'],
  )
  assert.deepEqual(node.account, { accepted: 3, not_in_topics: 5 })
  node.setLink({ topics: ['b'] })
  assert.equal(await bring(client, batchOf({ sequence: 2 }, [{ topic: 'a/1' }, { topic: 'b' }])), 0)
  assert.deepEqual(
    (await subscriber.publishes(1)).map(({ topic }) => topic),
    ['b'],
  )
})

test('what a disabled link brings is counted and refused', async (t) => {
  const node = await NativeNode.start(t)
  const { client } = await node.peer()
  node.setLink({ enable: false })
  const frame = batchOf({ sequence: 1 }, [{ topic: 'a' }, { topic: 'b' }])
  assert.equal(await bring(client, frame), 0x83)
  assert.equal(await bring(client, frame), 0, 'it came before')
  assert.deepEqual(node.account, { link_disabled: 2, duplicate: 2 })
})

test('with dialect = native what comes in another one is refused', async (t) => {
  const node = await NativeNode.start(t, { link: { dialect: 'native' } })
  const client = await node.started.client('c')
  assert.equal(await bring(client, Buffer.from([131, 106])), 0x87)
  assert.deepEqual(node.account, { malformed: 1 })
  assert.equal(node.gate.inboundFact('far').state, 'refused')
})

test('a single message that is none is left out, and those around it come', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const { client } = await node.peer()
  const frame = batchOf({ sequence: 1 }, [{ topic: 'a' }, { topic: 'bad' }, { topic: 'c' }])
  frame.write('b#d', frame.indexOf('bad'))
  assert.equal(await bring(client, frame), 0)
  const more = batchOf({ sequence: 2 }, [{ topic: 'd' }, { topic: 'bad' }])
  more.writeUInt16BE(9_999, more.indexOf('bad') - 2)
  assert.equal(await bring(client, more), 0)
  assert.deepEqual(
    (await subscriber.publishes(3)).map(({ topic }) => topic),
    ['a', 'c', 'd'],
  )
  assert.deepEqual(node.account, { accepted: 3, malformed: 2 })
})

const good = (): Buffer => batchOf({ sequence: 1 }, [{ topic: 'a' }, { topic: 'b' }])
for (const { what, frame, malformed } of [
  { what: 'a batch that is cut off', frame: good().subarray(0, -1), malformed: 2 },
  { what: 'a batch with something behind it', frame: Buffer.concat([good(), Buffer.from('x')]), malformed: 2 },
  { what: 'a frame of another kind', frame: changed(good(), (bytes) => (bytes[2] = 9)), malformed: 1 },
  { what: 'nothing but its first byte', frame: Buffer.from([0xc1]), malformed: 1 },
  { what: 'a giant number of publishers', frame: changed(good(), (bytes) => bytes.fill(0xdd, 32, 37)), malformed: 1 },
  {
    what: 'more messages than there are',
    frame: changed(good(), (bytes) => (bytes[bytes.indexOf(Buffer.from([3, 2, 0])) + 1] = 127)),
    malformed: 127,
  },
  { what: 'what is no deflate', frame: changed(squeezed(), (bytes) => bytes.fill(0xff, 41)), malformed: 1 },
  { what: 'what inflates to more than it says', frame: changed(squeezed(), (bytes) => bytes[40]!--), malformed: 1 },
  { what: 'what inflates to less than it says', frame: changed(squeezed(), (bytes) => bytes[40]!++), malformed: 1 },
  {
    what: 'what says that it is larger than any packet',
    frame: changed(squeezed(), (bytes) => (bytes[37] = 1)),
    malformed: 1,
  },
  { what: 'a bomb', frame: bomb(), malformed: 1 },
]) {
  test(`${what} ends its connection, and when it comes again it is refused for good`, async (t) => {
    const node = await NativeNode.start(t)
    const first = await node.peer()
    give(first.client, frame, 1)
    assert.equal((await first.client.next('disconnect')).reasonCode, 0x99)
    assert.deepEqual(await first.client.closed(), [])
    assert.deepEqual(node.account, {})
    const second = await node.peer()
    assert.equal(await bring(second.client, frame), 0x99)
    assert.deepEqual(node.account, { malformed })
    assert.equal(await bring(second.client, batchOf({ sequence: 2 }, [{ topic: 'a' }]), 2), 0)
  })
}

test('a compressed batch is taken like any other', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const { client } = await node.peer()
  const messages = Array.from({ length: 300 }, (_, i) => ({
    topic: `a/${i}`,
    payload: Buffer.from('same'),
    qos: 0 as const,
  }))
  assert.equal(await bring(client, batchOf({ sequence: 1, isCompressed: true }, messages)), 0)
  assert.deepEqual(
    (await subscriber.publishes(300)).map(({ topic }) => topic),
    messages.map(({ topic }) => topic),
  )
})

test('a shortened batch is taken for what it stands for, and one that stands for nothing ends the connection', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const first = await node.peer()
  const writer = new ShortWriter()
  const frames = [1, 2, 3].map((sequence) => batchOf({ sequence }, [{ topic: `a/${sequence}` }]))
  const [whole, second, third] = frames.map((frame) => writer.encode(frame))
  assert.ok(whole !== undefined && second !== undefined && third !== undefined)
  assert.deepEqual([whole, second, third].map(isShortFrame), [false, true, true])
  assert.equal(await bring(first.client, whole), 0)
  assert.equal(await bring(first.client, second), 0)
  await first.client.destroy()
  const other = await node.peer()
  give(other.client, third, 1)
  assert.equal((await other.client.next('disconnect')).reasonCode, 0x99)
  const last = await node.peer()
  assert.equal(await bring(last.client, batchOf({ sequence: 3, isResent: true }, [{ topic: 'a/3' }])), 0)
  assert.deepEqual(
    (await subscriber.publishes(3)).map(({ topic }) => topic),
    ['a/1', 'a/2', 'a/3'],
  )
  assert.deepEqual(node.account, { accepted: 3 })
})

test('what was on its way before this node knew its sender may be double, and is counted as such', async (t) => {
  const node = await NativeNode.start(t)
  const { client } = await node.peer()
  assert.equal(await bring(client, batchOf({ sequence: 4, isResent: true }, [{ topic: 'a' }, { topic: 'b' }])), 0)
  assert.equal(await bring(client, batchOf({ sequence: 5, isResent: true }, [{ topic: 'a' }])), 0)
  assert.equal(await bring(client, batchOf({ sequence: 6 }, [{ topic: 'a' }])), 0)
  assert.equal(await bring(client, batchOf({ sequence: 7, isResent: true }, [{ topic: 'a' }])), 0)
  assert.deepEqual(node.account, { accepted: 5, maybe_duplicate: 3 })
})

test('PUBACKs of small batches that follow each other soon share a write, those of few do not wait', async (t) => {
  const clock = new ManualClock()
  const node = await NativeNode.start(t, { clock })
  const { counters } = node.started.broker
  const { client } = await node.peer()
  let sequence = 0
  const batch = (bytes = 1) => batchOf({ sequence: ++sequence }, [{ topic: 'a', payload: Buffer.alloc(bytes) }])
  const taken = async () => {
    while (counters.publishesReceived[1] !== sequence) await nextTurn()
    // What goes at the end of a turn has gone at the end of the next.
    for (let turn = 0; turn < 3; turn += 1) await nextTurn()
  }
  const answers = async (count: number) => {
    for (let i = 0; i < count; i += 1) await client.next('puback')
  }
  for (let i = 0; i < 8; i += 1) assert.equal(await bring(client, batch()), 0)
  const { bytesSent } = counters
  for (let i = 1; i <= 3; i += 1) give(client, batch(), i)
  await taken()
  assert.equal(counters.bytesSent, bytesSent)
  clock.advance(5)
  await answers(3)
  for (let i = 0; i < 8; i += 1) assert.equal(await bring(client, batch()), 0, 'a pause begins anew')
  for (let i = 1; i <= 16; i += 1) give(client, batch(), i)
  await answers(16)
  for (let i = 1; i <= 3; i += 1) give(client, batch(), i)
  assert.equal(await bring(client, batch(10_000), 4).catch(String), 'Error: PUBACK of 1 for 4')
  await answers(3)
})

test("what is left of a message's life does not depend on how far the two clusters' clocks are apart", async (t) => {
  const clock = new ManualClock()
  const node = await NativeNode.start(t, { clock })
  const { client } = await node.peer()
  const properties = { messageExpiryInterval: 60 }
  const rows = [0, 3_600_000, -3_600_000].map((skewMs, i) => {
    const sentAtMs = clock.nowMs() + skewMs
    return { sentAtMs, topic: `t/${i}`, timestampMs: sentAtMs - 20_000 }
  })
  const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }
  const away = await node.started.subscriber('away', ['t/#'], 5, kept)
  await away.destroy()
  await node.started.connections(1)
  let sequence = 0
  for (const { sentAtMs, ...message } of rows)
    assert.equal(await bring(client, batchOf({ sequence: ++sequence, sentAtMs }, [{ ...message, properties }])), 0)
  const dead = { topic: 't/dead', timestampMs: clock.nowMs() - 60_000, properties }
  assert.equal(await bring(client, batchOf({ sequence: ++sequence, sentAtMs: clock.nowMs() }, [dead])), 0)
  assert.equal(node.started.broker.counters.droppedExpired, 1)
  clock.advance(10_000)
  const back = await node.started.client('away', 5, kept)
  const got = await back.publishes(3)
  assert.deepEqual(
    got.map(({ topic, properties: told }) => [topic, told?.messageExpiryInterval]),
    [
      ['t/0', 30],
      ['t/1', 30],
      ['t/2', 30],
    ],
  )
})

test('a batch that takes longer than a turn is taken to its end, even if its connection ends meanwhile', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const { client } = await node.peer()
  const messages = Array.from({ length: 2_000 }, (_, i) => ({ topic: `new/${i}`, qos: 0 as const }))
  give(client, batchOf({ sequence: 1 }, messages), 1)
  while (node.started.broker.counters.published === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(node.started.broker.counters.published < 2_000, 'it was taken in one turn')
  await client.destroy()
  assert.equal((await subscriber.publishes(2_000)).length, 2_000)
  const again = await node.peer()
  assert.equal(await bring(again.client, batchOf({ sequence: 1 }, messages)), 0)
  await subscriber.nothingMore()
  assert.deepEqual(node.account, { accepted: 2_000, duplicate: 2_000 })
})

test('PUBACK waits for the disk, also that of a batch that came before; and while the disk takes nothing a batch is not taken', async (t) => {
  const clock = new ManualClock()
  const node = await NativeNode.start(t, { clock })
  const { broker } = node.started
  const store = new MemoryStore()
  broker.open(store)
  const away = await node.started.subscriber('away', ['kept/#'], 5, {
    clean: false,
    properties: { sessionExpiryInterval: 3600 },
  })
  await away.destroy()
  await node.started.connections(0)
  clock.advance(1_000)
  await broker.journal.flush()
  store.isPrompt = false
  const first = await node.peer()
  const frame = batchOf({ sequence: 1 }, [{ topic: 'other' }, { topic: 'kept/1' }])
  give(first.client, frame, 1)
  await first.client.nothingMore()
  await first.client.destroy()
  const second = await node.peer()
  give(second.client, frame, 5)
  await second.client.nothingMore()
  while (store.pending.length === 0) {
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await second.client.nothingMore()
  store.settle()
  assert.equal((await second.client.next('puback')).messageId, 5)
  assert.deepEqual(node.account, { accepted: 2, duplicate: 2 })

  store.failure = new Error('no room')
  store.isPrompt = true
  give(second.client, batchOf({ sequence: 2 }, [{ topic: 'kept/2' }]), 6)
  while (!broker.journal.isFailing) {
    clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await second.client.next('disconnect')).reasonCode, 0x97)
  const third = await node.peer()
  assert.equal(await bring(third.client, batchOf({ sequence: 3 }, [{ topic: 'other' }]), 7), 0)
  give(third.client, batchOf({ sequence: 4 }, [{ topic: 'bad' }, { topic: 'kept/3' }]), 8)
  assert.equal((await third.client.next('disconnect')).reasonCode, 0x97)
  assert.deepEqual(node.account, { accepted: 4, duplicate: 2 }, 'the fourth was not taken')
  store.failure = undefined
  clock.advance(10_000)
  await broker.journal.flush()
  const fourth = await node.peer()
  const taken = bring(fourth.client, batchOf({ sequence: 4 }, [{ topic: 'bad' }, { topic: 'kept/3' }]), 9)
  clock.advance(10_000)
  assert.equal(await taken, 0)
  assert.deepEqual(node.account, { accepted: 6, duplicate: 2 })
})

test('a sender that comes to another node finds there what the first one has taken, and the first one takes nothing more', async (t) => {
  const all = new Map<string, (body: unknown) => Promise<unknown>>()
  const marksOf = (self: string, other: string): Marks =>
    new Marks(
      [other],
      (body) => all.get(other)!(body),
      (answer) => all.set(self, answer),
    )
  const h1 = await NativeNode.start(t, { ports: { marks: marksOf('h1', 'h2') } })
  const h2 = await NativeNode.start(t, { ports: { marks: marksOf('h2', 'h1') } })
  for (const { gate } of [h1, h2]) gate.linksChanged()
  const first = await h1.peer()
  const unrelated = await h1.peer('f2')
  assert.equal(await bring(first.client, batchOf({ sequence: 3 }, [{ topic: 'a' }])), 0)
  const second = await h2.peer()
  assert.equal((await first.client.next('disconnect')).reasonCode, 0x8e)
  assert.equal(await bring(second.client, batchOf({ sequence: 3, isResent: true }, [{ topic: 'a' }])), 0)
  assert.equal(await bring(second.client, batchOf({ sequence: 4, isResent: true }, [{ topic: 'b' }])), 0)
  assert.deepEqual(h2.account, { accepted: 1, duplicate: 1 })
  await unrelated.client.nothingMore()
})

test('a node that leaves tells the others what it has taken: what it had no time to acknowledge is not taken twice', async (t) => {
  const [staying, leaving] = [new Marks([], () => Promise.resolve([])), new Marks(['h2'], () => Promise.resolve([]))]
  leaving.left = (body) => staying.take(body)
  const h1 = await NativeNode.start(t, { ports: { marks: leaving } })
  const h2 = await NativeNode.start(t, { ports: { marks: staying } })
  for (const { gate } of [h1, h2]) gate.linksChanged()
  const first = await h1.peer()
  assert.equal(await bring(first.client, batchOf({ sequence: 3 }, [{ topic: 'a' }])), 0)
  await h1.gate.leave()
  staying.gone()
  const second = await h2.peer()
  assert.equal(await bring(second.client, batchOf({ sequence: 3, isResent: true }, [{ topic: 'a' }])), 0)
  assert.equal(await bring(second.client, batchOf({ sequence: 4, isResent: true }, [{ topic: 'b' }])), 0)
  assert.deepEqual(h2.account, { accepted: 1, duplicate: 1, maybe_duplicate: 1 })
})

for (const { what, body } of [
  { what: 'no list', body: { cluster: 'far' } },
  { what: 'of nobody', body: [{ marks: [] }] },
])
  test(`what a node that leaves says is looked at: ${what}`, async (t) => {
    const marks = new Marks([], () => Promise.resolve([]))
    const node = await NativeNode.start(t, { ports: { marks } })
    node.gate.linksChanged()
    assert.throws(() => marks.take(body), /malformed/)
    marks.take([{ cluster: 'nobody', node: 'f1', marks: [{ epoch: 1, lane: 0, sequence: 9 }] }])
    marks.take([{ cluster: 'far', node: 'f1', marks: [{ epoch: 7, lane: 0, sequence: -1 }, 'x'] }])
    const { client } = await node.peer()
    assert.equal(await bring(client, batchOf({ sequence: 1 }, [{ topic: 'a' }])), 0)
    assert.deepEqual(node.account, { accepted: 1 })
  })

test('a disk that is stuck holds up nobody who leaves, and nothing is said that is not on it', async (t) => {
  const clock = new ManualClock()
  const marks = new Marks(['h2'], () => Promise.resolve([]))
  const said: unknown[] = []
  marks.left = (body) => said.push(body)
  const node = await NativeNode.start(t, { clock, ports: { marks } })
  node.gate.linksChanged()
  const { client } = await node.peer()
  assert.equal(await bring(client, batchOf({ sequence: 1 }, [{ topic: 'a' }])), 0)
  marks.whenSafe = () => undefined
  const left = node.gate.leave()
  clock.advance(1_000)
  await left
  assert.deepEqual(said, [])
})

test('of a node that does not answer, or is gone, it is counted what may have come there', async (t) => {
  let isThere = true
  const marks = new Marks(['h2'], () => (isThere ? Promise.resolve([]) : Promise.reject(new Error('silent'))))
  const node = await NativeNode.start(t, { ports: { marks } })
  node.gate.linksChanged()
  const sure = await node.peer()
  assert.equal(await bring(sure.client, batchOf({ sequence: 1 }, [{ topic: 'a' }])), 0)
  assert.equal(await bring(sure.client, batchOf({ sequence: 2, isResent: true }, [{ topic: 'a' }])), 0)
  assert.deepEqual(node.account, { accepted: 2 })
  isThere = false
  const doubtful = await node.peer()
  assert.equal(await bring(doubtful.client, batchOf({ sequence: 3, isResent: true }, [{ topic: 'a' }])), 0)
  assert.deepEqual(node.account, { accepted: 3, maybe_duplicate: 1 })
  assert.equal(await bring(doubtful.client, batchOf({ sequence: 4 }, [{ topic: 'a' }])), 0)
  isThere = true
  marks.others = () => []
  marks.gone()
  const later = await node.peer()
  assert.equal(await bring(later.client, batchOf({ sequence: 5, isResent: true }, [{ topic: 'a' }])), 0)
  assert.deepEqual(node.account, { accepted: 5, maybe_duplicate: 2 })
})

for (const { where, others } of [
  { where: 'a node that is alone', others: undefined },
  { where: 'a node of a cluster', others: ['h2'] },
])
  test(`what was lost on its way before anything came is not doubtful, if the sender said that it had sent nothing: ${where}`, async (t) => {
    const marks = others === undefined ? undefined : new Marks(others, () => Promise.resolve([]))
    const node = await NativeNode.start(t, marks === undefined ? {} : { ports: { marks } })
    node.gate.linksChanged()
    await node.peer('f1', 'far', 'c1', 7)
    const { client } = await node.peer('f1', 'far', 'c2')
    assert.equal(await bring(client, batchOf({ sequence: 1, isResent: true }, [{ topic: 'a' }])), 0)
    assert.equal(await bring(client, batchOf({ sequence: 1, epoch: 8, isResent: true }, [{ topic: 'a' }]), 2), 0)
    assert.deepEqual(node.account, { accepted: 2, maybe_duplicate: 1 })
  })

for (const { when, silentMs, account } of [
  { when: 'says that it lives is waited for', silentMs: 1_900, account: { accepted: 2, duplicate: 1 } },
  { when: 'is silent is waited for no longer', silentMs: 2_000, account: { accepted: 3, maybe_duplicate: 2 } },
])
  test(`a node that does not answer at once and ${when}`, async (t) => {
    const clock = new ManualClock()
    let asked = new Waiting()
    const marks = new Marks(['h2'], () => asked.answer)
    const node = await NativeNode.start(t, { clock, ports: { marks } })
    node.gate.linksChanged()
    asked.give([])
    const first = await node.peer()
    assert.equal(await bring(first.client, batchOf({ sequence: 1 }, [{ topic: 'a' }])), 0)
    asked = new Waiting()
    marks.silence = silentMs
    const coming = node.peer()
    await asked.begun
    clock.advance(3_000)
    asked.give([{ epoch: 7, lane: 0, sequence: 2, isSure: true }])
    const second = await coming
    for (const sequence of [2, 3])
      assert.equal(await bring(second.client, batchOf({ sequence, isResent: true }, [{ topic: 'a' }]), sequence), 0)
    assert.deepEqual(node.account, account)
  })

/** Other nodes of the cluster, as a test says. */
class Marks implements MarkSharing {
  others: () => readonly string[]
  silence = 0
  /** Hears what this node says when it leaves. */
  left: (body: unknown) => void = () => undefined
  /** What others say that leave. */
  take: (body: unknown) => void = () => undefined
  readonly #ask: (body: unknown) => Promise<unknown>
  readonly #serving: (answer: (body: unknown) => Promise<unknown>) => void
  #listener: () => void = () => undefined

  constructor(
    others: readonly string[],
    ask: (body: unknown) => Promise<unknown>,
    serving: (answer: (body: unknown) => Promise<unknown>) => void = () => undefined,
  ) {
    this.others = () => others
    this.#ask = ask
    this.#serving = serving
  }

  ask(_node: string, body: unknown): Promise<unknown> {
    return this.#ask(body)
  }

  async leave(_node: string, body: unknown): Promise<void> {
    this.left(body)
  }

  inherit(take: (body: unknown) => void): () => void {
    this.take = take
    return () => undefined
  }

  silentMs(): number {
    return this.silence
  }

  serve(answer: (body: unknown) => Promise<unknown>): () => void {
    this.#serving(answer)
    return () => undefined
  }

  onGone(listener: () => void): () => void {
    this.#listener = listener
    return () => undefined
  }

  gone(): void {
    this.#listener()
  }

  whenSafe(call: () => void): void {
    call()
  }
}

/** A question whose answer waits. */
class Waiting {
  #begin: () => void = () => undefined
  #give: (answer: unknown) => void = () => undefined
  readonly begun = new Promise<void>((resolve) => (this.#begin = resolve))
  readonly #answered = new Promise<unknown>((resolve) => (this.#give = resolve))

  get answer(): Promise<unknown> {
    this.#begin()
    return this.#answered
  }

  give(answer: unknown): void {
    this.#give(answer)
  }
}

function changed(bytes: Buffer, change: (bytes: Buffer) => unknown): Buffer {
  change(bytes)
  return bytes
}

function squeezed(): Buffer {
  return batchOf({ sequence: 1, isCompressed: true }, [{ topic: 'a' }, { topic: 'b' }])
}

/** A few kilobytes that become very many. */
function bomb(): Buffer {
  const deflated = deflateRawSync(Buffer.alloc(64 * 1024 * 1024))
  return Buffer.concat([squeezed().subarray(0, 41), deflated])
}
