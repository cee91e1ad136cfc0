/**
 * Two clusters, both ways, connections that are cut at random moments and within packets: nothing is lost, nothing comes twice, each
 * publisher's messages come in order. `SEED=n` replays the moments; `ISTHMUS_TEST_CUT_SECONDS=60` and
 * `ISTHMUS_TEST_PER_SECOND=5000` make it as long and as hard as one likes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Account, seeded } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { whenAllDelivered } from '../ledgers.ts'
import { cutAtRandom } from './cutting-relay.ts'
import { startPair } from './pair.ts'

const SECONDS = Number(process.env['ISTHMUS_TEST_CUT_SECONDS'] ?? 6)
const PER_SECOND = Number(process.env['ISTHMUS_TEST_PER_SECOND'] ?? 1_000)
/** Of each direction, so that each one's messages flow in parallel. */
const PUBLISHERS = 4

test(`QoS 1 and 2 both ways over connections that are cut again and again: each message once, in order`, async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`SEED=${seed}`)
  const random = seeded(seed)
  const pair = await startPair(t, { topics: ['t/#'] })
  const account = new Account()
  const sides = await Promise.all(
    pair.nodes.map(async (node, at) => {
      const client = await connectClient(t, node.mqttPort, { protocolVersion: 5 })
      const reader = account.read(client, node.name, (topic) => !topic.startsWith(`t/${at}/`))
      await client.subscribeAsync('t/+/+', { qos: 2, nl: true })
      return { node, at, reader, client }
    }),
  )
  for (const { node, at } of sides) {
    const probe = await subscribe(await connectClient(t, node.mqttPort), `t/${1 - at}/probe`)
    await prove(probe, await connectClient(t, sides[1 - at]!.node.mqttPort), `t/${1 - at}/probe`)
  }
  const publishings = await Promise.all(
    sides.flatMap(({ node, at }) =>
      Array.from({ length: PUBLISHERS }, async (_, number) => {
        const client = await connectClient(t, node.mqttPort, { protocolVersion: number % 2 === 0 ? 5 : 4 })
        const topics = [`t/${at}/${number}`, `t/${at}/common`]
        return account.publish(client, `p${at}-${number}`, { topics, perSecond: PER_SECOND / PUBLISHERS })
      }),
    ),
  )
  // From then on each knows where the other's lanes stand, so that nobody has to doubt anything.
  await Promise.all(sides.map(({ reader }) => account.someOf(reader)))
  const stopCutting = cutAtRandom(pair.relays, random, { msMin: 200, msMax: 2_000, bytesMax: 4_000 })
  await pause(SECONDS * 1_000)
  stopCutting()
  await Promise.all(publishings.map((publishing) => publishing.stop()))
  for (const { reader } of sides) await account.complete(reader)
  const cuts = pair.relays.reduce((sum, relay) => sum + relay.cuts, 0)
  for (const { reader } of sides) {
    t.diagnostic(`${reader.name}: ${reader.arrivals} arrivals, ${reader.repeats} twice, ${cuts} connections cut`)
    assert.equal(reader.repeats, 0, `${reader.name} got messages twice`)
  }
  assert.ok(cuts > SECONDS / 2, `${cuts} cuts`)
  const [a, b] = await Promise.all([0, 1].map((at) => whenAllDelivered(() => pair.ledgers(at))))
  t.diagnostic(`ledgers: ${JSON.stringify([a, b])}`)
  assert(a !== undefined && b !== undefined)
  assert.equal(b.in.accepted, a.out.delivered, 'all that A delivered B took once')
  assert.equal(a.in.accepted, b.out.delivered, 'all that B delivered A took once')
  assert.equal(a.in.maybe_duplicate + b.in.maybe_duplicate, 0, 'nobody has to doubt')
})
