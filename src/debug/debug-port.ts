/**
 * What the debug socket asks of a node. Each part is a port of its own, so that a node offers what it has; what it lacks is answered
 * in words. The rows are what goes over the socket: plain data, times in milliseconds.
 */
import type { LogComponent, LogLevel } from '../config/log-config.ts'
import type { InboundLedgerSnapshot } from '../lanes/inbound-ledger.ts'
import type { LedgerSnapshot } from '../lanes/ledger.ts'
import type { QoS } from '../packets/message.ts'
import type { ActorStanding, Transition, TransitionListener } from '../transitions/transition-history.ts'

export type DebugPort = {
  readonly actors: ActorsPort
  readonly routes: RoutesPort
  readonly links: LinksPort
  /** `undefined` for a node that is alone. */
  readonly cluster: ClusterPort | undefined
  /** `undefined` where the log has no level that can be changed. */
  readonly log: LogPort | undefined
  /** Only with `debug.faults = true`. */
  readonly faults: FaultsPort | undefined
}

/** `TransitionHistory` is one. */
export interface ActorsPort {
  actors(): readonly ActorStanding[]
  actor(id: string): ActorStanding | undefined
  of(id: string): readonly Transition[]
  onTransition(listener: TransitionListener): () => void
}

/** Who gets what is published under a filter. */
export type DestinationRow =
  | {
      readonly type: 'session'
      readonly clientId: string
      /** As the client wrote it. */
      readonly subscription: string
      readonly qos: QoS
      readonly noLocal: boolean
      readonly connected: boolean
    }
  | {
      readonly type: 'group'
      readonly share: string
      /** Of this node. */
      readonly members: number
      /** Whether other nodes have members, too. */
      readonly isSpread: boolean
    }
  | { readonly type: 'link'; readonly link: string }
  | { readonly type: 'member'; readonly node: string }

export type RouteRow = {
  readonly topicFilter: string
  /** How many destinations it has. */
  readonly total: number
  /** The first of them. */
  readonly destinations: readonly DestinationRow[]
}

export type MatchRow = DestinationRow & { readonly topicFilter: string; readonly because: string }

export type TopicMatch = {
  readonly topic: string
  /** How many destinations it has; one counts for each of its filters that match. */
  readonly total: number
  /** The first of them. */
  readonly destinations: readonly MatchRow[]
  /** Who does not get it, as far as that is simply known. */
  readonly others: readonly { readonly type: 'link'; readonly link: string; readonly because: string }[]
  /** What else there is to know of the topic, in words. */
  readonly notes: readonly string[]
}

export type RoutePage = {
  readonly routes: readonly RouteRow[]
  /** For the next page; `null` after the last one. A page may be empty and not the last one. */
  readonly cursor: number | null
  /** How many filters the node knows. */
  readonly total: number
}

export type RouteQuery = {
  readonly cursor: number
  readonly limit: number
  /** What a filter has to hold. */
  readonly text: string | undefined
}

export interface RoutesPort {
  /** `undefined` for what is no topic name. */
  match(topic: string, limit: number): Promise<TopicMatch | undefined>
  list(query: RouteQuery): Promise<RoutePage>
}

