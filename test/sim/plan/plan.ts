/**
 * What happens in one simulation, in full: plain JSON, made from a seed, so that it can be shown, shrunk and run again. Each step stands for
 * itself: what it begins it also ends, so that steps can be left out one by one.
 */
import type { ConfigInput } from '../../../src/config/config-schema.ts'

/** As a configuration has it; the address of the peer is filled in. */
export type LinkInput = Omit<NonNullable<NonNullable<ConfigInput['cluster']>['links']>[number], 'name' | 'server'>

export type Plan = {
  readonly seed: number
  readonly clusters: readonly PlannedCluster[]
  readonly links: readonly PlannedLink[]
  readonly clients: readonly PlannedClient[]
  /** In order of time. */
  readonly steps: readonly Step[]
  /** No fault lasts longer, and nobody does anything after. */
  readonly quietMs: number
  /** How long everything may take to be well again after that. */
  readonly boundMs: number
  /** How long it then has to stay so. */
  readonly settleMs: number
}

export type PlannedCluster = {
  readonly name: string
  readonly nodes: number
  /** One node alone may still coordinate through NATS. Of several all do. */
  readonly isCoordinated: boolean
  /** Of NATS. */
  readonly servers: 1 | 3
  /** What its nodes are configured with, besides their names, listeners and links. */
  readonly config: Omit<ConfigInput, 'node' | 'listeners' | 'cluster'>
  /** Latency among its nodes and clients, milliseconds. */
  readonly latencyMs: Range
}

export type Range = { readonly minMs: number; readonly maxMs: number }

/** One cluster's side of a link. */
export type PlannedLink = {
  readonly cluster: string
  readonly peer: string
  readonly link: LinkInput
  readonly latencyMs: Range
}

export type PlannedClient = {
  readonly name: string
  readonly cluster: string
  /** From 0; to which it connects first. */
  readonly node: number
  readonly version: 4 | 5
  /** 0 for a session that ends with its connection. */
  readonly expirySeconds: number
  readonly subscriptions: readonly PlannedSubscription[]
  readonly publishes: readonly PlannedPublishes[]
}

export type PlannedSubscription = {
  readonly filter: string
  readonly qos: 0 | 1 | 2
  readonly fromMs: number
  /** `null` for ever. */
  readonly untilMs: number | null
}

/** A flow of messages of one topic. */
export type PlannedPublishes = {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly payloadBytes: number
  readonly expirySeconds: number | null
  readonly fromMs: number
  readonly everyMs: number
  readonly count: number
}

export type Step = { readonly atMs: number; readonly lastsMs: number; readonly deed: Deed }

export type Deed =
  // ---- the network, between hosts: nodes ('a1'), clients ('client:NAME')
  /** `there` and back, or one way only. */
  | {
      readonly type: 'cut'
      readonly from: readonly string[]
      readonly to: readonly string[]
      readonly how: 'reset' | 'vanish'
      readonly isOneWay: boolean
    }
  /** All connections between them end now, in the middle of whatever they carry. */
  | { readonly type: 'reset'; readonly from: readonly string[]; readonly to: readonly string[] }
  | {
      readonly type: 'slow'
      readonly from: readonly string[]
      readonly to: readonly string[]
      readonly latencyMs: Range
    }
  /** Whatever `from` dials is connected twice, so that a CONNECT comes a second time. */
  | { readonly type: 'echo'; readonly from: readonly string[]; readonly to: readonly string[] }
  // ---- nodes
  /** Killed, and started again when the step ends. */
  | {
      readonly type: 'crash'
      readonly node: string
      readonly how: 'kill' | 'power' | 'stop'
      readonly losesDisk: boolean
    }
  | { readonly type: 'freeze'; readonly node: string }
  /** Set by so much for good. */
  | { readonly type: 'clock'; readonly node: string; readonly byMs: number }
  | { readonly type: 'disk'; readonly node: string; readonly how: 'slow' | 'full' }
  // ---- what clusters coordinate through
  /** Between these nodes and these servers, counted from 0; all servers for `null`. */
  | {
      readonly type: 'coordination_cut'
      readonly cluster: string
      readonly nodes: readonly string[]
      readonly servers: readonly number[] | null
      readonly how: 'vanish' | 'reset'
      readonly direction: 'both' | 'to_servers' | 'from_servers'
    }
  /** These servers and the others do not reach each other. */
  | { readonly type: 'coordination_split'; readonly cluster: string; readonly apart: readonly number[] }
  | {
      readonly type: 'coordination_server'
      readonly cluster: string
      readonly server: number
      readonly how: 'kill' | 'freeze'
    }
  | { readonly type: 'coordination_slow'; readonly cluster: string; readonly latencyMs: Range }
  /** All registers are gone. */
  | { readonly type: 'coordination_wipe'; readonly cluster: string }
  // ---- operators
  /** Fields of the link are others, until the step ends if `isUndone`; deleted for `null`. */
  | {
      readonly type: 'link'
      readonly cluster: string
      readonly peer: string
      readonly change: LinkInput | null
      readonly isUndone: boolean
    }
  /** Another link to the same peer, by a name that is not the peer's, until the step ends. */
  | { readonly type: 'link_misnamed'; readonly cluster: string; readonly peer: string; readonly name: string }
  // ---- clients
  /** Its connection ends without a goodbye; it returns at once, to another node for `moves`. */
  | { readonly type: 'client_drops'; readonly client: string; readonly moves: boolean }
  /** Another connection with its ClientID comes, from another host to any node: a takeover. */
  | { readonly type: 'client_doubles'; readonly client: string; readonly node: number }
  | { readonly type: 'client_away'; readonly client: string }
  /** It tries what only peers may do. */
  | { readonly type: 'client_trespasses'; readonly client: string }
