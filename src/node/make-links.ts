/** Makes both sides of the links of a node: what speaks to peers, and what takes from them. */
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Sender } from '../cluster/coordination.ts'
import type { Config } from '../config/config.ts'
import type { OpenConnection } from '../link/connection.ts'
import type { DurableLinks } from '../link/durable/durable-links.ts'
import { LinkGate } from '../link/inbound/link-gate.ts'
import { LinkRuntime } from '../link/link-runtime.ts'
import type { ProbeTerms } from '../link/probe/silence.ts'
import type { CrossingTraces } from '../link/traces-port.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import { accountOf } from './account-of.ts'
import { LinksByName } from './links-by-name.ts'
import { markSharing, routeSharing } from './sharing-in-cluster.ts'

export type NodeForLinks = {
  /** As it is now: it changes while the node runs. */
  readonly config: () => Config
  /** This process among the members of the cluster. */
  readonly self: Sender
  /** Of a node that is a member of one; throws before it has joined. */
  readonly joined: () => Cluster
  readonly broker: Broker
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly probe: ProbeTerms
  /** Each higher than all before, also those of earlier processes. */
  readonly nextIncarnation: () => number
  /** What links keep on disk; `undefined` while the store is not open. */
  readonly durable: () => DurableLinks | undefined
  readonly history: TransitionHistory
  readonly traces: () => CrossingTraces | undefined
  readonly open: OpenConnection
}

export type Links = { readonly links: LinkRuntime; readonly gate: LinkGate }

export function makeLinks(node: NodeForLinks): Links {
  const links = makeRuntime(node)
  return { links, gate: makeGate(node, links) }
}

function makeRuntime(node: NodeForLinks): LinkRuntime {
  const { broker, clock, random, log, probe, nextIncarnation, durable, history, traces, open } = node
  const { node: ours, cluster } = node.config()
  return new LinkRuntime({
    broker,
    retained: broker,
    clock,
    random,
    log,
    nodeName: ours.name,
    clusterName: cluster.name,
    boot: node.self.boot,
    probe,
    nextIncarnation,
    outboxEpoch: nextIncarnation,
    durable,
    history,
    traces,
    ...(cluster.nats === undefined
      ? {}
      : { actorName: cluster.name, speaking: { contest: (link) => node.joined().leases.contest(link) } }),
    open,
  })
}

function makeGate(
  { config, self, joined, broker, clock, random, log, durable }: NodeForLinks,
  links: LinkRuntime,
): LinkGate {
  const { cluster } = config()
  const byName = new LinksByName(() => config().cluster.links)
  const gate: LinkGate = new LinkGate({
    localCluster: cluster.name,
    self,
    // Leases: a wall clock set back or forward must neither prolong nor end them.
    clock: { nowMs: () => clock.steadyMs(), after: (ms, call) => clock.after(ms, call) },
    broker,
    link: (peer) => byName.get(peer),
    sinkOf: (peer) => links.sinkOf(peer),
    termBytesMax: () => config().mqtt.max_packet_size,
    log,
    changed: (peer) => links.setInbound(peer, gate.inboundFact(peer)),
    heardNative: (peer) => links.peerIsNative(peer),
    links: () => config().cluster.links.map(({ name }) => name),
    ledgers: durable,
    routes: durable,
    keptMarks: () => durable()?.marks,
    probed: () => links,
    account: (peer, enquiry) => accountOf({ config, broker, links, gate: () => gate }, peer, enquiry),
    ...(cluster.nats === undefined
      ? {}
      : { sharing: routeSharing(self, random, joined), marks: markSharing(broker, joined) }),
  })
  return gate
}
