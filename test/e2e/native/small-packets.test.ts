/**
 * Peers that take small packets only: batches are cut to their size, a message alone is taken up to it, and one beyond is in the ledger
 * as too large. Routes are told in pieces as well.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { linkTo, nodeFile, reserve, temporaryDirectory } from '../clusters.ts'
import { settledLedger } from './ledger.ts'

for (const bytesMax of [1_024, 4_096, 65_536])
  test(`a peer that takes packets of ${bytesMax} B gets all that fits`, async (t) => {
    const [near, far] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
    const directory = temporaryDirectory()
    const socket = join(directory, 'a.sock')
    const nearFile = { ...nodeFile(near, [linkTo(far, [])], join(directory, 'a')), debug: { socket } }
    const farFile = {
      ...nodeFile(far, [linkTo(near, ['t/#'])], join(directory, 'b')),
      mqtt: { max_packet_size: `${bytesMax}B` },
    }
    const [a, b] = await Promise.all([startNodeProcess(nearFile, directory), startNodeProcess(farFile, directory)])
    for (const node of [a, b]) t.after(() => node.kill())
    await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
    const reader = await connectClient(t, b.mqttPort)
    const inbox = await subscribe(reader, 't/+')
    for (let index = 0; index < 200; index += 1)
      await reader.subscribeAsync(`t/sub/${index}/${'x'.repeat(20)}`, { qos: 1 })
    const publisher = await connectClient(t, a.mqttPort)
    await prove(inbox, publisher, 't/1')
    const last = await subscribe(await connectClient(t, b.mqttPort), `t/sub/199/${'x'.repeat(20)}`)
    await prove(last, publisher, `t/sub/199/${'x'.repeat(20)}`)

    // Of small ones a batch holds many, of the larger ones few or one.
    const sizes = [10, 100, 400, 700, Math.floor(bytesMax / 2), bytesMax - 300]
    const sent: string[] = []
    const publishings: Promise<unknown>[] = []
    for (let times = 0; times < 40; times += 1)
      for (const size of sizes) {
        const payload = `${sent.length} `.padEnd(size, 'x')
        sent.push(payload)
        publishings.push(publisher.publishAsync('t/1', payload, { qos: 1 }))
      }
    publishings.push(publisher.publishAsync('t/1', 'x'.repeat(bytesMax), { qos: 1 }))
    publishings.push(publisher.publishAsync('t/1', 'last', { qos: 1 }))
    await Promise.all(publishings)
    await inbox.waitForPayload('last')
    assert.deepEqual(
      inbox.payloads().map((payload) => payload.length),
      [...sent, 'last'].map((payload) => payload.length),
    )
    const { matched, delivered, dropped } = await settledLedger(socket, 'cl-b')
    assert.deepEqual(dropped, { too_large: 1 })
    assert.equal(delivered, matched - 1)
  })
