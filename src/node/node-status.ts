/** How a node is, in one value: for whoever runs it as a library, and for the debug socket. */
import type { Broker } from '../broker/broker.ts'
import type { InboundLedgerSnapshot } from '../lanes/inbound-ledger.ts'
import type { LedgerSnapshot } from '../lanes/ledger.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { SenderView } from '../link/link-sender.ts'
import type { LinkLatency, Probe } from '../link/probe/probe-view.ts'
import type { RetainedProgress } from '../link/retained/retained-teller.ts'
import type { LinkStatus } from '../link/status.ts'
import type { LossCounts } from '../metrics/loss-watch.ts'

export type NodeStatus = {
  readonly node: string
  readonly cluster: string
  /** Address on which each listener really listens, by type and name: `tcp:default`. */
  readonly listeners: Readonly<Record<string, string>>
  /** Where the API listens, if it does. */
  readonly api: string | undefined
  readonly connections: number
  readonly links: readonly NodeLink[]
}

export type NodeLink = LinkStatus &
  Partial<SenderView> & {
    readonly name: string
    /** What the peer speaks to us, while it is connected here. What we speak to it is `dialect`. */
    readonly peerDialect: 'emqx' | 'native' | undefined
    /** Routes that we told the peer, and those that it told us. */
    readonly routes: { readonly ours: number; readonly peers: number }
    /** Where each message stands that matched a route of the peer. */
    readonly ledger: LedgerSnapshot | undefined
    /** Where each message stands that the peer sent. */
    readonly inbound: InboundLedgerSnapshot | undefined
    /** How far the peer was told of what is retained here, if it is (`retained = sync`). */
    readonly retained: RetainedProgress | undefined
    /** Whether anything crosses to the peer, and how long it takes. */
    readonly probe: Probe | undefined
    /** How long messages to the peer take until they are acknowledged. */
    readonly latency: LinkLatency | undefined
  }

export function nodeLinks(links: LinkRuntime, gate: LinkGate): NodeLink[] {
  return [...links.statuses()].map(([name, status]) => nodeLink(name, status, links, gate))
}

function nodeLink(name: string, status: LinkStatus, links: LinkRuntime, gate: LinkGate): NodeLink {
  const inbound = gate.inboundStatus(name)
  const peer = status.peer ?? inbound?.side
  return {
    name,
    ...status,
    // In a cluster another node may be the one that speaks to the peer.
    ...(peer === undefined ? {} : { peer }),
    routes: { ours: links.routeCount(name), peers: inbound?.routes ?? 0 },
    ledger: links.ledger(name),
    ...links.senderView(name),
    peerDialect: gate.dialectOf(name),
    inbound: inbound?.messages,
    retained: links.retainedProgress(name),
    probe: links.probe(name),
    latency: links.latency(name),
  }
}

/** What was lost since the start: by the broker, and by each link. */
export function lossesOf(broker: Broker, links: LinkRuntime): ReadonlyMap<string, LossCounts> {
  const ofLinks = [...links.statuses().keys()].map((name) => {
    const ledger = links.ledger(name)
    return [`link:${name}`, { ...ledger?.dropped, ...ledger?.failed }] as const
  })
  return new Map([['broker', broker.counters.losses()], ...ofLinks])
}
