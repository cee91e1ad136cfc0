/** Retained messages are the same on all nodes, also on one that was not there when they changed. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, startMembers, TestMember } from './members.ts'

/** What a new subscriber on this node is told: payloads by topic. */
async function retainedOn(t: TestContext, member: TestMember): Promise<Record<string, string>> {
  const client = await member.connect(t)
  const found: Record<string, string> = {}
  client.on('message', (topic, payload, { retain }) => {
    if (topic === 'r-end') return
    assert.equal(retain, true, topic)
    assert.equal(found[topic], undefined, `${topic} came twice`)
    found[topic] = payload.toString()
  })
  await client.subscribeAsync('r/#', { qos: 1 })
  // What is retained is sent before anything that is published later.
  const end = new Promise<void>((resolve) => client.on('message', (topic) => void (topic === 'r-end' && resolve())))
  await client.subscribeAsync('r-end', { qos: 1 })
  await client.publishAsync('r-end', 'end', { qos: 1 })
  await end
  await client.endAsync()
  return found
}

async function assertSame(t: TestContext, members: readonly TestMember[], expected: Record<string, string>) {
  for (const member of members)
    await eventually(`${member.name} has them`, async () => assert.deepEqual(await retainedOn(t, member), expected))
}

test('retained messages are the same on all nodes', async (t) => {
  const nats = await startNats(t)
  const options = { cluster: 'c', nats: [nats.url] }
  const [one, two] = await startMembers(t, 2, options)
  assert(one !== undefined && two !== undefined)
  const [onOne, onTwo] = await Promise.all([one.connect(t), two.connect(t)])
  const retain = (client: typeof onOne, topic: string, payload: string, qos: 0 | 1 | 2 = 1) =>
    client.publishAsync(topic, payload, { qos, retain: true })
  const expected: Record<string, string> = {}

  await t.test('set, overwritten and cleared from either node', async () => {
    for (let n = 0; n < 300; n++) {
      await retain(n % 2 === 0 ? onOne : onTwo, `r/${n}`, `first ${n}`, ([0, 1, 2] as const)[n % 3])
      expected[`r/${n}`] = `first ${n}`
    }
    for (let n = 0; n < 100; n++) {
      await retain(n % 2 === 0 ? onTwo : onOne, `r/${n}`, n % 5 === 0 ? '' : `second ${n}`)
      if (n % 5 === 0) delete expected[`r/${n}`]
      else expected[`r/${n}`] = `second ${n}`
    }
    await assertSame(t, [one, two], expected)
  })

  await t.test('a node that joins later has them when it lets clients in', async () => {
    const three = await TestMember.start(t, { ...options, name: 'n3@127.0.0.1' })
    assert.deepEqual(await retainedOn(t, three), expected)
    await retain(onOne, 'r/new', 'after it joined')
    expected['r/new'] = 'after it joined'
    await assertSame(t, [one, two, three], expected)
    await three.kill()
  })

  await t.test(
    'a node that was killed has what was changed and cleared meanwhile, and brings nothing back',
    async () => {
      await two.kill()
      for (let n = 100; n < 200; n++) {
        await retain(onOne, `r/${n}`, n % 2 === 0 ? '' : `third ${n}`)
        if (n % 2 === 0) delete expected[`r/${n}`]
        else expected[`r/${n}`] = `third ${n}`
      }
      await retain(onOne, 'r/while-away', 'x')
      expected['r/while-away'] = 'x'
      await two.restart()
      assert.deepEqual(await retainedOn(t, two), expected)
      await assertSame(t, [one, two], expected)
    },
  )

  await t.test('all were killed: what was acknowledged is there again on both, what was cleared is not', async () => {
    await Promise.all([one.kill(), two.kill()])
    await Promise.all([one.restart(), two.restart()])
    await assertSame(t, [one, two], expected)
  })
})