export type LinkRow = {
  readonly name: string
  readonly state: string
  readonly reasons: readonly string[]
  /** Routes that we told the peer, and those that it told us. */
  readonly routes: { readonly ours: number; readonly peers: number }
  readonly ledger: LedgerSnapshot | undefined
  /** What is spoken to the peer, while a connection that carries messages is up. */
  readonly dialect?: 'emqx' | 'native'
  /** What the peer speaks to us, while it is connected to this node. */
  readonly peerDialect?: 'emqx' | 'native' | undefined
  /** Who the peer says that it is, if it tells or is told routes in our own dialect. */
  readonly peer?: { readonly node: string; readonly version: number; readonly features: readonly string[] }
  /** The node of our cluster that tells the peer what we want. */
  readonly speaker?: string
  /** While the peer learns what we want. */
  readonly progress?: { readonly told: number; readonly total: number }
  /** How far the peer was told of what is retained here: routes and topics that are left, messages that went. */
  readonly retained?: { readonly routes: number; readonly topics: number; readonly told: number } | undefined
  /** What waits or flies; full if `fill` is 1. */
  readonly outbox?: { readonly messages: number; readonly bytes: number; readonly fill: number }
  /** What gathered for the peer and how fast it crosses; left out if there is nothing. */
  readonly backlog?: {
    readonly messages: number
    readonly bytes: number
    readonly perSecond: number
    readonly secondsLeft?: number
  }
  /** Bytes of the batches that were sent, before and after compressing; how many were sent compressed, and with how many it was tried. */
  readonly compression?: {
    readonly bytesBefore: number
    readonly bytesAfter: number
    readonly batches: number
    readonly tries: number
  }
  readonly inbound: InboundLedgerSnapshot | undefined
}

export interface LinksPort {
  links(): readonly LinkRow[]
  /** Both accounts of the link begin anew. `false` if there is none. */
  resetLedger(link: string): boolean
}

export type MemberRow = {
  readonly node: string
  readonly boot: string
  /** `up`, or `lost` for one of which nothing was heard for too long and which may return. */
  readonly state: string
  /** Whether it is the node that answers. */
  readonly isSelf: boolean
  /** When its process started, milliseconds since 1970 by its own clock. */
  readonly sinceMs: number
  /** How long nothing was heard of it. */
  readonly silentMs: number
  /** The small number in its ClientIDs. */
  readonly slot?: number
  readonly version: string
}

export type LeaseRow = {
  readonly name: string
  /** Of this node: `follower`, `candidate`, `holder`, `lapsed`. */
  readonly state: string
  /** The node that holds it, as far as this one knows. */
  readonly holder?: string
  /** The last one that was used here; only of who holds it. */
  readonly incarnation?: number
  /** Milliseconds since 1970. */
  readonly sinceMs: number
  readonly reason: string
  readonly renewedMsAgo?: number
}

export type LaneRow = {
  /** The member that receives. */
  readonly to: string
  readonly epoch: number
  /** Messages of QoS 1 and 2. */
  readonly sent: number
  readonly acknowledged: number
  /** Of every QoS. */
  readonly waitingMessages: number
  readonly waitingBytes: number
  /** Age of the oldest message that waits for its acknowledgement. */
  readonly oldestMs?: number
  /** Batches that were sent again. */
  readonly resent: number
  /** Whether nothing is sent just now, because the receiver or what leads to it is away. */
  readonly isHeld: boolean
  /** By reason. */
  readonly dropped: Readonly<Record<string, number>>
}

export interface ClusterPort {
  members(): readonly MemberRow[]
  leases(): readonly LeaseRow[]
  lanes(): readonly LaneRow[]
}

export interface LogPort {
  /** Of all parts of the node that have none of their own. */
  level: string
  /** By part. */
  readonly levels?: Readonly<Record<string, string>>
  /** Of one part; `undefined`: as all else. */
  setLevel?(component: LogComponent, level: LogLevel | undefined): void
}

/** Each method returns why it can't, in words; `undefined` if it is done. */
export interface FaultsPort {
  /** Crashes an actor. Its supervisor decides what follows. */
  killActor(id: string): string | undefined
  /** Cuts all connections of a link, as a broken line would. The link opens new ones when its machines say so. */
  cut(link: string): string | undefined
  /** Lets nothing pass on a link's connections, either way, for so long. */
  pause(link: string, ms: number): string | undefined
  /** Cuts the node off from what its cluster coordinates through, for so long; 0 ends it. */
  cutCoordination(ms: number): string | undefined
  /** Holds back by so long what comes and goes on a link's connections; 0 ends it. */
  delay(link: string, ms: number): string | undefined
}
