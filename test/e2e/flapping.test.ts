/** Links under load whose connections are cut again and again: nothing is lost, nothing overtakes, nothing loops. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Relay } from '../../src/cli/demo/relay.ts'
import { Account, seeded } from './account.ts'
import { connectClient, prove, subscribe } from './clients.ts'
import { linkTo, relayTo, reserve, startCluster } from './clusters.ts'

const FLAPPING_MS = 4_000

/** As many clusters, all linked with all others through relays of their own, and all wanting everything. */
async function mesh(t: TestContext, names: readonly string[]) {
  const clusters = await Promise.all(names.map(reserve))
  const relays: Relay[] = []
  const nodes = await Promise.all(
    clusters.map(async (cluster) => {
      const links = clusters.flatMap((peer) => (peer === cluster ? [] : [relayTo(t, peer)]))
      const opened = await Promise.all(links)
      relays.push(...opened)
      return startCluster(
        t,
        cluster,
        opened.map((relay) => linkTo(relay.cluster, ['#'])),
      )
    }),
  )
  const running = async (): Promise<void> => {
    await Promise.all(
      nodes.flatMap((node, index) =>
        names.flatMap((peer, at) => (at === index ? [] : [node.waitForStatus(peer, 'running')])),
      ),
    )
  }
  await running()
  return { nodes, relays, running }
}

/** Cuts each relay now and then; prints how to do so again. */
async function flap(t: TestContext, relays: readonly Relay[]): Promise<void> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`SEED=${seed}`)
  const random = seeded(seed)
  const endMs = performance.now() + FLAPPING_MS
  while (performance.now() < endMs) {
    await pause(100 + random() * 500)
    for (const relay of relays) if (random() < 0.5) relay.cut()
  }
}

for (const names of [
  ['cl-a', 'cl-b'],
  ['cl-a', 'cl-b', 'cl-c'],
]) {
  test(`${names.length} clusters, all wanting everything, with links that flap`, async (t) => {
    const { nodes, relays, running } = await mesh(t, names)
    const account = new Account()
    const readers = await Promise.all(
      nodes.map(async ({ name, mqttPort }) => {
        const client = await connectClient(t, mqttPort)
        const reader = account.read(client, `reader at ${name}`)
        const inbox = await subscribe(client, '#', 2)
        for (const node of nodes) await prove(inbox, await connectClient(t, node.mqttPort), 'probe')
        return reader
      }),
    )
    const publishing = await Promise.all(
      nodes.map(async ({ mqttPort }, index) => {
        const client = await connectClient(t, mqttPort)
        return account.publish(client, `p${index}`, { topics: [`own/${index}`, 'common'], perSecond: 120 })
      }),
    )
    await flap(t, relays)
    await Promise.all([running(), ...publishing.map(async (publisher) => publisher.stop())])
    for (const reader of readers) {
      await account.complete(reader)
      // What was in flight at a cut may come again; a loop would double everything.
      assert.ok(reader.repeats < reader.arrivals / 4, `${reader.repeats} of ${reader.arrivals} were repeats`)
    }
  })
}
