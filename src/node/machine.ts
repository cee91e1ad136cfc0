/** What a node has of the machine that it runs on: time, chance, disk, sockets, memory. The simulator has one of its own. */
import { randomInt } from 'node:crypto'
import { type Clock, systemClock } from '../broker/clock.ts'
import { type MemoryPorts, processMemory } from '../broker/limits/memory-watch.ts'
import { startListener, type StartListener } from '../broker/server.ts'
import type { StorePort } from '../broker/store-port.ts'
import type { ClusterLog } from '../cluster/cluster-log.ts'
import type { Coordination, Sender } from '../cluster/coordination.ts'
import { type Files, systemFiles } from '../cluster/files.ts'
import type { NatsConfig } from '../config/nats/nats-config.ts'
import { openConnection, type OpenConnection } from '../link/connection.ts'
import type { OutboxStore } from '../link/durable/outbox-store.ts'
import { LmdbStore } from '../store/lmdb-store.ts'

export type Machine = {
  readonly clock: Clock
  /** A number from 0 to below 1. */
  readonly random: () => number
  readonly files: Files
  /** Throws `StoreError`. */
  readonly openStore: (file: string) => Store
  /** Connections of links. */
  readonly openConnection: OpenConnection
  readonly startListener: StartListener
  /** What a cluster coordinates through. */
  readonly coordinate: (nats: NatsConfig, ports: CoordinationPorts) => Promise<Coordination>
  readonly memory: () => MemoryPorts
}

/** What a node keeps on disk; of one process at a time. */
export interface Store extends StorePort, Pick<OutboxStore, 'entriesAfter'> {
  /** Resolves when nothing of it is open any more. */
  close(): Promise<void>
}

export type CoordinationPorts = {
  /** This process among the members of the cluster. */
  readonly self: Sender
  readonly clusterName: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: ClusterLog
}

/** The one that the process runs on. */
export const systemMachine: Machine = {
  clock: systemClock,
  // Unforeseeable: what it gives also guards hash tables against chosen topics.
  random: () => randomInt(2 ** 32) / 2 ** 32,
  files: systemFiles,
  openStore: (file) => LmdbStore.open(file),
  openConnection,
  startListener,
  coordinate: async (nats, ports) => {
    // Loaded when asked for, as whatever is large and not for every node: to load it would be a good part of a start.
    const { NatsCoordination } = await import('../cluster/nats/nats-coordination.ts')
    return new NatsCoordination(nats, ports)
  },
  memory: processMemory,
}
