/** Links that are up, and on which it does not flow: mute ones, routes that do not come, a full outbox. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { encodeRouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import { Acceptor, isPublish, type Answer } from '../../link/acceptor.ts'
import { connectClient, subscribe } from '../clients.ts'
import { temporaryDirectory } from '../clusters.ts'
import { assertBroken, examine, linked, putLink, startSide, stepOf, textOf, until } from './examined.ts'

/** Linked both ways; what A sends can be held on the wire. */
async function startFaulty(t: TestContext) {
  const socket = join(temporaryDirectory(), 'debug.sock')
  const [a, b] = await Promise.all([startSide(t, 'cl-a', { debug: { socket, faults: true } }), startSide(t, 'cl-b')])
  await putLink(a, 'cl-b', { server: `127.0.0.1:${b.port}`, topics: ['t/#'] })
  await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: ['t/#'] })
  await linked(a, b)
  const faults = await SocketClient.open(socket)
  t.after(() => faults.close())
  return { a, b, hold: (ms: number) => faults.call('fault.pause', { link: 'cl-b', ms }) }
}

test('a link that is connected and mute, and routes that do not come meanwhile', async (t) => {
  const { a, b, hold } = await startFaulty(t)
  await hold(120_000)
  assertBroken(
    await examine(a, 'cl-b'),
    'probe',
    /connected and mute: .*neither acknowledged nor answered/,
    /swallows packets/,
  )
  await subscribe(await connectClient(t, a.port), 't/new')
  const atB = await examine(b, 'cl-a', 't/new')
  assertBroken(
    atB,
    'topic_out',
    /somebody at the peer has subscribed to t\/new, and the peer has not told us the route/,
    /at the peer/,
  )
  const atA = await examine(a, 'cl-b', 't/new')
  assert.equal(atA.ok, false, textOf(atA))
  assert.match(stepOf(atA, 'topic_back').detail, /\(t\/new\), and the peer was not told the route yet/, textOf(atA))
  await hold(0)
  const routes = () => b.node.status().links[0]?.routes.peers
  await until(() => routes() === 1, 'the route is told')
  assert.equal(stepOf(await examine(b, 'cl-a', 't/new'), 'topic_out').status, 'ok')
})

test('an outbox that is full: a peer that lives, and acknowledges nothing', async (t) => {
  const acceptor = new Acceptor(takesNoMessages)
  const port = await acceptor.listen()
  t.after(() => acceptor.close())
  const a = await startSide(t, 'cl-a')
  await putLink(a, 'cl-b', {
    server: `127.0.0.1:${port}`,
    topics: [],
    pool_size: 1,
    dialect: 'emqx',
    resource_opts: { max_buffer_messages: 20 },
  })
  await speakAsPeer(t, a.port)
  await until(() => a.node.status().links[0]?.routes.peers === 1, 'the peer has told its route')
  const publisher = await connectClient(t, a.port)
  for (let index = 0; index < 30; index += 1) await publisher.publishAsync('t/1', String(index), { qos: 1 })
  assertBroken(
    await examine(a, 'cl-b'),
    'outbox',
    /the outbox is full: 20 messages wait, and messages are lost \(overflow = drop_oldest\); so far 10 queue_full/,
    /raise resource_opts\.max_buffer_bytes and max_buffer_messages/,
  )
})

/** As an EMQX, but for messages. */
const takesNoMessages: Answer = ({ packet, peer }) => {
  if (packet.cmd === 'connect') peer.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
  if (packet.cmd === 'pingreq') peer.send({ cmd: 'pingresp' })
  if (packet.cmd === 'subscribe') peer.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [1] })
  if (!isPublish(packet) || packet.qos === 0) return
  // What is asked of the right to send is a map.
  const isMessage = packet.topic.startsWith('$LINK/cluster/msg/') && packet.payload[1] !== 116
  if (!isMessage) peer.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0x10 })
  if (packet.properties?.correlationData !== undefined) peer.ack(packet, { result: 'ok', needBootstrap: true })
}

/** Comes as the peer's EMQX does, and wants `t/#`. */
async function speakAsPeer(t: TestContext, port: number): Promise<void> {
  const client = await connectClient(t, port, { clientId: 'cl-b:routesync' })
  const [actor, topic, responseTopic] = ['node-b', '$LINK/cluster/route/cl-b', '$LINK/cluster/resp/cl-b/node-b']
  await client.subscribeAsync(responseTopic, { qos: 1 })
  const answered = new Promise((resolve) => void client.once('message', resolve))
  const init = { type: 'actor_init', actor, incarnation: 1, targetCluster: 'cl-a', protocolVersion: 1 } as const
  await client.publishAsync(topic, encodeRouteMessage(init), {
    qos: 1,
    properties: { responseTopic, correlationData: Buffer.from('1') },
  })
  await answered
  const ops = [{ type: 'add', topicFilter: 't/#', id: 't/#' }] as const
  await client.publishAsync(topic, encodeRouteMessage({ type: 'route', actor, incarnation: 1, ops: [...ops] }), {
    qos: 1,
  })
}
