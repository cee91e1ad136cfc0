/**
 * Our dialling side in the place of the real EMQX that was recorded in `two-nodes.json`: the acceptor gives the recorded
 * answers of the other EMQX, and what we send is compared with what EMQX sent.
 */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { generate, type Packet } from 'mqtt-packet'
import { greetingProperty } from '../../src/link/connection.ts'
import { decodeLinkMessage } from '../../src/link/emqx/link-message.ts'
import { decodeRouteMessage, type RouteMessageResult } from '../../src/link/emqx/route-ops.ts'
import { decodeRouteGreeting } from '../../src/link/native/route-greeting.ts'
import type { Message } from '../../src/packets/message.ts'
import { union } from '../../src/topics/union.ts'
import { Acceptor, isPublish, payloadOf, type Received } from './acceptor.ts'
import { readConversation, type WireEntry } from './emqx/wire-fixtures.ts'
import type { ManualClock } from './manual-clock.ts'
import { linkConfig, passing, startRuntime } from './link-fixture.ts'

const recorded = readConversation('two-nodes')
const hex = (bytes: string | undefined) => Buffer.from(bytes ?? '', 'hex')

type Side = {
  readonly node: string
  readonly cluster: string
  readonly peer: string
  readonly topics: readonly string[]
}
const sides: Readonly<Record<'A' | 'B', Side>> = {
  A: { node: 'a1@127.0.0.1', cluster: 'cl.a', peer: 'cl.b', topics: ['t/#', 's/+', 'r/#', 'exact', 'big', 'wild/+/x'] },
  B: { node: 'b1@127.0.0.1', cluster: 'cl.b', peer: 'cl.a', topics: ['#'] },
}

/** What one connection of the recording sent, or was sent. */
function frames(conn: number, who: 'dialler' | 'acceptor', type?: string): WireEntry[] {
  return recorded.filter((entry) => {
    if (entry.conn !== conn || entry.direction === undefined || !entry.direction.includes('->')) return false
    const byDialler = entry.direction === entry.link
    return byDialler === (who === 'dialler') && (type === undefined || entry.mqtt_packet_type === type)
  })
}

const decodeEntry = (entry: WireEntry) => decodeRouteMessage(hex(entry.payload_hex))
const routeFrames = (conn: number) =>
  frames(conn, 'dialler', 'PUBLISH').filter(({ topic }) => topic?.includes('/route/'))
const decodeReceived = ({ packet }: Received): RouteMessageResult | undefined =>
  isPublish(packet) && packet.topic.includes('/route/') ? decodeRouteMessage(payloadOf(packet)) : undefined

/** Answers as the acceptor of this recorded connection did. */
function answering(conn: number) {
  const connack = frames(conn, 'acceptor', 'CONNACK')[0]
  const suback = frames(conn, 'acceptor', 'SUBACK')[0]
  const ack = frames(conn, 'acceptor', 'PUBLISH')[0]
  const puback = frames(conn, 'acceptor', 'PUBACK')[0]?.reason_code ?? 0
  return (received: Received) => {
    const { packet, peer } = received
    if (packet.cmd === 'connect') peer.socket.write(hex(connack?.raw_hex))
    if (packet.cmd === 'subscribe') {
      peer.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [...(suback?.reason_codes ?? [0])] })
    }
    if (!isPublish(packet) || packet.qos === 0) return
    peer.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: puback })
    if (decodeReceived(received)?.type !== 'actor_init') return
    peer.send({
      cmd: 'publish',
      topic: ack?.topic ?? '',
      payload: hex(ack?.payload_hex),
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
      properties: { correlationData: packet.properties?.correlationData ?? Buffer.alloc(0) },
    })
  }
}

/** The subscriber's own filter in a route's id: `$s/<group>/<filter>` is a shared one. */
function filterOfId(id: string): string {
  const shared = /^\$s\/[^/]+\/(.*)$/.exec(id)
  return shared?.[1] ?? id
}

/** The recorded table of a dialler, as its operations make it: pairs of topic and id. */
class Table {
  readonly pairs = new Map<string, { readonly topic: string; readonly id: string }>()

  readonly #without: readonly string[]

