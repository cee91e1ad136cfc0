/** What the API tells of its own node, and of the members of its cluster as it sees them. */
import { stat } from 'node:fs/promises'
import { hostname, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { MemberFacts, NodeFacts, NodesPort } from '../api/nodes/nodes-port.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Server } from '../broker/server.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { MemberStanding } from '../cluster/members/membership.ts'
import { productVersion } from '../config/version.ts'

export type NodeParts = {
  readonly self: Sender
  readonly clusterName: string
  readonly dataDir: string
  readonly broker: Broker
  readonly server: Server
  readonly cluster: Cluster | undefined
  readonly clock: Clock
}

const LOOP_RESOLUTION_MS = 20
/** How long the event loop is watched before what was seen is forgotten, milliseconds. */
const LOOP_WINDOW_MS = 30_000
/** In `node.data_dir`. */
const STORE_FILE = 'store.mdb'

export class NodeView implements NodesPort {
  readonly #parts: NodeParts
  readonly #startedAtMs: number
  readonly #startedSteadyMs: number
  readonly #loop = new LoopDelay()

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#startedAtMs = parts.clock.nowMs()
    this.#startedSteadyMs = parts.clock.steadyMs()
  }

  async facts(): Promise<NodeFacts> {
    const { self, clusterName, broker, server, cluster, clock, dataDir } = this.#parts
    const [load1 = 0, load5 = 0, load15 = 0] = loadavg()
    const members = this.members()
    return {
      cluster: clusterName,
      version: productVersion(),
      boot: self.boot,
      host: hostname(),
      pid: process.pid,
      uptimeMs: clock.steadyMs() - this.#startedSteadyMs,
      connections: broker.sessions.count,
      liveConnections: broker.counters.connected.value,
      memoryUsed: process.memoryUsage.rss(),
      memoryTotal: availableMemory(),
      load: [load1, load5, load15],
      slot: members.find(({ isSelf }) => isSelf)?.slot ?? null,
      listeners: server.listeners().map(({ id, bind = null, connections }) => ({ id, bind, connections })),
      loopDelayP99Ms: this.#loop.p99Ms,
      storeBytes: await fileBytes(join(dataDir, STORE_FILE)),
      members: members.filter(({ state }) => state === 'up').map(({ node }) => node),
      coordination: cluster === undefined ? 'solo' : cluster.isConnected ? 'connected' : 'lost',
    }
  }

  members(): readonly MemberFacts[] {
    const { cluster } = this.#parts
    return cluster === undefined ? [this.#alone()] : cluster.membership.list().map(memberFacts)
  }

  leases(): ReturnType<NodesPort['leases']> {
    return this.#parts.cluster?.leases.list() ?? []
  }

  stop(): void {
    this.#loop.stop()
  }

  #alone(): MemberFacts {
    const { self, server } = this.#parts
    const listeners = server.listeners().flatMap(({ id, bind }) => (bind === undefined ? [] : [[id, bind] as const]))
    return {
      ...self,
      state: 'up',
      isSelf: true,
      startedAtMs: this.#startedAtMs,
      silentMs: 0,
      slot: null,
      version: productVersion(),
      host: hostname(),
      pid: process.pid,
      listeners: Object.fromEntries(listeners),
    }
  }
}

/** How late the event loop is: of the window that was, and of the one that is not over yet. */
class LoopDelay {
  readonly #current = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  readonly #timer: NodeJS.Timeout
  #lastP99Ms = 0

  constructor() {
    this.#current.enable()
    this.#timer = setInterval(() => this.#turn(), LOOP_WINDOW_MS)
    this.#timer.unref()
  }

  get p99Ms(): number {
    return Math.max(this.#lastP99Ms, p99Of(this.#current))
  }

  #turn(): void {
    this.#lastP99Ms = p99Of(this.#current)
    this.#current.reset()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#current.disable()
  }
}

/** Milliseconds, beyond the resolution: a loop with nothing to do wakes once in so many. */
function p99Of(histogram: IntervalHistogram): number {
  const ms = histogram.percentile(99) / 1e6 - LOOP_RESOLUTION_MS
  return histogram.count === 0 ? 0 : Math.max(0, Math.round(ms * 10) / 10)
}

function memberFacts(standing: MemberStanding): MemberFacts {
  const { node, boot, state, isSelf, startedAtMs, silentMs, slot = null, version, host, pid, listeners } = standing
  return { node, boot, state, isSelf, startedAtMs, silentMs, slot, version, host, pid, listeners }
}

/** Bytes: of the machine, or of the container if that has less. */
function availableMemory(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

async function fileBytes(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}
