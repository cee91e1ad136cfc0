/** What a scenario says of itself: who is there, what goes wrong when, and what must hold all the same. */
import type { LinkFile } from '../../../src/cli/demo/node-process.ts'
import type { QoS } from '../checker/observed.ts'
import type { Guarantees } from '../checker/verdict.ts'
import type { FaultSettings } from '../faults/faults.ts'

/**
 * Clusters are linked each with each other, both ways. Each wants `<peer>/#` of its peer; what a cluster's clients publish stands under
 * its own name, and everybody subscribes to everything.
 */
export type Scenario = {
  /** Of the command line and the report: small letters and dashes. */
  readonly name: string
  /** What is done to whom, in a sentence. */
  readonly about: string
  readonly clusters: readonly ClusterPlan[]
  readonly traffic?: TrafficShape
  /** Links and listeners speak TLS, both sides with certificates. */
  readonly tls?: true
  /** Nodes stand in network namespaces of their own, and the clusters' packets cross a router between them. */
  readonly namespaces?: true
  /** This many filters are subscribed in the last cluster besides, under each peer's name. */
  readonly bulkFilters?: number
  /** From when traffic flows; by their `atMs`, or made from chance and as many minutes as somebody asked for. */
  readonly timeline: readonly Step[] | ((random: () => number, minutes: number) => readonly Step[])
  /** If the timeline asks: how many by default. */
  readonly minutes?: number
  /** How long traffic goes on after the last trouble. */
  readonly settleMs?: number
  readonly guarantees: Omit<Guarantees, 'crossings'>
}

export type ClusterPlan = {
  readonly name: string
  /** Default 1. */
  readonly nodes?: number
  /** NATS servers: 1 or 3. Needed for more than one node. */
  readonly nats?: number
  /** More of each of its links. */
  readonly link?: Partial<LinkFile> & Readonly<Record<string, unknown>>
  /** More of each of its nodes' files. */
  readonly config?: Readonly<Record<string, unknown>>
  /** MB of the disk on which its nodes keep their data; the machine's own, if left out. */
  readonly diskMb?: number
}

export type TrafficShape = {
  /** Of each QoS on each node. */
  readonly perSecond?: number
  readonly qos?: readonly QoS[]
  readonly payloadBytes?: number
}

export type Step = {
  readonly atMs: number
  /** How long it lasts; what ends by itself has none. */
  readonly forMs?: number
  readonly trouble: Trouble
}

/** All, or by their number from 0, or the one that holds the lease for the link to this peer. */
export type Nodes = { readonly cluster: string; readonly which?: number | { readonly speaksTo: string } }

export type Trouble =
  /** On the way of links from one cluster to another; of all clusters where they are left out. */
  | { readonly type: 'link'; readonly from?: string; readonly to?: string; readonly fault: FaultSettings }
  /** Between nodes and their NATS. */
  | { readonly type: 'nats'; readonly nodes: Nodes; readonly fault: FaultSettings }
  /** The NATS server of this node can not reach the others, nor they it. */
  | { readonly type: 'nats_split'; readonly nodes: Nodes; readonly fault: FaultSettings }
  /** SIGKILL of a cluster's NATS servers; it is back when the trouble ends. */
  | { readonly type: 'nats_kill'; readonly cluster: string }
  /**
   * SIGKILL, and the node starts again when the trouble ends.
   * `isEmptied`: on an empty disk. `whileLearning`: as soon as the clusters that it tells routes know more than so many.
   */
  | { readonly type: 'kill'; readonly nodes: Nodes; readonly isEmptied?: true; readonly whileLearning?: number }
  /** SIGTERM, and start, one node after the other, each when the one before serves again. */
  | { readonly type: 'rolling_restart'; readonly cluster: string; readonly pauseMs: number }
  /** SIGSTOP, and SIGCONT. */
  | { readonly type: 'freeze'; readonly nodes: Nodes }
  /** The wall clock is set forward (or back, if below 0). */
  | { readonly type: 'clock'; readonly nodes: Nodes; readonly byMs: number }
  | { readonly type: 'disk_full'; readonly nodes: Nodes }
  /** New certificates in place of the old ones, for everybody; done when every listener shows its new one. */
  | { readonly type: 'renew_certificates' }
  /** The router between the clusters drops packets on their way to this cluster. */
  | { readonly type: 'packets'; readonly to: string; readonly percent: number }

/** Another step of this kind begins each `everyMs`, `count` times. */
export function repeated(step: Step, everyMs: number, count: number): readonly Step[] {
  return Array.from({ length: count }, (_, index) => ({ ...step, atMs: step.atMs + index * everyMs }))
}
