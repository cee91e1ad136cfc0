/** What the API tells of its own node, and of the members of its cluster as it sees them. */
import { stat } from 'node:fs/promises'
import { hostname, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import type { MemberFacts, NodeFacts, NodesPort } from '../api/nodes/nodes-port.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Server } from '../broker/server.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { MemberStanding } from '../cluster/members/membership.ts'
import { productVersion } from '../config/version.ts'
import type { LoopDelay } from './loop-delay.ts'
import { STORE_FILE } from './node-store.ts'

export type NodeParts = {
  readonly self: Sender
  readonly clusterName: string
  readonly dataDir: string
  readonly broker: Broker
  readonly server: Server
  readonly cluster: Cluster | undefined
  readonly clock: Clock
  readonly loop: Pick<LoopDelay, 'p99Ms'>
}

export class NodeView implements NodesPort {
  readonly #parts: NodeParts
  readonly #startedAtMs: number
  readonly #startedSteadyMs: number

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#startedAtMs = parts.clock.nowMs()
    this.#startedSteadyMs = parts.clock.steadyMs()
  }

  async facts(): Promise<NodeFacts> {
    const { self, clusterName, broker, server, cluster, clock, dataDir, loop } = this.#parts
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
      loopDelayP99Ms: loop.p99Ms,
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
