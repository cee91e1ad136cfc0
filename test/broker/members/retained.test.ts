/** Retained messages are the same on all nodes, in whatever order they hear of them, and what was cleared does not come back. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Broker } from '../../../src/broker/broker.ts'
import type { RetainedChange } from '../../../src/broker/retained/shared-retained.ts'
import type { Message } from '../../../src/packets/message.ts'
import { MemoryStore } from '../durable/memory-store.ts'
import { ManualClock } from '../manual-clock.ts'
import { mqttDefaults, publish, subscribe } from '../test-broker.ts'
import { Nodes } from './nodes.ts'

function retainedMessage(nowMs: number, topic: string, payload: string, parts: Partial<Message> = {}): Message {
  return {
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    retain: true,
    properties: undefined,
    from: 'p',
    username: undefined,
    peerHost: undefined,
    timestampMs: nowMs,
    origin: undefined,
    ...parts,
  }
}

/** What this node has, by topic. */
function contentOf(broker: Broker): Record<string, string> {
  return Object.fromEntries([...broker.retained('#')].map(({ topic, payload }) => [topic, payload.toString()]))
}

function versionsOf(broker: Broker): unknown[] {
  return [...broker.retainedVersions()]
    .map(({ topic, version, isDeleted }) => [topic, version, isDeleted] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}

test('what is retained or cleared on one node is so on all, with subscribers there or without', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b', 'c'])
  const brokers = ['a', 'b', 'c'].map((name) => nodes.node(name).broker)
  const reader = await nodes.at('b').subscriber('reader', ['x'])
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('x', '1', { retain: true }), publish('y', '2', { retain: true }))
  await publisher.nothingMore()
  assert.deepEqual(nodes.deliver(), ['a>b x all', 'a>c x retain', 'a>b y retain', 'a>c y retain'])
  const got = await reader.next('publish')
  assert.deepEqual([got.topic, got.retain], ['x', false])
  await reader.nothingMore()
  for (const broker of brokers) assert.deepEqual(contentOf(broker), { x: '1', y: '2' })
  const elsewhere = await nodes.at('c').client('elsewhere')
  elsewhere.send(publish('x', '', { retain: true }))
  await elsewhere.nothingMore()
  assert.deepEqual(nodes.deliver().toSorted(), ['c>a x retain', 'c>b x all'])
  for (const broker of brokers) assert.deepEqual(contentOf(broker), { y: '2' })
  for (const broker of brokers) assert.deepEqual(versionsOf(broker), versionsOf(brokers[0]!))
  await subscribe(elsewhere, 'y')
  assert.equal((await elsewhere.next('publish')).retain, true)
})

test('where a clearing message is not passed on, the other nodes clear and do not pass it on either', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const reader = await nodes.at('b').subscriber('reader', ['x'])
  for (const name of ['a', 'b']) {
    const { broker } = nodes.node(name)
    broker.configure(broker.mqtt, { ...broker.limits.retainer, stop_publish_clear_msg: true })
  }
  const publisher = await nodes.at('a').client('p')
  publisher.send(publish('x', '1', { retain: true }), publish('x', '', { retain: true }))
  await publisher.nothingMore()
  assert.deepEqual(nodes.deliver(), ['a>b x all', 'a>b x retain'])
  assert.equal((await reader.next('publish')).payload.toString(), '1')
  await reader.nothingMore()
  assert.deepEqual(contentOf(nodes.node('b').broker), {})
})

test('a publish here is later than all that is known here, however the clocks go', async (t) => {
  const ahead = new ManualClock()
  const behind = new ManualClock()
  const nodes = await Nodes.start(t, ['a', 'b'], {}, behind, (name) => (name === 'a' ? ahead : behind))
  const a = nodes.node('a').broker
  const b = nodes.node('b').broker
  ahead.advance(3_600_000)
  a.deliver(retainedMessage(ahead.nowMs(), 'x', 'ahead'))
  nodes.deliver()
  b.deliver(retainedMessage(nodes.clock.nowMs(), 'x', 'behind'))
  nodes.deliver()
  for (const broker of [a, b]) assert.deepEqual(contentOf(broker), { x: 'behind' })
  a.deliver(retainedMessage(ahead.nowMs(), 'x', ''))
  nodes.deliver()
  b.deliver(retainedMessage(nodes.clock.nowMs(), 'x', 'new'))
  nodes.deliver()
  for (const broker of [a, b]) assert.deepEqual(contentOf(broker), { x: 'new' })
  assert.deepEqual(versionsOf(a), versionsOf(b))
})

