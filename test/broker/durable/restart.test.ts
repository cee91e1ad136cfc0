/** What a new process finds of the sessions of the old one. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { publish, subscribe, TestBroker } from '../test-broker.ts'
import { MemoryStore } from './memory-store.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

async function start(t: TestContext, store: MemoryStore): Promise<TestBroker> {
  const started = await TestBroker.start(t)
  started.broker.open(store)
  return started
}

test('a queue survives', async (t) => {
  const store = new MemoryStore()
  const before = await start(t, store)
  const subscriber = await before.subscriber('s', ['a/#'], 5, kept)
  await subscriber.destroy()
  const publisher = await before.client('p')
  for (const qos of [1, 2] as const) {
    publisher.send(publish(`a/${qos}`, 'x', { qos, messageId: qos }))
    assert.equal((await publisher.next(qos === 1 ? 'puback' : 'pubrec')).messageId, qos)
  }
  const after = await start(t, store.afterCrash())
  const again = await after.client('s', 5, kept)
  assert.equal(again.connack.sessionPresent, true)
  assert.deepEqual(
    (await again.publishes(2)).map(({ topic, qos }) => [topic, qos]),
    [
      ['a/1', 1],
      ['a/2', 2],
    ],
  )
  assert.deepEqual(await subscribe(again, 'b'), [2])
})
