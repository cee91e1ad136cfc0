/** What is retained in a cluster of several nodes is told to a peer by one of them, and kept by all nodes of the peer. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { startLinked } from './linked.ts'
import { eventually, type TestMember } from './members.ts'

/** What a new subscriber on this node is told: payloads by topic. */
async function retainedOn(t: TestContext, member: TestMember): Promise<Record<string, string>> {
  const client = await member.connect(t)
  const found: Record<string, string> = {}
  const end = new Promise<void>((resolve) => {
    client.on('message', (topic, payload, { retain }) => {
      if (topic === 'r-end') resolve()
      else if (retain) found[topic] = payload.toString()
    })
  })
  await client.subscribeAsync(['r-end', 'r/#'], { qos: 1 })
  await client.publishAsync('r-end', 'end', { qos: 1 })
  await end
  await client.endAsync()
  return found
}

const hasTold = ({ process }: TestMember): boolean =>
  process.log.some(({ msg }) => msg === 'cluster_link_retained_told')

test('one node tells, all nodes of the peer have it, and no subscriber is told twice, also when another node takes over', async (t) => {
  const nats = await startNats(t)
  const [here, there] = await startLinked(t, nats, [
    { cluster: 'here', size: 2, topics: [], link: { retained: 'sync' } },
    { cluster: 'there', size: 2, topics: ['r/#'] },
  ])
  const expected: Record<string, string> = {}
  const publishers = await Promise.all(here.map((member) => member.connect(t)))
  for (let n = 0; n < 40; n += 1) {
    await publishers[n % 2]!.publishAsync(`r/${n}`, `${n}`, { qos: 1, retain: true })
    expected[`r/${n}`] = `${n}`
  }
  await publishers[0]!.publishAsync('r/0', '', { qos: 1, retain: true })
  delete expected['r/0']
  const arrivals: string[] = []
  const reader = await there[0]!.connect(t)
  reader.on('message', (topic) => void arrivals.push(topic))
  await reader.subscribeAsync('r/#', { qos: 1 })
  for (const member of there)
    await eventually(`${member.name} has them`, async () => assert.deepEqual(await retainedOn(t, member), expected))
  assert.deepEqual(arrivals.toSorted(), Object.keys(expected).toSorted())

  const [first, ...others] = here.filter(hasTold)
  assert(first !== undefined && others.length === 0)
  await first.kill()
  const second = here.find((member) => member !== first)
  assert(second !== undefined)
  await eventually('the other one tells', async () => assert.ok(hasTold(second)))
  const publisher = await second.connect(t)
  await publisher.publishAsync('r/1', 'last', { qos: 1, retain: true })
  expected['r/1'] = 'last'
  for (const member of there)
    await eventually(`${member.name} has it`, async () => assert.deepEqual(await retainedOn(t, member), expected))
  assert.deepEqual(arrivals.toSorted(), [...Object.keys(expected), 'r/1'].toSorted())
})
