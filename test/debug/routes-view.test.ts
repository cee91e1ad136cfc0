import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DestinationRow, LinkRow } from '../../src/debug/debug-port.ts'
import { RoutesView } from '../../src/debug/routes-view.ts'
import { Broker } from '../../src/broker/broker.ts'
import { Session } from '../../src/broker/sessions/session.ts'
import type { SubscriptionOptions } from '../../src/broker/sessions/subscription.ts'
import type { RouteSink } from '../../src/link/broker-port.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { mqttDefaults } from '../broker/test-broker.ts'
import { linkRow } from './debug-fixture.ts'

const options: SubscriptionOptions = {
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  identifier: 0,
}

/** A broker, and the view of its routes. Each call of `defer` is a turn of the event loop; `sliceMs` is what a slice takes. */
function viewed({ links = [], sliceMs = 0 }: { links?: readonly LinkRow[]; sliceMs?: number } = {}) {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const clock = new ManualClock()
  const broker = new Broker({ mqtt: mqttDefaults, clock, random: () => 0, log })
  const turns = { count: 0 }
  const view = new RoutesView({
    index: broker.index,
    links: { links: () => links },
    steadyMs: () => clock.steadyMs(),
    defer: (call) => {
      turns.count += 1
      clock.advance(sliceMs)
      setImmediate(call)
    },
  })
  const client = (clientId: string) =>
    new Session({ clientId, username: undefined, peerHost: undefined }, 0, broker.limits, broker.counters)
  return { broker, client, turns, view }
}

const sink = (id: string): RouteSink => ({ id, accept: () => undefined })

test('a match says who gets it, by which filter and why, and which links do not', async () => {
  const links = [linkRow(), linkRow({ name: 'us' }), linkRow({ name: 'off', state: 'stopped' })]
  const { broker, client, view } = viewed({
    links: [...links, linkRow({ name: 'mute', routes: { ours: 0, peers: 0 } })],
  })
  broker.subscriptions.add(client('c1'), 'a/+', { ...options, noLocal: true })
  broker.subscriptions.add(client('c2'), '$share/g/a/b', options)
  broker.addRoute('a/#', sink('link:eu'))
  broker.addRoute('x', sink('link:us'))
  const match = await view.match('a/b', 10)
  assert.equal(match?.total, 3)
  const byType = Object.fromEntries(match.destinations.map((row) => [row.type, row]))
  assert.deepEqual(byType, {
    session: {
      type: 'session',
      clientId: 'c1',
      subscription: 'a/+',
      qos: 1,
      noLocal: true,
      connected: false,
      topicFilter: 'a/+',
      because: 'subscribed to a/+; not what it published itself; its client is away',
    },
    group: {
      type: 'group',
      share: 'g',
      members: 1,
      isSpread: false,
      topicFilter: 'a/b',
      because: 'one of the 1 members of $share/g/a/b gets it',
    },
    link: { type: 'link', link: 'eu', topicFilter: 'a/#', because: 'the peer wants a/#' },
  })
  assert.deepEqual(match.others, [
    { type: 'link', link: 'us', because: 'none of its 2 routes matches' },
    { type: 'link', link: 'off', because: 'the link is disabled' },
    { type: 'link', link: 'mute', because: 'the peer wants nothing' },
  ])
  assert.deepEqual(match.notes, ['a message that came over a link goes over no other one'])
})

