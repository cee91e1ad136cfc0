/** Two brokers whose clients go to and fro, with the directory and the questions of a cluster between them. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Requests } from '../../../src/cluster/requests.ts'
import { SessionDirectory } from '../../../src/cluster/sessions/session-directory.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { publish, TestBroker } from '../../broker/test-broker.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

type Node = { readonly started: TestBroker; readonly directory: SessionDirectory }

async function twoNodes(t: TestContext): Promise<{ nodes: Node[]; network: SimulatedNetwork; clock: ManualClock }> {
  const clock = new ManualClock()
  const timer = setInterval(() => clock.advance(1), 1)
  t.after(() => clearInterval(timer))
  const network = new SimulatedNetwork(clock)
  const directories = new Map<string, SessionDirectory>()
  const nodes: Node[] = []
  for (const name of ['a', 'b']) {
    const started = await TestBroker.start(t, {}, clock)
    const { log } = started.broker
    const coordination = network.join(name, `${name}-1`)
    const requests = new Requests({ coordination, clock, log })
    const directory = new SessionDirectory({ coordination, clock, log, requests })
    directories.set(name, directory)
    const other = (): SessionDirectory | undefined => directories.get(name === 'a' ? 'b' : 'a')
    directory.start({
      claim: (clientId, stamp) => other()?.claimed(name, clientId, stamp),
      unclaim: (clientId) => other()?.unclaimed(name, clientId),
    })
    started.broker.directory = directory
    nodes.push({ started, directory })
    t.after(() => {
      directory.stop()
      requests.stop()
    })
  }
  return { nodes, network, clock }
}

test('a session follows its client over many hops, with the messages that wait and the identifiers of those that do not', async (t) => {
  const { nodes } = await twoNodes(t)
  await (await nodes[0]!.started.subscriber('s', ['a'], 5, kept)).destroy()
  await nodes[0]!.started.connections(0)
  let pending: number | undefined
  for (let hop = 1; hop <= 8; hop++) {
    const [here, there] = [nodes[(hop + 1) % 2]!.started, nodes[hop % 2]!.started]
    const publisher = await here.client(`p${hop}`)
    publisher.send(publish('a', `${hop}`, { qos: 2, messageId: 1 }))
    await publisher.next('pubrec')
    const client = await there.client('s', 5, kept)
    assert.equal(client.connack.sessionPresent, true)
    if (pending !== undefined) assert.equal((await client.next('pubrel')).messageId, pending)
    if (pending !== undefined) client.send({ cmd: 'pubcomp', messageId: pending })
    const found = await client.next('publish')
    assert.equal(String(found.payload), `${hop}`)
    pending = found.messageId!
    client.send({ cmd: 'pubrec', messageId: pending })
    assert.equal((await client.next('pubrel')).messageId, pending)
    await client.destroy()
    while (there.broker.sessions.get('s')?.outlet !== undefined) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(here.broker.sessions.get('s'), undefined)
  }
})

test('questions get lost for as long as a client waits: a fresh session, and the old one is over', async (t) => {
  const { nodes, network, clock } = await twoNodes(t)
  const [a, b] = nodes
  const old = await a!.started.subscriber('s', ['a'], 5, kept)
  network.loses = (from, _to, channel) => channel === 'requests' && from.node === 'a'
  const client = await b!.started.open()
  client.send({ cmd: 'connect', clientId: 's', protocolId: 'MQTT', protocolVersion: 5, keepalive: 0, ...kept })
  // It was asked, and closed the connection; only its answer is lost.
  await old.closed()
  clock.advance(3_000)
  assert.equal((await client.next('connack')).sessionPresent, false)
  assert.equal(a!.started.broker.sessions.get('s'), undefined)
  const troubles = [a!, b!].flatMap(({ started }) => started.log.filter(({ level }) => level === 'warn'))
  assert.deepEqual(
    troubles.map(({ event }) => event),
    ['session_superseded', 'session_handover_failed'],
  )
  assert.equal(a!.directory.ownerOf('s'), 'b')
})
