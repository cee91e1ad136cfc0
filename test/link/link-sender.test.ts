/** How the messages of a link reach a peer of either dialect, and one that changes from one to the other. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { inflateRawSync } from 'node:zlib'
import type { LinkConfig } from '../../src/config/config.ts'
import { imbalance } from '../../src/lanes/ledger.ts'
import { LINK_TABLES_AT, readLinkFrame } from '../../src/lanes/batches/link-frame.ts'
import { isShortFrame, ShortReader } from '../../src/lanes/batches/short-frame.ts'
import { readBatch } from '../../src/lanes/batches/read-batch.ts'
import { greetingProperty } from '../../src/link/connection.ts'
import { decodeLinkMessage } from '../../src/link/emqx/link-message.ts'
import { answerTo, decodeGreeting } from '../../src/link/native/greeting.ts'
import type { Message } from '../../src/packets/message.ts'
import { Acceptor, isPublish, payloadOf, type Received } from './acceptor.ts'
import { behaving, type Behaviour } from './behaving.ts'
import { linkConfig, message, passing, startRuntime } from './link-fixture.ts'

const isMessage = ({ packet }: Received) => isPublish(packet) && packet.topic === '$LINK/cluster/msg/cl.a'
const cut = ({ reasons }: { reasons: readonly string[] }) =>
  reasons.some((words) => words.startsWith('messages cannot'))
const running = ({ state }: { state: string }) => state === 'running'

type Batch = {
  readonly sequence: number
  readonly isResent: boolean
  readonly isCompressed: boolean
  readonly messages: Message[]
}

/** `undefined` for what is none. */
function batchOf({ packet }: Received): Batch | undefined {
  if (!isPublish(packet)) return undefined
  const frame = payloadOf(packet)
  const head = readLinkFrame(frame, 10_000_000)
  if (head.type === 'malformed') return undefined
  const read = head.isCompressed
    ? readBatch(inflateRawSync(frame.subarray(head.tablesAt)), 0)
    : readBatch(frame, head.tablesAt)
  assert.ok(read.type === 'messages')
  const messages = read.publications.map((publication) => publication.own().toMessage())
  return { ...head, messages }
}

function messagesOf(received: Received): Message[] {
  const batch = batchOf(received)
  if (batch !== undefined) return batch.messages
  if (!isPublish(received.packet)) return []
  const term = decodeLinkMessage(payloadOf(received.packet))
  return term.type === 'message' ? [term.message] : []
}