test('a message of a link is the same on all nodes, its life included', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const a = nodes.node('a').broker
  const b = nodes.node('b').broker
  const properties = { messageExpiryInterval: 10 }
  const { clock } = nodes
  a.deliver(retainedMessage(clock.nowMs() - 4_000, 'x', '1', { properties, origin: 'peer' }))
  nodes.deliver()
  assert.deepEqual(versionsOf(a), versionsOf(b))
  for (const broker of [a, b]) assert.equal(broker.retainedMessage('x')?.expirySecondsLeft(clock.nowMs()), 6)
  clock.advance(6_000)
  for (const broker of [a, b]) assert.deepEqual(contentOf(broker), {})
})

test('what a node that was away brings back is taken only if it is later', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const a = nodes.node('a').broker
  const b = nodes.node('b').broker
  const { clock } = nodes
  for (const topic of ['x', 'y']) a.deliver(retainedMessage(clock.nowMs(), topic, '1'))
  nodes.deliver()
  clock.advance(10)
  // b hears nothing of this.
  a.deliver(retainedMessage(clock.nowMs(), 'x', ''))
  a.deliver(retainedMessage(clock.nowMs(), 'y', '2'))
  nodes.underway.length = 0
  const changes: RetainedChange[] = []
  a.onRetainedChange((change) => changes.push(change))
  for (const topic of ['x', 'y']) assert.equal(a.applyRetained(b.retainedMessage(topic)!), false)
  assert.deepEqual(changes, [])
  const reader = await nodes.at('b').subscriber('reader', [{ topic: '#', qos: 1, rh: 2, nl: false, rap: false }])
  for (const { topic, version, isDeleted } of a.retainedVersions()) {
    assert(version > b.retainedVersionOf(topic)!)
    assert.equal(b.applyRetained(isDeleted ? { topic, version } : a.retainedMessage(topic)!), true)
    assert.equal(b.applyRetained(isDeleted ? { topic, version } : a.retainedMessage(topic)!), false)
  }
  assert.deepEqual(contentOf(b), { y: '2' })
  assert.deepEqual(versionsOf(a), versionsOf(b))
  await reader.nothingMore()
})

test('tombstones go after a day; listeners hear of each change', async (t) => {
  const nodes = await Nodes.start(t, ['a'])
  const { broker } = nodes.node('a')
  const { clock } = nodes
  const heard: string[] = []
  broker.onRetainedChange(() => {
    throw new Error('listener')
  })
  const stop = broker.onRetainedChange((change) => {
    heard.push(`${change.type} ${change.topic}${change.type === 'changed' && change.isDeleted ? ' deleted' : ''}`)
    if (change.type === 'changed') assert.equal(change.version, broker.retainedVersionOf(change.topic))
  })
  broker.deliver(retainedMessage(clock.nowMs(), 'x', '1'))
  broker.deliver(retainedMessage(clock.nowMs(), 'x', ''))
  broker.deliver(retainedMessage(clock.nowMs(), 'never', ''))
  broker.deliver(retainedMessage(clock.nowMs(), 'brief', '1', { properties: { messageExpiryInterval: 1 } }))
  clock.advance(86_400_000 - 1)
  broker.sweep()
  assert.equal([...broker.retainedVersions()].length, 3)
  assert.deepEqual(contentOf(broker), {})
  clock.advance(1)
  broker.sweep()
  assert.deepEqual([...broker.retainedVersions()], [])
  const told = ['changed x', 'changed x deleted', 'changed never deleted', 'changed brief']
  assert.deepEqual(heard.splice(0), [...told, 'forgotten brief', 'forgotten x', 'forgotten never'])
  stop()
  broker.deliver(retainedMessage(clock.nowMs(), 'x', '1'))
  assert.deepEqual(heard, [])
})

test('tombstones are bounded in number: the oldest go first', async (t) => {
  const nodes = await Nodes.start(t, ['a'])
  const { broker } = nodes.node('a')
  for (let i = 0; i <= 100_000; i++) broker.applyRetained({ topic: `t/${i}`, version: 2048 * i })
  const left = [...broker.retainedVersions()].length
  assert(left <= 100_000 && left >= 90_000, `${left}`)
  assert.equal(broker.retainedVersionOf('t/0'), undefined)
  assert.notEqual(broker.retainedVersionOf('t/100000'), undefined)
})

