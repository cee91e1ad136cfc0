/** A client that comes back to another node finds its session there, whole; of the old one nothing is left. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { IDisconnectPacket } from 'mqtt-packet'
import { RawClient } from '../../broker/raw-client.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, received, startMembers, type TestMember } from './members.ts'
import {
  assertAllArrive,
  assertArrive,
  assertOnce,
  assertOnceInOrder,
  connectKept,
  longQueues,
  publishSteadily,
  routesKnown,
} from './traffic.ts'

const SESSION_TAKEN_OVER = 0x8e
/** So long the old node hands on what still comes to it, and then some. */
const HANDING_ON_MS = 3_000
const keptSession = { clientId: 'raw', clean: false, properties: { sessionExpiryInterval: 3600 } } as const

async function pair(t: TestContext): Promise<[TestMember, TestMember]> {
  const nats = await startNats(t)
  const [one, two] = await startMembers(t, 2, { cluster: 'c', nats: [nats.url], more: longQueues })
  assert(one !== undefined && two !== undefined)
  return [one, two]
}

/** Resolves when the nodes know who has the client's session. */
async function sessionKnown(t: TestContext, member: TestMember, clientId: string): Promise<RawClient> {
  const raw = await RawClient.open(`127.0.0.1:${member.port}`)
  t.after(() => raw.destroy())
  const connack = await raw.connect({ ...keptSession, clientId })
  assert.equal(connack.sessionPresent, true)
  return raw
}

