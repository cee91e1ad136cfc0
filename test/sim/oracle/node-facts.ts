/**
 * What a node publicly says of itself, as the oracle asks for it after every step. The world fills it from a real `Node`; where each
 * fact is to be read stands beside it. Nothing here is of the node's inside: an operator could look at all of it.
 */
import type { InboundLedgerSnapshot } from '../../../src/lanes/inbound-ledger.ts'
import type { LedgerSnapshot } from '../../../src/lanes/ledger.ts'
import type { LinkState } from '../../../src/link/status.ts'

export type NodeFacts = {
  readonly node: string
  readonly cluster: string
  /** Which process of the node this is, counted from 0: counters begin anew with each. The oracle sets it by the acts that it was told. */
  readonly life: number
  readonly links: readonly LinkFacts[]
  /** `broker.counters.losses()`, as `messages_lost` and the alarm `messages_dropped:broker` tell: copies for clients that were given up. */
  readonly losses: Readonly<Record<string, number>>
  /** Lanes to other members: `lanes.list` of the debug socket (`clusterView(cluster).lanes()`). Empty for a node that is alone. */
  readonly lanes: readonly MemberLaneFacts[]
  /** `leases.list` of the debug socket (`clusterView(cluster).leases()`). */
  readonly leases: readonly LeaseFacts[]
  /** `cluster.slot` in `members.list`: the small number in the ClientIDs of its links. */
  readonly slot: number | undefined
  /** Names of the alarms that are active: `GET /api/v5/alarms` (`NodeAlarms.watch`). */
  readonly alarms: readonly string[]
}

export type LinkFacts = {
  /** The peer. */
  readonly name: string
  /** `NodeStatus.links[]`: `state`, `reasons`, `speaker`, `peerDialect`, `dialect`, `ledger`, `inbound`, `outbox`. */
  readonly state: LinkState
  readonly reasons: readonly string[]
  readonly speaker: string | undefined
  /** What we speak to the peer, and what it speaks to us; `undefined` while there is no connection. */
  readonly dialect: 'emqx' | 'native' | undefined
  readonly peerDialect: 'emqx' | 'native' | undefined
  readonly ledger: LedgerSnapshot | undefined
  readonly inbound: InboundLedgerSnapshot | undefined
  readonly outbox: { readonly messages: number; readonly bytes: number; readonly fill: number } | undefined
  /** What the peer wants of us: `GET /cluster/links/NAME/routes?direction=peers` (`routesOf(links, gate).peers(name)`). */
  readonly peersRoutes: () => Iterable<string>
  /** How many those are: `NodeLink.routes.peers`. */
  readonly peersRouteCount: number
  /** What we told the peer that we want: `...?direction=ours` of the speaker (`routesOf(links, gate).ours(name)`). */
  readonly ourRoutes: () => Iterable<string>
}

export type MemberLaneFacts = {
  readonly to: string
  readonly waitingMessages: number
  readonly waitingBytes: number
  readonly dropped: Readonly<Record<string, number>>
}

export type LeaseFacts = {
  readonly name: string
  readonly state: string
  readonly holder: string | undefined
  readonly incarnation: number | undefined
}

/** How the oracle asks. The world has one for each node that it plans, whether or not it runs. */
export interface NodePort {
  readonly node: string
  readonly cluster: string
  /** `undefined` while the node does not run, starts, or is frozen. */
  facts(): NodeFacts | undefined
}