test('tombstones outlive the process; a node alone keeps none', async (t) => {
  const store = new MemoryStore()
  const nodes = await Nodes.start(t, ['a'])
  const { broker } = nodes.node('a')
  const { clock } = nodes
  broker.open(store)
  broker.deliver(retainedMessage(clock.nowMs(), 'x', '1'))
  broker.deliver(retainedMessage(clock.nowMs(), 'y', '1'))
  const old = broker.retainedMessage('x')!
  broker.deliver(retainedMessage(clock.nowMs(), 'x', ''))
  clock.advance(1000)
  await broker.journal.flush()
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const after = new Broker({ mqtt: mqttDefaults, clock, random: Math.random, log })
  const disk = store.afterCrash()
  after.open(disk)
  assert.deepEqual(versionsOf(after), versionsOf(broker))
  assert.deepEqual([contentOf(after), after.retainedCount], [{ y: '1' }, 1])
  assert.equal(after.applyRetained(old), false)
  after.deliver(retainedMessage(clock.nowMs(), 'y', ''))
  assert.equal(after.retainedVersionOf('y'), undefined)
  clock.advance(86_400_000)
  after.sweep()
  clock.advance(1000)
  await after.journal.flush()
  assert.equal(disk.count('retained'), 0)
})

test('what comes from others is held to the limits of this node', async (t) => {
  const nodes = await Nodes.start(t, ['a', 'b'])
  const a = nodes.node('a').broker
  const b = nodes.node('b').broker
  b.configure(b.mqtt, { ...b.limits.retainer, max_payload_size: 3 })
  a.deliver(retainedMessage(nodes.clock.nowMs(), 'x', 'four'))
  a.deliver(retainedMessage(nodes.clock.nowMs(), 'y', 'two'))
  nodes.deliver()
  assert.deepEqual(contentOf(b), { y: 'two' })
  for (const version of [Number.NaN, -1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY])
    assert.equal(b.applyRetained({ topic: 'y', version }), false)
  b.configure(b.mqtt, { ...b.limits.retainer, enable: false })
  assert.equal(b.applyRetained(a.retainedMessage('x')!), false)
})

const names = ['a', 'b', 'c'] as const
type Step =
  | {
      readonly type: 'publish'
      readonly at: number
      readonly topic: string
      readonly payload: string
      readonly qos: 0 | 1
    }
  | { readonly type: 'deliver'; readonly index: number }
  | { readonly type: 'advance'; readonly ms: number }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant('publish' as const),
    at: fc.nat(2),
    topic: fc.constantFrom('x', 'y'),
    payload: fc.constantFrom('', '1', '2', '3', '4'),
    qos: fc.constantFrom(0 as const, 1 as const),
  }),
  fc.record({ type: fc.constant('deliver' as const), index: fc.nat(20) }),
  fc.record({ type: fc.constant('advance' as const), ms: fc.nat(2) }),
)

test('whatever is published where, and in whatever order nodes hear of it, all end with the same', async (t) => {
  const clocks = names.map(() => new ManualClock())
  const nodes = await Nodes.start(t, names, {}, clocks[0], (name) => clocks[names.findIndex((one) => one === name)]!)
  let round = 0
  fc.assert(
    fc.property(
      fc.array(steps, { maxLength: 40 }),
      fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }),
      (run, skews) => {
        round++
        clocks.forEach((clock, i) => clock.advance(skews[i]!))
        for (const step of run) {
          if (step.type === 'advance') for (const clock of clocks) clock.advance(step.ms)
          else if (step.type === 'publish') {
            const { at, topic, payload, qos } = step
            const from = `${names[at]}-${payload}`
            const message = retainedMessage(clocks[at]!.nowMs(), `${round}/${topic}`, payload, { qos, from })
            nodes.node(names[at]!).broker.deliver(message)
          } else if (nodes.underway.length > 0) nodes.deliverOne(step.index % nodes.underway.length)
        }
        nodes.deliver()
        const [a, b, c] = names.map((name) => nodes.node(name).broker)
        for (const other of [b!, c!]) {
          assert.deepEqual(contentOf(other), contentOf(a!))
          assert.deepEqual(versionsOf(other), versionsOf(a!))
        }
      },
    ),
    { numRuns: 100 },
  )
})
