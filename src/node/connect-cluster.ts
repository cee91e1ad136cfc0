/** Connects a node to what its cluster coordinates through. It is no member yet. */
import { Cluster, type ClusterPorts } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { Machine } from './machine.ts'
import type { NatsConfig } from '../config/nats/nats-config.ts'
import { productVersion } from '../config/version.ts'
import { leaseActor } from '../debug/cluster-view.ts'
import { CoordinationFaults } from '../debug/coordination-faults.ts'
import type { Logger } from '../broker/logger.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'

export type NodeForCluster = Pick<ClusterPorts, 'config' | 'broker' | 'life' | 'listeners' | 'effects'> & {
  /** This process among the members of the cluster. */
  readonly self: Sender
  readonly machine: Pick<Machine, 'clock' | 'random' | 'files' | 'coordinate'>
  readonly log: Logger
  readonly history: TransitionHistory
}

export type ConnectedCluster = {
  readonly cluster: Cluster
  /** Only if the configuration allows faults. */
  readonly faults: CoordinationFaults | undefined
}

export async function connectCluster(nats: NatsConfig, node: NodeForCluster): Promise<ConnectedCluster> {
  const { config, self, machine, log, history } = node
  const { clock, random, files } = machine
  const coordination = await machine.coordinate(nats, { self, clusterName: config.cluster.name, log, clock, random })
  const faults = config.debug?.faults === true ? new CoordinationFaults(coordination, clock) : undefined
  const cluster = new Cluster({
    config,
    coordination: faults ?? coordination,
    broker: node.broker,
    clock,
    random,
    files,
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
