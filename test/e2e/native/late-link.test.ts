/** Links are made on one side after the other: who was first speaks the native dialect as soon as the other one does. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { type NodeProcess, startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import { Account } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { linkTo, nodeFile, reserve, startCluster, temporaryDirectory } from '../clusters.ts'
import { whenAllDelivered } from '../ledgers.ts'
import { startPair } from './pair.ts'

const LOOK_EVERY_MS = 20

const turns = (node: NodeProcess) => node.log.filter(({ msg }) => msg === 'cluster_link_turned_native')
const heardNatively = (node: NodeProcess, from: string) =>
  node.waitFor(`${from} natively`, ({ msg, link }) => msg === 'cluster_link_native_peer' && link === from)

test('a link that is made before the peer has its own turns native when the peer makes it', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const directory = temporaryDirectory()
  const socket = join(directory, 'debug.sock')
  const file = nodeFile(clusterA, [linkTo(clusterB, ['t/b/#'])], join(directory, 'data'))
  const b = await startCluster(t, clusterB, [])
  const a = await startNodeProcess({ ...file, debug: { socket } }, directory)
  t.after(() => a.kill())
  const [clientA, clientB] = await Promise.all([a, b].map((node) => connectClient(t, node.mqttPort)))
  assert(clientA !== undefined && clientB !== undefined)
  const [inboxA, inboxB] = await Promise.all([subscribe(clientA, 't/b/#'), subscribe(clientB, 't/a/#')])
  const debug = await SocketClient.open(socket)
  t.after(() => debug.close())
  // Before the peer has a link, so that it cannot answer our greeting.
  const isConnected = async (): Promise<boolean> =>
    /"cl-b\/forwarding\/1",[^}]*"state":"open.up"/.test(JSON.stringify(await debug.call('actors.list', {})))
  while (!(await isConnected())) await after(LOOK_EVERY_MS)

  b.reload({ ...b.config, cluster: { ...b.config.cluster, links: [linkTo(clusterA, ['t/a/#'])] } })
  await Promise.all([heardNatively(b, 'cl-a'), heardNatively(a, 'cl-b')])
  await Promise.all([prove(inboxB, clientA, 't/a/probe'), prove(inboxA, clientB, 't/b/probe')])
  assert.equal(turns(a).length, 1)
  assert.equal(turns(b).length, 0)
  assert.match(
    JSON.stringify(await debug.call('actors.history', { actor: 'cl-b' })),
    /peer_turned_native.*the peer speaks the native dialect now/,
  )
})

test('a peer that speaks EMQX’s dialect is left alone; once it turns native under load, nothing is lost or doubled', async (t) => {
  const pair = await startPair(t, { topics: ['t/#'], links: [{}, { dialect: 'emqx' }] })
  const [a, b] = pair.nodes
  assert(a !== undefined && b !== undefined)
  const account = new Account()
  const client = await connectClient(t, b.mqttPort)
  const reader = account.read(client, 'reader')
  const inbox = await subscribe(client, 't/#', 2)
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/probe')
  const publishing = account.publish(publisher, 'p', { topics: ['t/1', 't/2'], perSecond: 400 })
  await account.someOf(reader)
  assert.equal(turns(a).length, 0)

  const links = b.config.cluster.links.map((link) => ({ ...link, dialect: 'auto' as const }))
  b.reload({ ...b.config, cluster: { ...b.config.cluster, links } })
  await heardNatively(b, 'cl-a')
  await account.someOf(reader)
  await publishing.stop()
  await account.complete(reader)
  await whenAllDelivered(() => pair.ledgers(0))
  assert.equal(turns(a).length, 1)
  assert.deepEqual({ doubles: reader.doubles, repeats: reader.repeats }, { doubles: [], repeats: 0 })
})
