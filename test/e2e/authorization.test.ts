/** A client that is nobody's peer, on a node with a link that works: whatever it does under `$LINK/`, it gets and changes nothing. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { IConnectPacket, Packet } from 'mqtt-packet'
import { startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { encodeLinkMessage, messageId } from '../../src/link/emqx/link-message.ts'
import { encodeRouteMessage } from '../../src/link/emqx/route-ops.ts'
import { RawClient, type Version } from '../broker/raw-client.ts'
import { connectClient, prove, subscribe } from './clients.ts'
import { linkTo, nodeFile, reserve, startCluster, temporaryDirectory } from './clusters.ts'
import { type GuardedNode, guardedFile, startGuarded } from './guarded.ts'

const users = { peer: 'peer-secret', device: 'device-secret' }
const notAuthorized = 0x87
const fence = 'fence/of-this-test'

/** A, which is guarded, and B, which proves to be A's peer; the link runs both ways. */
async function guardedPair(t: TestContext, rules: string | undefined) {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const inbound = { ...linkTo(clusterB, ['t/#']), accept: { username: 'peer' } }
  const outbound = { ...linkTo(clusterA, ['t/#']), username: 'peer', password: users.peer }
  const guard = rules === undefined ? { users } : { users, rules }
  const [a, b] = await Promise.all([startGuarded(t, clusterA, [inbound], guard), startCluster(t, clusterB, [outbound])])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  return { a, b }
}

async function device(t: TestContext, node: GuardedNode, version: Version, more: Partial<IConnectPacket> = {}) {
  const client = await RawClient.open(`127.0.0.1:${node.mqttPort}`, version)
  t.after(() => client.destroy())
  const connack = await client.connect({
    clientId: `device-${Math.random()}`,
    username: 'device',
    password: Buffer.from(users.device),
    ...more,
  })
  assert.equal(version === 5 ? connack.reasonCode : connack.returnCode, 0)
  return client
}

/** A message that would come in, had a peer sent it. */
function forged(topic: string): Buffer {
  const message = {
    topic,
    payload: Buffer.from('forged'),
    qos: 1,
    retain: true,
    properties: undefined,
    from: 'x',
    username: undefined,
    peerHost: '127.0.0.1',
    timestampMs: 1,
    origin: undefined,
  } as const
  return encodeLinkMessage(message, messageId(5, Buffer.from('source'), 1))
}

const introduction = encodeRouteMessage({
  type: 'actor_init',
  actor: 'forged',
  incarnation: 1,
  targetCluster: 'cl-a',
  protocolVersion: 1,
})

const closedFilters = [
  '$LINK/#',
  '$LINK',
  '$LINK/+/+/+',
  '$LINK/cluster/#',
  '$LINK/cluster/msg/cl-b',
  '$LINK/cluster/route/+',
  '$LINK/cluster/resp/cl-b/n1',
  '$LINK/cluster/resp/cl-b/+',
  '$share/g/$LINK/#',
  '$share/g/$LINK/cluster/msg/cl-b',
  '$share/g/$LINK/cluster/resp/cl-b/n1',
  '$queue/$LINK/#',
]
const wideFilters = ['#', '+/#', '+/cluster/#', '+/cluster/msg/cl-b', '+/+/+/+', '$share/g/#', '$share/g/+/cluster/#']
const topics = [
  '$LINK/cluster/msg/cl-b',
  '$LINK/cluster/route/cl-b',
  '$LINK/cluster/resp/cl-b/n1',
  '$LINK/cluster/msg/cl-x',
  '$LINK/cluster',
  '$LINK/x',
  '$LINK',
]

