/** What a node says of itself to operators, as the oracle wants to have it. */
import { clusterView } from '../../../src/debug/cluster-view.ts'
import { routesOf } from '../../../src/node/link-views.ts'
import type { NodeForApi } from '../../../src/node/node-for-api.ts'
import type { LinkFacts, NodeFacts, NodePort } from '../oracle/node-facts.ts'
import type { SimulatedNode } from './simulated-node.ts'

export function nodePort(cluster: string, node: SimulatedNode): NodePort {
  return {
    node: node.host,
    cluster,
    facts: () => {
      const { parts, process } = node
      if (parts === undefined || process === undefined || process.isFrozen) return undefined
      return factsOf(node, cluster, parts)
    },
  }
}

function factsOf({ host, lives }: SimulatedNode, cluster: string, parts: NodeForApi): NodeFacts {
  const { broker, alarms } = parts
  const view = parts.cluster === undefined ? undefined : clusterView(parts.cluster)
  return {
    node: host,
    cluster,
    life: lives,
    links: linkFacts(parts),
    losses: { ...broker.counters.losses() },
    lanes: view?.lanes() ?? [],
    leases: (view?.leases() ?? []).map(({ name, state, holder, incarnation }) => ({
      name,
      state,
      holder,
      incarnation,
    })),
    // The node itself comes first.
    slot: parts.cluster?.membership.members()[0]?.slot,
    alarms: alarms.watch.active().map(({ name }) => name),
  }
}

function linkFacts({ links, gate }: NodeForApi): LinkFacts[] {
  const routes = routesOf(links, gate)
  // As `nodeLinks` has it, without what takes long to make and nobody judges here.
  return [...links.statuses()].map(([name, { state, reasons, speaker }]) => {
    const inbound = gate.inboundStatus(name)
    const view = links.senderView(name)
    return {
      name,
      state,
      reasons,
      speaker,
      dialect: view?.dialect,
      peerDialect: gate.dialectOf(name),
      ledger: links.ledger(name),
      inbound: inbound?.messages,
      outbox: view?.outbox,
      peersRoutes: () => routes.peers(name)?.filters ?? [],
      peersRouteCount: inbound?.routes ?? 0,
      ourRoutes: () => routes.ours(name)?.filters ?? [],
    }
  })
}