for (const { topic, notes } of [
  { topic: 'b', notes: [] },
  { topic: '$me/x', notes: [/nobody wants it/, /^not for (#|\+\/x) and 1 more: .*begins with \$/] },
  { topic: '$LINK/cluster', notes: [/nobody/, /\$LINK\//, /not for #: /] },
  { topic: '$SYS/broker/x', notes: [/nobody/, /\$SYS\//, /not for #: /] },
]) {
  test(`the notes to ${topic}`, async () => {
    const { broker, client, view } = viewed()
    broker.subscriptions.add(client('c1'), '#', options)
    broker.subscriptions.add(client('c1'), '+/x', options)
    const match = await view.match(topic, 10)
    assert.equal(match?.notes.length, notes.length, JSON.stringify(match?.notes))
    for (const [at, note] of notes.entries()) assert.match(match.notes[at]!, note)
  })
}

test('what is no topic has no match', async () => {
  const { view } = viewed()
  for (const topic of ['', 'a/+', '#', 'a\0']) assert.equal(await view.match(topic, 10), undefined)
})

test('of many destinations the first are told, and how many there are', async () => {
  const { broker, client, view } = viewed()
  for (let i = 0; i < 30; i += 1) broker.subscriptions.add(client(`c${i}`), 't', options)
  broker.addRoute('t', sink('link:eu'))
  const match = await view.match('t', 5)
  assert.equal(match?.total, 31)
  assert.equal(match.destinations.length, 5)
  // Found although it is not among those that are told.
  assert.deepEqual(match.notes, ['a message that came over a link goes over no other one'])
  const { routes } = await view.list({ cursor: 0, limit: 5, text: undefined })
  assert.equal(routes[0]?.total, 31)
  assert.equal(routes[0]?.destinations.length, 5)
})

test('pages together tell every route once, with its destinations', async () => {
  const { broker, client, view } = viewed()
  const filters = Array.from({ length: 250 }, (_, i) => (i % 2 === 0 ? `exact/${i}` : `wild/+/${i}`))
  for (const filter of filters) broker.subscriptions.add(client(`c ${filter}`), filter, options)
  const told: [string, DestinationRow | undefined][] = []
  for (let cursor: number | null = 0; cursor !== null;) {
    const page = await view.list({ cursor, limit: 7, text: undefined })
    assert.ok(page.routes.length <= 7)
    assert.equal(page.total, 250)
    told.push(...page.routes.map((row): [string, DestinationRow | undefined] => [row.topicFilter, row.destinations[0]]))
    cursor = page.cursor
  }
  assert.deepEqual(told.map(([filter]) => filter).sort(), filters.toSorted())
  for (const [filter, destination] of told) {
    assert.equal(destination?.type === 'session' ? destination.clientId : '', `c ${filter}`)
  }
})

test('a list of those that hold a text has no others', async () => {
  const { broker, client, view } = viewed()
  for (const filter of ['a/b', 'b/#', 'c']) broker.subscriptions.add(client('c1'), filter, options)
  const { routes, cursor } = await view.list({ cursor: 0, limit: 10, text: 'b' })
  assert.deepEqual(routes.map(({ topicFilter }) => topicFilter).sort(), ['a/b', 'b/#'])
  assert.equal(cursor, null)
})

const many = 200_000

test('among many routes a match asks the index, and looks at none of the others', async () => {
  const { broker, turns, view } = viewed()
  const eu = sink('link:eu')
  for (let i = 0; i < many; i += 1) broker.addRoute(`devices/${i}/${i % 2 === 0 ? '+' : 'reading'}`, eu)
  const match = await view.match(`devices/${many - 2}/reading`, 10)
  assert.equal(match?.total, 1)
  assert.equal(turns.count, 0)
})

test('among many routes a search goes in slices, and ends a page when its time is over', async () => {
  const { broker, turns, view } = viewed({ sliceMs: 10 })
  const eu = sink('link:eu')
  for (let i = 0; i < many; i += 1) broker.addRoute(`devices/${i}/reading`, eu)
  const found: string[] = []
  let pages = 0
  for (let cursor: number | null = 0; cursor !== null; pages += 1) {
    const before = turns.count
    const page = await view.list({ cursor, limit: 100, text: '/199999/' })
    // Five slices of 10 ms are the 50 ms of a page.
    assert.ok(turns.count - before <= 5, `${turns.count - before} turns in a page`)
    found.push(...page.routes.map(({ topicFilter }) => topicFilter))
    cursor = page.cursor
  }
  assert.deepEqual(found, ['devices/199999/reading'])
  // A slice looks at no more than 2,000 places.
  assert.ok(turns.count + pages >= many / 2_000, `${turns.count} turns, ${pages} pages`)
})
