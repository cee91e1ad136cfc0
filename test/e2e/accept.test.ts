/** Peers of a guarded cluster: each speaks for itself alone, and both sides say why when one may not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRouteMessage } from '../../src/link/emqx/route-ops.ts'
import { RawClient } from '../broker/raw-client.ts'
import { connectClient, prove, subscribe } from './clients.ts'
import { type Cluster, linkTo, reserve, startCluster, waitForReason } from './clusters.ts'
import { startGuarded } from './guarded.ts'

const users = { b: 'b-secret', c: 'c-secret' }
const notAuthorized = 0x87

/** A link to a guarded cluster, with the credentials of B. */
const dialling = (peer: Cluster, topics: readonly string[]) => ({
  ...linkTo(peer, topics),
  username: 'b',
  password: users.b,
})

test('two peers, each by its user name; neither speaks for the other', async (t) => {
  const [clusterA, clusterB, clusterC] = await Promise.all(['cl-a', 'cl-b', 'cl-c'].map(reserve))
  assert.ok(clusterA !== undefined && clusterB !== undefined && clusterC !== undefined)
  const links = [
    { ...linkTo(clusterB, ['from-b/#']), accept: { username: 'b', clientid_prefix: 'cl-b:' } },
    { ...linkTo(clusterC, ['from-c/#']), accept: { username: 'c' } },
  ]
  const a = await startGuarded(t, clusterA, links, { users, rules: '{deny, all, all, ["x"]}.\n{allow, all}.' })
  const b = await startCluster(t, clusterB, [dialling(clusterA, ['to-b/#'])])
  // C dials with B's credentials: it is refused, although they are good.
  const c = await startCluster(t, clusterC, [dialling(clusterA, [])])

  await Promise.all([b.waitForStatus('cl-a', 'running'), a.waitForStatus('cl-b', 'running')])
  const inbox = await subscribe(await connectClient(t, a.mqttPort, { username: 'b', password: users.b }), 'from-b/#')
  await prove(inbox, await connectClient(t, b.mqttPort), 'from-b/1')

  await waitForReason(c, 'cl-a', /refused our subscription to its answers: .*0x87/)
  await waitForReason(
    a,
    'cl-c',
    /we refused the peer: client \\"cl-c:.*user name \\"b\\".* may not speak as cl-c: accept wants username \\"c\\"/,
  )
  assert.notEqual(c.linkStatus('cl-a')?.['status'], 'running')

  // Somebody with B's name and password, and B's kind of ClientID, speaks as C.
  const thief = await RawClient.open(`127.0.0.1:${a.mqttPort}`)
  t.after(() => thief.destroy())
  await thief.connect({ clientId: 'cl-b:thief', username: 'b', password: Buffer.from(users.b) })
  const payload = encodeRouteMessage({
    type: 'actor_init',
    actor: 'thief',
    incarnation: 1,
    targetCluster: 'cl-a',
    protocolVersion: 1,
  })
  const properties = { responseTopic: '$LINK/cluster/resp/cl-c/thief', correlationData: Buffer.from('1') }
  const publish = { cmd: 'publish', payload, qos: 1, dup: false, retain: false, properties } as const
  thief.send({ ...publish, topic: '$LINK/cluster/route/cl-c', messageId: 1 })
  assert.equal((await thief.next('puback')).reasonCode, notAuthorized)
  thief.send({ ...publish, topic: '$LINK/cluster/msg/cl-c', messageId: 2 })
  assert.equal((await thief.next('puback')).reasonCode, notAuthorized)
  const answers = { topic: '$LINK/cluster/resp/cl-c/thief', qos: 1 } as const
  thief.send({ cmd: 'subscribe', messageId: 3, subscriptions: [answers] })
  assert.deepEqual((await thief.next('suback')).granted, [notAuthorized])
  await thief.nothingMore()
  assert.equal(a.linkStatus('cl-b')?.['status'], 'running')
})

test('without accept a guarded node lets in nobody, until a rule does', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const a = await startGuarded(t, clusterA, [linkTo(clusterB, [])], { users, rules: '{allow, all}.' })
  assert.ok(a.log.some(({ msg, reason }) => msg === 'config_warning' && String(reason).includes('link_accepts_nobody')))
  const b = await startCluster(t, clusterB, [dialling(clusterA, ['t/#'])])
  await waitForReason(b, 'cl-a', /0x87/)
  await waitForReason(a, 'cl-b', /the link has no accept, and no rule of authorization allows it/)

  a.writeRules('{allow, {username, "b"}, all, ["$LINK/cluster/+/cl-b", "$LINK/cluster/resp/cl-b/+"]}.\n{allow, all}.')
  a.reload(a.config)
  await Promise.all([b.waitForStatus('cl-a', 'running'), a.waitForStatus('cl-b', 'running')])
})

test('an accept that changes ends the connections that it no longer fits', async (t) => {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const link = (username: string) => ({ ...linkTo(clusterB, []), accept: { username } })
  const a = await startGuarded(t, clusterA, [link('b')], { users })
  const b = await startCluster(t, clusterB, [dialling(clusterA, ['t/#'])])
  await Promise.all([b.waitForStatus('cl-a', 'running'), a.waitForStatus('cl-b', 'running')])
  a.reload({ ...a.config, cluster: { ...a.config.cluster, links: [link('c')] } })
  await waitForReason(b, 'cl-a', /0x87/)
  await waitForReason(a, 'cl-b', /accept wants username/)
})