/** A peer that knows ours as long as it is told to, but none that are shortened unless it says so. */
class Peer {
  isNative = true
  /** What it answers otherwise than we would. */
  readonly answer: object = {}
  readonly #puback: Behaviour['puback']
  readonly acceptor = new Acceptor((received) => this.#answer(received))

  constructor(puback?: Behaviour['puback'], answer: object = {}) {
    this.#puback = puback
    this.answer = answer
  }

  /** Of message connections. */
  connects(): string[] {
    return this.acceptor.received.flatMap(({ packet }) =>
      packet.cmd === 'connect' && packet.clientId.includes(':msg:') ? [packet.clientId] : [],
    )
  }

  #answer(received: Received): void {
    const { packet } = received
    const text = packet.cmd === 'connect' ? packet.properties?.userProperties?.[greetingProperty] : undefined
    const greeting = typeof text === 'string' ? decodeGreeting(text) : undefined
    const answer = greeting === undefined || !this.isNative ? undefined : answerTo(greeting, 'b1@127.0.0.1', '0b')
    const features = answer?.features.filter((feature) => feature !== 'short')
    const said = answer === undefined ? undefined : JSON.stringify({ ...answer, features, ...this.answer })
    const properties = said === undefined ? {} : { userProperties: { [greetingProperty]: said } }
    behaving({ properties, ...(this.#puback === undefined ? {} : { puback: this.#puback }) })(received)
  }
}

async function settled(fits: () => boolean): Promise<void> {
  while (!fits()) await endOfTurn()
}

async function start(t: TestContext, peer: Peer, changes: Partial<LinkConfig> = {}) {
  const run = startRuntime({ boot: '0a' })
  t.after(async () => {
    await run.runtime.stop(0)
    await peer.acceptor.close()
  })
  const config = linkConfig(await peer.acceptor.listen(), { pool_size: 4, ...changes })
  run.runtime.apply([config])
  const publish = (topic: string, more: Partial<Message> = {}) =>
    run.runtime.sinkOf('cl.b')?.accept(passing(message(topic, more)))
  const ledger = () => {
    const snapshot = run.runtime.ledger('cl.b')
    assert.ok(snapshot)
    assert.equal(imbalance(snapshot), 0)
    return snapshot
  }
  return { ...run, config, publish, ledger }
}

test(
  'what comes in one turn crosses to a peer of our kind as one batch, over one connection',
  { timeout: 20_000 },
  async (t) => {
    const peer = new Peer()
    const { publish, ledger, status, runtime } = await start(t, peer)
    await status(running)
    for (let index = 0; index < 10; index += 1) publish(`t/${index}`)
    publish('t/0', { qos: 0 })
    await settled(() => ledger().delivered === 11)
    const batches = peer.acceptor.received.filter(isMessage).map(batchOf)
    assert.deepEqual(
      batches.map((batch) => batch?.messages.map(({ topic, qos }) => `${topic} ${qos}`)),
      [Array.from({ length: 10 }, (_, index) => `t/${index} 1`), ['t/0 0']],
    )
    assert.equal(peer.connects().length, 1)
    assert.equal(runtime.senderView('cl.b')?.dialect, 'native')
  },
)

for (const { answer, reason } of [
  { answer: { version: 2 }, reason: 'it answered with version 2 of the native dialect, and we speak version 1' },
  { answer: { version: 'one' }, reason: 'what it answered to our greeting can not be read' },
])
  test(`a peer that answers ${JSON.stringify(answer)} is spoken to as an EMQX is, and the log says why`, async (t) => {
    const peer = new Peer(undefined, answer)
    const { publish, ledger, status, runtime, lines } = await start(t, peer)
    await status(running)
    publish('t')
    await settled(() => ledger().delivered === 1)
    assert.equal(runtime.senderView('cl.b')?.dialect, 'emqx')
    assert.deepEqual(
      lines.filter(({ event }) => event === 'cluster_link_not_native'),
      [{ level: 'warn', event: 'cluster_link_not_native', fields: { link: 'cl.b', reason } }],
    )
  })

test('an old peer that knows nothing of compression gets nothing compressed', async (t) => {
  const peer = new Peer(undefined, { features: [] })
  const { publish, ledger, status, runtime } = await start(t, peer, { compression: 'auto' })
  await status(running)
  for (let index = 0; index < 500; index += 1) publish(`t/${index}`, { payload: Buffer.from('{"temperature":21.5}') })
  await settled(() => ledger().delivered === 500)
  const frames = peer.acceptor.received.filter(isMessage).map(({ packet }) => packet)
  for (const packet of frames) assert.ok(!isPublish(packet) || !isCompressed(payloadOf(packet)))
  assert.equal(runtime.senderView('cl.b')?.compression, undefined)
})

test(
  'a link that is to speak ours alone gives up a peer that does not, and says why',
  { timeout: 20_000 },
  async (t) => {
    const peer = new Peer()
    peer.isNative = false
    const { publish, ledger, status } = await start(t, peer, { dialect: 'native' })
    publish('t')
    await status(({ reasons }) => reasons.some((words) => /does not speak the native dialect/.test(words)))
    assert.equal(peer.acceptor.received.filter(isMessage).length, 0)
    assert.equal(ledger().queued, 1, 'what waits is kept')
  },
)

test(
  'a link that is to speak EMQX’s dialect greets nobody, and opens all its connections',
  { timeout: 20_000 },
  async (t) => {
    const peer = new Peer()
    const { publish, ledger, status, runtime } = await start(t, peer, { dialect: 'emqx' })
    await status(running)
    await settled(() => peer.connects().length === 4)
    publish('t')
    await settled(() => ledger().delivered === 1)
    for (const { packet } of peer.acceptor.received)
      if (packet.cmd === 'connect') assert.equal(packet.properties?.userProperties, undefined)
    assert.equal(runtime.senderView('cl.b')?.dialect, 'emqx')
  },
)

test(
  'a batch that is not acknowledged when the connection goes is sent again, under its number',
  { timeout: 20_000 },
  async (t) => {
    let answering = false
    const peer = new Peer((received) => (isMessage(received) && !answering ? undefined : 0))
    const { publish, ledger, status, clock } = await start(t, peer)
    await status(running)
    publish('t/1')
    await peer.acceptor.packet(isMessage)
    answering = true
    const from = peer.acceptor.received.length
    peer.acceptor.cut()
    await status(cut)
    publish('t/2')
    clock.advance(5_000)
    await settled(() => ledger().delivered === 2)
    const batches = peer.acceptor.received.slice(from).filter(isMessage).map(batchOf)
    assert.deepEqual(
      batches.map((batch) => [batch?.sequence, batch?.isResent, batch?.messages[0]?.topic]),
      [
        [1, true, 't/1'],
        [1, false, 't/2'],
      ],
      'the second is the first of the backlog',
    )
    assert.equal(ledger().retried, 1)
  },
)

for (const { turn, before, after } of [
  { turn: 'is upgraded to ours', before: false, after: true },
  { turn: 'goes back to EMQX’s dialect', before: true, after: false },
]) {
  test(`a peer that ${turn} gets all that waited and flew, in order`, { timeout: 30_000 }, async (t) => {
    let answering = false
    const peer = new Peer((received) => (isMessage(received) && !answering ? undefined : 0))
    peer.isNative = before
    const { publish, ledger, status, clock } = await start(t, peer)
    await status(running)
    const publishers = ['p1', 'p2', 'p3']
    const some = (from: number, to: number) => {
      for (let index = from; index < to; index += 1)
        publish(`${publishers[index % 3]}/${index}`, { from: publishers[index % 3] ?? '' })
    }
    some(0, 150)
    await settled(() => ledger().inflight > 0)
    some(150, 300)
    await endOfTurn()
    answering = true
    peer.isNative = after
    const from = peer.acceptor.received.length
    peer.acceptor.cut()
    await status(cut)
    some(300, 400)
    clock.advance(5_000)
    await settled(() => ledger().delivered === 400)
    const arrived = peer.acceptor.received.slice(from).filter(isMessage).flatMap(messagesOf)
    for (const publisher of publishers) {
      const numbers = arrived.filter((one) => one.from === publisher).map(({ topic }) => Number(topic.split('/')[1]))
      const all = Array.from({ length: 400 }, (_, index) => index).filter(
        (index) => publishers[index % 3] === publisher,
      )
      assert.deepEqual(numbers, all)
    }
  })
}

test(
  'what waits for a peer that is away is shown as its backlog, and is gone once it has crossed',
  { timeout: 20_000 },
  async (t) => {
    const peer = new Peer()
    const { publish, ledger, status, clock, runtime } = await start(t, peer)
    await status(running)
    peer.acceptor.cut()
    await status(cut)
    for (let index = 0; index < 100; index += 1) publish('t')
    const backlog = runtime.senderView('cl.b')?.backlog
    assert.equal(backlog?.messages, 100)
    assert.ok(backlog.bytes > 100 * 5)
    assert.equal(backlog.perSecond, 0)
    clock.advance(5_000)
    await settled(() => ledger().delivered === 100)
    assert.equal(runtime.senderView('cl.b')?.backlog, undefined)
  },
)

test('of a backlog that crosses in EMQX’s dialect it shows how fast, too', { timeout: 20_000 }, async (t) => {
  let room = 2_000
  const peer = new Peer(() => (room-- > 0 ? 0 : undefined))
  peer.isNative = false
  const { publish, ledger, status, clock, runtime } = await start(t, peer, { pool_size: 1 })
  await status(running)
  peer.acceptor.cut()
  await status(cut)
  for (let index = 0; index < 10_000; index += 1) publish('t')
  clock.advance(5_000)
  // Others of its packets are acknowledged, too.
  await settled(() => ledger().delivered > 1_900)
  const backlog = runtime.senderView('cl.b')?.backlog
  assert.ok(backlog !== undefined && backlog.messages > 5_000, JSON.stringify(backlog))
  assert.ok(backlog.perSecond > 0 && (backlog.secondsLeft ?? 0) > 0, JSON.stringify(backlog))
})

test(
  'retained and compression hold from the next message on after an edit, on the same connection',
  { timeout: 20_000 },
  async (t) => {
    const peer = new Peer()
    const { publish, ledger, status, runtime, config } = await start(t, peer)
    await status(running)
    const long = { retain: true, payload: Buffer.alloc(5_000, 'the same ') }
    publish('t', long)
    await settled(() => ledger().delivered === 1)
    runtime.apply([{ ...config, retained: 'off', compression: 'auto' }])
    publish('t', long)
    await settled(() => ledger().delivered === 2)
    const [first, second] = peer.acceptor.received.filter(isMessage).map(batchOf)
    assert.deepEqual([first?.messages[0]?.retain, first?.isCompressed], [true, false])
    assert.deepEqual([second?.messages[0]?.retain, second?.isCompressed], [false, true])
    assert.equal(peer.connects().length, 1)
    const { bytesBefore = 0, bytesAfter = 0 } = runtime.senderView('cl.b')?.compression ?? {}
    assert.ok(bytesAfter > 0 && bytesAfter * 10 < bytesBefore)
  },
)

test('a peer that reads shortened batches gets such, on each connection anew', async (t) => {
  const peer = new Peer(undefined, { features: ['short'] })
  const { status, publish, clock, ledger } = await start(t, peer)
  await status(running)
  const topics = ['t/0', 't/1', 't/2', 't/3']
  for (const [i, topic] of topics.entries()) {
    if (i === 2) {
      peer.acceptor.cut()
      await status(cut)
    }
    publish(topic)
    if (i === 2) clock.advance(5_000)
    await settled(() => ledger().delivered === i + 1)
  }
  let reader = new ShortReader()
  const found: (readonly [isShort: boolean, topic: string | undefined])[] = []
  for (const received of peer.acceptor.received) {
    if (received.packet.cmd === 'connect' && received.clientId.includes(':msg:')) reader = new ShortReader()
    if (!isPublish(received.packet) || !isMessage(received)) continue
    const payload = payloadOf(received.packet)
    const isShort = isShortFrame(payload)
    if (!isShort) reader.note(payload)
    const frame = isShort ? reader.expand(payload) : payload
    assert.ok(frame)
    const read = readBatch(frame, LINK_TABLES_AT)
    assert.ok(read.type === 'messages')
    found.push([isShort, read.publications[0]?.own().toMessage().topic])
  }
  assert.deepEqual(found, [
    [false, 't/0'],
    [true, 't/1'],
    [false, 't/2'],
    [true, 't/3'],
  ])
})

test('a message of our own keeps its retain flag for others while links are told that it has none', async (t) => {
  const { runtime } = await start(t, new Peer(), { retained: 'off' })
  const kept = passing(message('t', { retain: true }))
  const firstByte = kept.view.buffer[kept.view.start]
  runtime.sinkOf('cl.b')?.accept(kept)
  assert.equal(kept.view.buffer[kept.view.start], firstByte)
})

function isCompressed(frame: Buffer): boolean {
  const head = readLinkFrame(frame, 10_000_000)
  return head.type === 'batch' && head.isCompressed
}
