/**
 * The bytes of the hand-made dialler, over sockets, against a broker with our gate: the same answers as a real EMQX gave, packet by
 * packet and in the same order on each connection.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Packet } from 'mqtt-packet'
import { systemClock } from '../../src/broker/clock.ts'
import { LinkGate } from '../../src/link/inbound/link-gate.ts'
import type { RawClient } from '../broker/raw-client.ts'
import { TestBroker, subscribe } from '../broker/test-broker.ts'
import { readConversation } from './emqx/wire-fixtures.ts'
import type { WireEntry } from './emqx/wire-fixtures.ts'
import { linkTo } from './inbound/gate-bench.ts'
import { deviations } from './inbound/hand-made-deviations.ts'
import { assertSameAnswers, publishAnswer, realAnswer } from './inbound/replay.ts'
import type { Deviation } from './inbound/replay.ts'

/** When the recording began, by the clock of its messages. */
const recordedAtMs = 1_795_289_401_335

const expired: Deviation = {
  where: 'raw_fwd_expired 44',
  because:
    'EMQX counts a subscriber that an expired message matched and then did not reach; our broker delivers to nobody and says so',
  ours: ['PUBACK 2 16'],
}

test('over sockets, a hand-made dialler gets the answers that a real EMQX gave', async (t) => {
  // The time of the recording: how old a message is must not hang on how fast the replay goes.
  let nowMs = recordedAtMs
  const { node, local } = await listening(t, () => nowMs)
  const answers = new Map<string, { real: string[]; ours: string[] }>()
  const connections = new Map<number, RawClient>()
  for (const entry of readConversation('hand-made-dialler')) {
    const { step, conn = 0, direction, mqtt_packet_type: type } = entry
    nowMs = recordedAtMs + entry.t * 1000
    const key = `${step} ${conn}`
    const said = answers.get(key) ?? { real: [], ours: [] }
    if (direction === 'B->raw') said.real.push(...[realAnswer(entry)].filter((answer) => answer !== undefined))
    else if (direction === 'raw->B') {
      if (type === 'CONNECT') connections.set(conn, await node.open(entry.proto_ver ?? 5))
      said.ours.push(...(await sendAndListen(connections.get(conn), entry)))
    } else if (hungUpWithoutWord(entry, said.real)) said.real.push('CLOSE')
    if (said.real.length + said.ours.length > 0) answers.set(key, said)
  }
  assertSameAnswers(answers, deviations.toSpliced(6, 0, expired))

  const topics = await topicsReceivedBy(local)
  assert.equal(topics.length, 17, 'all 18 that were accepted but the one that had expired')
  assert.ok(
    topics.every((topic) => /^[cx]\//.test(topic)),
    'and nothing leaked from under $LINK/',
  )
})

/** A node with the links of the recorded one, and its local subscriber. */
async function listening(t: TestContext, nowMs: () => number): Promise<{ node: TestBroker; local: RawClient }> {
  const clock = { ...systemClock, nowMs }
  const node = await TestBroker.start(t, {}, clock)
  const links = new Map([
    ['cl.c', { ...linkTo('cl.c'), topics: ['c/#', 'x/+'] }],
    ['cl.dis', { ...linkTo('cl.dis'), enable: false }],
  ])
  const gate = new LinkGate({
    localCluster: 'cl.b',
    clock,
    broker: node.broker,
    link: (peer) => links.get(peer),
    sinkOf: () => undefined,
    log: node.broker.log,
    changed: () => undefined,
  })
  t.after(() => gate.stop())
  node.broker.linkInlet = gate
  const local = await node.client('local')
  await subscribe(local, 'c/#', 'x/+', '$LINK/#')
  return { node, local }
}

/** Sends the recorded bytes and returns all that comes back because of them. */
async function sendAndListen(
  client: RawClient | undefined,
  { mqtt_packet_type, raw_hex = '' }: WireEntry,
): Promise<string[]> {
  assert.ok(client !== undefined)
  if (client.isClosed) return []
  client.sendBytes(Buffer.from(raw_hex, 'hex'))
  if (mqtt_packet_type === 'DISCONNECT') {
    await client.closed()
    return []
  }
  const packets: Packet[] = []
  // The first answer to a PING may overtake an ack that waits for the end of the same read; the second one can't.
  for (let ping = 0; ping < 2; ping += 1) packets.push(...(await untilPingresp(client)))
  const hungUp = client.isClosed && !packets.some(({ cmd }) => cmd === 'disconnect')
  return [...packets.flatMap((packet) => ourAnswer(packet) ?? []), ...(hungUp ? ['CLOSE'] : [])]
}

async function untilPingresp(client: RawClient): Promise<Packet[]> {
  if (client.isClosed) return []
  client.send({ cmd: 'pingreq' })
  const packets: Packet[] = []
  while (!client.isClosed || client.unread > 0) {
    const packet = await nextOrEnd(client)
    if (packet === undefined || packet.cmd === 'pingresp') break
    packets.push(packet)
  }
  return packets
}

async function nextOrEnd(client: RawClient): Promise<Packet | undefined> {
  try {
    return (await client.receive()).packet
  } catch (error) {
    if (client.isClosed) return undefined
    throw error
  }
}

function ourAnswer(packet: Packet): string | undefined {
  if (packet.cmd === 'suback') return `SUBACK ${packet.messageId} ${packet.granted.map(Number).join()}`
  if (packet.cmd === 'puback' || packet.cmd === 'pubrec') {
    return `${packet.cmd.toUpperCase()} ${packet.messageId} ${packet.reasonCode ?? 0}`
  }
  if (packet.cmd === 'disconnect') return `DISCONNECT ${packet.reasonCode}`
  if (packet.cmd !== 'publish') return undefined
  return publishAnswer(packet.topic, Buffer.from(packet.payload), packet.properties?.correlationData)
}

/** The real acceptor ended a connection that its dialler had not left, and had not said why. */
function hungUpWithoutWord({ mqtt_packet_type, direction, clientid }: WireEntry, said: readonly string[]): boolean {
  const crashedOrVersion4 = clientid === 'cl.c:routesync:9' || clientid === 'cl.c:msg:60'
  return mqtt_packet_type.startsWith('(tcp_close') && direction === 'B' && crashedOrVersion4 && !said.includes('CLOSE')
}

async function topicsReceivedBy(local: RawClient): Promise<string[]> {
  return (await untilPingresp(local)).flatMap((packet) => (packet.cmd === 'publish' ? [packet.topic] : []))
}
