/** One side speaks EMQX's dialect alone, as an older Isthmus does: both ways nothing is lost over connections that are cut. `SEED=n` replays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Account, seeded } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { whenAllDelivered } from '../ledgers.ts'
import { cutAtRandom } from './cutting-relay.ts'
import { startPair } from './pair.ts'

const SECONDS = Number(process.env['ISTHMUS_TEST_CUT_SECONDS'] ?? 4)
const PER_SECOND = Number(process.env['ISTHMUS_TEST_PER_SECOND'] ?? 300)

test('an old node and a new one lose nothing of each other, whatever is cut', async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`SEED=${seed}`)
  const pair = await startPair(t, { topics: ['t/#'], links: [{ dialect: 'emqx' }, { dialect: 'auto' }] })
  const account = new Account()
  const readers = await Promise.all(
    pair.nodes.map(async (node, at) => {
      const client = await connectClient(t, node.mqttPort)
      const reader = account.read(client, node.name, (topic) => topic.startsWith(`t/${1 - at}/`))
      await client.subscribeAsync('t/+/+', { qos: 2 })
      return reader
    }),
  )
  for (const [at, node] of pair.nodes.entries()) {
    const probe = await subscribe(await connectClient(t, node.mqttPort), `t/${1 - at}/probe`)
    await prove(probe, await connectClient(t, pair.nodes[1 - at]!.mqttPort), `t/${1 - at}/probe`)
  }
  const publishings = await Promise.all(
    pair.nodes.map(async ({ mqttPort }, at) =>
      account.publish(await connectClient(t, mqttPort), `p${at}`, { topics: [`t/${at}/x`], perSecond: PER_SECOND }),
    ),
  )
  const stopCutting = cutAtRandom(pair.relays, seeded(seed), { msMin: 200, msMax: 2_000, bytesMax: 4_000 })
  await pause(SECONDS * 1_000)
  stopCutting()
  await Promise.all(publishings.map((publishing) => publishing.stop()))
  for (const [at, reader] of readers.entries()) {
    await account.complete(reader)
    const { out, in: inbound } = await whenAllDelivered(() => pair.ledgers(at))
    t.diagnostic(`${reader.name}: ${reader.repeats} twice, ${JSON.stringify({ out, inbound })}`)
    assert.ok(out.delivered > 0 && inbound.accepted > 0)
  }
})