  /** @param without ids that are left out, as if nobody had subscribed to them */
  constructor(without: readonly string[] = []) {
    this.#without = without
  }

  apply(message: RouteMessageResult | undefined): void {
    assert.ok(message?.type === 'route')
    for (const { type, topicFilter, id } of message.ops) {
      if (this.#without.includes(id)) continue
      const key = `${topicFilter} ${id}`
      if (type === 'add') this.pairs.set(key, { topic: topicFilter, id })
      else this.pairs.delete(key)
    }
  }

  get coverage(): string[] {
    return union([...this.pairs.values()].map(({ topic }) => topic)).toSorted()
  }

  get interest(): Set<string> {
    return new Set([...this.pairs.values()].map(({ id }) => filterOfId(id)))
  }
}

async function dial(t: TestContext, side: Side, conn: number, interest: Iterable<string> = []) {
  const acceptor = new Acceptor(answering(conn))
  const run = startRuntime({ nodeName: side.node, clusterName: side.cluster, boot: '00ff00ff00ff00ff' })
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  for (const topicFilter of interest) run.interest.add(topicFilter)
  const prefix = side === sides.A ? 'link-from-a' : 'link-from-b'
  run.runtime.apply([
    linkConfig(await acceptor.listen(), { name: side.peer, clientid: prefix, topics: side.topics, pool_size: 2 }),
  ])
  return { ...run, acceptor }
}

for (const [name, side, conn, pool] of [
  ['A', sides.A, 2, [3, 4]],
  ['B', sides.B, 1, [5, 6]],
] as const) {
  test(`the dialler of ${name} sends EMQX’s own packets up to its bootstrap`, async (t) => {
    const table = new Table()
    const [initEntry, batchEntry] = routeFrames(conn)
    assert.ok(initEntry !== undefined && batchEntry !== undefined)
    table.apply(decodeEntry(batchEntry))
    const { acceptor, clock } = await dial(t, side, conn, table.interest)
    const batch = await acceptor.packet((received) => decodeReceived(received)?.type === 'route')

    for (const recordedConn of [conn, ...pool]) {
      const [connect] = frames(recordedConn, 'dialler', 'CONNECT')
      const ours = await acceptor.packet(
        ({ clientId, packet }) => packet.cmd === 'connect' && clientId === connect?.clientid,
      )
      assert.deepEqual(generate(ungreeted(ours.packet)), hex(connect?.raw_hex), 'CONNECT, but for the greeting')
    }
    const own = acceptor.received.filter(({ clientId }) => clientId === batch.clientId)
    const subscribe = own.find(({ packet }) => packet.cmd === 'subscribe')
    const [recordedSubscribe] = frames(conn, 'dialler', 'SUBSCRIBE')
    assert.ok(subscribe?.packet.cmd === 'subscribe')
    assert.deepEqual(
      generate({ ...subscribe.packet, messageId: recordedSubscribe?.packet_id ?? 0 }, { protocolVersion: 5 }),
      hex(recordedSubscribe?.raw_hex),
      'SUBSCRIBE, but for its packet identifier',
    )

    const init = own.find((received) => decodeReceived(received)?.type === 'actor_init')
    assert.ok(init !== undefined && isPublish(init.packet))
    const { incarnation, greeting, ...introduction } = asInit(decodeReceived(init))
    assert.equal(decodeRouteGreeting(greeting)?.node, side.node)
    const { incarnation: theirs, ...expected } = asInit(decodeEntry(initEntry))
    assert.deepEqual(introduction, expected)
    assert.ok(theirs > 1_700_000_000_000 && incarnation > 1_700_000_000_000)
    assert.equal(init.packet.topic, initEntry.topic)
    assert.equal(init.packet.qos, 1)
    assert.equal(init.packet.properties?.responseTopic, initEntry.properties?.['Response-Topic'])
    assert.match(init.packet.properties?.correlationData?.toString() ?? '', /^[0-9a-f]{16}$/)

    const ours = new Table()
    ours.apply(decodeReceived(batch))
    assert.deepEqual([...ours.pairs.values()].map(({ topic }) => topic).toSorted(), table.coverage)
    assert.ok(isPublish(batch.packet) && batch.packet.qos === 1 && batch.packet.topic === batchEntry.topic)

    const heartbeat = recorded.find((entry) => entry.conn === conn && entry.decoded?.includes('heartbeat'))
    clock.advance(10_000)
    const beat = await acceptor.packet((received) => decodeReceived(received)?.type === 'heartbeat')
    assert.ok(isPublish(beat.packet) && heartbeat !== undefined)
    assert.equal(beat.packet.qos, heartbeat.qos)
    assert.deepEqual({ ...decodeReceived(beat), incarnation: 0 }, { ...decodeEntry(heartbeat), incarnation: 0 })
  })
}

/** A connection that carries messages greets our like by one property, of which EMQX thinks nothing. */
function ungreeted(packet: Packet): Packet {
  if (packet.cmd !== 'connect' || packet.properties?.userProperties === undefined) return packet
  const { userProperties, ...properties } = packet.properties
  assert.deepEqual(Object.keys(userProperties), [greetingProperty])
  return { ...packet, properties }
}

function asInit(message: RouteMessageResult | undefined) {
  assert.ok(message?.type === 'actor_init')
  return message
}

/** Lets the time of a delta window pass in each turn until it is there: the acknowledgement before may still be on its way. */
async function ticking<T>(clock: ManualClock, awaited: Promise<T>): Promise<T> {
  const timer = setInterval(() => clock.advance(10), 1)
  return awaited.finally(() => clearInterval(timer))
}

/** With these, nearly everything is covered and next to nothing need be told. */
const wide = ['#', 't/#', '+/+', 'r/#']

for (const { when, without, batchesMin } of [
  { when: 'with all subscriptions', without: [], batchesMin: 0 },
  { when: 'without the widest', without: wide, batchesMin: 7 },
])
  test(`through all recorded changes the peer knows what EMQX would have told it, ${when}`, async (t) => {
    const theirs = new Table(without)
    const ours = new Table()
    const [, bootstrap, ...changes] = routeFrames(2)
    assert.ok(bootstrap !== undefined)
    theirs.apply(decodeEntry(bootstrap))
    const { acceptor, clock, interest } = await dial(t, sides.A, 2, theirs.interest)
    ours.apply(decodeReceived(await acceptor.packet((received) => decodeReceived(received)?.type === 'route')))
    let batches = 0
    for (const entry of changes.filter((change) => decodeEntry(change).type === 'route')) {
      theirs.apply(decodeEntry(entry))
      const before = ours.coverage
      for (const gone of interest.filters) if (!theirs.interest.has(gone)) interest.remove(gone)
      for (const topicFilter of theirs.interest) if (!interest.filters.has(topicFilter)) interest.add(topicFilter)
      const from = acceptor.received.length
      if (before.join() !== theirs.coverage.join()) {
        const batch = acceptor.packet((received) => decodeReceived(received)?.type === 'route', { from })
        ours.apply(decodeReceived(await ticking(clock, batch)))
        batches += 1
      }
      assert.deepEqual(ours.coverage, theirs.coverage, entry.step)
      assert.equal(ours.pairs.size, ours.coverage.length, 'nothing redundant')
    }
    assert.ok(batches >= batchesMin, `${batches} batches`)
  })

test('kicked and cut, the reconnect keeps its incarnation and flushes what changed, as EMQX does', async (t) => {
  const theirs = new Table(wide)
  for (const entry of routeFrames(2)) if (decodeEntry(entry).type === 'route') theirs.apply(decodeEntry(entry))
  const { acceptor, clock, interest, status } = await dial(t, sides.A, 2, theirs.interest)
  const first = await acceptor.packet((received) => decodeReceived(received)?.type === 'route')
  const kick = frames(2, 'acceptor', 'DISCONNECT')[0]
  const from = acceptor.received.length
  acceptor.answer = answering(10)
  first.peer.socket.end(hex(kick?.raw_hex))
  await status(({ reasons }) => reasons.some((words) => words.includes('0x98 Administrative action')), 'cl.b')

  const [, flushEntry] = routeFrames(10)
  assert.ok(flushEntry !== undefined)
  const flush = decodeEntry(flushEntry)
  assert.ok(flush.type === 'route')
  assert.deepEqual(
    flush.ops.map(({ type, id }) => `${type} ${id}`),
    ['add t/while/down', 'delete t/1'],
  )
  for (const { type, id } of flush.ops) {
    if (type === 'add') interest.add(id)
    else interest.remove(id)
  }
  theirs.apply(flush)
  clock.advance(5_000)
  const init = await acceptor.packet((received) => decodeReceived(received)?.type === 'actor_init', { from })
  await status(({ state }) => state === 'running', 'cl.b')
  clock.advance(10)
  const delta = decodeReceived(
    await acceptor.packet((received) => decodeReceived(received)?.type === 'route', { from }),
  )
  const before = decodeReceived(first)
  assert.ok(delta?.type === 'route' && before?.type === 'route')
  assert.equal(asInit(decodeReceived(init)).incarnation, before.incarnation)
  assert.deepEqual(delta.ops, flush.ops, 'only what changed')
  const ours = new Table()
  ours.apply(before)
  ours.apply(delta)
  assert.deepEqual(ours.coverage, theirs.coverage)
})

const errorAcks = recorded.filter(
  (entry) => entry.mqtt_packet_type === 'PUBLISH' && entry.decoded?.includes('15 => {error'),
)

test('there are three kinds of error acks in the recording', () => {
  const words = new Set(errorAcks.map((entry) => asError(decodeEntry(entry))))
  assert.deepEqual([...words].toSorted(), ['bad_remote_cluster_link_name', 'cluster_link_disabled', 'unknown_cluster'])
})

function asError(message: RouteMessageResult): string {
  assert.ok(message.type === 'actor_init_ack' && message.result === 'error')
  return message.reason
}

for (const entry of errorAcks.filter(
  (one, index) => errorAcks.findIndex((other) => other.decoded === one.decoded) === index,
)) {
  const word = asError(decodeEntry(entry))
  test(`the recorded ${word} (${entry.step}) closes, is the reason in words, and is tried again`, async (t) => {
    const { acceptor, clock, status } = await dial(t, sides.A, entry.conn ?? 0)
    const init = await acceptor.packet((received) => decodeReceived(received)?.type === 'actor_init')
    const { reasons } = await status((now) => now.reasons.some((words) => words.includes(word)), 'cl.b')
    assert.match(reasons[0] ?? '', /^the peer does not know what we want: the peer/)
    if (!init.peer.socket.destroyed) await new Promise((resolve) => init.peer.socket.once('close', resolve))
    const from = acceptor.received.length
    clock.advance(5_000)
    const again = await acceptor.packet((received) => decodeReceived(received)?.type === 'actor_init', { from })
    assert.equal(asInit(decodeReceived(again)).incarnation, asInit(decodeReceived(init)).incarnation)
  })
}

const forwarded = recorded.filter(
  ({ mqtt_packet_type, topic, link, direction }) =>
    mqtt_packet_type === 'PUBLISH' && topic === '$LINK/cluster/msg/cl.b' && link === direction,
)

function messageIn(payload: Buffer): Message {
  const decoded = decodeLinkMessage(payload)
  assert.ok(decoded.type === 'message')
  return decoded.message
}

test('each recorded message, forwarded by us, says the same', async (t) => {
  assert.ok(forwarded.length > 15)
  const { acceptor, runtime, status } = await dial(t, sides.B, 6)
  acceptor.answer = (received) => {
    const routes = answering(received.clientId.includes('routesync') ? 1 : 6)
    routes(received)
  }
  await status(({ state }) => state === 'running', 'cl.a')
  for (const entry of forwarded) {
    const kept = messageIn(hex(entry.payload_hex))
    const from = acceptor.received.length
    runtime.sinkOf('cl.a')?.accept(passing(kept))
    const { packet } = await acceptor.packet(
      (received) => received.clientId.includes(':msg:') && isPublish(received.packet),
      { from },
    )
    assert.ok(isPublish(packet))
    assert.deepEqual(messageIn(payloadOf(packet)), kept, entry.step)
    assert.equal(packet.topic, entry.topic)
    assert.equal(packet.qos, Math.min(1, kept.qos), '5.10 takes the message’s own QoS, 6.2 and we at most 1')
    assert.equal(packet.retain, false)
    assert.deepEqual(packet.properties ?? {}, {})
  }
})
