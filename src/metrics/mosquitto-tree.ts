/** What monitoring made for Mosquitto reads under `$SYS/broker/`. Source: mosquitto(8), section BROKER STATUS. */
import type { SystemTopic } from '../broker/system-port.ts'
import { LoadAverage, loadMinutes } from './load-average.ts'
import type { NodeFacts } from './node-facts.ts'

const ROOT = '$SYS/broker'

/** What is averaged, and the counter that it is averaged from. */
const loads: readonly { readonly name: string; readonly read: (facts: NodeFacts) => number }[] = [
  { name: 'messages/received', read: ({ broker }) => broker.counters.allPacketsReceived },
  { name: 'messages/sent', read: ({ broker }) => broker.counters.allPacketsSent },
  { name: 'publish/received', read: ({ broker }) => broker.counters.received },
  { name: 'publish/sent', read: ({ broker }) => broker.counters.sent },
  { name: 'publish/dropped', read: ({ broker }) => broker.counters.lost },
  { name: 'bytes/received', read: ({ broker }) => broker.counters.bytesReceived },
  { name: 'bytes/sent', read: ({ broker }) => broker.counters.bytesSent },
  { name: 'sockets', read: ({ broker }) => broker.counters.socketsOpened },
  { name: 'connections', read: ({ broker }) => broker.counters.packetsReceived[1]! },
]

export class MosquittoTree {
  readonly #facts: NodeFacts
  readonly #loads = loads.map(({ name, read }) => ({ name, read, average: new LoadAverage() }))
  #sampledAtMs: number

  constructor(facts: NodeFacts) {
    this.#facts = facts
    this.#sampledAtMs = facts.uptimeMs
  }

  /** Takes the load averages further. To be called every ten seconds or so, whether or not anybody reads them. */
  sample(): void {
    const nowMs = this.#facts.uptimeMs
    for (const { read, average } of this.#loads) average.sample(read(this.#facts), nowMs - this.#sampledAtMs)
    this.#sampledAtMs = nowMs
  }

  /** Every topic with its value as it is now. */
  topics(): SystemTopic[] {
    const values = [...this.#counts()].map(([name, value]) => ({ topic: `${ROOT}/${name}`, payload: String(value) }))
    const averages = this.#loads.flatMap(({ name, average }) =>
      loadMinutes.map((minutes) => ({
        topic: `${ROOT}/load/${name}/${minutes}min`,
        payload: average.perMinute(minutes).toFixed(2),
      })),
    )
    return [...values, ...averages]
  }

  *#counts(): Iterable<readonly [name: string, value: number | string]> {
    const { broker, version, uptimeMs, heapBytes } = this.#facts
    const { counters } = broker
    const away = counters.sessions.value - counters.connected.value
    const stored = this.#facts.stored()
    yield ['version', `isthmus version ${version}`]
    yield ['uptime', `${Math.floor(uptimeMs / 1000)} seconds`]
    yield ['clients/connected', counters.connected.value]
    yield ['clients/active', counters.connected.value]
    yield ['clients/disconnected', away]
    yield ['clients/inactive', away]
    yield ['clients/expired', counters.sessionsExpired]
    yield ['clients/maximum', counters.connected.max]
    yield ['clients/total', counters.sessions.value]
    yield ['messages/received', counters.allPacketsReceived]
    yield ['messages/sent', counters.allPacketsSent]
    yield ['messages/stored', stored.count]
    yield ['store/messages/count', stored.count]
    yield ['store/messages/bytes', stored.bytes]
    yield ['retained messages/count', broker.retainedCount]
    yield ['publish/messages/received', counters.received]
    yield ['publish/messages/sent', counters.sent]
    yield ['publish/messages/dropped', counters.lost]
    yield ['publish/bytes/received', counters.payloadBytesReceived]
    yield ['publish/bytes/sent', counters.payloadBytesSent]
    yield ['bytes/received', counters.bytesReceived]
    yield ['bytes/sent', counters.bytesSent]
    yield ['subscriptions/count', counters.subscriptions.value]
    yield ['shared_subscriptions/count', counters.sharedSubscriptions.value]
    yield ['heap/current', heapBytes.value]
    yield ['heap/maximum', heapBytes.max]
  }
}
