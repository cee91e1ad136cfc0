/** Batches whose PUBLISH has a Topic Alias instead of the link's topic. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf, NativeNode } from './batches.ts'

test('a batch under an alias is taken like one under the name of its topic', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['#'])
  const { client } = await node.peer()
  const send = (sequence: number, topic: string, topicAlias: number, payload = 'x'): void =>
    client.send({
      cmd: 'publish',
      topic,
      payload: batchOf({ sequence }, [{ topic: `a/${sequence}`, payload: Buffer.from(payload) }]),
      qos: 1,
      dup: false,
      retain: false,
      messageId: sequence,
      properties: { topicAlias },
    })
  send(1, '$LINK/cluster/msg/far', 1)
  send(2, '', 1)
  send(3, '', 1, 'y'.repeat(100_000))
  for (const sequence of [1, 2, 3]) {
    const { messageId, reasonCode = 0 } = await client.next('puback')
    assert.deepEqual([messageId, reasonCode], [sequence, 0])
  }
  const got = await subscriber.publishes(3)
  assert.deepEqual(
    got.map(({ topic, payload }) => [topic, payload.length]),
    [
      ['a/1', 1],
      ['a/2', 1],
      ['a/3', 100_000],
    ],
  )
  assert.deepEqual(node.account, { accepted: 3 })
  // One that was never set ends the connection, batch or not.
  send(4, '', 2)
  assert.equal((await client.next('disconnect')).reasonCode, 0x82)
})

test('what a peer publishes under an alias besides its batches goes where it says', async (t) => {
  const node = await NativeNode.start(t)
  const subscriber = await node.started.subscriber('s', ['b/#'])
  const { client } = await node.peer()
  for (const [messageId, topic] of [
    [1, 'b/1'],
    [2, ''],
  ] as const) {
    client.send({
      cmd: 'publish',
      topic,
      payload: Buffer.from([0xc1, messageId]),
      qos: 1,
      dup: false,
      retain: false,
      messageId,
      properties: { topicAlias: 3 },
    })
    assert.equal((await client.next('puback')).messageId, messageId)
  }
  assert.deepEqual(
    (await subscriber.publishes(2)).map(({ topic, payload }) => [topic, payload[1]]),
    [
      ['b/1', 1],
      ['b/1', 2],
    ],
  )
})
