/** What a node knows of a link that it runs: what the doctor asks every node of a cluster for. Of plain values, since it travels. */
import type { LedgerSnapshot } from '../../lanes/ledger.ts'
import type { LinkFailure } from '../link-failure.ts'

export type Trouble = Pick<LinkFailure, 'cause' | 'reason' | 'reasonCode' | 'rejection'>

export type LinkOnNode = {
  readonly node: string
  /** `running`, and what else a link's status may be. */
  readonly state: string
  readonly reasons: readonly string[]
  /** The node that tells the peer what all want; `null` for a node alone, or if nobody is known to. */
  readonly speaker: string | null
  /** `null` while its actor does not run. */
  readonly routeSync: { readonly phase: string; readonly trouble?: Trouble } | null
  readonly forwarding: {
    readonly state: 'up' | 'partial' | 'down'
    readonly connections: number
    readonly up: number
    readonly trouble?: Trouble
  } | null
  readonly inbound: {
    /** `absent`, `live`, `late`, `stale`, `left`, `refused`. */
    readonly state: string
    readonly farewell?: string
    /** The last time that it was turned away here, if it was not let in since. */
    readonly refusal?: Refused
    /** How many routes the peer has told. */
    readonly routes: number
  }
  /** Clusters that came here although there is no link to them. */
  readonly strangers: readonly (Refused & { readonly cluster: string })[]
  /** Who the peer says that it is, if it is our like. */
  readonly peer: { readonly node: string; readonly version: number; readonly features: readonly string[] } | null
  /** What we speak to it, and what it speaks to us; `null` while nobody is connected. */
  readonly dialect: { readonly ours: string | null; readonly peers: string | null }
  readonly pause: { readonly by: string; readonly sinceMs: number } | null
  readonly outbox: {
    readonly messages: number
    readonly bytes: number
    /** 1 is full. */
    readonly fill: number
    readonly oldestMs: number | null
    readonly overflow: string
  }
  readonly ledger: LedgerSnapshot
  readonly routes: { readonly ours: number; readonly confirmed: number | null }
  /** By how much the peer's clock is ahead, milliseconds. */
  readonly clockOffsetMs: number | null
  readonly recent: Recent
  /** Of the topic that was asked for. */
  readonly topic?: TopicOnNode
}

export type Refused = {
  readonly reason: string
  readonly words: string
  readonly clientId: string
  readonly remoteAddress: string
}

/** Of the last minutes, as far as the history goes back. */
export type Recent = {
  readonly minutes: number
  readonly disconnects: number
  readonly last?: { readonly atMs: number; readonly actor: string; readonly reason: string }
}

export type TopicOnNode = {
  /** A route of the peer that holds it; `null` if none does, as in all of these. */
  readonly peersRoute: string | null
  /** A filter under which somebody in this cluster has subscribed to it. */
  readonly subscriber: string | null
  /** A route that this node tells the peer and that holds it. */
  readonly ourRoute: string | null
}
