/** What the checker's clients do and keep, against a real node, and one that misbehaves. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { generate, type Packet, parser } from 'mqtt-packet'
import { judge } from '../../../scripts/chaos/checker/judge.ts'
import type { QoS } from '../../../scripts/chaos/checker/observed.ts'
import type { PublisherPlan, SubscriberPlan } from '../../../scripts/chaos/checker/plan.ts'
import { stamped } from '../../../scripts/chaos/checker/stamp.ts'
import { startTraffic } from '../../../scripts/chaos/checker/traffic.ts'
import type { Guarantees } from '../../../scripts/chaos/checker/verdict.ts'
import { createNode, type Node } from '../../../src/index.ts'

const STRICT: Guarantees = { loss: 'none', doubles: 'none', order: 'kept', healMsMax: 30_000 }
const QOS: readonly QoS[] = [0, 1, 2]

function nodeIn(directory: string): Node {
  return createNode({
    node: { name: 'n1@127.0.0.1', data_dir: directory },
    cluster: { name: 'eu' },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
  })
}

async function startedIn(t: TestContext, directory: string): Promise<Node> {
  const node = nodeIn(directory)
  t.after(() => node.stop())
  await node.start()
  return node
}

const urlOf = (node: Node): string => `mqtt://${node.status().listeners['tcp:default'] ?? ''}`

const publisher = (url: string, qos: QoS): PublisherPlan => ({
  name: `p${qos}`,
  cluster: 'eu',
  url,
  topic: `t/${qos}`,
  qos,
  perSecond: 100,
})

const subscriber = (url: string, name: string, isDurable: boolean): SubscriberPlan => ({
  name,
  cluster: 'eu',
  url,
  filter: 't/+',
  qos: 2,
  isDurable,
})

test('a node that is restarted elsewhere: its clients follow, and nothing is lost', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-traffic-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const node = await startedIn(t, directory)
  const url = urlOf(node)
  const traffic = await startTraffic({
    publishers: QOS.map((qos) => publisher(url, qos)),
    subscribers: [subscriber(url, 'kept', true), subscriber(url, 'clean', false)],
  })
  await traffic.flowing(30_000)
  await traffic.unsubscribe('clean')
  await traffic.subscribe('clean')
  await node.stop()
  const again = await startedIn(t, directory)
  const before = traffic.counts()
  for (const name of ['p0', 'p1', 'p2', 'kept', 'clean']) traffic.moved(name, urlOf(again))
  const untilMs = performance.now() + 30_000
  while (traffic.counts().delivered < before.delivered + 50) {
    assert(performance.now() < untilMs, 'nothing came from the node that was started again')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const observed = await traffic.stop({ quietMs: 200 })

  const [ofQos0, ofQos1] = observed.publishers
  assert(ofQos0 && ofQos1 && observed.isQuiet)
  assert(ofQos0.messages.every(({ answeredMs }) => answeredMs === undefined))
  assert(ofQos1.messages.every(({ reasonCode, answeredMs }) => reasonCode === undefined || answeredMs !== undefined))
  const [kept, clean] = observed.subscribers
  assert(kept && clean)
  assert.deepEqual(
    kept.connections.map(({ isSessionPresent }) => isSessionPresent),
    [false, true],
  )
  assert.deepEqual(
    kept.spans.map(({ endedBy }) => endedBy),
    [undefined],
  )
  assert.deepEqual(
    clean.spans.map(({ endedBy }) => endedBy),
    ['unsubscribe', 'disconnect', undefined],
  )
  const { findings, tallies } = judge(observed, { faults: [], guarantees: STRICT })
  assert.deepEqual(findings, [])
  assert.deepEqual(
    tallies.map(({ qos, expected, delivered }) => [qos, expected > 0, qos === 0 || delivered === expected]),
    QOS.map((qos) => [qos, true, true]),
  )
})

/** A broker that lies: it acknowledges everything, and sends a subscriber what it is told to. */
async function liar(
  t: TestContext,
  script: (send: (packet: Packet) => void, publish: Packet) => void,
): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const packets = parser({ protocolVersion: 5 })
    const send = (packet: Packet): void => void socket.write(generate(packet, { protocolVersion: 5 }))
    packets.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') send({ cmd: 'connack', sessionPresent: false, reasonCode: 0 })
      if (packet.cmd === 'subscribe') send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [2] })
      if (packet.cmd !== 'publish') return
      send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: packet.messageId === 2 ? 0x97 : 0 })
      for (const other of sockets)
        if (other !== socket) script((sent) => void other.write(generate(sent, { protocolVersion: 5 })), packet)
    })
    socket.on('data', (bytes) => packets.parse(bytes))
    // Its client may be gone before it has read the last answer: the answer is then refused (ECONNRESET, EPIPE).
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  assert(typeof address === 'object' && address !== null)
  return `mqtt://127.0.0.1:${address.port}`
}

test('what a broker does wrong is kept as it was', async (t) => {
  const url = await liar(t, (send, publish) => {
    if (publish.cmd !== 'publish') return
    const copy = { ...publish, qos: 0, dup: false } as const
    const { messageId } = publish
    // The first comes twice, the third never, the fourth with another payload, the fifth is not even ours.
    if (messageId !== 3) send(messageId === 4 ? { ...copy, payload: damaged(copy.payload) } : copy)
    if (messageId === 1) send(copy)
    if (messageId === 5) send({ ...copy, payload: 'who is that?' })
  })
  const traffic = await startTraffic({
    publishers: [{ ...publisher(url, 1), topic: 't/1' }],
    subscribers: [subscriber(url, 's', false)],
  })
  const untilMs = performance.now() + 30_000
  while (traffic.counts().published < 6) {
    assert(performance.now() < untilMs, 'nothing is published')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const observed = await traffic.stop({ quietMs: 100, patienceMs: 100 })
  const { cases, tallies } = judge(observed, { faults: [], guarantees: STRICT })
  assert.equal(observed.subscribers[0]?.strange, 1)
  assert.deepEqual(
    // With QoS 0 nothing is lost that was promised; what came is what counts here.
    cases.map(({ what, sequence }) => `${what} ${sequence}`).toSorted(),
    ['changed 4', 'lost 3', 'returned 1'],
  )
  assert.equal(tallies.find(({ qos }) => qos === 1)?.refused, 1)
})

test('a plan that can not be followed says who could not', async (t) => {
  const url = await liar(t, () => undefined)
  const gone = subscriber('mqtt://127.0.0.1:9', 'gone', false)
  await assert.rejects(
    startTraffic({ publishers: [], subscribers: [gone] }, 300),
    /not connected or subscribed: gone \(.+\)/,
  )
  await assert.rejects(
    startTraffic({ publishers: [publisher(url, 1), publisher(url, 1)], subscribers: [] }),
    /two clients of one name/,
  )
  const traffic = await startTraffic({ publishers: [publisher(url, 1)], subscribers: [subscriber(url, 's', false)] })
  await assert.rejects(traffic.flowing(100), /nothing came to s \(from p1\)/)
  await assert.rejects(traffic.flowing(100, []), /nothing came to s/, 'within a cluster all should flow')
  await traffic.stop({ boundMs: 0 })
})

function damaged(payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload)
  bytes[bytes.length - 5]! ^= 1
  return bytes
}

test('a payload has the size that was asked for, and room for its stamp at least', () => {
  assert.equal(stamped('p', 1, 100).length, 100)
  assert.equal(stamped('p', 1, 1).length, 14)
  assert.notDeepEqual(stamped('p', 1, 100), stamped('p', 2, 100))
})
