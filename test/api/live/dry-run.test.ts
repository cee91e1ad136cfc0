import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { DRY_RUNS_MAX, DryRuns, type TappedBroker } from '../../../src/api/links/dry-run.ts'
import { ManualClock } from '../../link/manual-clock.ts'
import { nodeWithApi } from '../node-with-api.ts'

function runs() {
  const clock = new ManualClock()
  const broker: TappedBroker = { tap: undefined }
  return { clock, broker, runs: new DryRuns(broker, clock, () => 4) }
}

test('messages and bytes by filter; one that several match counts once in all', async () => {
  const { clock, broker, runs: all } = runs()
  const result = all.run(['a/+', 'a/b', '#'], 1_000)
  for (const [topic, bytes] of [
    ['a/b', 10],
    ['a/c', 5],
    ['z', 1],
    ['$private', 100],
    ['a/b', 10],
  ] as const)
    broker.tap?.passed(topic, bytes)
  clock.advance(1_000)
  assert.deepEqual(await result, {
    filters: [
      { messages: 3, bytes: 25 },
      { messages: 2, bytes: 20 },
      { messages: 4, bytes: 26 },
    ],
    total: { messages: 4, bytes: 26 },
    topTopics: [
      { topic: 'a/b', messages: 2, bytes: 20 },
      { topic: 'a/c', messages: 1, bytes: 5 },
      { topic: 'z', messages: 1, bytes: 1 },
    ],
    isTruncated: false,
  })
  assert.equal(broker.tap, undefined)
})

test('of very many topics the busiest are kept', async () => {
  const { clock, broker, runs: all } = runs()
  const result = all.run(['#'], 1_000)
  for (let index = 0; index < 10_000; index += 1) {
    broker.tap?.passed('busy', 1)
    broker.tap?.passed(`once/${index}`, 1)
  }
  clock.advance(1_000)
  const { total, topTopics, isTruncated } = await result
  assert.deepEqual(
    [total.messages, topTopics[0], isTruncated],
    [20_000, { topic: 'busy', messages: 10_000, bytes: 10_000 }, true],
  )
})

test('a few at once; the tap is closed with the last; a node that stops ends them', async () => {
  const { clock, broker, runs: all } = runs()
  const first = all.run(['a'], 1_000)
  const others = Array.from({ length: DRY_RUNS_MAX - 1 }, () => all.run(['a'], 5_000))
  await assert.rejects(all.run(['a'], 1_000), /going on already/)
  clock.advance(1_000)
  await first
  assert.notEqual(broker.tap, undefined)
  all.stop()
  await Promise.all(others)
  assert.deepEqual([broker.tap, clock.timers], [undefined, 0])
})

test('over the API: live traffic is counted', async (t) => {
  const links = [{ name: 'eu', server: '127.0.0.1:1', topics: [] }]
  const { node, ask } = await nodeWithApi(t, { cluster: { name: 'us', links } })
  const client = await connectAsync(`mqtt://${node.status().listeners['tcp:default']}`)
  t.after(() => client.endAsync(true))
  const path = '/cluster/links/eu/dry-run'
  const answer = ask(path, { method: 'POST', body: { topics: ['a/#', 'b'], seconds: 1 } })
  // Until it has begun, nothing is counted; which message is the first, does not matter.
  const timer = setInterval(() => void client.publish('a/x', 'four'), 20)
  t.after(() => clearInterval(timer))
  const { status, body } = await answer
  const { filters, total, top_topics } = body as {
    filters: { filter: string; messages: number; bytes: number }[]
    total: object
    top_topics: object[]
  }
  const count = filters[0]!.messages
  assert.ok(status === 200 && count > 0)
  assert.deepEqual(filters, [
    { filter: 'a/#', messages: count, bytes: count * 7 },
    { filter: 'b', messages: 0, bytes: 0 },
  ])
  assert.deepEqual(total, { messages: count, bytes: count * 7 })
  assert.deepEqual(top_topics, [{ topic: 'a/x', messages: count, bytes: count * 7 }])
  for (const wrong of [{ topics: ['a/#/b'] }, { topics: [] }, { topics: ['a'], seconds: 61 }])
    assert.equal((await ask(path, { method: 'POST', body: wrong })).status, 400)
  assert.equal((await ask('/cluster/links/no/dry-run', { method: 'POST', body: { topics: ['a'] } })).status, 404)
})
