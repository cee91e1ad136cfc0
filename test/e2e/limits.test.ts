/** A node in a process of its own that is filled beyond its memory: it serves on, refuses in words, and recovers by itself. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { RawClient } from '../broker/raw-client.ts'
import { publish, subscribe } from '../broker/test-broker.ts'
import { nodeFile, reserve, temporaryDirectory } from './clusters.ts'

const MB = 1024 * 1024
const CEILING_MB = 256

/** The most that a process ever held, where Linux says so. */
function peakMemoryMb(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
}

test('a queue that fills the memory: QoS 0 is shed, clients are told Server busy, and all ends well', async (t) => {
  const directory = temporaryDirectory()
  const cluster = await reserve('cl-a')
  const file = {
    ...nodeFile(cluster, [], join(directory, 'data')),
    node: { name: 'full@127.0.0.1', data_dir: join(directory, 'data'), max_memory: `${CEILING_MB}MB` },
    mqtt: { max_mqueue_len: 'infinity' },
  }
  const node = await startNodeProcess(file, directory)
  t.after(() => node.stop())
  const open = async (clientId: string, receiveMaximum = 100) => {
    const client = await RawClient.open(`127.0.0.1:${node.mqttPort}`)
    t.after(() => client.destroy())
    return { client, connack: await client.connect({ clientId, properties: { receiveMaximum } }) }
  }
  const said = (name: string) => node.waitFor(name, ({ msg }) => msg === name)
  // Takes one message and never acknowledges it, so that the others wait for it.
  const { client: stuck } = await open('stuck', 1)
  await subscribe(stuck, { topic: 'fill', qos: 1 })
  const { client: witness } = await open('witness')
  await subscribe(witness, { topic: 't', qos: 0 })
  const { client: publisher } = await open('publisher')
  const payload = Buffer.alloc(MB - 1000)

  let busy: number | undefined
  let sentMb = 0
  while (busy !== 0x89) {
    assert(sentMb++ < 4 * CEILING_MB, 'the memory was never found full')
    publisher.send(publish('fill', payload, { qos: 1, messageId: 1 }))
    await publisher.next('puback')
    if (sentMb % 16 !== 0) continue
    const { client, connack } = await open('new')
    busy = connack.reasonCode
    await client.destroy()
  }
  await said('memory_high_watermark')
  publisher.send(publish('t', 'shed'))
  await publisher.nothingMore()
  await witness.nothingMore()

  // Far above the ceiling nothing more is kept, however much comes.
  for (let more = 0; more < 2 * CEILING_MB; more++) {
    publisher.send(publish('fill', payload, { qos: 1, messageId: 1 }))
    await publisher.next('puback')
  }
  await witness.nothingMore()

  // More than three ceilings went in; beside the second mark there is what the engine has not collected yet.
  const peakMb = peakMemoryMb(node.pid)
  assert(peakMb === undefined || peakMb < 2 * CEILING_MB, `${peakMb} MB at most`)

  await stuck.destroy()
  await said('memory_ok')
  const { connack } = await open('new')
  assert.equal(connack.reasonCode, 0)
  publisher.send(publish('t', 'delivered'))
  assert.equal(String((await witness.next('publish')).payload), 'delivered')
})
