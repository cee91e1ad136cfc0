/** Outboxes with little room while the peer is away: what each policy does with publishers and with their messages. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { connectClient, prove, publishMany, subscribe } from '../clients.ts'
import { longQueues } from '../cluster/traffic.ts'
import { linkTo, nodeFile, relayTo, reserve, temporaryDirectory } from '../clusters.ts'
import { ledgerThat, settledLedger } from './ledger.ts'

const ROOM = 500
const MESSAGES = 2_000

async function start(t: TestContext, overflow: 'drop_oldest' | 'drop_newest' | 'backpressure') {
  const [clusterA, clusterB, nowhere] = await Promise.all([reserve('cl-a'), reserve('cl-b'), reserve('nowhere')])
  const relay = await relayTo(t, clusterB)
  const directory = temporaryDirectory()
  const socket = join(directory, 'a.sock')
  const link = linkTo(relay.cluster, [], { overflow, resource_opts: { max_buffer_messages: ROOM } })
  const fileA = { ...nodeFile(clusterA, [link], join(directory, 'a')), debug: { socket } }
  const fileB = { ...nodeFile(clusterB, [linkTo(clusterA, ['t/#'])], join(directory, 'b')), ...longQueues }
  const [a, b] = await Promise.all([startNodeProcess(fileA, directory), startNodeProcess(fileB, directory)])
  for (const node of [a, b]) t.after(() => node.kill())
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 't/1')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')
  await settledLedger(socket, 'cl-b')
  const cut = async () => {
    const logged = a.log.length
    relay.pointAt(nowhere.port)
    relay.cut()
    await a.waitFor('the outage', ({ msg, status }) => msg === 'cluster_link_status' && status !== 'running', logged)
  }
  return { a, socket, inbox, publisher, cut, mend: () => relay.pointAt(clusterB.port) }
}

for (const { overflow, kept } of [
  { overflow: 'drop_oldest', kept: (sent: readonly string[], count: number) => sent.slice(-count) },
  { overflow: 'drop_newest', kept: (sent: readonly string[], count: number) => sent.slice(0, count) },
] as const)
  test(`${overflow}: what crosses after the outage is what was to be kept, and the ledger has the rest`, async (t) => {
    const { socket, inbox, publisher, cut, mend } = await start(t, overflow)
    const before = await settledLedger(socket, 'cl-b')
    await cut()
    const sent = await publishMany(publisher, 't/1', '', MESSAGES)
    mend()
    const ledger = await settledLedger(socket, 'cl-b')
    const crossed = ledger.delivered - before.delivered
    await inbox.waitForCount(crossed)
    assert.deepEqual(inbox.payloads(), kept(sent, crossed))
    assert.deepEqual(ledger.dropped, { queue_full: MESSAGES - crossed })
    // One batch at most is missing to what there is room for.
    assert.ok(crossed > ROOM * 0.9 && crossed <= ROOM, `${crossed} crossed`)
  })

test('backpressure: PUBACKs wait for room and come when there is some; nothing is lost', async (t) => {
  const { socket, inbox, publisher, cut, mend } = await start(t, 'backpressure')
  await cut()
  let acknowledged = 0
  const sent = Array.from({ length: MESSAGES }, (_, index) => `${index}`)
  const publishings = sent.map((payload) =>
    publisher.publishAsync('t/1', payload, { qos: 1 }).then(() => (acknowledged += 1)),
  )
  const { queued } = await ledgerThat(socket, 'cl-b', (ledger) => ledger.queued >= ROOM * 0.8)
  assert.ok(queued <= ROOM, `${queued} wait`)
  const acknowledgedMeanwhile = acknowledged
  mend()
  await Promise.all(publishings)
  await inbox.waitForCount(MESSAGES)
  assert.deepEqual(inbox.payloads(), sent)
  assert.deepEqual((await settledLedger(socket, 'cl-b')).dropped, {})
  assert.ok(acknowledgedMeanwhile <= ROOM * 0.8, `${acknowledgedMeanwhile} were acknowledged`)
})

test('backpressure: who publishes at QoS 0 is slowed down and stays connected', async (t) => {
  const { a, socket, publisher, cut, mend } = await start(t, 'backpressure')
  await cut()
  const hasty = await connectClient(t, a.mqttPort, { keepalive: 5, reconnectPeriod: 0 })
  let closed = 0
  hasty.on('close', () => (closed += 1))
  const publishings = Array.from({ length: ROOM * 2 }, (_, index) =>
    publisher.publishAsync('t/1', `${index}`, { qos: 1 }),
  )
  await ledgerThat(socket, 'cl-b', ({ queued }) => queued >= ROOM * 0.8)
  const again = setInterval(() => hasty.publish('t/1', 'hasty', { qos: 0 }), 20)
  t.after(() => clearInterval(again))
  // Twice as long as it goes on without an answer to its PINGREQ.
  await pause(12_000)
  clearInterval(again)
  assert.equal(closed, 0, 'disconnected')
  mend()
  await Promise.all(publishings)
  const { matched, delivered, dropped } = await settledLedger(socket, 'cl-b')
  assert.equal(matched, delivered + (dropped['shed_qos0'] ?? 0))
})
