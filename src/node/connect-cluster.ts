/** Connects a node to what its cluster coordinates through. It is no member yet. */
import { Cluster, type ClusterPorts } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { NatsConfig } from '../config/nats/nats-config.ts'
import { productVersion } from '../config/version.ts'
import { leaseActor } from '../debug/cluster-view.ts'
import { CoordinationFaults } from '../debug/coordination-faults.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'

export type NodeForCluster = Pick<ClusterPorts, 'config' | 'broker' | 'random' | 'life' | 'listeners' | 'effects'> & {
  /** This process among the members of the cluster. */
  readonly self: Sender
  readonly clock: Clock
  readonly log: Logger
  readonly history: TransitionHistory
}

export type ConnectedCluster = {
  readonly cluster: Cluster
  /** Only if the configuration allows faults. */
  readonly faults: CoordinationFaults | undefined
}

export async function connectCluster(nats: NatsConfig, node: NodeForCluster): Promise<ConnectedCluster> {
  const { config, self, clock, random, log, history } = node
  // Loaded when asked for, as whatever is large and not for every node: to load it would be a good part of a start.
  const { NatsCoordination } = await import('../cluster/nats/nats-coordination.ts')
  const coordination = new NatsCoordination(nats, { self, clusterName: config.cluster.name, log, clock, random })
  const faults = config.debug?.faults === true ? new CoordinationFaults(coordination, clock) : undefined
  const cluster = new Cluster({
    config,
    coordination: faults ?? coordination,
    broker: node.broker,
    clock,
    random,
    log,
    defer: setImmediate,
    version: productVersion(),
    life: node.life,
    listeners: node.listeners,
    inspect: history.inspector(leaseActor),
    effects: node.effects,
  })
  return { cluster, faults }
}
