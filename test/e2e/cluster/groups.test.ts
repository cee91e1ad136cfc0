/** Shared subscriptions with members on several nodes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MqttClient } from 'mqtt'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, membersSeenBy, received, startMembers } from './members.ts'
import { assertAllArrive, connectKept, longQueues, publishSteadily } from './traffic.ts'

const NO_MATCHING_SUBSCRIBERS = 0x10
const TOPIC = 'jobs/1'
const FILTER = '$share/g/jobs/#'

/** Publishes until each of these has got something, and nothing is on its way any more. */
async function prove(publisher: MqttClient, topic: string, members: readonly string[][]): Promise<void> {
  let sent = 0
  await eventually('all members of the group are known', async () => {
    const answer = await publisher.publishAsync(topic, `probe ${sent}`, { qos: 1 })
    if (answer !== undefined && 'reasonCode' in answer && answer.reasonCode === NO_MATCHING_SUBSCRIBERS)
      throw new Error('nobody is known yet')
    sent++
    assert.ok(members.every((payloads) => payloads.length > 0))
  })
  await eventually('all probes have come', () => assert.equal(members.flat().length, sent))
  for (const payloads of members) payloads.length = 0
}

test('a group with members on three nodes', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 3, { cluster: 'c', nats: [nats.url], more: longQueues })
  const [one, two, three] = members
  assert(one !== undefined && two !== undefined && three !== undefined)
  const publishers = await Promise.all(members.map((member) => member.connect(t)))
  /** A member of the group on each node. */
  const workers = await Promise.all(members.map((member, at) => connectKept(t, member, `worker ${at}`)))
  const arrived = workers.map(({ client }) => received(client))
  const [onOne, onTwo, onThree] = workers.map(({ client }) => client)
  assert(onOne !== undefined && onTwo !== undefined && onThree !== undefined)
  const clear = (): void => arrived.forEach((payloads) => (payloads.length = 0))

  await t.test('each message goes to one member, wherever it is published', async () => {
    await Promise.all([onTwo, onThree].map((worker) => worker.subscribeAsync(FILTER, { qos: 2 })))
    await prove(publishers[0]!, TOPIC, arrived.slice(1))
    const sent: string[] = []
    for (const qos of [0, 1, 2] as const) {
      const payloads = Array.from({ length: 100 }, (_, n) => `${qos} ${n}`)
      await Promise.all(payloads.map((payload) => publishers[0]!.publishAsync(TOPIC, payload, { qos })))
      sent.push(...payloads)
    }
    await eventually('all have come', () => assert.equal(arrived.flat().length, sent.length))
    assert.deepEqual(arrived.flat().toSorted(), sent.toSorted())
    assert.ok(arrived[1]!.length > 100 && arrived[2]!.length > 100, 'both nodes take part')
    clear()
  })

  await t.test('the local node goes first', async () => {
    await onOne.subscribeAsync(FILTER, { qos: 2 })
    for (const [at, publisher] of publishers.entries())
      await Promise.all(Array.from({ length: 50 }, (_, n) => publisher.publishAsync(TOPIC, `${at} ${n}`, { qos: 1 })))
    await eventually('all have come', () => assert.equal(arrived.flat().length, 150))
    for (const [at, payloads] of arrived.entries()) assert.ok(payloads.every((payload) => payload.startsWith(`${at} `)))
    clear()
  })

  await t.test('a node is killed with messages on their way: what was acknowledged goes to the others', async () => {
    await onOne.unsubscribeAsync(FILTER)
    // At QoS 2 a client shows a message only at its PUBREL: one that has just come would go with the client that is cut here.
    await Promise.all([onTwo, onThree].map((worker) => worker.subscribeAsync(FILTER, { qos: 1 })))
    const publishings = await Promise.all(
      ([1, 2] as const).map(async (qos) =>
        publishSteadily(await one.connect(t), TOPIC, { name: `p${qos}`, qos, everyMs: 3 }),
      ),
    )
    await eventually('both take part', () => assert.ok(arrived[1]!.length > 50 && arrived[2]!.length > 50))
    await three.kill()
    const atKill = publishings.map(({ acknowledgedCount }) => acknowledgedCount)
    await eventually('publishers go on', () =>
      assert.ok(publishings.every(({ acknowledgedCount }, at) => acknowledgedCount > atKill[at]! + 300)),
    )
    await eventually('it is given up', async () => assert.ok(!(await membersSeenBy(one)).includes(three.name)))
    const published = (await Promise.all(publishings.map((publishing) => publishing.stop()))).flat()
    // What the node had taken before it was killed is on its disk; all that it had not goes to the others.
    await three.restart()
    const again = await connectKept(t, three, 'worker 2')
    assert.equal(again.connack.sessionPresent, true)
    await assertAllArrive('the group', () => [...arrived.flat(), ...again.arrived], published, 15_000)
    assert.ok(again.arrived.length < published.length / 4, 'the others did not wait for it')
    for (const { name, slowestMs } of publishings)
      t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
    for (const payloads of [...arrived, again.arrived])
      assert.equal(new Set(payloads).size, payloads.length, 'no connection has one twice')
    const doubled = arrived[1]!.filter((payload) => arrived[2]!.includes(payload) || again.arrived.includes(payload))
    t.diagnostic(`${doubled.length} went to another member, too: its node could not say any more that it had them`)
    clear()
  })

  await t.test(
    'a group all of whose members are on a node that is killed finds the one that comes elsewhere',
    async () => {
      await onTwo.subscribeAsync('$share/alone/solo/#', { qos: 1 })
      await prove(publishers[0]!, 'solo/1', [arrived[1]!])
      await two.kill()
      const published: string[] = []
      for (let n = 0; n < 20; n++) {
        await publishers[0]!.publishAsync('solo/1', `solo ${n}`, { qos: 1 })
        published.push(`solo ${n}`)
      }
      const late = await one.connect(t)
      const found = received(late)
      await late.subscribeAsync('$share/alone/solo/#', { qos: 1 })
      await eventually('they have come', () => assert.deepEqual(found, published))
    },
  )
})
