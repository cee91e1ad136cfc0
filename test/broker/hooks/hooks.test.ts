/** What hooks see and what becomes of messages, with a real server and real packets. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ChangedMessage, Hooks } from '../../../src/broker/hooks/hook.ts'
import { NodeHooks } from '../../../src/broker/hooks/node-hooks.ts'
import { systemClock } from '../../../src/broker/clock.ts'
import type { Message } from '../../../src/packets/message.ts'
import { ManualClock } from '../manual-clock.ts'
import { publish, TestBroker } from '../test-broker.ts'

async function hooked(t: TestContext, hooks: Hooks, clock = systemClock) {
  const started = await TestBroker.start(t, {}, clock)
  const { broker } = started
  const ports = { clock, log: broker.log }
  broker.hooks = new NodeHooks([{ name: 'mine.mjs', hooks }], ports, () => 1_000)
  return started
}

const linked = (topic: string): Message => ({
  topic,
  payload: Buffer.from('of a link'),
  qos: 1,
  retain: false,
  properties: undefined,
  from: 'far',
  username: undefined,
  peerHost: undefined,
  timestampMs: Date.now(),
  origin: 'west',
})

test('each hook is called with who did what', async (t) => {
  const seen: unknown[] = []
  const note =
    (name: string) =>
    (...given: readonly unknown[]) =>
      void seen.push([name, ...given.map((one) => (typeof one === 'object' ? briefly(one) : one))])
  const started = await hooked(t, {
    'client.connected': note('connected'),
    'client.disconnected': note('disconnected'),
    'session.subscribed': note('subscribed'),
    'session.unsubscribed': note('unsubscribed'),
    'message.publish': note('publish'),
    'message.delivered': note('delivered'),
    'message.acked': note('acked'),
    'message.dropped': note('dropped'),
  })
  const client = await started.subscriber('c1', ['a/+'])
  client.send(publish('a/1', 'one', { qos: 1, messageId: 7, properties: { userProperties: { k: 'v' } } }))
  const { messageId } = await client.next('publish')
  await client.next('puback')
  client.send({ cmd: 'puback', messageId: messageId! }, publish('nowhere', 'two', { qos: 1, messageId: 8 }))
  await client.next('puback')
  client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a/+'] })
  await client.next('unsuback')
  client.send({ cmd: 'disconnect', reasonCode: 4 })
  await started.connections(0)
  assert.deepEqual(seen, [
    ['connected', 'c1'],
    ['subscribed', 'c1', 'a/+', 'qos 2'],
    ['publish', 'a/1 one'],
    ['delivered', 'c1', 'a/1 one'],
    ['acked', 'c1', 'a/1 one'],
    ['publish', 'nowhere two'],
    ['dropped', 'nowhere two', 'no_subscribers', undefined],
    ['unsubscribed', 'c1', 'a/+'],
    ['disconnected', 'c1', 4],
  ])
})

function briefly(value: object | null): unknown {
  if (value === null) return null
  if ('payload' in value && 'topic' in value) return `${String(value.topic)} ${String(value.payload)}`
  if ('clientId' in value) return value.clientId
  return 'qos' in value ? `qos ${String(value.qos)}` : value
}

for (const { when, answer, got } of [
  { when: 'says nothing', answer: () => undefined, got: 't payload' },
  { when: 'says true', answer: () => true, got: 't payload' },
  { when: 'changes the payload', answer: () => ({ payload: 'other' }), got: 't other' },
  { when: 'changes the topic', answer: () => ({ topic: 'u' }), got: 'u payload' },
  {
    when: 'returns the message with another payload',
    answer: (message: Message) => ({ ...message, payload: Buffer.from('x') }),
    got: 't x',
  },
  { when: 'promises another payload', answer: () => Promise.resolve({ payload: 'later' }), got: 't later' },
  { when: 'promises nothing', answer: () => Promise.resolve(), got: 't payload' },
])
  for (const qos of [0, 1, 2] as const)
    test(`a hook that ${when}: subscribers get that, at QoS ${qos}`, async (t) => {
      const started = await hooked(t, { 'message.publish': answer })
      const subscriber = await started.subscriber('s', ['#'])
      const publisher = await started.client('p')
      publisher.send(publish('t', 'payload', { qos, ...(qos > 0 ? { messageId: 5 } : {}) }))
      const { topic, payload, qos: arrived } = await subscriber.next('publish')
      assert.deepEqual([`${topic} ${String(payload)}`, arrived], [got, qos])
      if (qos === 1) assert.equal((await publisher.next('puback')).messageId, 5)
      if (qos === 2) assert.equal((await publisher.next('pubrec')).messageId, 5)
    })

for (const { how, answer } of [
  { how: 'at once', answer: () => false },
  { how: 'by a promise', answer: () => Promise.resolve(false) },
] as const)
  test(`what a hook drops ${how} reaches nobody, is not retained, counted, and answered as if nobody wanted it`, async (t) => {
    const reasons: unknown[] = []
    const started = await hooked(t, {
      'message.publish': ({ topic }) => (topic === 'no' ? answer() : true),
      'message.dropped': (_, reason) => reasons.push(reason),
    })
    const subscriber = await started.subscriber('s', ['#'])
    const publisher = await started.client('p')
    publisher.send(publish('no', 'x', { qos: 1, messageId: 1, retain: true }))
    assert.equal((await publisher.next('puback')).reasonCode, 0x10)
    publisher.send(publish('no', 'x', { qos: 2, messageId: 2 }))
    assert.equal((await publisher.next('pubrec')).reasonCode, 0x10)
    publisher.send({ cmd: 'pubrel', messageId: 2 })
    await publisher.next('pubcomp')
    publisher.send(publish('no', 'x'), publish('yes', 'x'))
    assert.equal((await subscriber.next('publish')).topic, 'yes')
    const { counters, retainedCount } = started.broker
    assert.deepEqual([counters.droppedByHook, counters.published, retainedCount], [3, 1, 0])
    assert.deepEqual(reasons, ['hook', 'hook', 'hook'])
    assert.equal(counters.lost, 0)
  })

test('a promise holds back its publisher alone, and what that one sends stays in order', async (t) => {
  const open: ((verdict: boolean) => void)[] = []
  const started = await hooked(t, {
    'message.publish': ({ topic }) =>
      topic === 'slow/1' ? new Promise<boolean>((resolve) => void open.push(resolve)) : true,
  })
  const subscriber = await started.subscriber('s', ['#'])
  const [slow, other] = [await started.client('slow'), await started.client('other')]
  slow.send(publish('slow/1', ''), publish('slow/2', ''))
  while (open.length === 0) await new Promise((resolve) => setImmediate(resolve))
  slow.send(publish('slow/3', ''))
  other.send(publish('other', ''))
  const got = [(await subscriber.next('publish')).topic]
  open[0]!(true)
  for (let i = 0; i < 3; i++) got.push((await subscriber.next('publish')).topic)
  assert.deepEqual(got, ['other', 'slow/1', 'slow/2', 'slow/3'])
})

test('who waits for a hook is not taken for silent, and a hook that keeps no promise ends nothing', async (t) => {
  const clock = new ManualClock()
  const asked: string[] = []
  const never = ({ topic }: Message): Promise<boolean> => {
    asked.push(topic)
    return new Promise<boolean>(() => undefined)
  }
  const started = await hooked(t, { 'message.publish': never }, clock)
  const subscriber = await started.subscriber('s', ['#'])
  const publisher = await started.client('p', 5, { keepalive: 1 })
  publisher.send(publish('t', 'x', { qos: 1, messageId: 1 }))
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
  clock.advance(4_999)
  assert.equal(started.server.connectionCount, 2)
  clock.advance(1)
  assert.equal((await subscriber.next('publish')).topic, 't')
  assert.equal((await publisher.next('puback')).reasonCode ?? 0, 0)
  const call = started.broker.hooks!.calls()[0]!
  assert.deepEqual([call.calls, call.spentMs, call.problems], [1, 5_000, { slow: 1, failed: 0, skipped: 0 }])
  assert.deepEqual(
    started.log.filter(({ event }) => event.startsWith('hook_')),
    [
      {
        level: 'warn',
        event: 'hook_slow',
        fields: { hook: 'message.publish', module: 'mine.mjs', count: 1, ms: 5_000 },
      },
    ],
  )
})

test('a hook that throws or rejects is counted, named now and then, and called again; its message goes on', async (t) => {
  const clock = new ManualClock()
  let calls = 0
  const broken = (): Promise<void> | undefined => {
    if (++calls % 2 === 0) return Promise.reject(new Error('with a payload in it'))
    throw new SyntaxError('Unexpected token in "the payload"')
  }
  const started = await hooked(t, { 'message.publish': broken, 'message.delivered': broken }, clock)
  const subscriber = await started.subscriber('s', ['#'])
  const publisher = await started.client('p')
  for (let i = 0; i < 4; i++) {
    publisher.send(publish(`t${i}`, 'the payload'))
    await subscriber.next('publish')
  }
  const told = () => started.log.filter(({ event }) => event === 'hook_failed')
  const problems = started.broker.hooks!.calls().map((call) => call.problems.failed)
  assert.deepEqual(problems, [4, 4])
  assert.equal(told().length, 2)
  clock.advance(10_000)
  publisher.send(publish('again', 'the payload'))
  await subscriber.next('publish')
  const counts = told().map(({ fields }) => 'count' in fields && fields.count)
  assert.deepEqual(counts, [1, 1, 4, 4])
  const text = JSON.stringify(started.log)
  assert.match(text, /SyntaxError at .*hooks\.test/)
  assert.doesNotMatch(text, /payload/)
})

test('a hook that holds up the node is named with how long', async (t) => {
  const clock = new ManualClock()
  const started = await hooked(t, { 'message.publish': () => clock.advance(51) }, clock)
  const subscriber = await started.subscriber('s', ['#'])
  const publisher = await started.client('p')
  publisher.send(publish('t', ''))
  await subscriber.next('publish')
  const [line] = started.log.filter(({ event }) => event === 'hook_slow')
  assert.deepEqual(line?.fields, { hook: 'message.publish', module: 'mine.mjs', count: 1, ms: 51 })
  assert.equal(started.broker.hooks!.calls()[0]!.problems.slow, 1)
})

for (const { what, changed } of [
  { what: 'a wildcard in its topic', changed: { topic: 'a/#' } },
  { what: 'a reserved topic', changed: { topic: '$LINK/cluster/msg/x' } },
  { what: 'a topic under $SYS', changed: { topic: '$SYS/x' } },
  { what: 'a payload that is none', changed: { payload: 5 } },
  { what: 'a QoS that is none', changed: { qos: 3 } },
  { what: 'more bytes than a packet may have', changed: { payload: Buffer.alloc(2_000) } },
  {
    what: 'a user property that is too long',
    changed: { properties: { userProperties: [['k', 'x'.repeat(70_000)]] } },
  },
  { what: 'a user property that is no text', changed: { properties: { userProperties: [['k', 5]] } } },
  { what: 'a NUL in a property', changed: { properties: { contentType: 'a\0b' } } },
  { what: 'no object', changed: 'text' },
] as readonly { readonly what: string; readonly changed: unknown }[])
  test(`a hook that returns a message with ${what} has failed, and the message stays as it was`, async (t) => {
    const started = await hooked(t, { 'message.publish': () => changed as ChangedMessage })
    const subscriber = await started.subscriber('s', ['#'])
    const publisher = await started.client('p')
    publisher.send(publish('t', 'payload'))
    const { topic, payload } = await subscriber.next('publish')
    assert.equal(`${topic} ${String(payload)}`, 't payload')
    assert.equal(started.broker.hooks!.calls()[0]!.problems.failed, 1)
  })

test('a promise of one that only watches is waited for by nobody, and beyond a thousand it is not called', async (t) => {
  const clock = new ManualClock()
  const started = await hooked(t, { 'message.delivered': () => new Promise(() => undefined) }, clock)
  const subscriber = await started.subscriber('s', ['#'])
  const publisher = await started.client('p')
  for (let i = 0; i < 1_003; i++) publisher.send(publish('t', ''))
  for (let i = 0; i < 1_003; i++) await subscriber.next('publish')
  const [call] = started.broker.hooks!.calls()
  assert.deepEqual([call!.calls, call!.problems.skipped], [1_000, 3])
})

test('messages of links are shown to hooks that ask for them alone, which may change and drop them, at once', async (t) => {
  const seen: string[] = []
  const clock = new ManualClock()
  const started = await TestBroker.start(t, {}, clock)
  const { broker } = started
  const local: Hooks = { 'message.publish': ({ topic }) => void seen.push(`local ${topic}`) }
  const far: Hooks = {
    'message.publish': {
      linked: true,
      run({ topic, origin }) {
        seen.push(`far ${topic} ${origin}`)
        if (topic === 'late') return Promise.resolve(false)
        return topic === 'no' ? false : { payload: 'changed' }
      },
    },
  }
  const modules = [local, far].map((hooks, i) => ({ name: `${i}.mjs`, hooks }))
  broker.hooks = new NodeHooks(modules, { clock, log: broker.log }, () => 1_000)
  const subscriber = await started.subscriber('s', ['#'])
  broker.deliver(linked('yes'))
  broker.deliver(linked('no'))
  broker.deliver(linked('late'))
  const got = [await subscriber.next('publish'), await subscriber.next('publish')]
  assert.deepEqual(
    got.map(({ topic, payload }) => `${topic} ${String(payload)}`),
    ['yes changed', 'late of a link'],
  )
  assert.deepEqual(seen, ['far yes west', 'far no west', 'far late west'])
  assert.deepEqual([broker.counters.droppedByHook, broker.hooks.calls()[1]!.problems.failed], [1, 1])
})

test('a will is a message like any other', async (t) => {
  const answers: Record<string, boolean | Promise<{ payload: string }>> = {
    dropped: false,
    kept: Promise.resolve({ payload: 'changed' }),
  }
  const started = await hooked(t, { 'message.publish': ({ topic }) => answers[topic] })
  const subscriber = await started.subscriber('s', ['#'])
  for (const topic of ['dropped', 'kept']) {
    const client = await started.client(topic, 5, {
      will: { topic, payload: Buffer.from('will'), qos: 1, retain: false },
    })
    await client.destroy()
  }
  const { topic, payload } = await subscriber.next('publish')
  assert.equal(`${topic} ${String(payload)}`, 'kept changed')
})

test('No Local holds for what a hook changed, whenever it answers', async (t) => {
  const started = await hooked(t, { 'message.publish': () => Promise.resolve({ payload: 'changed' }) })
  const own = await started.client('own')
  own.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1, nl: true }] })
  await own.next('suback')
  const other = await started.subscriber('other', ['#'])
  own.send(publish('t', 'x', { qos: 1, messageId: 2 }))
  await other.next('publish')
  await own.next('puback')
  await own.nothingMore()
})
