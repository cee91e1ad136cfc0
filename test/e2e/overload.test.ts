/** Peers that hang, and too little room for what waits for them: bounded, accounted for, and over when the peer is back. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { NodeProcess } from '../../src/cli/demo/node-process.ts'
import { Account } from './account.ts'
import { connectClient, prove, publishMany, subscribe } from './clients.ts'
import { linkTo, reserve, startCluster, waitForReason } from './clusters.ts'

/** Fields of links that the demo has no use for. */
type LinkFields = { readonly actor_ttl?: string; readonly resource_opts?: object }

/** A sends to B, which wants everything. `fields` are those of the link at A. */
async function oneWay(t: TestContext, fields: LinkFields): Promise<{ a: NodeProcess; b: NodeProcess }> {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const linkAtA = { ...linkTo(clusterB, []), ...fields }
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkAtA]),
    startCluster(t, clusterB, [linkTo(clusterA, ['#'])]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  return { a, b }
}

test('a peer that stood still for longer than its lease goes on where it was, and the status with it', async (t) => {
  const { a, b } = await oneWay(t, { actor_ttl: '1s' })
  const account = new Account()
  const client = await connectClient(t, b.mqttPort)
  const reader = account.read(client, 'reader')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(await subscribe(client, '#', 2), publisher, 'probe')

  const publishing = account.publish(publisher, 'p', { topics: ['t/1', 't/2'], perSecond: 200 })
  process.kill(b.pid, 'SIGSTOP')
  await waitForReason(a, 'cl-b', /fallen silent/)
  process.kill(b.pid, 'SIGCONT')
  await publishing.stop()
  await account.complete(reader)
  assert.equal(reader.repeats, 0, 'no connection was lost, so nothing had to be sent again')
  // With the next heartbeat, on the connection that was there all along.
  await a.waitForStatus('cl-b', 'running')
})

test('what does not fit while the peer hangs is given up, QoS 0 first, and told', async (t) => {
  const { a, b } = await oneWay(t, { resource_opts: { max_buffer_bytes: '200KB' } })
  const [precious, plenty] = await Promise.all([connectClient(t, a.mqttPort), connectClient(t, a.mqttPort)])
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 'precious', 1)
  const heap = await subscribe(await connectClient(t, b.mqttPort), 'plenty', 0)
  await Promise.all([prove(inbox, precious, 'precious'), prove(heap, plenty, 'plenty')])

  process.kill(b.pid, 'SIGSTOP')
  // More than the sockets on the way take: what comes at once may be shed before they are full, so that it goes on until they are.
  const flood = setInterval(() => {
    for (let count = 0; count < 50; count += 1) plenty.publish('plenty', Buffer.alloc(16_000), { qos: 0 })
  }, 20)
  try {
    await waitForReason(a, 'cl-b', /outbox is nearly full/)
  } finally {
    clearInterval(flood)
  }
  const sent = await publishMany(precious, 'precious', '', 500)
  process.kill(b.pid, 'SIGCONT')
  await inbox.waitForPayload('499')
  assert.deepEqual([...new Set(inbox.payloads())], sent)
  await a.waitForStatus('cl-b', 'running')
  await a.stop()
  const losses = a.log.filter(({ msg, where }) => msg === 'messages_lost' && where === 'link:cl-b')
  assert.ok(losses.length > 0, 'the loss is told')
  for (const { lost } of losses) assert.deepEqual(Object.keys(Object(lost)), ['shed_qos0'])
})
