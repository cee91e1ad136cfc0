/** Simulated devices that publish in one cluster, and clients that subscribe in the other; both real MQTT clients. */
import { connect as connectSocket, type Socket } from 'node:net'
import { type IClientOptions, MqttClient } from 'mqtt'
import type { Tally } from './tally.ts'

/** What a device sends. The numbers make lost and doubled messages visible to whoever subscribes. */
type Reading = { readonly sequence: number; readonly sent_ms: number; readonly value: number }

export type Devices = {
  /** Bytes that the devices wrote to their broker: PUBLISH packets, and the few that open a connection. */
  bytesWritten(): number
  /** Stops publishing; resolves when the broker has acknowledged all of it. */
  quiet(): Promise<void>
  close(): Promise<void>
}

const DEVICE_CONNECTIONS = 20
/** Publishes that may wait for their PUBACK; beyond, the devices wait: the demo shows a link, not a queue. */
const UNACKNOWLEDGED_MAX = 1000
const TICK_MS = 10

/** Publishes on all `topics` in turn, `perSecond` messages a second together, QoS 1, until told to be quiet. */
export async function startDevices(
  port: number,
  topics: readonly string[],
  perSecond: number,
  tally: Tally,
): Promise<Devices> {
  const sockets: Socket[] = []
  const clients = await Promise.all(
    Array.from({ length: DEVICE_CONNECTIONS }, (_, index) => connectClient(port, `device-${index}`, sockets)),
  )
  const bytesBefore = sum(sockets)
  const startedMs = nowMs()
  let sequence = 0
  let unacknowledged = 0
  let whenQuiet: (() => void) | undefined

  const publishNext = (): void => {
    const mine = sequence++
    const topicIndex = mine % topics.length
    const topic = topics[topicIndex] ?? ''
    const reading: Reading = { sequence: mine, sent_ms: nowMs(), value: Math.round(200 + 20 * Math.sin(mine)) / 10 }
    unacknowledged++
    // A topic always goes by the same connection: a device has one.
    clients[topicIndex % clients.length]?.publish(topic, JSON.stringify(reading), { qos: 1 }, (error) => {
      unacknowledged--
      if (error === undefined || error === null) tally.acknowledged(mine, topic)
      if (unacknowledged === 0) whenQuiet?.()
    })
  }
  const timer = setInterval(() => {
    const due = Math.floor(((nowMs() - startedMs) * perSecond) / 1000)
    for (let left = Math.min(due - sequence, UNACKNOWLEDGED_MAX - unacknowledged); left > 0; left--) publishNext()
  }, TICK_MS)

  return {
    bytesWritten: () => sum(sockets) - bytesBefore,
    quiet: async () => {
      clearInterval(timer)
      if (unacknowledged > 0) await new Promise<void>((resolve) => (whenQuiet = resolve))
    },
    close: async () => {
      clearInterval(timer)
      await Promise.all(clients.map((client) => client.endAsync(true)))
    },
  }
}

export type Subscribers = {
  /** Calls back with each arrival from now on. */
  onArrival(listener: () => void): void
  close(): Promise<void>
}

/** One client a topic. Resolves when a probe, published at `probePort`, has come to each: then each route is known there. */
export async function startSubscribers(
  port: number,
  probePort: number,
  topics: readonly string[],
  tally: Tally,
): Promise<Subscribers> {
  const probe = await connectClient(probePort, 'probe', [])
  const listeners: (() => void)[] = []
  const clients = await Promise.all(
    topics.map(async (topic, index) => {
      const client = await connectClient(port, `reader-${index}`, [])
      const probed = new Promise<void>((resolve) => {
        client.on('message', (arrivedTopic, payload) => {
          const reading = parseReading(payload)
          if (reading === undefined) return resolve()
          tally.arrived(reading.sequence, arrivedTopic, nowMs() - reading.sent_ms)
          for (const listener of listeners) listener()
        })
      })
      await client.subscribeAsync(topic, { qos: 1 })
      await repeatUntil(probed, `a probe on ${topic} to cross`, () => void probe.publish(topic, 'probe', { qos: 0 }))
      return client
    }),
  )
  await probe.endAsync(true)
  return {
    onArrival: (listener) => listeners.push(listener),
    close: async () => {
      await Promise.all(clients.map((client) => client.endAsync(true)))
    },
  }
}

/** `undefined` for what the devices did not write: the probe, and whatever a guest publishes on a device's topic. */
function parseReading(payload: Buffer): Pick<Reading, 'sequence' | 'sent_ms'> | undefined {
  const [, sequence, sentMs] = /^\{"sequence":(\d+),"sent_ms":([\d.]+),/.exec(payload.toString()) ?? []
  return sequence === undefined ? undefined : { sequence: Number(sequence), sent_ms: Number(sentMs) }
}

const PROBE_EVERY_MS = 50
const PROBE_DEADLINE_MS = 20_000

async function repeatUntil(done: Promise<void>, what: string, act: () => void): Promise<void> {
  const repeat = setInterval(act, PROBE_EVERY_MS)
  let deadline: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    deadline = setTimeout(() => reject(new Error(`waited ${PROBE_DEADLINE_MS} ms for ${what}`)), PROBE_DEADLINE_MS)
  })
  try {
    await Promise.race([done, late])
  } finally {
    clearInterval(repeat)
    clearTimeout(deadline)
  }
}

/** The client's sockets are made here, so that their bytes can be counted. */
function connectClient(port: number, clientId: string, sockets: Socket[]): Promise<MqttClient> {
  const options: IClientOptions = { protocolVersion: 5, clientId, reconnectPeriod: 500, clean: true }
  const client = new MqttClient(() => {
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    sockets.push(socket)
    return socket
  }, options)
  return new Promise((resolve, reject) => {
    client.once('connect', () => {
      client.off('error', reject)
      // From here on MQTT.js reconnects by itself; the account shows what that cost.
      client.on('error', () => undefined)
      resolve(client)
    })
    client.once('error', reject)
  })
}

const sum = (sockets: readonly Socket[]): number => sockets.reduce((bytes, socket) => bytes + socket.bytesWritten, 0)

/** Milliseconds with fractions; never goes back. Publisher and subscriber are this one process. */
const nowMs = (): number => performance.now()
