/** What two clusters of our kind tell each other of what they want. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRoutePair } from './route-pair.ts'

const namesDialect = ({ reasons }: { reasons: readonly string[] }) => /native/.test(reasons.join())
const topics = (count: number) => Array.from({ length: count }, (_, n) => `site/${n}/temperature`)

test('routes come and go, and each side knows who the other one is', async (t) => {
  const { a, b } = await startRoutePair(t)
  const [linkOfA] = await Promise.all([a.running(), b.running()])
  assert.deepEqual({ node: linkOfA.peer?.node, version: linkOfA.peer?.version }, { node: 'cl-b@127.0.0.1', version: 1 })
  const client = await a.client(t)
  await client.subscribeAsync(['t/1', 't/+/x', 'u/#'])
  await b.until('three routes', ({ routes }) => routes.peers === 3)
  await client.unsubscribeAsync('t/1')
  await b.until('two routes', ({ routes }) => routes.peers === 2)
  await client.subscribeAsync('#')
  await b.until('one that covers them', ({ routes }) => routes.peers === 1)
})

for (const [old, settings] of [
  ['the dialler', [{ dialect: 'emqx' }, {}]],
  ['the acceptor', [{}, { dialect: 'emqx' }]],
] as const)
  test(`routes come and go where ${old} speaks as it did before there was a dialect of ours`, async (t) => {
    const { a, b } = await startRoutePair(t, ...settings)
    const [linkOfA] = await Promise.all([a.running(), b.running()])
    assert.equal(linkOfA.peer, undefined)
    const client = await a.client(t)
    await client.subscribeAsync(['t/1', 't/+/x'])
    await b.until('two routes', ({ routes }) => routes.peers === 2)
    await client.unsubscribeAsync('t/1')
    await b.until('one route', ({ routes }) => routes.peers === 1)
  })

test('a reconnection without changes tells no route again, and costs less than 1 KiB', async (t) => {
  const { a, b, toB } = await startRoutePair(t)
  const client = await a.client(t)
  await client.subscribeAsync(topics(5_000))
  await Promise.all([a.running(), b.running(), b.until('the routes', ({ routes }) => routes.peers === 5_000)])
  const before = toB.bytes()
  const connections = toB.connections()
  toB.cut()
  await a.until('its fall', ({ state }) => state !== 'running')
  await a.running()
  assert.equal(toB.connections(), connections + 1)
  const bytes = toB.bytes() - before
  t.diagnostic(`${bytes} bytes`)
  assert.ok(bytes < 1_024, `${bytes} bytes`)
  assert.equal(b.link.routes.peers, 5_000)
})

test('what changed while the link was cut is all that is told', async (t) => {
  const { a, b, toB } = await startRoutePair(t)
  const client = await a.client(t)
  await client.subscribeAsync(topics(5_000))
  await Promise.all([a.running(), b.running(), b.until('the routes', ({ routes }) => routes.peers === 5_000)])
  const before = toB.bytes()
  toB.cut()
  await client.subscribeAsync(['new/1', 'new/2'])
  await client.unsubscribeAsync(['site/7/temperature'])
  await b.until('the new ones', ({ routes }) => routes.peers === 5_001)
  assert.ok(toB.bytes() - before < 1_500, `${toB.bytes() - before} bytes`)
})

test('an acceptor that restarts is told everything, and a dialler that restarts only what differs', async (t) => {
  const { a, b, toB } = await startRoutePair(t)
  const client = await a.client(t, 'kept')
  await client.subscribeAsync(topics(2_000))
  await Promise.all([a.running(), b.until('the routes', ({ routes }) => routes.peers === 2_000)])
  await b.stop()
  await b.start(t)
  await Promise.all([a.running(), b.until('the routes again', ({ routes }) => routes.peers === 2_000)])

  await a.stop()
  const before = toB.bytes()
  await a.start(t)
  await a.running()
  const again = await a.client(t, 'kept')
  await again.subscribeAsync('new')
  await b.until('one more', ({ routes }) => routes.peers === 2_001)
  assert.ok(toB.bytes() - before < 1_500, `${toB.bytes() - before} bytes`)
})

test('what is wanted before and after an edit of topics is wanted throughout', async (t) => {
  const { a, b } = await startRoutePair(t, { topics: ['t/#'] }, { topics: [] })
  const [subscriber, publisher] = await Promise.all([a.client(t), b.client(t)])
  const arrived: number[] = []
  subscriber.on('message', (_topic, payload) => arrived.push(Number(payload.toString())))
  await subscriber.subscribeAsync(['t/1', 'u/1'], { qos: 1 })
  await Promise.all([a.running(), b.running(), b.until('the route', ({ routes }) => routes.peers === 1)])
  let sent = 0
  const over = new AbortController()
  const publishing = (async () => {
    while (!over.signal.aborted) await publisher.publishAsync('t/1', String(sent++), { qos: 1 })
  })()
  await a.relink({ topics: ['t/#', 'u/#'] })
  await b.until('the second route', ({ routes }) => routes.peers === 2)
  await a.relink({ topics: ['t/+', 'v/#'] })
  await b.until('the second route gone', ({ routes }) => routes.peers === 1)
  await a.running()
  over.abort()
  await publishing
  await a.until('all messages', () => arrived.length >= sent)
  assert.deepEqual(
    arrived,
    Array.from({ length: sent }, (_, n) => n),
  )
})

test('a link that is disabled says goodbye: no alarm, its routes go, and all comes back with it', async (t) => {
  const { a, b } = await startRoutePair(t)
  const client = await a.client(t)
  await client.subscribeAsync(['t/1', 't/2'])
  await Promise.all([a.running(), b.running(), b.until('the routes', ({ routes }) => routes.peers === 2)])
  const from = b.log.length
  await a.relink({ enable: false })
  const { state, routes } = await b.until('the words', ({ reasons }) => /disabled its link to us/.test(reasons.join()))
  assert.deepEqual({ state, peers: routes.peers }, { state: 'connecting', peers: 0 })
  assert.ok(b.log.slice(from).some(({ event }) => event === 'cluster_link_goodbye'))
  await a.relink({ enable: true })
  await Promise.all([a.running(), b.running(), b.until('the routes again', ({ routes }) => routes.peers === 2)])
  assert.deepEqual(
    b.log.slice(from).filter(({ fields }) => 'status' in fields && fields.status === 'degraded'),
    [],
  )

  await a.relink(undefined)
  await b.until('the words', ({ reasons }) => /deleted its link to us/.test(reasons.join()))
  assert.equal(b.link.routes.peers, 0)
  await a.relink({})
  await Promise.all([a.running(), b.running(), b.until('the routes again', ({ routes }) => routes.peers === 2)])
})

test('a node that stops says no goodbye: what it wanted is gathered for it', async (t) => {
  const { a, b } = await startRoutePair(t)
  const client = await a.client(t)
  await client.subscribeAsync('t/1', { qos: 1 })
  await Promise.all([a.running(), b.running(), b.until('the route', ({ routes }) => routes.peers === 1)])
  await a.stop()
  const publisher = await b.client(t)
  await publisher.publishAsync('t/1', 'while it was away', { qos: 1 })
  assert.equal(b.link.routes.peers, 1)
  assert.equal(b.link.ledger?.matched, 1)
})

for (const [who, settings] of [
  ['a dialler', [{ dialect: 'native' }, { dialect: 'emqx' }]],
  ['an acceptor', [{ dialect: 'emqx' }, { dialect: 'native' }]],
] as const)
  test(`${who} that wants the native dialect turns away who does not speak it, and both say why`, async (t) => {
    const { a, b } = await startRoutePair(t, ...settings)
    const [insists] = who === 'a dialler' ? [a] : [b]
    await insists.until('its words', namesDialect)
    await a.until('words of the dialler', namesDialect)
  })
