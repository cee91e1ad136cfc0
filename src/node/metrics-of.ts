/** A node as its metrics read it. */
import type { Server } from '../broker/server.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { productVersion } from '../config/version.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { LinkReading, ProbeReading } from '../metrics/prometheus/link-families.ts'
import type { ClusterReading, NodeReading } from '../metrics/prometheus/node-families.ts'
import type { MetricsSource } from '../metrics/prometheus/scrape.ts'
import type { SpanCounts } from '../metrics/traces/span-queue.ts'
import type { Config } from '../config/config.ts'
import type { NodeAlarms } from './watch-alarms.ts'

export type NodeForMetrics = {
  readonly config: () => Config
  readonly server: Server
  readonly links: LinkRuntime
  readonly gate: LinkGate
  readonly cluster: Cluster | undefined
  readonly alarms: NodeAlarms
  /** `undefined` without traces. */
  readonly spans: () => SpanCounts | undefined
  readonly unreadyReasons: () => readonly string[]
}

export class MetricsOfNode implements MetricsSource {
  readonly cluster: string
  readonly node: string
  readonly #node: NodeForMetrics
  readonly #startedAtMs: number

  constructor(node: NodeForMetrics) {
    this.#node = node
    const { cluster, node: self } = node.config()
    this.cluster = cluster.name
    this.node = self.name
    this.#startedAtMs = node.server.broker.clock.steadyMs()
  }

  linkNames(): readonly string[] {
    return [...this.#node.links.statuses().keys()]
  }

  link(name: string): LinkReading | undefined {
    const { links, gate } = this.#node
    const status = links.status(name)
    const ledger = links.ledger(name)
    const view = links.senderView(name)
    if (status === undefined || ledger === undefined || view === undefined) return undefined
    const inbound = gate.inboundStatus(name)
    const traffic = links.traffic(name)
    const { forwarding } = status.planes ?? {}
    return {
      link: name,
      state: status.state,
      ledger,
      inbound: inbound?.messages,
      bytes: { out: traffic?.bytes ?? 0, in: inbound?.bytes ?? 0 },
      routes: { ours: links.routeCount(name), peers: inbound?.routes ?? 0 },
      outbox: {
        ...view.outbox,
        oldestMs: links.outboxAgeMs(name) ?? 0,
        isAboveMark: links.outboxAboveMark(name) !== undefined,
      },
      connections: { up: forwarding?.up ?? 0, wanted: forwarding?.connections ?? 0 },
      reconnects: traffic?.reconnects ?? 0,
      ack: links.latencyHistograms(name)?.ack,
      probe: this.#probe(name),
    }
  }

  reading(): NodeReading {
    const { server, alarms, unreadyReasons } = this.#node
    const { broker } = server
    return {
      version: productVersion(),
      uptimeMs: broker.clock.steadyMs() - this.#startedAtMs,
      isReady: unreadyReasons().length === 0,
      isStoreFailing: broker.journal.isFailing,
      counters: broker.counters,
      topics: broker.topicCount,
      retained: { messages: broker.retainedCount, bytes: broker.retainedBytes },
      listeners: server.listeners(),
      certificates: [...alarms.certificateOutlooks()],
      alarms: alarms.watch.active(),
      spans: this.#node.spans(),
      hooks: broker.hooks?.calls() ?? [],
      cluster: this.#cluster(),
    }
  }

  #probe(name: string): ProbeReading | undefined {
    const { links } = this.#node
    const probe = links.probe(name)
    const histograms = links.latencyHistograms(name)
    if (probe === undefined || histograms === undefined) return undefined
    const { sent, answered, lost, last_crossed_at, mute_since, mute_restarts } = probe
    return {
      sent,
      answered,
      lost,
      roundTrip: histograms.roundTrip,
      oneWay: histograms.oneWay,
      lastCrossedAtMs: last_crossed_at === null ? undefined : Date.parse(last_crossed_at),
      isMute: mute_since !== null,
      muteRestarts: mute_restarts,
    }
  }

  #cluster(): ClusterReading {
    const { cluster, alarms } = this.#node
    if (cluster === undefined) return { members: { up: 1 }, leasesHeld: 0, isCoordinated: true, lanes: [], clocks: [] }
    const members: Record<string, number> = {}
    for (const { state } of cluster.membership.list()) members[state] = (members[state] ?? 0) + 1
    return {
      members,
      leasesHeld: cluster.leases.list().filter(({ state }) => state === 'holder').length,
      isCoordinated: cluster.isConnected,
      lanes: cluster.lanes.list().map(({ waiting, waitingQos0, ...lane }) => {
        return { ...lane, waiting: waiting + waitingQos0 }
      }),
      clocks: [...alarms.clockOffsets.list()],
    }
  }
}
