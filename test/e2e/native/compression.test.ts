/** What compression is worth on the wire, counted there: text shrinks, what is random is soon left as it is; all of it arrives. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { isFields } from '../../../src/cli/fields.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { settledLedger } from './ledger.ts'
import { startPair } from './pair.ts'

const MESSAGES = 3_000
/** Published together, so that there are many batches. */
const BURST = 50

async function compressionOf(socket: string): Promise<{ batches: number; tries: number; saved: number }> {
  const client = await SocketClient.open(socket)
  const { links } = await client.call('links.list', {}).finally(() => client.close())
  const [link] = Array.isArray(links) ? (links as unknown[]) : []
  const counts = isFields(link) && isFields(link['compression']) ? link['compression'] : {}
  const { batches = 0, tries = 0, bytesBefore = 0, bytesAfter = 0 } = counts
  return { batches: Number(batches), tries: Number(tries), saved: Number(bytesBefore) - Number(bytesAfter) }
}

const reading = (index: number): string =>
  JSON.stringify({
    device: `sensor-${index % 20}`,
    temperature: 20 + (index % 17) / 10,
    humidity: 40 + (index % 9),
    unit: 'C',
  })

test('compression = auto: text takes a part of its bytes on the wire, and what does not shrink is soon not tried', async (t) => {
  const pair = await startPair(t, { topics: ['t/#'], link: { compression: 'auto' } })
  const [a, b] = pair.nodes
  assert(a !== undefined && b !== undefined)
  const socket = pair.socket(0)
  const inbox = await subscribe(await connectClient(t, b.mqttPort), 't/1')
  const publisher = await connectClient(t, a.mqttPort)
  await prove(inbox, publisher, 't/1')
  await settledLedger(socket, 'cl-b')

  /** What it takes on the wire, all told, for each byte of payload. */
  const cross = async (payloads: readonly Buffer[]): Promise<number> => {
    const [passed, arrived] = [pair.relays[1]!.bytes, inbox.arrivals.length]
    for (let at = 0; at < payloads.length; at += BURST)
      await Promise.all(
        payloads.slice(at, at + BURST).map((payload) => publisher.publishAsync('t/1', payload, { qos: 1 })),
      )
    await inbox.waitForCount(arrived + payloads.length)
    const texts = payloads.map((payload) => payload.toString())
    assert.deepEqual(inbox.payloads().slice(arrived), texts)
    await settledLedger(socket, 'cl-b')
    return (pair.relays[1]!.bytes - passed) / payloads.reduce((sum, { length }) => sum + length, 0)
  }
  const text = Array.from({ length: MESSAGES }, (_, index) => Buffer.from(reading(index)))
  const ofText = await cross(text)
  const afterText = await compressionOf(socket)
  assert.ok(ofText < 0.5, `${ofText} B on the wire for each B of JSON`)
  assert.ok(afterText.batches >= 10, `${afterText.batches} batches`)

  const ofRandom = await cross(Array.from({ length: MESSAGES }, () => randomBytes(200)))
  const afterRandom = await compressionOf(socket)
  assert.ok(ofRandom > 0.95 && ofRandom < 1.2, `${ofRandom} B on the wire for each B at random`)
  assert.equal(afterRandom.batches, afterText.batches)
  assert.equal(afterRandom.saved, afterText.saved)
  const tries = afterRandom.tries - afterText.tries
  assert.ok(tries > 0 && tries <= 12, `${tries} tries`)

  const ofTextAgain = await cross(text.concat(text))
  t.diagnostic(
    `B on the wire for each of text ${ofText}, random ${ofRandom} (${tries} tries), text again ${ofTextAgain}`,
  )
  assert.ok(ofTextAgain < ofRandom)
})