test('a session goes to the node that its client comes to', async (t) => {
  const [one, two] = await pair(t)

  await t.test('subscriptions and what was queued go with it; the old connection hears why it ends', async () => {
    const old = await connectKept(t, one, 'c1')
    await old.client.subscribeAsync('q/#', { qos: 2 })
    const disconnected: Promise<IDisconnectPacket> = new Promise((resolve) => old.client.once('disconnect', resolve))
    const next = await connectKept(t, two, 'c1')
    assert.equal((await disconnected).reasonCode, SESSION_TAKEN_OVER)
    assert.equal(next.connack.sessionPresent, true)
    await next.client.endAsync()
    // Now it is away: what is published on either node waits at the second.
    const publishers = await Promise.all([one.connect(t), two.connect(t)])
    for (const [at, publisher] of publishers.entries())
      for (const qos of [1, 2] as const)
        for (let n = 0; n < 20; n++) await publisher.publishAsync(`q/${n}`, `p${at}-${qos} ${n}`, { qos })
    const back = await connectKept(t, one, 'c1')
    assert.equal(back.connack.sessionPresent, true)
    await eventually('all have come', () => assert.equal(back.arrived.length, 80))
    for (const name of ['p0-1', 'p0-2', 'p1-1', 'p1-2']) assertOnceInOrder('it', back.arrived, name)
    assert.deepEqual([old.arrived, next.arrived], [[], []])
    await back.client.endAsync()
  })

  await t.test(
    'to and fro while publishers on both nodes go on: nothing is lost, doubled or out of order',
    async () => {
      // One client on several connections: of QoS 2 it remembers what it has received and not handed over.
      const incomingStore = new mqtt.Store({ clean: false })
      const first = await connectKept(t, one, 'c2', { incomingStore })
      await first.client.subscribeAsync('w/#', { qos: 2 })
      await routesKnown([two], 'w/1', [one])
      const publishings = await Promise.all(
        [one, two].flatMap((member, at) =>
          ([1, 2] as const).map(async (qos) =>
            publishSteadily(await member.connect(t), `w/${at}`, { name: `w${at}-${qos}`, qos, everyMs: 10 }),
          ),
        ),
      )
      const lives = [first]
      for (const member of [two, one]) {
        // It goes on when all have heard where it is.
        await after(HANDING_ON_MS)
        const enough = lives.at(-1)!.arrived.length + 50
        await eventually('it gets some', () => assert.ok(lives.at(-1)!.arrived.length >= enough))
        const gone = new Promise<void>((resolve) => lives.at(-1)!.client.once('close', resolve))
        const life = await connectKept(t, member, 'c2', { incomingStore })
        assert.equal(life.connack.sessionPresent, true, `its session is at ${member.name}`)
        await gone
        lives.push(life)
      }
      const published = await Promise.all(publishings.map((publishing) => publishing.stop()))
      const all = (): string[] => lives.flatMap(({ arrived }) => arrived)
      for (const payloads of published) await assertAllArrive('the client', all, payloads)
      // What one connection was sent and could not acknowledge any more comes again on the next one.
      for (const { arrived } of lives) for (const { name } of publishings) assertOnce('a connection', arrived, name)
      for (const { name } of publishings) if (name.endsWith('2')) assertOnce('QoS 2: all connections', all(), name)
      for (const { arrived } of lives)
        for (const { name } of publishings) assertOnceInOrder('a connection', arrived, name)
      for (const payloads of published) assert.ok(payloads.length > 50)
    },
  )

  await t.test('QoS 2 half done, from the client: released at the other node, published once', async () => {
    const subscriber = await two.connect(t)
    const arrived = received(subscriber)
    await subscriber.subscribeAsync('half', { qos: 2 })
    await routesKnown([one], 'half', [two])
    const raw = await RawClient.open(`127.0.0.1:${one.port}`)
    await raw.connect({ ...keptSession, clientId: 'half-in' })
    const publish = { cmd: 'publish', topic: 'half', payload: 'once', qos: 2, messageId: 7, retain: false } as const
    raw.send({ ...publish, dup: false })
    await raw.next('pubrec')
    await raw.destroy()
    const again = await sessionKnown(t, two, 'half-in')
    again.send({ ...publish, dup: true })
    await again.next('pubrec')
    again.send({ cmd: 'pubrel', messageId: 7 })
    await again.next('pubcomp')
    again.send({ ...publish, payload: 'last', dup: false })
    await again.next('pubrec')
    await eventually('the last has come', () => assert.equal(arrived.at(-1), 'last'))
    assert.deepEqual(arrived, ['once', 'last'])
  })

  await t.test(
    'QoS 2 half done, to the client: what it has is released and not sent again, the other one is',
    async () => {
      const raw = await RawClient.open(`127.0.0.1:${one.port}`)
      await raw.connect({ ...keptSession, clientId: 'half-out' })
      raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'out/#', qos: 2 }] })
      await raw.next('suback')
      const publisher = await one.connect(t)
      for (const payload of ['first', 'second']) await publisher.publishAsync('out/1', payload, { qos: 2 })
      const [first, second] = await raw.publishes(2)
      assert(first !== undefined && second !== undefined)
      raw.send({ cmd: 'pubrec', messageId: first.messageId! })
      await raw.next('pubrel')
      await raw.destroy()
      const again = await sessionKnown(t, two, 'half-out')
      const back = [await again.receive(), await again.receive()].map(({ packet }) => packet)
      const released = back.find(({ cmd }) => cmd === 'pubrel')
      const resent = back.find(({ cmd }) => cmd === 'publish')
      assert.equal(released?.messageId, first.messageId)
      assert(resent?.cmd === 'publish')
      assert.equal(resent.payload.toString(), 'second')
      assert.equal(resent.dup, true)
      assert.equal(resent.messageId, second.messageId)
      again.send({ cmd: 'pubcomp', messageId: first.messageId! }, { cmd: 'pubrec', messageId: second.messageId! })
      await again.next('pubrel')
      again.send({ cmd: 'pubcomp', messageId: second.messageId! })
      await again.nothingMore()
    },
  )

  await t.test('Clean Start at another node ends the session', async () => {
    const old = await connectKept(t, one, 'c3')
    await old.client.subscribeAsync('clean/#', { qos: 1 })
    const disconnected: Promise<IDisconnectPacket> = new Promise((resolve) => old.client.once('disconnect', resolve))
    const fresh = await connectKept(t, two, 'c3', { clean: true })
    assert.equal(fresh.connack.sessionPresent, false)
    assert.equal((await disconnected).reasonCode, SESSION_TAKEN_OVER)
    const publisher = await one.connect(t)
    await publisher.publishAsync('clean/1', 'for nobody', { qos: 1 })
    await fresh.client.subscribeAsync('fresh/#', { qos: 1 })
    await routesKnown([one], 'fresh/1', [two])
    await publisher.publishAsync('fresh/1', 'n 1', { qos: 1 })
    await assertArrive('fresh', fresh.arrived, ['n 1'])
    await fresh.client.endAsync()
    const back = await connectKept(t, one, 'c3')
    assert.equal(back.connack.sessionPresent, true)
    await publisher.publishAsync('clean/1', 'for nobody', { qos: 1 })
    await publisher.publishAsync('fresh/1', 'n 2', { qos: 1 })
    await assertArrive('back', back.arrived, ['n 2'])
    assert.deepEqual([...old.arrived, ...fresh.arrived, ...back.arrived], ['n 1', 'n 2'])
  })
})
