/** What monitoring is told about a node beside what its broker counts. */
import type { Broker } from '../broker/broker.ts'
import { Gauge } from '../broker/counters.ts'

export type Memory = {
  /** Bytes of objects and buffers in use. */
  readonly heapBytes: number
}

export class NodeFacts {
  readonly broker: Broker
  readonly nodeName: string
  readonly version: string
  readonly topics = new Gauge()
  readonly retained = new Gauge()
  readonly heapBytes = new Gauge()
  readonly #startedAtMs: number
  readonly #memory: () => Memory

  constructor(broker: Broker, nodeName: string, version: string, memory: () => Memory = processMemory) {
    this.broker = broker
    this.nodeName = nodeName
    this.version = version
    this.#memory = memory
    this.#startedAtMs = broker.clock.steadyMs()
  }

  get uptimeMs(): number {
    return Math.floor(this.broker.clock.steadyMs() - this.#startedAtMs)
  }

  /** Brings up to date what nobody tells of when it changes. */
  look(): void {
    this.topics.set(this.broker.topicCount)
    this.retained.set(this.broker.retainedCount)
    this.heapBytes.set(this.#memory().heapBytes)
  }

  /** Messages held for later: retained ones and those queued for sessions, of which several may share the same bytes. */
  stored(): { readonly count: number; readonly bytes: number } {
    let count = this.broker.retainedCount
    let bytes = this.broker.retainedBytes
    for (const { queue } of this.broker.sessions.all()) {
      count += queue.length
      bytes += queue.bytes
    }
    return { count, bytes }
  }
}

function processMemory(): Memory {
  const { heapUsed, external } = process.memoryUsage()
  return { heapBytes: heapUsed + external }
}
