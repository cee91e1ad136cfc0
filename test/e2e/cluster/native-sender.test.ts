/** A node of a peer that comes to one member after the other, and sends again what it has no answer to. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { RawClient } from '../../broker/raw-client.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { batchOf, bring, peerConnect } from '../../link/inbound/batches.ts'
import { eventually, received, startMembers, type TestMember } from './members.ts'

async function greet(t: TestContext, member: TestMember): Promise<RawClient> {
  const client = await RawClient.open(`127.0.0.1:${member.port}`)
  t.after(() => client.destroy())
  client.send(peerConnect('far', 'f1'))
  const { properties } = await client.next('connack')
  assert.ok(properties?.userProperties?.['isthmus-link'] !== undefined, 'it is not known as a peer')
  return client
}

function frame(sequence: number, isResent: boolean): Buffer {
  return batchOf({ sequence, isResent }, [{ topic: 't/x', payload: Buffer.from(`${sequence}`) }])
}

test('what one member took of a sender no other one takes again; if it was killed, it is counted', async (t) => {
  const nats = await startNats(t)
  // Nobody listens there: what the peer does to us is all that matters.
  const links = [{ name: 'far', server: '127.0.0.1:1', topics: ['t/#'] }]
  const [n1, n2] = await startMembers(t, 2, { cluster: 'here', nats: [nats.url], links })
  assert(n1 !== undefined && n2 !== undefined)
  const subscriber = await n2.connect(t)
  const arrived = received(subscriber)
  await subscriber.subscribeAsync('t/#', { qos: 1 })

  const first = await greet(t, n1)
  await eventually('n1 knows who subscribed at n2', async () => {
    const match = await n1.call('routes.match', { topic: 't/x' })
    assert.ok(JSON.stringify(match).includes(n2.name))
  })
  assert.equal(await bring(first, frame(1, false)), 0)
  const second = await greet(t, n2)
  assert.equal((await first.next('disconnect')).reasonCode, 0x8e)
  assert.equal(await bring(second, frame(1, true)), 0)
  assert.equal(await bring(second, frame(2, true)), 0)
  await eventually('each arrived once', () => assert.deepEqual(arrived.toSorted(), ['1', '2']))

  const third = await greet(t, n1)
  assert.equal(await bring(third, frame(3, false)), 0)
  await eventually('the third arrived', () => assert.deepEqual(arrived.toSorted(), ['1', '2', '3']))
  await n1.kill()
  const fourth = await greet(t, n2)
  assert.equal(await bring(fourth, frame(3, true)), 0)
  await eventually('what came twice is counted', async () => {
    assert.deepEqual(arrived.toSorted(), ['1', '2', '3', '3'])
    const { inbound } = await n2.call('ledger.get', { link: 'far' })
    assert.deepEqual(inbound, {
      received: 3,
      accepted: 2,
      maybe_duplicate: 1,
      duplicate: 1,
      not_in_topics: 0,
      link_disabled: 0,
      malformed: 0,
    })
  })
})
