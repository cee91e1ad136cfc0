import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { Balancer, linkRuns, slotOf, startLinked } from './linked.ts'
import { eventually, TestMember } from './members.ts'

const POOL_SIZE = 2

test('ClientIDs of a cluster: short, its own, told apart by slots, the same after a restart', async (t) => {
  const nats = await startNats(t)
  let balancer: Balancer | undefined
  const [east, west] = await startLinked(t, nats, [
    {
      cluster: 'east',
      size: 3,
      topics: ['t/#'],
      // All of a native link goes over one connection.
      link: { clientid: 'from-east', pool_size: POOL_SIZE, dialect: 'emqx' },
      server: async (doors) => (balancer = await Balancer.start(t, doors)).address,
    },
    { cluster: 'west', size: 1, topics: [] },
  ])
  assert(balancer !== undefined && west.length === 1)
  const { arrivals, doubled } = balancer
  const open = (): string[] => balancer!.open.map(({ clientId }) => clientId).toSorted()

  /** Resolves when the peer has just the connections that members with these slots are to have. */
  const onlyThese = (slots: readonly number[]): Promise<void> =>
    eventually(`connections of the slots ${slots.join(', ')}`, () => {
      const pools = slots.flatMap((slot) =>
        Array.from({ length: POOL_SIZE }, (_, n) => `from-east:${slot}:msg:${n + 1}`),
      )
      const routes = slots.map((slot) => `from-east:${slot}:route`)
      const ids = open()
      assert.deepEqual(
        ids.filter((id) => !id.endsWith(':route')),
        pools.toSorted(),
      )
      const [speaking, ...more] = ids.filter((id) => id.endsWith(':route'))
      assert.ok(speaking !== undefined && routes.includes(speaking), `${speaking} speaks`)
      assert.deepEqual(more, [], 'one of them speaks')
    })

  const slots = await Promise.all(east.map(slotOf))
  await t.test('each member has its own', async () => {
    assert.equal(new Set(slots).size, 3, slots.join())
    await onlyThese(slots)
  })
  await t.test('stable over a restart', async () => {
    await east[0]!.process.stop()
    await east[0]!.restart()
    assert.equal(await slotOf(east[0]!), slots[0])
    await onlyThese(slots)
  })
  let newcomerSlot = -1
  await t.test('who joins while a member is away because it crashed gets one that nobody has', async (t) => {
    await east[1]!.kill()
    const { nats: own, links } = east[0]!.file.cluster
    const newcomer = await TestMember.start(t, {
      cluster: 'east',
      nats: own!.servers,
      links,
      name: 'east4@127.0.0.1',
    })
    newcomerSlot = await slotOf(newcomer)
    assert.ok(!slots.includes(newcomerSlot), `slot ${newcomerSlot}`)
    await linkRuns([newcomer], 'west')
    await onlyThese([slots[0]!, slots[2]!, newcomerSlot])
    await east[1]!.restart()
    assert.equal(await slotOf(east[1]!), slots[1])
    await onlyThese([...slots, newcomerSlot])
    await newcomer.process.stop()
  })
  await t.test('all crash, and come back at once', async () => {
    await Promise.all(east.map((member) => member.kill()))
    await Promise.all(east.map((member) => member.restart()))
    assert.deepEqual(await Promise.all(east.map(slotOf)), slots)
    await onlyThese(slots)
  })
  assert.deepEqual(doubled, [], 'no two connections had one ClientID')
  for (const { clientId } of arrivals) assert.match(clientId, /^from-east:\d+:(route|msg:\d+)$/)
})
