/**
 * How long is a message on its way from its publisher to its subscriber? Open loop: so many are due a second, whether or not the
 * last ones have come, so that whoever stalls pays for each message that it kept waiting.
 */
import { Client } from './client.ts'
import { topicName, USERNAME } from './load.ts'
import { type ConnectOptions, publishForm, type QoS } from './mqtt-bytes.ts'
import type { Peer } from './peers.ts'
import { Subscriber } from './subscriber.ts'

const PAYLOAD_BYTES = 64
/** Timers are no finer; what is due by then is sent together. */
const EVERY_MS = 1
const DRAIN_MS = 10_000
const PROBE_EVERY_MS = 100
/** First messages, before connections and code are warm. */
const LEFT_OUT = 500

export type DeliveryLatency = { readonly count: number; readonly p50Ms: number; readonly p99Ms: number }

export async function measureDelivery(
  peer: Peer,
  qos: QoS,
  perSecond: number,
  durationMs: number,
): Promise<DeliveryLatency> {
  const topic = topicName(0)
  const subscriber = await Subscriber.open(peer.subscribePort, optionsOf('sub'), [topic], qos, 1)
  const publisher = await Client.open(peer.publishPort, optionsOf('pub'), {})
  const form = publishForm(topic, qos, Buffer.alloc(PAYLOAD_BYTES))
  let packetId = 0
  const send = (phase: number, sequence: number): void => {
    const packet = Buffer.from(form.bytes)
    packet.writeUInt16LE(phase, form.payloadAt)
    packet.writeUInt32LE(sequence, form.payloadAt + 4)
    packetId = (packetId % 0xffff) + 1
    if (qos > 0) packet.writeUInt16BE(packetId, form.packetIdAt)
    publisher.socket.write(packet)
  }
  try {
    await firstArrival(subscriber, () => send(0, 0))
    return await measure(subscriber, send, perSecond, durationMs)
  } finally {
    publisher.close()
    subscriber.close()
  }
}

/** Rejects if a message never comes. */
async function measure(
  subscriber: Subscriber,
  send: (phase: number, sequence: number) => void,
  perSecond: number,
  durationMs: number,
): Promise<DeliveryLatency> {
  const total = Math.floor((durationMs / 1000) * perSecond) + LEFT_OUT
  const sentAtMs = new Float64Array(total)
  const tookMs: number[] = []
  let arrived = 0
  const all = new Promise<void>((resolve, reject) => {
    setTimeout(
      () => reject(new Error(`${total - arrived} of ${total} messages never came`)),
      durationMs * 2 + DRAIN_MS,
    ).unref()
    subscriber.onMessage = (phase, sequence) => {
      if (phase !== 1) return
      if (sequence >= LEFT_OUT) tookMs.push(performance.now() - sentAtMs[sequence]!)
      if (++arrived === total) resolve()
    }
  })
  const startedMs = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.min(total, ((performance.now() - startedMs) / 1000) * perSecond)
    for (; sent < due; sent++) {
      // When it was due, not when our timer came to it.
      sentAtMs[sent] = startedMs + (sent / perSecond) * 1000
      send(1, sent)
    }
    if (sent === total) clearInterval(timer)
  }, EVERY_MS)
  await all.finally(() => clearInterval(timer))
  const sorted = tookMs.toSorted((a, b) => a - b)
  const quantile = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? Number.NaN
  return { count: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}

function optionsOf(role: string): ConnectOptions {
  return { clientId: `bench-${role}`, username: USERNAME, isKept: false }
}

/** Until the way is known: a subscription takes a moment to be heard of elsewhere. */
async function firstArrival(subscriber: Subscriber, send: () => void): Promise<void> {
  const again = setInterval(send, PROBE_EVERY_MS)
  try {
    await new Promise<void>((resolve, reject) => {
      setTimeout(() => reject(new Error('the first message never came')), DRAIN_MS).unref()
      subscriber.onMessage = () => resolve()
      send()
    })
  } finally {
    clearInterval(again)
  }
}
