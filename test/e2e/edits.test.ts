/** Links edited under load, as an operator does it: the file, then SIGHUP. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkFile } from '../../src/cli/demo/node-process.ts'
import { Account } from './account.ts'
import { connectClient, prove, subscribe } from './clients.ts'
import { linkTo, relayTo, reserve, startCluster } from './clusters.ts'

test('edits of a link under load lose nothing of what is wanted throughout, and change no order', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const [toA, toB] = await Promise.all([relayTo(t, clusterA), relayTo(t, clusterB)])
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(clusterB, ['t/#'])]),
    startCluster(t, clusterB, [linkTo(clusterA, ['t/#'])]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const account = new Account()
  const ends = await Promise.all(
    [a, b].map(async (node, index) => {
      const client = await connectClient(t, node.mqttPort)
      const reader = account.read(client, `reader at ${node.name}`)
      const publisher = await connectClient(t, node.mqttPort)
      return { reader, publisher, topic: `t/${index}`, inbox: await subscribe(client, 't/#', 2) }
    }),
  )
  for (const { publisher } of ends) for (const { inbox } of ends) await prove(inbox, publisher, 't/probe')
  const publishing = ends.map(({ publisher, topic }) =>
    account.publish(publisher, topic, { topics: [topic, 't/common'], perSecond: 150 }),
  )

  const edits: readonly (readonly [atA: Partial<LinkFile>, atB: Partial<LinkFile>])[] = [
    [{ pool_size: 2 }, {}],
    [{ pool_size: 8 }, { pool_size: 1 }],
    [{ topics: ['#'] }, { topics: ['t/+', 'u/#'] }],
    [{ topics: ['t/+'] }, { topics: ['t/#'] }],
    [linkTo(toB.cluster, ['t/#']), linkTo(toA.cluster, ['t/#'])],
    [{ clientid: 'another' }, { clientid: 'yet-another' }],
    [{}, {}],
  ]
  for (const [atA, atB] of edits) {
    const [seenA, seenB] = [a.log.length, b.log.length]
    const [linkAtA, linkAtB] = [linkTo(clusterB, ['t/#'], atA), linkTo(clusterA, ['t/#'], atB)]
    a.reload({ ...a.config, cluster: { ...a.config.cluster, links: [linkAtA] } })
    b.reload({ ...b.config, cluster: { ...b.config.cluster, links: [linkAtB] } })
    await Promise.all([
      a.waitFor('the reload', ({ msg }) => msg === 'config_reloaded', seenA),
      b.waitFor('the reload', ({ msg }) => msg === 'config_reloaded', seenB),
    ])
  }
  await Promise.all(publishing.map(async (publisher) => publisher.stop()))
  for (const { reader } of ends) await account.complete(reader)
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  const lost = [...a.log, ...b.log].filter(({ msg }) => msg === 'messages_lost' || msg === 'cluster_link_outbox_lost')
  assert.deepEqual(lost, [])
})
