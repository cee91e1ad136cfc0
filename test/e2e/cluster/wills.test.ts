/** Wills in a cluster: published once, whichever node notices, and not at all where the client is back in time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IClientOptions, MqttClient } from 'mqtt'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, received, startMembers } from './members.ts'
import { connectKept, routesKnown } from './traffic.ts'

/** The longest that a test waits for a will that must not come: it would have come by then. */
const DELAY_S = 2

function willOf(payload: string, willDelayInterval?: number): IClientOptions {
  const properties = willDelayInterval === undefined ? {} : { properties: { willDelayInterval } }
  return { will: { topic: 'will', payload: Buffer.from(payload), qos: 1, retain: false, ...properties } }
}

function cut(client: MqttClient): void {
  client.stream.destroy()
}

test('wills are published once', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 2, { cluster: 'c', nats: [nats.url] })
  const [one, two] = members
  assert(one !== undefined && two !== undefined)
  const watchers = await Promise.all(members.map((member) => member.connect(t)))
  let arrived = watchers.map(received)
  for (const watcher of watchers) await watcher.subscribeAsync('will', { qos: 1 })
  await routesKnown(members, 'will', members)
  const publisher = await two.connect(t)
  /** Resolves when both watchers have just these, and nothing else is on its way. */
  const have = async (...payloads: readonly string[]): Promise<void> => {
    await publisher.publishAsync('will', 'end', { qos: 1 })
    for (const [at, found] of arrived.entries()) {
      await eventually(`watcher ${at} has ${payloads.join(', ')}`, () => {
        const sorted = found.filter((payload) => payload !== 'end').toSorted()
        assert.deepEqual(sorted, [...payloads].toSorted())
      })
    }
    await eventually('the last one has come', () => assert.ok(arrived.every((found) => found.includes('end'))))
    for (const found of arrived) assert.equal(found.filter((payload) => payload !== 'end').length, payloads.length)
    for (const found of arrived) found.length = 0
  }

  await t.test('the connection is cut', async () => {
    const client = await one.connect(t, willOf('cut'))
    cut(client)
    await have('cut')
  })

  await t.test('a client with a kept session comes to another node: taken over', async () => {
    const old = await connectKept(t, one, 'w1', willOf('old'))
    const next = await connectKept(t, two, 'w1', willOf('next'))
    assert.equal(next.connack.sessionPresent, true)
    await have('old')
    cut(next.client)
    await have('next')
    old.client.end(true)
  })

  await t.test('a client without a kept session comes to another node', async () => {
    const session = { clean: true, properties: { sessionExpiryInterval: 0 } }
    await connectKept(t, one, 'w2', { ...session, ...willOf('old') })
    const next = await connectKept(t, two, 'w2', session)
    assert.equal(next.connack.sessionPresent, false)
    await have('old')
    await next.client.endAsync()
  })

  await t.test('a delayed will, and the client comes to another node within the delay: none', async () => {
    const first = await connectKept(t, one, 'w3', willOf('late', DELAY_S))
    cut(first.client)
    const second = await connectKept(t, two, 'w3')
    assert.equal(second.connack.sessionPresent, true)
    // A will of the same delay, whose client stays away, comes after that one would have.
    const other = await connectKept(t, one, 'w4', willOf('of another', DELAY_S))
    cut(other.client)
    await eventually('the other will', () => assert.ok(arrived.every((found) => found.includes('of another'))))
    await have('of another')
  })

  await t.test(
    'Clean Start at another node within the delay: the session ends, and the will comes at once',
    async () => {
      const first = await connectKept(t, one, 'w5', willOf('ended', 3600))
      cut(first.client)
      await connectKept(t, two, 'w5', { clean: true })
      await eventually('the will', () => assert.ok(arrived.every((found) => found.includes('ended'))))
      await have('ended')
    },
  )

  await t.test(
    'the node is killed and starts again: the wills of those who were connected come then, once',
    async () => {
      await connectKept(t, two, 'w6', willOf('killed'))
      const moved = await connectKept(t, two, 'w7', willOf('killed, but back elsewhere', 3600))
      // CONNACK does not wait for the disk; SUBACK does, and all that came before is there by then.
      await moved.client.subscribeAsync('on disk', { qos: 1 })
      await two.kill()
      moved.client.end(true)
      await two.restart()
      const again = await two.connect(t)
      const found = received(again)
      await again.subscribeAsync('will', { qos: 1 })
      arrived = [arrived[0]!]
      await eventually('the will of the node that was killed', () => assert.ok(arrived[0]!.includes('killed')))
      const late = await two.connect(t)
      await late.publishAsync('will', 'end', { qos: 1 })
      await eventually('the last one has come', () => assert.ok(arrived[0]!.includes('end')))
      assert.deepEqual(arrived[0], ['killed', 'end'])
      await eventually('the last one has come', () => assert.ok(found.includes('end')))
    },
  )
})
