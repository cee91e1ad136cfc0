/** NATS that asks for user and password: with the right ones nodes are one cluster, with wrong ones a node says so and goes on alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, membersSeenBy, received, seesAll, TestMember } from './members.ts'
import { routesKnown } from './traffic.ts'

const names = ['n1@127.0.0.1', 'n2@127.0.0.1']

test('nodes meet over a NATS that wants user and password; one with a wrong password is told, and joins with the right one', async (t) => {
  const nats = await startNats(t, {
    settings: 'authorization { users: [{ user: "isthmus", password: "se cr/et:1" }] }',
  })
  const start = (name: string, password: string): Promise<TestMember> =>
    TestMember.start(t, {
      cluster: 'c',
      nats: [],
      name,
      moreCluster: { nats: { servers: [nats.url], user: 'isthmus', password } },
    })
  const members = await Promise.all(names.map((name) => start(name, 'se cr/et:1')))
  await Promise.all(members.map((member) => seesAll(member, names)))
  const [one, two] = members
  assert(one !== undefined && two !== undefined)
  const subscriber = await two.connect(t)
  const arrived = received(subscriber)
  await subscriber.subscribeAsync('t', { qos: 1 })
  await routesKnown([one], 't', [two])
  await (await one.connect(t)).publishAsync('t', 'across', { qos: 1 })
  await eventually('it arrives', () => assert.deepEqual(arrived, ['across']))

  const other = await start('n3@127.0.0.1', 'wrong')
  const refused = await other.process.waitFor('that it is refused', ({ msg }) => msg === 'coordination_refused')
  assert.match(String(refused['problem']), /^cluster\.nats\.user: /)
  assert.deepEqual(await membersSeenBy(other), [other.name])
  const client = await other.connect(t)
  await client.publishAsync('t', 'alone', { qos: 1 })
  await other.process.stop()
  await other.restart({
    ...other.file,
    cluster: { ...other.file.cluster, nats: Object.assign({}, two.file.cluster.nats) },
  })
  await Promise.all([...members, other].map((member) => seesAll(member, [...names, other.name])))
  for (const { name, process } of [...members, other])
    assert.ok(!JSON.stringify(process.log).includes('se cr/et'), `${name} keeps the password to itself`)
  assert.deepEqual(arrived, ['across'])
})
