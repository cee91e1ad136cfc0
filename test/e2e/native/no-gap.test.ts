/**
 * A durable link whose sending node is killed and starts again while its peer can't be reached: what is published before the peer is
 * back is kept for it nevertheless, since what it wants outlives the process.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { connectClient, prove, subscribe } from '../clients.ts'
import { startPair } from './pair.ts'

for (const dialect of ['native', 'emqx'] as const) {
  test(`${dialect}: what is acknowledged right after a restart arrives, once`, async (t) => {
    const pair = await startPair(t, { topics: ['t/#', 'probe'], link: { durable: true, dialect } })
    const reader = await connectClient(t, pair.nodes[1]!.mqttPort)
    await reader.subscribeAsync('t/+/x', { qos: 2 })
    const arrived: string[] = []
    reader.on('message', (topic, payload) => {
      if (topic.startsWith('t/')) arrived.push(payload.toString())
    })
    const before = await connectClient(t, pair.nodes[0]!.mqttPort)
    await prove(await subscribe(reader, 'probe'), before, 'probe')
    await before.publishAsync('t/0/x', 'm0', { qos: 1 })

    for (const relay of pair.relays) relay.open(false)
    await pair.nodes[0]!.kill()
    const node = await pair.start(t, 0)
    const publisher = await connectClient(t, node.mqttPort)
    const sent = ['m0']
    for (let count = 1; count <= 300; count += 1) {
      sent.push(`m${count}`)
      await publisher.publishAsync(`t/${count % 7}/x`, `m${count}`, { qos: count % 2 === 0 ? 1 : 2 })
    }
    const all = new Promise<void>((resolve) => {
      const look = (): void => void (new Set(arrived).size === sent.length && resolve())
      reader.on('message', look)
      look()
    })
    for (const relay of pair.relays) relay.open(true)
    await all
    // What is behind them has nothing before it any more.
    await prove(await subscribe(reader, 'probe'), publisher, 'probe')
    // What was on its way when the node was killed is told apart from another message by our own dialect alone.
    const flew = dialect === 'emqx' && arrived.filter((text) => text === 'm0').length === 2 ? ['m0'] : []
    assert.deepEqual(arrived.toSorted(), [...sent, ...flew].toSorted())
  })
}
