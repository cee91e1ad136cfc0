/** Simulated devices that publish in one cluster, and clients that subscribe in the other; both real MQTT clients. */
import { connect as connectSocket, type Socket } from 'node:net'
import { type IClientOptions, MqttClient } from 'mqtt'

/** What a device sends. The numbers make lost and doubled messages visible to whoever subscribes. */
type Reading = { readonly sequence: number; readonly sent_ms: number; readonly value: number }

export type DevicesOptions = {
  /** Of the brokers that will do. A device whose broker is gone goes to the next one. */
  readonly ports: readonly number[]
  readonly topics: readonly string[]
  /** Messages of all devices together. */
  readonly perSecond: number
  readonly connections: number
  readonly keepsSessions: boolean
  /** Called when the broker has answered with PUBACK. Sequence numbers are unique over all topics. */
  readonly acknowledged: (sequence: number, topic: string) => void
}

export type Devices = {
  /** Bytes that the devices wrote to their broker: PUBLISH packets, and the few that open a connection. */
  bytesWritten(): number
  /** Stops publishing; resolves when all of it is acknowledged. */
  quiet(): Promise<void>
  close(): Promise<void>
}

/** Publishes that may wait for their PUBACK; beyond, the devices wait: the demo shows a link, not a queue. */
const UNACKNOWLEDGED_MAX = 1000
const TICK_MS = 10

/** Publishes on all `topics` in turn, QoS 1, until told to be quiet. */
export async function startDevices(options: DevicesOptions): Promise<Devices> {
  const { ports, topics, perSecond, connections, keepsSessions, acknowledged } = options
  const sockets: Socket[] = []
  const devices = await Promise.all(
    Array.from({ length: connections }, (_, index) =>
      connectClient({ clientId: `device-${index}`, ports: rotated(ports, index), keepsSessions, sockets }),
    ),
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
    // A topic always goes by the same connection: a device has one.
    const device = devices[topicIndex % devices.length]
    const reading: Reading = { sequence: mine, sent_ms: nowMs(), value: Math.round(200 + 20 * Math.sin(mine)) / 10 }
    unacknowledged++
    device?.client.publish(topic, JSON.stringify(reading), { qos: 1 }, (error) => {
      unacknowledged--
      if (error === undefined || error === null) acknowledged(mine, topic)
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
      await Promise.all(devices.map(({ client }) => client.endAsync(true)))
    },
  }
}

export type Reader = {
  readonly clientId: string
  /** Of the one broker that it reads at. */
  readonly port: number
  readonly topicFilter: string
  /** A topic under the filter. */
  readonly probeTopic: string
  readonly arrived: (sequence: number, topic: string, latencyMs: number) => void
}

export type Subscribers = {
  /** Calls back with each arrival from now on, until what it returns is called. */
  onArrival(listener: () => void): () => void
  close(): Promise<void>
}

/** One client each, QoS 1. Resolves when to each a probe has come from each of `probePorts`: then each route is known there. */
export async function startSubscribers(
  readers: readonly Reader[],
  { probePorts, keepsSessions }: { readonly probePorts: readonly number[]; readonly keepsSessions: boolean },
): Promise<Subscribers> {
  const probes = await Promise.all(
    probePorts.map((port) =>
      connectClient({ clientId: `probe-${port}`, ports: [port], keepsSessions: false, sockets: [] }),
    ),
  )
  const listeners = new Set<() => void>()
  const clients = await Promise.all(
    readers.map(async ({ clientId, port, topicFilter, probeTopic, arrived }) => {
      const { client } = await connectClient({ clientId, ports: [port], keepsSessions, sockets: [] })
      const unprobed = new Set(probePorts)
      const probed = new Promise<void>((resolve) => {
        client.on('message', (topic, payload) => {
          const reading = parseReading(payload)
          if (reading === undefined) {
            unprobed.delete(Number(/^probe (\d+)$/.exec(payload.toString())?.[1]))
            if (unprobed.size === 0) resolve()
            return
          }
          arrived(reading.sequence, topic, nowMs() - reading.sent_ms)
          for (const listener of listeners) listener()
        })
      })
      await client.subscribeAsync(topicFilter, { qos: 1 })
      await repeatUntil(probed, `a probe on ${probeTopic} to come to ${clientId}`, () => {
        for (const probe of probes)
          if (unprobed.has(probe.port())) probe.client.publish(probeTopic, `probe ${probe.port()}`, { qos: 0 })
      })
      return client
    }),
  )
  await Promise.all(probes.map(({ client }) => client.endAsync(true)))
  return {
    onArrival: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
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

type ClientOptions = {
  readonly clientId: string
  readonly ports: readonly number[]
  /** Whether its session outlives its connection. */
  readonly keepsSessions: boolean
  /** Each socket that is opened goes in here. */
  readonly sockets: Socket[]
}

type Client = {
  readonly client: MqttClient
  /** Of the broker that it is or was connected to last. */
  port(): number
}

/** Longer than the demo runs without its subscribers, shorter than anybody would mind. */
const SESSION_EXPIRY_S = 3600
/** A broker that does not answer within this time is left for the next one. */
const CONNECT_TIMEOUT_MS = 5_000

/** The client's sockets are made here, so that their bytes can be counted. */
function connectClient({ clientId, ports, keepsSessions, sockets }: ClientOptions): Promise<Client> {
  const options: IClientOptions = {
    protocolVersion: 5,
    clientId,
    reconnectPeriod: 500,
    connectTimeout: CONNECT_TIMEOUT_MS,
    clean: !keepsSessions,
    ...(keepsSessions ? { properties: { sessionExpiryInterval: SESSION_EXPIRY_S } } : {}),
  }
  let attempts = 0
  let port = 0
  const client = new MqttClient(() => {
    port = ports[attempts++ % ports.length] ?? 0
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    sockets.push(socket)
    return socket
  }, options)
  return new Promise((resolve, reject) => {
    client.once('connect', () => {
      client.off('error', reject)
      // From here on MQTT.js reconnects by itself; the account shows what that cost.
      client.on('error', () => undefined)
      resolve({ client, port: () => port })
    })
    client.once('error', reject)
  })
}

const rotated = <T>(values: readonly T[], by: number): T[] =>
  values.map((_, index) => values[(index + by) % values.length]!)

const sum = (sockets: readonly Socket[]): number => sockets.reduce((bytes, socket) => bytes + socket.bytesWritten, 0)

/** Milliseconds with fractions; never goes back. Publisher and subscriber are this one process. */
const nowMs = (): number => performance.now()
