/** All that a simulation consists of: clusters of nodes, what each cluster coordinates through, and the network between everybody. */
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { SimulatedJetStream } from './jetstream/simulated-jetstream.ts'
import { SimulatedNetwork } from './network/simulated-network.ts'
import { endTurn } from './platform.ts'
import type { SeededRandom } from './random.ts'
import { MQTT_PORT, nameOf, SimulatedNode } from './simulated-node.ts'
import { VirtualTime } from './virtual-time.ts'

export type ClusterSpec = {
  readonly name: string
  /** Of one node it is a node alone, which knows nothing of NATS, unless it `isCoordinated`. */
  readonly nodes: number
  readonly isCoordinated?: boolean
  /** Of NATS: 1 or 3. */
  readonly servers?: 1 | 3
  /** What all its nodes are configured with, but for their names. */
  readonly config: Omit<ConfigInput, 'node' | 'listeners' | 'cluster'>
  readonly links: NonNullable<NonNullable<ConfigInput['cluster']>['links']>
}

export class SimulatedCluster {
  readonly name: string
  readonly nodes: readonly SimulatedNode[]
  readonly jetStream: SimulatedJetStream | undefined

  constructor(name: string, nodes: readonly SimulatedNode[], jetStream: SimulatedJetStream | undefined) {
    this.name = name
    this.nodes = nodes
    this.jetStream = jetStream
  }
}

export class World {
  readonly time = new VirtualTime(endTurn)
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
  readonly clusters: ReadonlyMap<string, SimulatedCluster>

  constructor(random: SeededRandom, specs: readonly ClusterSpec[]) {
    this.random = random
    this.network = new SimulatedNetwork(this.time, random.fork('network'))
    this.clusters = new Map(specs.map((spec) => [spec.name, this.#cluster(spec)]))
  }

  get nodes(): readonly SimulatedNode[] {
    return [...this.clusters.values()].flatMap(({ nodes }) => nodes)
  }

  #cluster({ name, nodes, isCoordinated = nodes > 1, servers = 1, config, links }: ClusterSpec): SimulatedCluster {
    const { time, random, network } = this
    const jetStream = isCoordinated ? new SimulatedJetStream(time, random.fork(`NATS of ${name}`), servers) : undefined
    const nats = isCoordinated ? { nats: { servers: [`nats://${name}-nats:4222`] } } : {}
    const hosts = Array.from({ length: nodes }, (_, at) => hostOf(name, at))
    return new SimulatedCluster(
      name,
      hosts.map((host) => {
        const whole: ConfigInput = {
          ...config,
          node: { name: nameOf(host), data_dir: `/data/${host}` },
          listeners: { tcp: { default: { bind: `0.0.0.0:${MQTT_PORT}` } } },
          cluster: { name, links, ...nats },
        }
        return new SimulatedNode(host, whole, { time, random, network, jetStream })
      }),
      jetStream,
    )
  }
}

/** @param at from 0 */
export function hostOf(cluster: string, at: number): string {
  return `${cluster}${at + 1}`
}

/** For `server` of a link. */
export function serversOf(cluster: string, nodes: number): string {
  return Array.from({ length: nodes }, (_, at) => `${hostOf(cluster, at)}:${MQTT_PORT}`).join(',')
}