for (const { when, rules } of [
  { when: 'without rules', rules: undefined },
  {
    when: 'with rules that allow everything',
    rules: '{allow, all}.\n{allow, all, all, ["#", "+/cluster/#", "${username}/#"]}.',
  },
] as const) {
  for (const version of [4, 5] as const) {
    test(`${when}, a normal client of version ${version} has nothing of $LINK`, { timeout: 120_000 }, async (t) => {
      const { a, b } = await guardedPair(t, rules)
      const refusal = version === 5 ? notAuthorized : 0x80

      const curious = await device(t, a, version)
      for (const topic of closedFilters) {
        curious.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] })
        assert.deepEqual((await curious.next('suback')).granted, [refusal], topic)
      }
      for (const topic of wideFilters) {
        curious.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] })
        assert.deepEqual((await curious.next('suback')).granted, [1], topic)
      }

      const forger = await device(t, a, version)
      const properties = { responseTopic: '$LINK/cluster/resp/cl-b/n1', correlationData: Buffer.from('1') }
      for (const topic of topics) {
        for (const payload of [forged('t/forged'), introduction]) {
          for (const retain of [false, true]) {
            const publish = { cmd: 'publish', topic, payload, retain, dup: false } as const
            const more = version === 5 ? { properties } : {}
            forger.send({ ...publish, ...more, qos: 0 })
            forger.send({ ...publish, ...more, qos: 1, messageId: 1 })
            const puback = await forger.next('puback')
            if (version === 5) assert.equal(puback.reasonCode, notAuthorized, topic)
            forger.send({ ...publish, ...more, qos: 2, messageId: 2 })
            const pubrec = await forger.next('pubrec')
            if (version === 5) assert.equal(pubrec.reasonCode, notAuthorized, topic)
            else {
              forger.send({ cmd: 'pubrel', messageId: 2 })
              await forger.next('pubcomp')
            }
          }
        }
      }

      for (const topic of topics) {
        const will = { topic, payload: forged('t/will'), qos: 1, retain: true } as const
        const dying = await RawClient.open(`127.0.0.1:${a.mqttPort}`, version)
        const identity = { clientId: `dying-${topic}`, username: 'device', password: Buffer.from(users.device) }
        await dying.connect({ ...identity, will })
        await dying.destroy()
      }

      // Nothing was kept, nothing came in, and nothing of the link's own traffic was shown; the link itself goes on.
      const late = await device(t, a, version)
      late.send({ cmd: 'subscribe', messageId: 1, subscriptions: wideFilters.map((topic) => ({ topic, qos: 1 })) })
      await late.next('suback')
      const onB = await subscribe(await connectClient(t, b.mqttPort), 't/#')
      const sender = await connectClient(t, a.mqttPort, { username: 'device', password: users.device })
      await prove(onB, sender, 't/probe')
      await sender.publishAsync(fence, 'fence', { qos: 1 })
      for (const client of [curious, late]) {
        const seen: string[] = []
        do {
          const { topic } = await client.next('publish')
          seen.push(topic)
        } while (!seen.includes(fence))
        assert.deepEqual(
          seen.filter((topic) => topic !== fence && topic !== 't/probe'),
          [],
        )
      }
      await forger.nothingMore()
      assert.deepEqual(onB.payloads(), [])
      assert.equal(a.linkStatus('cl-b')?.['status'], 'running')
    })
  }
}

test('rules follow SIGHUP for clients that are connected; a file with errors changes nothing', async (t) => {
  const cluster = await reserve('cl-a')
  const node = await startGuarded(t, cluster, [], {
    rules: '{allow, all, subscribe, ["#"]}.\n{allow, all, publish, ["a/#"]}.',
    authorization: { no_match: 'deny' },
  })
  const client = await connectClient(t, node.mqttPort)
  const publish = (topic: string): Promise<number> =>
    client.publishAsync(topic, 'x', { qos: 1 }).then(
      () => 0,
      (error: { code?: number }) => error.code ?? -1,
    )
  assert.deepEqual([await publish('a/1'), await publish('b/1')], [0, notAuthorized])
  await node.waitFor('denial', ({ msg, topic }) => msg === 'authorization_denied' && topic === 'b/1')

  node.writeRules('{allow, all, publish, ["b/#"]}.')
  node.reload(node.config)
  await node.waitFor('reload', ({ msg }) => msg === 'config_reloaded')
  assert.deepEqual([await publish('a/1'), await publish('b/1')], [notAuthorized, 0])

  node.writeRules('{allow, all, publish, ["c/#"]}.\n{alow, all}.')
  node.reload(node.config)
  const { reason } = await node.waitFor('refusal', ({ msg }) => msg === 'config_reload_refused')
  assert.match(String(reason), /^acl\.conf:2: .*column 2: expected allow or deny/)
  assert.deepEqual([await publish('b/1'), await publish('c/1')], [0, notAuthorized])
})

test('deny_action = disconnect ends the connection of who does what it may not', async (t) => {
  const cluster = await reserve('cl-a')
  const node = await startGuarded(t, cluster, [], {
    rules: '{deny, all, all, ["secret/#"]}.',
    authorization: { deny_action: 'disconnect' },
  })
  const forbidden: readonly Packet[] = [
    { cmd: 'publish', topic: 'secret/a', payload: 'x', qos: 0, retain: false, dup: false },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'secret/#', qos: 0 }] },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$LINK/#', qos: 0 }] },
  ]
  for (const packet of forbidden) {
    const client = await RawClient.open(`127.0.0.1:${node.mqttPort}`)
    await client.connect({ clientId: 'c' })
    client.send(packet)
    const packets = await client.closed()
    const disconnect = packets.find(({ cmd }) => cmd === 'disconnect')
    assert.ok(disconnect?.cmd === 'disconnect' && disconnect.reasonCode === notAuthorized, JSON.stringify(packets))
  }
})

test('a node does not start with rules that are no good, and says where', async () => {
  const cluster = await reserve('cl-a')
  const directory = temporaryDirectory()
  const file = guardedFile(nodeFile(cluster, [], `${directory}/data`), directory, { rules: '{allow, al}.' })
  await assert.rejects(startNodeProcess(file, directory), /acl\.conf:1: .*"al" says not who/)
})
