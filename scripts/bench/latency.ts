/**
 * How long does a publisher at QoS 1 wait for its PUBACK? Open loop: a message is due every few milliseconds, whether or
 * not the last one was acknowledged, so that a broker that stalls pays for each message that it kept waiting.
 * One kept session has subscribed, so a durable broker acknowledges only what is on disk.
 */
import assert from 'node:assert/strict'
import { Client, packetType } from './client.ts'
import { topicName, USERNAME } from './load.ts'
import { publishForm } from './mqtt-bytes.ts'
import type { Peer } from './peers.ts'
import { Subscriber } from './subscriber.ts'

const EVERY_MS = 5
const PAYLOAD_BYTES = 64
const DRAIN_MS = 10_000

export type Latency = { readonly count: number; readonly p50Ms: number; readonly p99Ms: number }

export async function measurePuback(peer: Peer, keptSessions: boolean, durationMs: number): Promise<Latency> {
  const connect = (role: string) => ({ clientId: `bench-${role}`, username: USERNAME, isKept: keptSessions })
  const topic = topicName(0)
  const subscriber = await Subscriber.open(peer.subscribePort, connect('sub'), [topic], 1, 1)
  const form = publishForm(topic, 1, Buffer.alloc(PAYLOAD_BYTES))
  const sentAtMs = new Map<number, number>()
  const waitedMs: number[] = []
  let quiet: (() => void) | undefined
  const publisher = await Client.open(peer.publishPort, connect('pub'), {
    onAcknowledgement: (type, packetId) => {
      const sentMs = sentAtMs.get(packetId)
      assert(type === packetType.puback && sentMs !== undefined, `acknowledgement ${type} of nothing`)
      waitedMs.push(performance.now() - sentMs)
      sentAtMs.delete(packetId)
      if (sentAtMs.size === 0) quiet?.()
    },
  })
  let sent = 0
  const send = (): void => {
    const packetId = 1 + (sent++ % 0xffff)
    const packet = Buffer.from(form.bytes)
    packet.writeUInt16BE(packetId, form.packetIdAt)
    sentAtMs.set(packetId, performance.now())
    publisher.socket.write(packet)
  }
  const timer = setInterval(send, EVERY_MS)
  await new Promise((resolve) => setTimeout(resolve, durationMs))
  clearInterval(timer)
  await new Promise<void>((resolve, reject) => {
    quiet = resolve
    if (sentAtMs.size === 0) resolve()
    setTimeout(() => reject(new Error(`${sentAtMs.size} messages were never acknowledged`)), DRAIN_MS).unref()
  })
  publisher.close()
  subscriber.close()
  const sorted = waitedMs.toSorted((a, b) => a - b)
  const quantile = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? Number.NaN
  return { count: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}
