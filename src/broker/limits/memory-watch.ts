/** Looks at the memory of the process once a second, and sooner when much has passed; sets the level that the broker goes by. */
import { totalmem } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Broker } from '../broker.ts'
import type { Timer } from '../clock.ts'
import { judgeMemory, memoryCeiling, memoryLevel, type MemoryReading, memoryShare } from './memory-guard.ts'

const LOOK_MS = 1000
/** So much of the ceiling may come in between two looks, within bounds that keep looking cheap. */
const TRAFFIC_SHARE = 1 / 64
const TRAFFIC_BYTES_MIN = 4 * 1024 * 1024
const TRAFFIC_BYTES_MAX = 64 * 1024 * 1024

/** Less traffic than this between two ticks makes no garbage that the engine would collect by itself. */
const QUIET_BYTES = 1024 * 1024
const COLLECT_MS = 5000

const words = ['ok', 'high', 'critical'] as const

export type MemoryPorts = {
  readonly read: () => MemoryReading
  /** Collects all garbage, which takes a while. */
  readonly collect: () => void
  /** Of the machine, or of the container if that has less. */
  readonly availableBytes: number
}

export class MemoryWatch {
  readonly #broker: Broker
  readonly #ports: MemoryPorts
  readonly #ceilingBytes: number
  readonly #trafficBytes: number
  readonly #baseBytes: number
  #timer: Timer | undefined
  #trafficAtTick = 0
  #collectedAtMs = Number.NEGATIVE_INFINITY

  /** @param maxMemory `node.max_memory`: bytes, a percentage of what there is, or `Infinity` */
  constructor(broker: Broker, maxMemory: number | string, ports: MemoryPorts) {
    this.#broker = broker
    this.#ports = ports
    this.#ceilingBytes = memoryCeiling(maxMemory, ports.availableBytes)
    this.#trafficBytes = Math.min(TRAFFIC_BYTES_MAX, Math.max(TRAFFIC_BYTES_MIN, this.#ceilingBytes * TRAFFIC_SHARE))
    const { rss, heapUsed, external } = ports.read()
    this.#baseBytes = Math.max(0, rss - heapUsed - external)
  }

  start(): void {
    this.stop()
    this.#broker.limits.look = () => this.look()
    this.#arm()
    this.look()
  }

  stop(): void {
    const { limits } = this.#broker
    this.#timer?.cancel()
    limits.memory = memoryLevel.ok
    limits.lookAtBytes = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    this.#timer = this.#broker.clock.after(LOOK_MS, () => {
      this.#arm()
      this.#collectIfQuiet()
      this.look()
    })
  }

  /** A node that was filled and then left alone would wait for ever: without work the engine collects nothing. */
  #collectIfQuiet(): void {
    const { limits, counters, clock } = this.#broker
    const traffic = counters.bytesReceived + counters.bytesSent
    const isQuiet = traffic - this.#trafficAtTick < QUIET_BYTES
    this.#trafficAtTick = traffic
    const steadyMs = clock.steadyMs()
    if (limits.memory === memoryLevel.ok || !isQuiet || steadyMs - this.#collectedAtMs < COLLECT_MS) return
    this.#collectedAtMs = steadyMs
    this.#ports.collect()
  }

  look(): void {
    const { limits, counters, log } = this.#broker
    limits.lookAtBytes = counters.bytesReceived + counters.bytesSent + this.#trafficBytes
    const reading = this.#ports.read()
    const before = limits.memory
    const level = judgeMemory(before, memoryShare(reading, this.#ceilingBytes, this.#baseBytes))
    if (level === before) return
    limits.memory = level
    const fields = {
      level: words[level],
      ceiling_bytes: this.#ceilingBytes,
      rss_bytes: reading.rss,
      heap_bytes: reading.heapUsed,
      buffer_bytes: reading.external,
      shed: counters.shedMemory,
      not_queued: counters.droppedMemory,
      connections_refused: counters.refusedBusy,
    }
    if (level === memoryLevel.ok) log.info(fields, 'memory_ok')
    else log.warn(fields, 'memory_high_watermark')
  }
}

function readMemory(): MemoryReading {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heapUsed, external, heapLimit: getHeapStatistics().heap_size_limit }
}

/** Of this process. */
export function processMemory(): MemoryPorts {
  const constrained = process.constrainedMemory()
  let collect: (() => void) | undefined
  return {
    read: readMemory,
    collect: () => (collect ??= findCollector())(),
    availableBytes: constrained > 0 ? Math.min(constrained, totalmem()) : totalmem(),
  }
}

/** The engine gives the function to contexts that are made while the flag is set, and to no other. */
function findCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return typeof found === 'function' ? () => void found() : () => undefined
}
