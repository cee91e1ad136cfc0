/** Shared subscriptions with members on several nodes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, received, startMembers } from './members.ts'
import { longQueues, publishSteadily, routesKnown } from './traffic.ts'

const TOPIC = 'jobs/1'
const FILTER = '$share/g/jobs/#'

test('a group with members on three nodes', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 3, { cluster: 'c', nats: [nats.url], more: longQueues })
  const [one, two, three] = members
  assert(one !== undefined && two !== undefined && three !== undefined)
  const publishers = await Promise.all(members.map((member) => member.connect(t)))
  /** A member of the group on each node. */
  const workers = await Promise.all(members.map((member) => member.connect(t)))
  const arrived = workers.map(received)
  const [onOne, onTwo, onThree] = workers
  assert(onOne !== undefined && onTwo !== undefined && onThree !== undefined)
  const clear = (): void => arrived.forEach((payloads) => (payloads.length = 0))

  await t.test('each message goes to one member, wherever it is published', async () => {
    await Promise.all([onTwo, onThree].map((worker) => worker.subscribeAsync(FILTER, { qos: 2 })))
    await routesKnown(members, TOPIC, [two, three])
    const sent: string[] = []
    for (const qos of [0, 1, 2] as const)
      for (let n = 0; n < 100; n++) {
        sent.push(`${qos} ${n}`)
        await publishers[0]!.publishAsync(TOPIC, `${qos} ${n}`, { qos })
      }
    await eventually('all have come', () => assert.equal(arrived.flat().length, sent.length))
    assert.deepEqual(arrived.flat().toSorted(), sent.toSorted())
    assert.ok(arrived[1]!.length > 100 && arrived[2]!.length > 100, 'both nodes take part')
    clear()
  })

  await t.test('the local node goes first', async () => {
    await onOne.subscribeAsync(FILTER, { qos: 2 })
    await routesKnown(members, TOPIC, members)
    for (const [at, publisher] of publishers.entries())
      await Promise.all(Array.from({ length: 50 }, (_, n) => publisher.publishAsync(TOPIC, `${at} ${n}`, { qos: 1 })))
    await eventually('all have come', () => assert.equal(arrived.flat().length, 150))
    for (const [at, payloads] of arrived.entries()) assert.ok(payloads.every((payload) => payload.startsWith(`${at} `)))
    clear()
  })

  await t.test('a node is killed with messages on their way: what was acknowledged goes to the others', async () => {
    await onOne.unsubscribeAsync(FILTER)
    const publishings = await Promise.all(
      ([1, 2] as const).map(async (qos) =>
        publishSteadily(await one.connect(t), TOPIC, { name: `p${qos}`, qos, everyMs: 2 }),
      ),
    )
    await eventually('both take part', () => assert.ok(arrived[1]!.length > 50 && arrived[2]!.length > 50))
    await three.kill()
    const atKill = publishings.map(({ acknowledgedCount }) => acknowledgedCount)
    await eventually('publishers go on', () =>
      assert.ok(publishings.every(({ acknowledgedCount }, at) => acknowledgedCount > atKill[at]! + 300)),
    )
    const published = (await Promise.all(publishings.map((publishing) => publishing.stop()))).flat()
    const all = (): Set<string> => new Set([...arrived[1]!, ...arrived[2]!])
    await eventually('all that was acknowledged has come', () => {
      const found = all()
      assert.deepEqual(
        published.filter((payload) => !found.has(payload)),
        [],
      )
    })
    for (const { name, slowestMs } of publishings)
      t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
    for (const payloads of arrived) assert.equal(new Set(payloads).size, payloads.length, 'nobody has one twice')
    const doubled = arrived[1]!.filter((payload) => arrived[2]!.includes(payload))
    t.diagnostic(`${doubled.length} went to the member that was killed, too`)
    clear()
  })

  await t.test(
    'a group all of whose members are on a node that is killed finds the one that comes elsewhere',
    async () => {
      await onTwo.subscribeAsync('$share/alone/solo/#', { qos: 1 })
      await routesKnown([one], 'solo/1', [two])
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
